//! The parts of a guest with a shell: an image's kernel, and a root file system of busybox with every guest program and
//! module of the checkout.

use std::fs;
use std::path::{Path, PathBuf};

use crate::session::load::{self, board};
use crate::session::prepare::PrepareError;
use kernsnap_host::progress::Events;
use kernsnap_image::{ImageSpec, Images};
use kernsnap_machine::Machine;
use kernsnap_machine::initramfs::Root;
use kernsnap_machine::plan::{module_path, program_path};

/// Where the scripts of the root stand in the checkout.
const SCRIPTS: &str = "guest-programs/shell";

/// A guest with a shell.
#[derive(Clone, Debug)]
pub struct ShellGuest {
    /// The board.
    pub machine: Machine,
    /// The kernel's command line, without the console.
    pub command_line: String,
    /// The kernel's `Image`.
    pub kernel: PathBuf,
    /// The device tree blob.
    pub device_tree: PathBuf,
    /// The root file system.
    pub root: Root,
}

/// Opens the image `name`, building what is missing of it, and collects a root with a shell.
///
/// # Errors
/// A [`PrepareError`]; nothing half-built is left.
pub fn prepare(
    images: Images<'_>,
    name: &str,
    busybox: Option<&Path>,
    on: Events<'_>,
) -> Result<ShellGuest, PrepareError> {
    let workspace = images.workspace;
    let spec = ImageSpec::load(workspace, name)?;
    let machine = load::machine(workspace, &spec.machine)?;
    let image = images.open_or_build(&spec, &board(&machine), on)?;
    let scripts = workspace.find(SCRIPTS);
    let mut root = Root::new();
    root.directory("bin");
    root.program("init", read(&scripts.join("init"))?);
    root.file("etc/profile", read(&scripts.join("profile"))?);
    root.file("etc/names", load::names(workspace)?.table().into());
    root.program("bin/busybox", read(&images.busybox(&image, busybox, on)?.path)?);
    for name in workspace.programs() {
        root.program(&program_path(&name), read(&images.program(&image, &name, on)?.path)?);
    }
    for name in workspace.modules() {
        root.file(&module_path(&name), read(&images.module(&image, &name, on)?.path)?);
    }
    Ok(ShellGuest {
        machine,
        command_line: image.command_line,
        kernel: image.kernel,
        device_tree: image.device_tree,
        root,
    })
}

fn read(path: &Path) -> Result<Vec<u8>, PrepareError> {
    fs::read(path).map_err(|source| PrepareError::Read { path: path.into(), source })
}
