//! The root of a store: which directory is one. Nothing is written or removed below a directory that is not.

use std::fs;
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};

use super::StoreError;
use crate::files;

/// The file that marks the root of a store.
pub(super) const MARKER: &str = "kernsnap-store";

/// Its content.
const CONTENT: &str = "This directory is a store of kernsnap. `kernsnap store gc` removes entries from it.\n";

/// The kinds of entries, a directory each.
pub(super) const KINDS: [&str; 16] = [
    "busybox",
    "catalogue",
    "device-tree",
    "facts",
    "git",
    "kernel",
    "kselftest",
    "lockstep",
    "module",
    "patched",
    "program",
    "root",
    "source",
    "toolchain",
    EVIDENCE,
    "uapi-headers",
];

/// The evidence of runs that did not pass, a directory for each image. It does not have manifests.
pub(super) const EVIDENCE: &str = "evidence";

/// The build directories.
pub(super) const WORK: &str = "work";

/// Directories that do not hold entries: they are small, have a limit of their own, or belong to a process that is alive.
pub(super) const NO_ENTRIES: [&str; 10] =
    [WORK, "lock", "tmp", "scratch", "records", "result", "damaged", "log", "gdb", "templates"];

/// The directories that save another machine time: what was built, what is known of it, and results. Sources and build directories are
/// ten times as large, and serve compiling alone.
pub(super) const FOR_A_CACHE: [&str; 14] = [
    "busybox",
    "catalogue",
    "device-tree",
    "facts",
    "kernel",
    "kselftest",
    "lockstep",
    "module",
    "program",
    "records",
    "result",
    "root",
    "toolchain",
    "uapi-headers",
];

/// Makes the directory a store, or makes sure that it is one.
pub(super) fn claim(root: &Path) -> Result<(), StoreError> {
    if is_marked(root) {
        return check_owner(root, root);
    }
    // Others need not read what this user builds; a shared store is made by hand.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(StoreError::write(root))?;
    check_owner(root, root)?;
    // A store of an earlier version does not have the marker.
    if !is_empty(root)? && !looks_like_a_store(root)? {
        return Err(StoreError::Foreign { root: root.to_owned() });
    }
    let marker = root.join(MARKER);
    files::replace(&marker, CONTENT.as_bytes()).map_err(StoreError::write(&marker))
}

/// Makes sure that the directory is a store, or is not there.
pub(super) fn check(root: &Path) -> Result<(), StoreError> {
    if is_marked(root) {
        return check_owner(root, root);
    }
    if root.exists() && !is_empty(root)? && !looks_like_a_store(root)? {
        return Err(StoreError::Foreign { root: root.to_owned() });
    }
    Ok(())
}

fn is_marked(root: &Path) -> bool {
    files::read_within(&root.join(MARKER), CONTENT.len() as u64).is_ok_and(|content| content == CONTENT.as_bytes())
}

/// Programs in a store run on this host. So the store belongs to this user or to root, and others cannot write to it.
fn check_owner(root: &Path, part: &Path) -> Result<(), StoreError> {
    let meta = part.metadata().map_err(StoreError::read(part))?;
    let user = rustix::process::geteuid().as_raw();
    let it =
        if part == root { "it".to_owned() } else { format!("`{}`", part.strip_prefix(root).unwrap_or(part).display()) };
    let untrusted = |why| Err(StoreError::Untrusted { root: root.to_owned(), why });
    match meta.uid() {
        other if other != user && other != 0 => untrusted(format!("{it} belongs to user {other}")),
        _ if meta.mode() & 0o022 != 0 => untrusted(format!("others can write to {it}")),
        _ => Ok(()),
    }
}

/// Makes sure that this user or root made a part of the store, where others can enter the store at all.
pub(super) fn check_part(root: &Path, part: &Path) -> Result<(), StoreError> {
    let others_enter = root.metadata().map_err(StoreError::read(root))?.mode() & 0o011 != 0;
    if others_enter { check_owner(root, part) } else { Ok(()) }
}

/// A directory of the store, made where it is missing. A link in its place would lead out of the store.
pub(super) fn directory(path: PathBuf) -> Result<PathBuf, StoreError> {
    match fs::create_dir(&path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(StoreError::write(&path)(error)),
        _ => {}
    }
    let kind = path.symlink_metadata().map_err(StoreError::read(&path))?.file_type();
    if kind.is_dir() {
        return Ok(path);
    }
    Err(StoreError::InTheWay { path, what: if kind.is_symlink() { "a link" } else { "a file" } })
}

fn entries(root: &Path) -> Result<Vec<fs::DirEntry>, StoreError> {
    fs::read_dir(root).and_then(Iterator::collect::<io::Result<_>>).map_err(StoreError::read(root))
}

fn is_empty(root: &Path) -> Result<bool, StoreError> {
    Ok(entries(root)?.is_empty())
}

/// True if every directory in it has a name that a store gives, and there is one of locks.
fn looks_like_a_store(root: &Path) -> Result<bool, StoreError> {
    let known = |entry: &fs::DirEntry| {
        let name = entry.file_name();
        name.to_str().is_some_and(|name| KINDS.contains(&name) || NO_ENTRIES.contains(&name))
    };
    let entries = entries(root)?;
    let locks = fs::read_dir(root.join("lock")).is_ok_and(|mut locks| {
        locks.all(|lock| lock.is_ok_and(|lock| lock.path().extension().is_some_and(|end| end == "lock")))
    });
    Ok(locks && entries.iter().all(known))
}
