//! The parts of a guest with a shell: an image's kernel, and a root file system of busybox with the guest programs and modules
//! of the scenarios that are named. Building those of all scenarios would keep a reader waiting for a minute.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use crate::session::load::{self, board};
use crate::session::prepare::PrepareError;
use kernsnap_host::files;
use kernsnap_host::progress::Events;
use kernsnap_image::{ImageError, ImageSpec, Images};
use kernsnap_machine::Machine;
use kernsnap_machine::initramfs::Root;
use kernsnap_machine::plan::{module_path, program_path};
use kernsnap_scenario::Draft;

/// Where the scripts of the root stand in the checkout.
const SCRIPTS: &str = "guest-programs/shell";
/// The directory of the guest with files of the host.
const WITH: &str = "with";
/// The directory of the guest whose files leave it.
const OUT: &str = "out";
/// The bytes of all files of the host in a guest: it unpacks them into memory.
const MOST_WITH: u64 = 64 << 20;

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

/// The wishes of the person at the shell.
#[derive(Clone, Copy, Debug)]
pub struct Wishes<'a> {
    /// A busybox instead of the distribution's.
    pub busybox: Option<&'a Path>,
    /// Files of the host that are in the guest.
    pub with: &'a [PathBuf],
    /// True if files are taken out of the guest.
    pub out: bool,
    /// True for Debian's bash and programs besides busybox.
    pub debian: bool,
    /// Scenarios whose programs and modules are in the guest, as the command line names them.
    pub scenarios: &'a [String],
}

/// Opens the image `name`, building what is missing of it, and collects a root with a shell.
///
/// # Errors
/// A [`PrepareError`]; nothing half-built is left.
pub fn prepare(images: Images<'_>, name: &str, wishes: Wishes<'_>, on: Events<'_>) -> Result<ShellGuest, PrepareError> {
    let workspace = images.workspace;
    let mut root = Root::new();
    put_in(&mut root, wishes.with)?;
    let spec = ImageSpec::load(workspace, name)?;
    let machine = load::machine(workspace, &spec.machine)?;
    let image = images.open_or_build(&spec, &board(&machine), on)?;
    let scripts = workspace.find(SCRIPTS);
    if wishes.debian {
        let path = images.debian_root(&image, on)?.path;
        root.archive(&read(&path)?).map_err(|source| PrepareError::Read { path, source })?;
    }
    root.directory("bin");
    root.program("init", read(&scripts.join("init"))?);
    root.file("etc/profile", read(&scripts.join("profile"))?);
    root.file("etc/names", load::names(workspace)?.table().into());
    root.program("bin/busybox", read(&images.busybox(&image, wishes.busybox, on)?.path)?);
    let files = if wishes.scenarios.is_empty() { Vec::new() } else { load::selected(workspace, wishes.scenarios)? };
    let drafts = files.iter().map(|file| load::draft(workspace, file)).collect::<Result<Vec<_>, _>>()?;
    let programs: BTreeSet<&str> = drafts.iter().flat_map(Draft::programs).collect();
    let modules: BTreeSet<&str> = drafts.iter().flat_map(Draft::modules).collect();
    let known = workspace.programs();
    // Busybox is there already, and a module of the kernel itself is not built here.
    for name in programs.into_iter().filter(|name| known.contains(*name)) {
        root.program(&program_path(name), read(&images.program(&image, name, on)?.path)?);
    }
    let known = workspace.modules();
    for name in modules.into_iter().filter(|name| known.contains(*name)) {
        root.file(&module_path(name), read(&images.module(&image, name, on)?.path)?);
    }
    // It says what it needs to someone who calls it in a guest without the directory.
    root.program("bin/out", read(&scripts.join("out"))?);
    if wishes.out {
        root.program("bin/send-out", read(&images.program(&image, "send-out", on)?.path)?);
        root.directory(OUT);
    }
    Ok(ShellGuest {
        machine,
        command_line: image.command_line,
        kernel: image.kernel,
        device_tree: image.device_tree,
        root,
    })
}

/// Puts files of the host into the guest, by their names and with their modes.
fn put_in(root: &mut Root, files: &[PathBuf]) -> Result<(), PrepareError> {
    let mut names: Vec<String> = Vec::new();
    let mut left = MOST_WITH;
    let refuse = |message: String, hint: &str| ImageError::Input { message, hint: hint.to_owned() };
    for path in files {
        let unfit = |error: std::io::Error| {
            refuse(format!("cannot put `{}` into the guest: {error}", path.display()), "give files, of 64 MiB together")
        };
        let content = files::read_within(path, left).map_err(unfit)?;
        left -= content.len() as u64;
        let is_program = path.metadata().map_err(unfit)?.permissions().mode() & 0o111 != 0;
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        if names.contains(&name) {
            let message = format!("two files have the name `{name}` in the guest");
            return Err(refuse(message, "give one of them another name").into());
        }
        let place = format!("{WITH}/{name}");
        if is_program {
            root.program(&place, content);
        } else {
            root.file(&place, content);
        }
        names.push(name);
    }
    Ok(())
}

fn read(path: &Path) -> Result<Vec<u8>, PrepareError> {
    fs::read(path).map_err(|source| PrepareError::Read { path: path.into(), source })
}
