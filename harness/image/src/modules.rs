//! Out-of-tree modules, built by kbuild against an image's kernel.

use std::fs;
use std::path::Path;

use super::build::{BUILD_TREE, MODULES};
use super::module_headers;
use super::plan::{assignment, cross_compiler, reproducible};
use super::programs::INIT_SOURCES;
use crate::{Artifact, BuiltImage, ImageError};
use kernsnap_host::exec::{Ended, Tool, ToolCall, ToolError, run};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::Store;
use kernsnap_host::store::StoreError;
use kernsnap_host::workspace::Workspace;
use kernsnap_yaml::did_you_mean;

const RECIPE: u32 = 2;

/// A module: one of the kernel's own, or else one of the workspace's, which may come built.
pub(super) fn module(
    workspace: &Workspace,
    store: &Store,
    image: &BuiltImage,
    name: &str,
    events: Events<'_>,
) -> Result<Artifact, ImageError> {
    if let Some(path) = image.modules.get(name) {
        image.entry.checked(&format!("{MODULES}/{}", path.file_name().unwrap_or_default().to_string_lossy()))?;
        let hash = blake3::hash(&fs::read(path).map_err(StoreError::read(path))?).to_hex().to_string();
        return Ok(Artifact { path: path.clone(), hash });
    }
    let dir = format!("guest-programs/modules/{name}");
    let built = workspace.find(format!("{dir}.ko"));
    if built.is_file() {
        let hash = super::source::digest::file(&built)?;
        return Ok(Artifact { path: built, hash });
    }
    out_of_tree(workspace, store, image, &dir, name, events)
}

/// The object with the kernel's types in its debugging information, built when it is not in the store.
pub(super) fn types(
    workspace: &Workspace,
    store: &Store,
    image: &BuiltImage,
    events: Events<'_>,
) -> Result<Artifact, ImageError> {
    out_of_tree(workspace, store, image, "guest-programs/types", "types", events)
}

fn out_of_tree(
    workspace: &Workspace,
    store: &Store,
    image: &BuiltImage,
    dir: &str,
    name: &str,
    events: Events<'_>,
) -> Result<Artifact, ImageError> {
    let layer = workspace.layer_of(Path::new(dir).join("Kbuild"));
    let Some(layer) = layer else {
        let known: Vec<String> = workspace.modules().into_iter().collect();
        let hint = did_you_mean(name, known.iter().map(String::as_str))
            .unwrap_or_else(|| format!("the modules here are: {}", known.join(", ")));
        return Err(ImageError::input(format!("no module `{dir}/Kbuild`"), hint));
    };
    let layer = Workspace::at(layer);
    // The warnings of modules that others wrote are shown.
    let is_strict = layer.root.join(INIT_SOURCES).is_dir();
    let sources: Vec<String> = layer.names_in(dir, "").into_iter().filter(|file| is_source(file)).collect();
    // Two kernels that differ in no header, configuration or exported symbol have the same modules: most commits change none of them.
    let headers = image.entry.directories_hash().unwrap_or(image.key.as_str());
    let mut inputs = CacheInputs::new("module", RECIPE)
        .with("name", name)
        .with("headers and modules of the kernel", headers)
        .with("compiler", &image.toolchain.compiler);
    if !is_strict {
        inputs = inputs.with("warnings", "shown");
    }
    for file in &sources {
        let path = layer.root.join(dir).join(file);
        inputs = inputs.with(file, fs::read(&path).map_err(StoreError::read(&path))?);
    }
    // The kernel knows no `-` in a module's name.
    let object = name.replace('-', "_");
    let product = format!("{object}.ko");
    let entry = store.ensure(&inputs, events, |entry, events| {
        events(ImageEvent::Phase(Phase::Module(name.to_owned())));
        // kbuild writes beside the sources, so it gets a copy of them.
        let scratch = store.scratch()?;
        for file in &sources {
            module_headers::copy(&layer.root.join(dir).join(file), &scratch.path().join(file))?;
        }
        let step = || ImageError::step(format!("build the module `{name}`"));
        let make = Tool::resolve("make").map_err(step())?;
        // Its programs run on this host.
        image.entry.checked(BUILD_TREE)?;
        // The compiler writes down where it is, not by which link it came there.
        let [here, tree] = [scratch.path(), &image.build_tree].map(fs::canonicalize);
        let (here, tree) =
            (here.map_err(StoreError::read(scratch.path()))?, tree.map_err(StoreError::read(&image.build_tree))?);
        let call = reproducible(ToolCall::new(make), &[(&here, dir), (&tree, "linux")])
            .arg("-C")
            .arg(&tree)
            .arg(assignment("M=", &here))
            .arg(format!("ARCH={}", image.arch.as_str()))
            .arg(format!("CROSS_COMPILE={}", image.cross))
            .arg(format!("CC={}", cross_compiler(image.arch, &image.cross).join(" ")))
            .arg("modules");
        let output = run(&call, &mut |_| ()).map_err(step())?;
        let warnings: Vec<String> = output.text.lines().filter(|line| is_warning(line)).map(str::to_owned).collect();
        if is_strict && !warnings.is_empty() {
            // make ended well, but a module of this project with a warning is not accepted.
            return Err(step()(ToolError::Failed { call: call.to_string(), ended: Ended::Exit(0), tail: warnings }));
        }
        for warning in warnings {
            events(ImageEvent::Note(warning));
        }
        // The object may have a `-` where the module has none.
        let written = |name: &str| scratch.path().join(format!("{name}.ko"));
        let dashed =
            || sources.iter().find_map(|file| file.strip_suffix(".c")).filter(|stem| stem.replace('-', "_") == object);
        let built = Some(written(&object)).filter(|built| built.is_file()).or_else(|| dashed().map(written));
        let Some(built) = built.filter(|built| built.is_file()) else {
            let hint = format!("`{dir}/Kbuild` must say `obj-m := {object}.o`");
            return Err(ImageError::input(format!("the module `{name}` does not make `{product}`"), hint));
        };
        module_headers::copy(&built, &entry.join(&product))?;
        Ok::<_, ImageError>(vec![product.clone()])
    })?;
    Ok(Artifact { path: entry.file(&product), hash: entry.hash(&product).unwrap_or_default().to_owned() })
}

/// True if a line of kbuild's finds fault with the module. A kernel that came built was built by another compiler.
fn is_warning(line: &str) -> bool {
    line.contains("warning:")
        && !line.starts_with("warning: the compiler differs from the one used to build the kernel")
}

/// True if a file is a source: products of a build in the checkout are not.
fn is_source(file: &str) -> bool {
    let end = Path::new(file).extension().and_then(|end| end.to_str());
    matches!(file, "Kbuild" | "Makefile") || (matches!(end, Some("c" | "h" | "S")) && !file.contains(".mod."))
}
