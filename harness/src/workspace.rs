//! The checkout: where scenarios, images and guest programs stand.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use crate::claims::Claims;
use crate::lesson::Lesson;
use crate::report::Sources;
use crate::scenario::{Diagnostic, Draft, Names};
use crate::vm::Machine;

/// A kernsnap checkout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its top directory.
    pub root: PathBuf,
}

/// Why something of the checkout cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum WorkspaceError {
    /// No checkout here.
    #[error("`{}` is in no kernsnap checkout (no `images/` and `scenarios/` in it or above it)", .0.display())]
    NotFound(PathBuf),
    /// A file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file or directory.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Nothing has this name.
    #[error("there is no {kind} `{name}`{}", hint.as_deref().map(|hint| format!("\n\nhint: {hint}")).unwrap_or_default())]
    Unknown {
        /// What was looked for: `scenario`, `image`.
        kind: &'static str,
        /// The name.
        name: String,
        /// A name that exists and is near.
        hint: Option<String>,
    },
    /// A file is wrong.
    #[error(transparent)]
    Diagnostic(#[from] Box<Diagnostic>),
}

impl From<Diagnostic> for WorkspaceError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Diagnostic(Box::new(diagnostic))
    }
}

impl Workspace {
    /// The checkout in this directory. The path must be absolute: tools run elsewhere.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The checkout that `start` lies in.
    ///
    /// # Errors
    /// [`WorkspaceError::NotFound`] where there is none.
    pub fn around(start: &Path) -> Result<Self, WorkspaceError> {
        start
            .ancestors()
            .find(|candidate| candidate.join("images").is_dir() && candidate.join("scenarios").is_dir())
            .map(|root| Self { root: root.into() })
            .ok_or_else(|| WorkspaceError::NotFound(start.into()))
    }

    /// The scenario files, sorted by path. Only their names are looked at.
    ///
    /// # Errors
    /// Where the directories cannot be read.
    pub fn scenario_files(&self) -> Result<Vec<PathBuf>, WorkspaceError> {
        let mut files = Vec::new();
        for group in entries(&self.root.join("scenarios"))? {
            if group.is_dir() && group.file_name().is_some_and(|name| name != "snapshots") {
                files.extend(entries(&group)?.into_iter().filter(|path| is_yaml(path)));
            }
        }
        files.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
        Ok(files)
    }

    /// The file of the scenario `id`.
    ///
    /// # Errors
    /// [`WorkspaceError::Unknown`] with the nearest name.
    pub fn scenario_file(&self, id: &str) -> Result<PathBuf, WorkspaceError> {
        let files = self.scenario_files()?;
        let known: Vec<String> = files.iter().map(|path| stem(path)).collect();
        match known.iter().position(|name| name == id) {
            Some(index) => Ok(files[index].clone()),
            None => Err(unknown("scenario", "kernsnap list", id, &known)),
        }
    }

    /// Reads a scenario file. Paths in messages are relative to the checkout.
    ///
    /// # Errors
    /// Where it cannot be read or its shape is wrong.
    pub fn draft(&self, file: &Path) -> Result<Draft, WorkspaceError> {
        let text = read(file)?;
        Ok(Draft::read(self.relative(file), text)?)
    }

    /// Reads all scenario files.
    ///
    /// # Errors
    /// At the first that cannot be read or whose shape is wrong.
    pub fn drafts(&self) -> Result<Vec<Draft>, WorkspaceError> {
        self.scenario_files()?.iter().map(|file| self.draft(file)).collect()
    }

    /// What the notes claim.
    ///
    /// # Errors
    /// Where the table cannot be read or is wrong.
    pub fn claims(&self) -> Result<Claims, WorkspaceError> {
        let file = self.root.join("scenarios/claims.yaml");
        Ok(Claims::read(self.relative(&file), &read(&file)?)?)
    }

    /// Where lessons and their pages stand.
    #[must_use]
    pub fn lessons_directory(&self) -> PathBuf {
        self.root.join("docs/lessons")
    }

    /// The lessons' ids, sorted. Only the names of their files are looked at.
    #[must_use]
    pub fn lesson_ids(&self) -> Vec<String> {
        self.names_in("docs/lessons", ".yaml")
    }

    /// Reads the lesson `id`.
    ///
    /// # Errors
    /// [`WorkspaceError::Unknown`] with the nearest name; where it cannot be read or its shape is wrong.
    pub fn lesson(&self, id: &str) -> Result<Lesson, WorkspaceError> {
        let known = self.lesson_ids();
        if !known.iter().any(|name| name == id) {
            return Err(unknown("lesson", "kernsnap lesson", id, &known));
        }
        let file = self.lessons_directory().join(format!("{id}.yaml"));
        Ok(Lesson::read(self.relative(&file), read(&file)?)?)
    }

    /// The names of the image specifications, sorted.
    #[must_use]
    pub fn image_names(&self) -> Vec<String> {
        // These two are tables, not images: of logical names, and of functions' source files.
        let tables = ["names", "sources", "syscalls"];
        self.names_in("images", ".yaml").into_iter().filter(|name| !tables.contains(&name.as_str())).collect()
    }

    /// The file of the image `name`, whether it is there or not.
    #[must_use]
    pub fn image_file(&self, name: &str) -> PathBuf {
        self.root.join(format!("images/{name}.yaml"))
    }

    /// The description of the board `name`.
    ///
    /// # Errors
    /// Where it cannot be read or is wrong.
    pub fn machine(&self, name: &str) -> Result<Machine, WorkspaceError> {
        let file = self.root.join(format!("images/boards/{name}.yaml"));
        Ok(Machine::read(self.relative(&file), &read(&file)?)?)
    }

    /// The table of logical names.
    ///
    /// # Errors
    /// Where it cannot be read or is wrong.
    pub fn names(&self) -> Result<Names, WorkspaceError> {
        let file = self.root.join("images/names.yaml");
        Ok(Names::read(self.relative(&file), &read(&file)?)?)
    }

    /// The logical names, and the numbers of system calls on `architecture`.
    ///
    /// # Errors
    /// A [`WorkspaceError`].
    pub fn names_on(&self, architecture: &str) -> Result<Names, WorkspaceError> {
        let file = self.root.join("images/syscalls.yaml");
        Ok(self.names()?.with_syscalls(self.relative(&file), &read(&file)?, architecture)?)
    }

    /// The table of the source files of functions.
    ///
    /// # Errors
    /// Where it cannot be read or is wrong.
    pub fn sources(&self) -> Result<Sources, WorkspaceError> {
        let file = self.root.join("images/sources.yaml");
        Ok(Sources::read(self.relative(&file), &read(&file)?)?)
    }

    /// The names of the guest programs: what stands in `guest-programs/user/`, and what does wrong on purpose, in
    /// `guest-programs/faults/`.
    #[must_use]
    pub fn programs(&self) -> BTreeSet<String> {
        let directories = ["guest-programs/user", "guest-programs/faults"];
        directories.into_iter().flat_map(|directory| self.names_in(directory, ".c")).collect()
    }

    /// The names of the out-of-tree modules.
    #[must_use]
    pub fn modules(&self) -> BTreeSet<String> {
        self.names_in("guest-programs/modules", "").into_iter().collect()
    }

    /// Where the reviewed snapshots of an image stand.
    #[must_use]
    pub fn snapshots(&self, image: &str) -> PathBuf {
        self.root.join("scenarios/snapshots").join(image)
    }

    /// The configuration fragment `name`.
    #[must_use]
    pub fn fragment(&self, name: &str) -> PathBuf {
        self.root.join(format!("images/kconfig/{name}.config"))
    }

    /// The device tree overlay `name`.
    #[must_use]
    pub fn overlay(&self, name: &str) -> PathBuf {
        self.root.join(format!("images/boards/{name}.overlay.dts"))
    }

    /// The names in a directory that end like this, without that end, sorted. None for a directory that is not there.
    #[must_use]
    pub fn names_in(&self, directory: &str, end: &str) -> Vec<String> {
        let paths = entries(&self.root.join(directory)).unwrap_or_default();
        let name = |path: &PathBuf| path.file_name()?.to_str()?.strip_suffix(end).map(str::to_owned);
        paths.iter().filter_map(name).collect()
    }

    /// A path for messages: relative to the checkout where it is in it.
    #[must_use]
    pub fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.root).unwrap_or(file)
    }
}

/// As many names as one can look through in a message.
const FEW: usize = 20;

/// `list` is the command that shows all names.
fn unknown(kind: &'static str, list: &str, name: &str, known: &[String]) -> WorkspaceError {
    let nearest = crate::scenario::diagnostic::did_you_mean(name, known.iter().map(String::as_str));
    let all = || match known.len() {
        0..=FEW => format!("there are {}", known.join(", ")),
        many => format!("`{list}` shows the {many} that there are"),
    };
    WorkspaceError::Unknown { kind, name: name.into(), hint: Some(nearest.unwrap_or_else(all)) }
}

fn entries(directory: &Path) -> Result<Vec<PathBuf>, WorkspaceError> {
    let error = |source| WorkspaceError::Read { path: directory.into(), source };
    let mut paths = fs::read_dir(directory)
        .and_then(|entries| entries.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>())
        .map_err(error)?;
    paths.sort();
    Ok(paths)
}

fn read(file: &Path) -> Result<String, WorkspaceError> {
    fs::read_to_string(file).map_err(|source| WorkspaceError::Read { path: file.into(), source })
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml")
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
        let WorkspaceError::Unknown { hint: found, .. } = unknown("scenario", "kernsnap list", name, &known) else {
            panic!("another error")
        };
        assert_eq!(found.as_deref(), Some(hint));
    }

    #[test]
    fn an_unknown_name_comes_with_the_nearest_or_with_where_they_all_are() {
        check("frok-10", 30, "did you mean `fork-10`?");
        check("sleeps", 2, "there are fork-10, fork-11");
        check("sleeps", 30, "`kernsnap list` shows the 30 that there are");
    }
}
