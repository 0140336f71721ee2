//! The root of a store: which directory is one. Nothing is written or removed below a directory that is not.

use std::fs;
use std::io::{self, Write as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _};
use std::path::Path;

use super::StoreError;

/// The file that marks the root of a store.
pub(super) const MARKER: &str = "kernsnap-store";

/// Its content.
const CONTENT: &str = "This directory is a store of kernsnap. `kernsnap store gc` removes entries from it.\n";

/// The kinds of entries, a directory each.
pub(super) const KINDS: [&str; 15] = [
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
];

/// The evidence of runs that did not pass, a directory for each image. It does not have manifests.
pub(super) const EVIDENCE: &str = "evidence";

/// The build directories.
pub(super) const WORK: &str = "work";

/// Directories that do not hold entries: they are small, have a limit of their own, or belong to a process that is alive.
pub(super) const NO_ENTRIES: [&str; 10] =
    [WORK, "lock", "tmp", "scratch", "records", "result", "damaged", "log", "gdb", "templates"];

/// Makes the directory a store, or makes sure that it is one.
pub(super) fn claim(root: &Path) -> Result<(), StoreError> {
    if is_marked(root) {
        return check_owner(root);
    }
    // Others need not read what this user builds; a shared store is made by hand.
    fs::DirBuilder::new().recursive(true).mode(0o700).create(root).map_err(StoreError::write(root))?;
    check_owner(root)?;
    // A store of an earlier version does not have the marker.
    if !is_empty(root)? && !looks_like_a_store(root)? {
        return Err(StoreError::Foreign { root: root.to_owned() });
    }
    let marker = root.join(MARKER);
    let write = || {
        let mut file = tempfile::NamedTempFile::new_in(root)?;
        file.write_all(CONTENT.as_bytes())?;
        file.persist(&marker)?;
        Ok(())
    };
    write().map_err(StoreError::write(&marker))
}

/// Makes sure that the directory is a store, or is not there.
pub(super) fn check(root: &Path) -> Result<(), StoreError> {
    if is_marked(root) {
        return check_owner(root);
    }
    if root.exists() && !is_empty(root)? && !looks_like_a_store(root)? {
        return Err(StoreError::Foreign { root: root.to_owned() });
    }
    Ok(())
}

fn is_marked(root: &Path) -> bool {
    fs::read(root.join(MARKER)).is_ok_and(|content| content == CONTENT.as_bytes())
}

/// Programs in a store run on this host. So the store belongs to this user or to root, and others cannot write to it.
fn check_owner(root: &Path) -> Result<(), StoreError> {
    let meta = root.metadata().map_err(StoreError::read(root))?;
    let user = rustix::process::geteuid().as_raw();
    if meta.uid() != user && meta.uid() != 0 {
        return Err(StoreError::Untrusted { root: root.to_owned(), why: format!("it belongs to user {}", meta.uid()) });
    }
    if meta.mode() & 0o022 != 0 {
        return Err(StoreError::Untrusted { root: root.to_owned(), why: "others can write to it".to_owned() });
    }
    Ok(())
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
