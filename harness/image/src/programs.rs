//! Guest programs: each its own entry, so that a change in one compiles one.

use std::fs;
use std::path::{Path, PathBuf};

use super::module_headers;
use super::toolchain::Toolchain;
use crate::{Artifact, ImageError};
use kernsnap_host::exec::{ToolCall, run};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::Store;
use kernsnap_host::store::StoreError;
use kernsnap_host::workspace::Workspace;
use kernsnap_yaml::did_you_mean;

const RECIPE: u32 = 1;
/// The compiler flags of all guest programs.
const FLAGS: &[&str] =
    &["-std=gnu11", "-O2", "-Wall", "-Wextra", "-static", "-s", "-Wl,--build-id=none", "-Iguest-programs/lib"];
/// The flag of the programs that stand beside init. The warnings of others are shown.
const STRICT: &str = "-Werror";
/// The program that is PID 1 in every guest.
pub(super) const INIT: &str = "init";
pub(super) const INIT_SOURCES: &str = "guest-programs/init";
const LIBRARY: &str = "guest-programs/lib";
/// The program in a shell's guest that sends files to the host, through the channel that init has.
const SEND_OUT: &str = "send-out";
const SHELL_SOURCES: &str = "guest-programs/shell";
/// The files of init that are the channel.
const CHANNEL: [&str; 3] = ["channel.c", "crc32.c", "region.c"];

/// The sources of a program: what is compiled, and the headers that it may include, each by its path in the workspace and its file.
struct Sources {
    compiled: Vec<(String, PathBuf)>,
    headers: Vec<(String, PathBuf)>,
    strict: bool,
}

/// A program: compiled when it is not in the store, or one that comes built, `guest-programs/user/NAME`.
pub(super) fn program(
    workspace: &Workspace,
    store: &Store,
    toolchain: &Toolchain,
    name: &str,
    events: Events<'_>,
) -> Result<Artifact, ImageError> {
    let built = workspace.find(format!("guest-programs/user/{name}"));
    if ![INIT, SEND_OUT].contains(&name) && built.is_file() {
        let hash = super::source::digest::file(&built)?;
        return Ok(Artifact { path: built, hash });
    }
    let sources = sources(workspace, name)?;
    let inputs = inputs(toolchain, name, &sources)?;
    let entry = store.ensure(&inputs, events, |dir, events| {
        events(ImageEvent::Phase(Phase::Program(name.to_owned())));
        // Names are relative to one directory, so that the host's paths stay out.
        let scratch = store.scratch()?;
        for (path, file) in sources.compiled.iter().chain(&sources.headers) {
            module_headers::copy(file, &scratch.path().join(path))?;
        }
        let call = compile(toolchain, &sources, scratch.path(), &dir.join(name));
        let mut warnings = Vec::new();
        let mut listen = |line: &str| warnings.extend(line.contains("warning: ").then(|| line.to_owned()));
        run(&call, &mut listen).map_err(ImageError::step(format!("compile the guest program `{name}`")))?;
        for warning in warnings {
            events(ImageEvent::Note(warning));
        }
        Ok::<_, ImageError>(vec![name.to_owned()])
    })?;
    Ok(Artifact { path: entry.file(name), hash: entry.hash(name).unwrap_or_default().to_owned() })
}

fn sources(workspace: &Workspace, name: &str) -> Result<Sources, ImageError> {
    // All files of a directory come from the layer that has it first.
    let list = |dir: &str, end: &str| {
        let layer = Workspace::at(workspace.layer_of(dir).unwrap_or(&workspace.root));
        let names = layer.names_in(dir, end).into_iter().map(|name| format!("{dir}/{name}{end}"));
        names.map(|path| (path.clone(), layer.root.join(path))).collect::<Vec<_>>()
    };
    if name == INIT {
        let (compiled, headers) = (list(INIT_SOURCES, ".c"), list(INIT_SOURCES, ".h"));
        return Ok(Sources { compiled, headers, strict: true });
    }
    if name == SEND_OUT {
        let is_channel = |(path, _): &(String, PathBuf)| CHANNEL.iter().any(|file| path.ends_with(&format!("/{file}")));
        let channel = list(INIT_SOURCES, ".c").into_iter().filter(is_channel);
        let compiled = list(SHELL_SOURCES, ".c").into_iter().chain(channel).collect();
        return Ok(Sources { compiled, headers: list(INIT_SOURCES, ".h"), strict: true });
    }
    let candidates = ["user", "faults"].map(|dir| (format!("guest-programs/{dir}"), name));
    let found = candidates.into_iter().find_map(|(dir, name)| {
        let path = format!("{dir}/{name}.c");
        Some((workspace.layer_of(&path)?, dir, path))
    });
    let Some((layer, dir, path)) = found else {
        let known: Vec<String> = workspace.programs().into_iter().collect();
        let hint = did_you_mean(name, known.iter().map(String::as_str))
            .unwrap_or_else(|| format!("the programs here are: {}", known.join(", ")));
        return Err(ImageError::input(format!("no guest program `guest-programs/user/{name}.c`"), hint));
    };
    let own = Workspace::at(layer);
    let beside = own.names_in(&dir, ".h").into_iter().map(|name| format!("{dir}/{name}.h"));
    let beside = beside.map(|path| (path.clone(), layer.join(path)));
    Ok(Sources {
        compiled: [vec![(path.clone(), layer.join(path))], list(LIBRARY, ".c")].concat(),
        headers: beside.chain(list(LIBRARY, ".h")).collect(),
        strict: layer.join(INIT_SOURCES).is_dir(),
    })
}

fn inputs(toolchain: &Toolchain, name: &str, sources: &Sources) -> Result<CacheInputs, ImageError> {
    let mut inputs = CacheInputs::new("program", RECIPE)
        .with("name", name)
        .with("flags", flags(sources).collect::<Vec<_>>().join(" "))
        .with("compiler", &toolchain.compiler)
        .with("libc", &toolchain.libc);
    for (path, file) in sources.compiled.iter().chain(&sources.headers) {
        inputs = inputs.with(path, fs::read(file).map_err(StoreError::read(file))?);
    }
    Ok(inputs)
}

fn flags(sources: &Sources) -> impl Iterator<Item = &'static str> {
    FLAGS.iter().copied().chain(sources.strict.then_some(STRICT))
}

fn compile(toolchain: &Toolchain, sources: &Sources, dir: &Path, to: &Path) -> ToolCall {
    ToolCall::new(toolchain.gcc.clone())
        .args(flags(sources))
        .arg(format!("-ffile-prefix-map={}=.", dir.display()))
        .arg("-o")
        .arg(to)
        .args(sources.compiled.iter().map(|(path, _)| path))
        .dir(dir)
}

#[cfg(test)]
mod tests {
    use std::error::Error;

    use super::*;
    use crate::ImageErrorKind;

    const PROGRAM: &str = "#include \"guest.h\"\nint main(void) { return said(__FILE__ WHERE); }\n";

    /// A checkout with one program, and a store of its own.
    fn checkout(program: &str) -> Result<(tempfile::TempDir, Workspace, Store), Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        for (file, text) in [
            ("user/one.c", program),
            ("init/main.c", ""),
            ("lib/guest.h", "#define WHERE __FILE__\nint said(const char *);\n"),
            (
                "lib/guest.c",
                "#include \"guest.h\"\n#include <stdio.h>\nint said(const char *s) { return puts(s) < 0; }\n",
            ),
        ] {
            let path = dir.path().join("guest-programs").join(file);
            fs::create_dir_all(path.parent().ok_or("it has one")?)?;
            fs::write(path, text)?;
        }
        let (workspace, store) = (Workspace::at(dir.path()), Store::at(dir.path().join("store")));
        Ok((dir, workspace, store))
    }

    fn compile_one(workspace: &Workspace, store: &Store) -> Result<Artifact, ImageError> {
        let toolchain = Toolchain::identify(store, "aarch64-linux-gnu-")?;
        program(workspace, store, &toolchain, "one", &mut |_| ())
    }

    #[test]
    fn two_checkouts_give_the_same_bytes() -> Result<(), Box<dyn Error>> {
        let build = || -> Result<(PathBuf, Vec<u8>), Box<dyn Error>> {
            let (_dir, workspace, store) = checkout(PROGRAM)?;
            let artifact = compile_one(&workspace, &store)?;
            assert_eq!(artifact.hash, blake3::hash(&fs::read(&artifact.path)?).to_hex().to_string());
            Ok((artifact.path.clone(), fs::read(artifact.path)?))
        };
        let (first, second) = (build()?, build()?);
        assert_ne!(first.0, second.0);
        assert_eq!(first.1.len(), second.1.len());
        assert!(first.1 == second.1, "the programs differ");
        Ok(())
    }

    #[test]
    fn a_change_in_a_header_builds_another_program() -> Result<(), Box<dyn Error>> {
        let (dir, workspace, store) = checkout(PROGRAM)?;
        let before = compile_one(&workspace, &store)?;
        assert_eq!(compile_one(&workspace, &store)?, before);
        fs::write(dir.path().join("guest-programs/lib/guest.h"), "#define WHERE \"\"\nint said(const char *);\n")?;
        assert_ne!(compile_one(&workspace, &store)?.path, before.path);
        Ok(())
    }

    #[test]
    fn a_mistake_is_shown_with_its_place_in_the_repository() -> Result<(), Box<dyn Error>> {
        let (_dir, workspace, store) = checkout("int main(void) { int unused; return 0; }\n")?;
        let error = compile_one(&workspace, &store).expect_err("a warning is an error");
        let text = error.to_string();
        assert!(text.contains("| guest-programs/user/one.c:1:22: error: unused variable"), "{text}");
        assert_eq!(error.kind(), ImageErrorKind::BuildFailed);
        let toolchain = Toolchain::identify(&store, "aarch64-linux-gnu-")?;
        let missing = program(&workspace, &store, &toolchain, "on", &mut |_| ()).expect_err("there is none");
        assert_eq!(missing.hint().as_deref(), Some("did you mean `one`?"));
        assert_eq!(missing.kind(), ImageErrorKind::BadInput);
        Ok(())
    }
}
