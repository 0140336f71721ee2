//! `kernsnap new`: a scenario to begin from, which runs and passes as it is.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};

use super::args::NewArguments;
use super::{Context, Exit, Failure, answer, talk, with_hint};
use crate::session::load;
use kernsnap_scenario::kernel_module_name;

/// Where the name stands in the templates.
const NAME: &str = "@NAME@";
/// The name as C and the kernel write it: `_` for `-`.
const SYMBOL: &str = "@SYMBOL@";

/// A module whose file has its name.
const KBUILD: &str = "# SPDX-License-Identifier: GPL-2.0\nobj-m := @SYMBOL@.o\n";
/// A module whose name the kernel writes otherwise: kbuild takes it for one of several files.
const KBUILD_RENAMED: &str = "# SPDX-License-Identifier: GPL-2.0\nobj-m := @SYMBOL@.o\n@SYMBOL@-y := @NAME@.o\n";

/// The longest name: it stands in file names and in columns.
const LONGEST: usize = 40;

/// The longest name of a module that names functions: symbols of modules are short enough to be read.
const LONGEST_MODULE: usize = 24;

pub(super) fn new(context: &Context, arguments: &NewArguments) -> Result<Exit, Failure> {
    let NewArguments { scenario: name, group, module } = arguments;
    check_name("scenario", name, if *module { LONGEST_MODULE } else { LONGEST })?;
    check_name("group", group, LONGEST)?;
    if group == "snapshots" {
        return Err(Failure::input("`snapshots` is not a group: reviewed views stand there".into()));
    }
    if let Ok(file) = load::scenario_file(&context.workspace, name) {
        return Err(taken(context.workspace.relative(&file)));
    }
    let files = if *module { module_files(group, name) } else { program_files(group, name) };
    let taken_by = files.iter().find(|(path, _)| context.workspace.root.join(path).exists());
    if let Some((path, _)) = taken_by {
        return Err(taken(path));
    }
    for (path, template) in &files {
        let text = template.replace(NAME, name).replace(SYMBOL, &kernel_module_name(name));
        write(&context.workspace.root.join(path), &text).map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => taken(path),
            _ => Failure::input(format!("cannot write `{}`: {error}", path.display())),
        })?;
        answer(&path.display().to_string());
    }
    talk(&format!("`kernsnap run {name}` runs it; docs/writing-scenarios.md tells how to go on"));
    Ok(Exit::Passed)
}

fn program_files(group: &str, name: &str) -> Vec<(PathBuf, &'static str)> {
    vec![
        (format!("scenarios/{group}/{name}.yaml").into(), include_str!("new/program.yaml")),
        (format!("guest-programs/user/{name}.c").into(), include_str!("new/program.c")),
    ]
}

fn module_files(group: &str, name: &str) -> Vec<(PathBuf, &'static str)> {
    let directory = format!("guest-programs/modules/{name}");
    vec![
        (format!("scenarios/{group}/{name}.yaml").into(), include_str!("new/module.yaml")),
        (format!("{directory}/{name}.c").into(), include_str!("new/module.c")),
        (format!("{directory}/Kbuild").into(), if kernel_module_name(name) == name { KBUILD } else { KBUILD_RENAMED }),
    ]
}

fn taken(path: &Path) -> Failure {
    let text = format!("`{}` is there already, and nothing is overwritten", path.display());
    Failure::input(with_hint(text, Some("choose another name, or remove it first".into())))
}

/// Names stand in file names, plans, snapshots and (of modules) symbols.
fn check_name(kind: &str, name: &str, longest: usize) -> Result<(), Failure> {
    let plain = name.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    let begins = name.bytes().next().is_some_and(|byte| byte.is_ascii_lowercase());
    if plain && begins && !name.ends_with('-') && !name.contains("--") && name.len() <= longest {
        return Ok(());
    }
    let rule = format!("1 to {longest} lowercase letters, digits and single dashes, a letter first: `fork-one`");
    Err(Failure::input(with_hint(format!("`{name}` is not a name for a {kind}"), Some(rule))))
}

/// Writes a file that is not there yet.
fn write(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(directory) = path.parent() {
        fs::create_dir_all(directory)?;
    }
    fs::File::create_new(path)?.write_all(text.as_bytes())
}
