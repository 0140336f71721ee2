//! `kernsnap init`.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use super::args::{Arguments, InitArguments};
use super::{Exit, Failure, absolute, answer, current_directory, talk};
use kernsnap_host::workspace::MARKER;

/// The scenario to begin from.
const NAME: &str = "first-fork";

pub(super) fn init(arguments: &Arguments, init: &InitArguments) -> Result<Exit, Failure> {
    let directory = match init.directory.as_ref().or(arguments.root.as_ref()) {
        Some(directory) => absolute(directory)?,
        None => current_directory()?,
    };
    let template = |text: &str| text.replace("@NAME@", NAME).replace("@SYMBOL@", NAME);
    let mut files = vec![
        (PathBuf::from(MARKER), include_str!("init/kernsnap.toml").to_owned()),
        (format!("scenarios/user/{NAME}.yaml").into(), template(include_str!("new/program.yaml"))),
        (format!("guest-programs/user/{NAME}.c").into(), template(include_str!("new/program.c"))),
    ];
    if init.github {
        files.push((".github/workflows/kernsnap.yml".into(), include_str!("init/workflow.yml").to_owned()));
    }
    if let Some((taken, _)) = files.iter().find(|(path, _)| directory.join(path).exists()) {
        return Err(Failure::input(format!("`{}` is there already; nothing was written", taken.display())));
    }
    for (path, text) in &files {
        write(&directory.join(path), text)
            .map_err(|error| Failure::input(format!("cannot write `{}`: {error}", path.display())))?;
        answer(&path.display().to_string());
    }
    talk(&format!("`kernsnap run {NAME}` runs the scenario, and `kernsnap list` shows the others"));
    Ok(Exit::Passed)
}

fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    if path.exists() {
        return Err(ErrorKind::AlreadyExists.into());
    }
    fs::write(path, text)
}
