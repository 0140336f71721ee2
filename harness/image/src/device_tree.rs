//! A board's device tree: the kernel's own, or the one QEMU makes, with overlays laid over it. An entry of its own, so that a
//! change in an overlay compiles no kernel. The board's list of nodes to switch off becomes the last overlay.

use std::fs;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use super::dts::{self, Node};
use crate::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, capture, run};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::stamp::Stamp;
use kernsnap_host::store::{Store, StoreError};

const RECIPE: u32 = 2;
/// The file in an entry.
const DEVICE_TREE: &str = "board.dtb";

/// Where the tree comes from that overlays are laid over.
pub(super) enum Base<'a> {
    /// A file of the kernel's source, below `arch/*/boot/dts/`, without `.dts`; the source by its hash, and how to [`compile`] it
    /// below a directory.
    Source {
        arch: Arch,
        name: &'a str,
        digest: String,
        compile: &'a dyn Fn(&Path, Events<'_>) -> Result<PathBuf, ImageError>,
    },
    /// A blob that came with the kernel.
    Blob(PathBuf),
    /// QEMU's own description of the board.
    Qemu,
}

/// The board that a device tree is made for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Board {
    /// The QEMU program that models it.
    pub program: String,
    /// QEMU's arguments for it: `-M NAME …`.
    pub words: Vec<String>,
    /// The nodes to disable, by path.
    pub disable: Vec<String>,
}

/// The device tree, in the store.
pub(super) fn device_tree(
    store: &Store,
    base: &Base<'_>,
    overlays: &[PathBuf],
    board: &Board,
    events: Events<'_>,
) -> Result<PathBuf, ImageError> {
    let texts = overlays.iter().map(|path| fs::read(path).map_err(StoreError::read(path)));
    let texts = texts.collect::<Result<Vec<_>, _>>()?;
    let inputs = CacheInputs::new("device-tree", RECIPE);
    let inputs = match base {
        Base::Source { arch, name, digest, .. } => {
            inputs.with("source", digest).with("arch", arch.as_str()).with("from", name)
        }
        Base::Blob(path) => inputs.with("blob", fs::read(path).map_err(StoreError::read(path))?),
        Base::Qemu => {
            let tool = Tool::resolve(&board.program).map_err(ImageError::step("find QEMU"))?;
            // Another QEMU may describe the board differently.
            let stamp = Stamp::from_path(tool.path()).map(|stamp| format!("{stamp:?}")).unwrap_or_default();
            inputs.with("qemu", stamp).with("machine", board.words.join(" "))
        }
    };
    let inputs = texts.iter().fold(inputs, |inputs, text| inputs.with("overlay", text));
    let inputs = inputs.with("disable", board.disable.join("\n"));
    let entry = store.ensure(&inputs, events, |dir, events| {
        events(ImageEvent::Phase(Phase::DeviceTree));
        let scratch = store.scratch()?;
        let blob = match base {
            Base::Source { compile, .. } => compile(scratch.path(), events)?,
            Base::Blob(path) => path.clone(),
            Base::Qemu => dump(board, scratch.path())?,
        };
        let off = scratch.path().join("disable.dts");
        let known = Node::read(&decompiled(&blob)?).paths("");
        let disabled = board.disable.iter().filter(|path| known.contains(*path));
        fs::write(&off, disabling(disabled)).map_err(StoreError::write(&off))?;
        let overlays: Vec<PathBuf> = overlays.iter().cloned().chain([off]).collect();
        lay_over(&blob, &overlays, scratch.path(), &dir.join(DEVICE_TREE), events)?;
        Ok::<_, ImageError>(vec![DEVICE_TREE.to_owned()])
    })?;
    Ok(entry.file(DEVICE_TREE))
}

/// As kbuild does it (`cmd_dtc` in scripts/Makefile.lib), without a configured kernel.
pub(super) fn compile(tree: &Path, arch: Arch, name: &str, scratch: &Path) -> Result<PathBuf, ImageError> {
    // 32-bit Arm's files had no directories of vendors before 6.5.
    let flat = name.rsplit('/').next().unwrap_or(name);
    let source = [name, flat].map(|name| tree.join(format!("arch/{}/boot/dts/{name}.dts", arch.as_str())));
    let source = source.into_iter().find(|path| path.is_file());
    let Some(source) = source else {
        return Err(ImageError::input(
            format!("the kernel has no device tree `arch/{}/boot/dts/{name}.dts`", arch.as_str()),
            "`device-tree: from:` names one of the kernel's own, without `.dts`",
        ));
    };
    let step = || ImageError::step("compile the device tree");
    let expanded = scratch.join("board.dts");
    let cpp = ToolCall::new(Tool::resolve("gcc").map_err(step())?)
        .args(["-E", "-nostdinc", "-undef", "-D__DTS__", "-x", "assembler-with-cpp", "-P"])
        .arg("-I")
        .arg(tree.join("scripts/dtc/include-prefixes"))
        .arg("-I")
        .arg(tree.join("include"))
        .arg("-o")
        .arg(&expanded)
        .arg(&source);
    run(&cpp, &mut |_| ()).map_err(step())?;
    let blob = scratch.join("base.dtb");
    let mut dtc =
        ToolCall::new(Tool::resolve("dtc").map_err(step())?).args(["-q", "-b", "0", "-I", "dts", "-O", "dtb"]);
    // Files that are included in dtc's own way are beside the including file.
    dtc = dtc.arg("-i").arg(source.parent().unwrap_or(tree)).arg("-i").arg(tree.join("scripts/dtc/include-prefixes"));
    run(&dtc.arg("-o").arg(&blob).arg(&expanded), &mut |_| ()).map_err(step())?;
    Ok(blob)
}

/// The tree that QEMU makes for a board that has none of its own.
fn dump(board: &Board, scratch: &Path) -> Result<PathBuf, ImageError> {
    let step = || ImageError::step("ask QEMU for the device tree of the board");
    let blob = scratch.join("base.dtb");
    let mut words = board.words.clone();
    if let Some(name) = words.get_mut(1) {
        name.push_str(",dumpdtb=");
        name.push_str(&blob.display().to_string());
    }
    let call = ToolCall::new(Tool::resolve(&board.program).map_err(step())?)
        .args(words)
        .args(["-nic", "none", "-display", "none"]);
    run(&call, &mut |_| ()).map_err(step())?;
    Ok(blob)
}

fn lay_over(
    blob: &Path,
    overlays: &[PathBuf],
    scratch: &Path,
    to: &Path,
    events: Events<'_>,
) -> Result<(), ImageError> {
    let step = || ImageError::step("lay the overlays over the device tree");
    let dtc = || Tool::resolve("dtc").map(ToolCall::new).map_err(step());
    let mut merge = ToolCall::new(Tool::resolve("fdtoverlay").map_err(step())?).arg("-i").arg(blob).arg("-o").arg(to);
    // The paths of the base, and of what the overlays before this one add.
    let mut known = Node::read(&decompiled(blob)?).paths("");
    for (number, overlay) in overlays.iter().enumerate() {
        let [compiled, fitted, source] = ["all", "dtbo", "dts"].map(|end| scratch.join(format!("{number}.{end}")));
        let call = dtc()?.args(["-@", "-q", "-I", "dts", "-O", "dtb", "-o"]).arg(&compiled).arg(overlay);
        run(&call, &mut |_| ()).map_err(step())?;
        let mut fragments = Node::read(&decompiled(&compiled)?);
        for path in dts::fit(&mut fragments, &mut known) {
            events(ImageEvent::Note(format!("the device tree has no `{path}`, which `{}` changes", overlay.display())));
        }
        fs::write(&source, fragments.source()).map_err(StoreError::write(&source))?;
        let call = dtc()?.args(["-q", "-I", "dts", "-O", "dtb", "-o"]).arg(&fitted).arg(&source);
        run(&call, &mut |_| ()).map_err(step())?;
        merge = merge.arg(fitted);
    }
    run(&merge, &mut |_| ()).map(drop).map_err(step())
}

fn decompiled(blob: &Path) -> Result<String, ImageError> {
    let step = || ImageError::step("read the device tree");
    let dtc = ToolCall::new(Tool::resolve("dtc").map_err(step())?);
    capture(&dtc.args(["-q", "-I", "dtb", "-O", "dts"]).arg(blob)).map_err(step())
}

/// An overlay that switches nodes off.
fn disabling<'a>(paths: impl Iterator<Item = &'a String>) -> String {
    let fragment = |(number, path): (usize, &String)| {
        format!("\tfragment@{number} {{ target-path = \"{path}\"; __overlay__ {{ status = \"disabled\"; }}; }};\n")
    };
    let fragments: String = paths.enumerate().map(fragment).collect();
    format!("/dts-v1/;\n/plugin/;\n/ {{\n{fragments}}};\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn switching_off_is_an_overlay() {
        let text = disabling([String::from("/soc/gpio@7e")].iter());
        assert!(
            text.contains(r#"fragment@0 { target-path = "/soc/gpio@7e"; __overlay__ { status = "disabled"; }; };"#)
        );
    }
}
