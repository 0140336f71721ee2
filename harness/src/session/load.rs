//! Reads the files of a workspace into the types that they describe.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use globset::Glob;

use kernsnap_analysis::lesson::Lesson;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_analysis::report::Sources;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::Board;
use kernsnap_machine::Machine;
use kernsnap_machine::qemu;
use kernsnap_scenario::claims::Claims;
use kernsnap_scenario::{Draft, Names};
use kernsnap_yaml::{Diagnostic, nearest};

/// Why something of the workspace cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// Nothing has this name.
    #[error("{message}\n\nhint: {hint}")]
    Unknown {
        /// The name that nothing has.
        message: Phrase,
        /// A name that exists and is near, or where all names are.
        hint: Phrase,
    },
    /// A file is wrong.
    #[error(transparent)]
    Diagnostic(#[from] Box<Diagnostic>),
}

impl From<Diagnostic> for LoadError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostic(Box::new(diagnostic))
    }
}

/// The scenario files, sorted by name. Only their names are read.
///
/// # Errors
/// If the directories cannot be read.
pub fn scenario_files(workspace: &Workspace) -> Result<Vec<PathBuf>, LoadError> {
    workspace.scenario_files().map_err(|source| LoadError::Read { path: workspace.root.join("scenarios"), source })
}

/// The files of the scenarios that a command means: those with these names, paths or patterns (`fork-*`), or without any the
/// workspace's own, or all where it has none.
///
/// # Errors
/// [`LoadError::Unknown`] with the nearest name.
pub fn selected(workspace: &Workspace, names: &[String]) -> Result<Vec<PathBuf>, LoadError> {
    if names.is_empty() {
        let own = scenario_files(&Workspace::at(workspace.root.clone()))?;
        return if own.is_empty() { scenario_files(workspace) } else { Ok(own) };
    }
    let mut files = Vec::new();
    for name in names {
        let Some(pattern) = Glob::new(name).ok().filter(|_| name.contains(['*', '?', '['])) else {
            files.push(chosen(workspace, name)?);
            continue;
        };
        let (pattern, all) = (pattern.compile_matcher(), scenario_files(workspace)?);
        let matching = all.iter().filter(|file| pattern.is_match(stem(file))).cloned();
        let before = files.len();
        files.extend(matching);
        if files.len() == before {
            return Err(unknown(
                "unknown-scenario",
                "kernsnap list",
                name,
                &all.iter().map(|file| stem(file)).collect::<Vec<_>>(),
            ));
        }
    }
    // Patterns overlap.
    let mut seen = BTreeSet::new();
    files.retain(|file| seen.insert(file.clone()));
    Ok(files)
}

/// The file of the scenario that a word of the command line means: a name or a path.
///
/// # Errors
/// As [`scenario_file`].
pub fn chosen(workspace: &Workspace, word: &str) -> Result<PathBuf, LoadError> {
    given(word).map_or_else(|| scenario_file(workspace, word), Ok)
}

/// The file that a word names by its path.
fn given(word: &str) -> Option<PathBuf> {
    let is_path = Path::new(word).extension().is_some_and(|end| end == "yaml");
    std::path::absolute(word).ok().filter(|path| is_path && path.is_file())
}

/// The file of the scenario `id`. A name that data tell is never a path.
///
/// # Errors
/// [`LoadError::Unknown`] with the nearest name.
pub fn scenario_file(workspace: &Workspace, id: &str) -> Result<PathBuf, LoadError> {
    let files = scenario_files(workspace)?;
    let known: Vec<String> = files.iter().map(|path| stem(path)).collect();
    match known.iter().position(|name| name == id) {
        Some(index) => Ok(files[index].clone()),
        None => Err(unknown("unknown-scenario", "kernsnap list", id, &known)),
    }
}

/// Reads a scenario file. Paths in messages are relative to the checkout.
///
/// # Errors
/// If it cannot be read or its shape is wrong.
pub fn draft(workspace: &Workspace, file: &Path) -> Result<Draft, LoadError> {
    let text = read(file)?;
    Ok(Draft::read(workspace.relative(file), text)?)
}

/// Reads all scenario files.
///
/// # Errors
/// At the first that cannot be read or whose shape is wrong.
pub fn drafts(workspace: &Workspace) -> Result<Vec<Draft>, LoadError> {
    scenario_files(workspace)?.iter().map(|file| draft(workspace, file)).collect()
}

/// The claims of the notes.
///
/// # Errors
/// If the table cannot be read or is wrong.
pub fn claims(workspace: &Workspace) -> Result<Claims, LoadError> {
    let file = workspace.find("scenarios/claims.yaml");
    Ok(Claims::read(workspace.relative(&file), &read(&file)?)?)
}

/// Reads the lesson `id`.
///
/// # Errors
/// [`LoadError::Unknown`] with the nearest name; where it cannot be read or its shape is wrong.
pub fn lesson(workspace: &Workspace, id: &str) -> Result<Lesson, LoadError> {
    let known = workspace.lesson_ids();
    if !known.iter().any(|name| name == id) {
        return Err(unknown("unknown-lesson", "kernsnap lesson", id, &known));
    }
    let file = workspace.lessons_directory().join(format!("{id}.yaml"));
    Ok(Lesson::read(workspace.relative(&file), read(&file)?)?)
}

/// The description of the board `name`.
///
/// # Errors
/// If it cannot be read or is wrong.
pub fn machine(workspace: &Workspace, name: &str) -> Result<Machine, LoadError> {
    let file = workspace.find(format!("images/boards/{name}.yaml"));
    Ok(Machine::read(workspace.relative(&file), &read(&file)?)?)
}

/// The board as the image crate builds device trees for it.
#[must_use]
pub fn board(machine: &Machine) -> Board {
    Board { program: qemu::PROGRAM.to_owned(), words: machine.board(), disable: machine.disable.clone() }
}

/// The table of logical names.
///
/// # Errors
/// If it cannot be read or is wrong.
pub fn names(workspace: &Workspace) -> Result<Names, LoadError> {
    let file = workspace.find("images/names.yaml");
    Ok(Names::read(workspace.relative(&file), &read(&file)?)?)
}

/// The logical names, and the numbers of system calls on `architecture`.
///
/// # Errors
/// A [`LoadError`].
pub fn names_on(workspace: &Workspace, architecture: &str) -> Result<Names, LoadError> {
    let file = workspace.find("images/syscalls.yaml");
    Ok(names(workspace)?.with_syscalls(workspace.relative(&file), &read(&file)?, architecture)?)
}

/// The table of the source files of functions.
///
/// # Errors
/// If it cannot be read or is wrong.
pub fn sources(workspace: &Workspace) -> Result<Sources, LoadError> {
    let file = workspace.find("images/sources.yaml");
    Ok(Sources::read(workspace.relative(&file), &read(&file)?)?)
}

/// As many names as one can look through in a message.
const FEW: usize = 20;

/// `message` is the sentence about the name, and `list` the command that shows all names.
fn unknown(message: &'static str, list: &str, name: &str, known: &[String]) -> LoadError {
    let nearest = nearest(name, known.iter().map(String::as_str));
    let all = || match known.len() {
        0..=FEW => Phrase::new("names-are").with("names", known.join(", ")),
        many => Phrase::new("names-shown-by").with("command", list).with_text("count", many),
    };
    let hint = nearest.map_or_else(all, |nearest| Phrase::new("did-you-mean").with("name", nearest));
    LoadError::Unknown { message: Phrase::new(message).with("name", name), hint }
}

fn read(file: &Path) -> Result<String, LoadError> {
    fs::read_to_string(file).map_err(|source| LoadError::Read { path: file.into(), source })
}

fn stem(path: &Path) -> String {
    path.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(name: &str, known: usize, hint: &str) {
        let known: Vec<String> = (10..10 + known).map(|number| format!("fork-{number}")).collect();
        let LoadError::Unknown { hint: found, .. } = unknown("unknown-scenario", "kernsnap list", name, &known) else {
            panic!("another error")
        };
        assert_eq!(found.to_string(), hint);
    }

    #[test]
    fn an_unknown_name_comes_with_the_nearest_or_with_where_they_all_are() {
        check("frok-10", 30, "did you mean `fork-10`?");
        check("sleeps", 2, "there are fork-10, fork-11");
        check("sleeps", 30, "`kernsnap list` shows the 30 that there are");
    }
}
