//! The hash of a source: of a tarball's bytes, or of every file of a tree.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::ImageError;
use kernsnap_host::interrupt;
use kernsnap_host::store::StoreError;

/// blake3 of a file, hexadecimal.
pub(crate) fn file(path: &Path) -> Result<String, ImageError> {
    let mut hasher = blake3::Hasher::new();
    let mut file = File::open(path).map_err(StoreError::read(path))?;
    hasher.update_reader(&mut file).map_err(StoreError::read(path))?;
    Ok(hasher.finalize().to_hex().to_string())
}

/// Parts of a tree that a kernel build does not read: the history and the documentation.
const NOT_BUILT_FROM: [&str; 2] = [".git", "Documentation"];

/// blake3 of the names, kinds and contents below a directory, in the order of names, without what no build reads.
pub(crate) fn tree(root: &Path) -> Result<String, ImageError> {
    let mut hasher = blake3::Hasher::new();
    add_directory(&mut hasher, root, &NOT_BUILT_FROM)?;
    Ok(hasher.finalize().to_hex().to_string())
}

fn add_directory(hasher: &mut blake3::Hasher, dir: &Path, without: &[&str]) -> Result<(), ImageError> {
    interrupt::check()?;
    let read = |error| StoreError::read(dir)(error);
    let mut entries = fs::read_dir(dir).map_err(read)?.collect::<Result<Vec<_>, _>>().map_err(read)?;
    entries.sort_by_key(fs::DirEntry::file_name);
    for entry in entries.iter().filter(|entry| without.iter().all(|name| entry.file_name() != *name)) {
        let path = entry.path();
        let kind = entry.file_type().map_err(StoreError::read(&path))?;
        add(hasher, entry.file_name().as_encoded_bytes());
        if kind.is_dir() {
            hasher.update(b"d");
            add_directory(hasher, &path, &[])?;
            hasher.update(b"e");
        } else if kind.is_symlink() {
            hasher.update(b"l");
            add(hasher, fs::read_link(&path).map_err(StoreError::read(&path))?.as_os_str().as_encoded_bytes());
        } else {
            let content = fs::read(&path).map_err(StoreError::read(&path))?;
            let mode = entry.metadata().map_err(StoreError::read(&path))?.permissions().mode();
            hasher.update(if mode & 0o100 == 0 { b"f" } else { b"x" });
            add(hasher, &content);
        }
    }
    Ok(())
}

fn add(hasher: &mut blake3::Hasher, bytes: &[u8]) {
    hasher.update(&(bytes.len() as u64).to_le_bytes());
    hasher.update(bytes);
}
