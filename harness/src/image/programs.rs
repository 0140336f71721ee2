//! Guest programs: each its own entry, so that a change in one compiles one.

use std::fs;
use std::path::{Path, PathBuf};

use super::event::{Events, ImageEvent, Phase};
use super::key::Inputs;
use super::store::Store;
use super::toolchain::Toolchain;
use super::{Artifact, ImageError, StoreError, Workspace};
use crate::exec::{ToolCall, run};
use crate::scenario::diagnostic::did_you_mean;

const RECIPE: u32 = 1;
/// What all guest programs are compiled with. Names are relative to the checkout, so no path of the host gets in; the map
/// is for what the compiler makes absolute by itself.
const FLAGS: &[&str] = &[
    "-std=gnu11",
    "-O2",
    "-Wall",
    "-Wextra",
    "-Werror",
    "-static",
    "-s",
    "-Wl,--build-id=none",
    "-Iguest-programs/lib",
];
/// The program that is PID 1 in every guest.
pub(super) const INIT: &str = "init";

/// The sources of a program, relative to the checkout: what is compiled, and the headers that it may include.
struct Sources {
    compiled: Vec<String>,
    headers: Vec<String>,
}

/// A program, compiled when it is not in the store.
pub(super) fn program(
    workspace: &Workspace,
    store: &Store,
    toolchain: &Toolchain,
    name: &str,
    events: Events<'_>,
) -> Result<Artifact, ImageError> {
    let sources = sources(workspace, name)?;
    let inputs = inputs(workspace, toolchain, name, &sources)?;
    let entry = store.ensure(&inputs, events, |dir, events| {
        events(ImageEvent::Phase(Phase::Program(name.to_owned())));
        let call = compile(workspace, toolchain, &sources, &dir.join(name));
        run(&call, &mut |_| ()).map_err(ImageError::step(format!("compile the guest program `{name}`")))?;
        Ok::<_, ImageError>(vec![name.to_owned()])
    })?;
    Ok(Artifact { path: entry.file(name), hash: entry.hash(name).unwrap_or_default().to_owned() })
}

fn sources(workspace: &Workspace, name: &str) -> Result<Sources, ImageError> {
    let list = |dir: &str, end: &str| {
        let names = workspace.names_in(dir, end).into_iter();
        names.map(|name| format!("{dir}/{name}{end}")).collect::<Vec<_>>()
    };
    let lib = "guest-programs/lib";
    if name == INIT {
        let init = "guest-programs/init";
        return Ok(Sources { compiled: list(init, ".c"), headers: list(init, ".h") });
    }
    let candidates = ["user", "faults"].map(|dir| format!("guest-programs/{dir}/{name}.c"));
    let Some(own) = candidates.into_iter().find(|path| workspace.root().join(path).is_file()) else {
        let known = workspace.program_names();
        let hint = did_you_mean(name, known.iter().map(String::as_str))
            .unwrap_or_else(|| format!("the programs here are: {}", known.join(", ")));
        return Err(ImageError::input(format!("no guest program `guest-programs/user/{name}.c`"), hint));
    };
    Ok(Sources { compiled: [vec![own], list(lib, ".c")].concat(), headers: list(lib, ".h") })
}

fn inputs(workspace: &Workspace, toolchain: &Toolchain, name: &str, sources: &Sources) -> Result<Inputs, ImageError> {
    let mut inputs = Inputs::new("program", RECIPE)
        .with("name", name)
        .with("flags", FLAGS.join(" "))
        .with("compiler", &toolchain.compiler)
        .with("libc", &toolchain.libc);
    for path in sources.compiled.iter().chain(&sources.headers) {
        let file = workspace.root().join(path);
        inputs = inputs.with(path, fs::read(&file).map_err(StoreError::read(&file))?);
    }
    Ok(inputs)
}

fn compile(workspace: &Workspace, toolchain: &Toolchain, sources: &Sources, to: &Path) -> ToolCall {
    let root: PathBuf = workspace.root().to_owned();
    ToolCall::new(toolchain.gcc.clone())
        .args(FLAGS)
        .arg(format!("-ffile-prefix-map={}=.", root.display()))
        .arg("-o")
        .arg(to)
        .args(&sources.compiled)
        .dir(root)
}
