//! The content of an entry: the facts of its files, and of all files below its directories.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::os::unix::ffi::OsStrExt as _;
use std::path::{Path, PathBuf};
use std::thread;

use serde::{Deserialize, Serialize};

/// Files by their names, relative to the entry.
pub(super) type Files = BTreeMap<String, FileFacts>;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct FileFacts {
    size: u64,
    blake3: String,
}

impl FileFacts {
    pub(super) fn from_path(path: &Path) -> io::Result<FileFacts> {
        // A pipe would be waited for.
        if !path.metadata()?.is_file() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a file"));
        }
        let mut hasher = blake3::Hasher::new();
        let mut file = File::open(path)?;
        hasher.update_reader(&mut file)?;
        Ok(FileFacts { size: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    }

    /// A link inside of a directory, by its target.
    fn from_link(path: &Path) -> io::Result<FileFacts> {
        let target = fs::read_link(path)?;
        let bytes = target.as_os_str().as_bytes();
        Ok(FileFacts { size: bytes.len() as u64, blake3: blake3::hash(&[b"link ", bytes].concat()).to_string() })
    }

    pub(super) fn hash(&self) -> &str {
        &self.blake3
    }

    /// The difference of what was found, in words.
    pub(super) fn difference(&self, name: &str, found: io::Result<FileFacts>) -> Option<String> {
        match found {
            Ok(found) if found == *self => None,
            Ok(found) if found.size != self.size => {
                Some(format!("`{name}` has {} bytes instead of {}", found.size, self.size))
            }
            Ok(_) => Some(format!("`{name}` has another content")),
            Err(error) => Some(format!("`{name}`: {error}")),
        }
    }
}

/// The facts of all files below a directory of an entry.
pub(super) fn below(entry: &Path, directory: &str) -> io::Result<Files> {
    let mut paths = Vec::new();
    let mut open = vec![entry.join(directory)];
    while let Some(directory) = open.pop() {
        for item in fs::read_dir(&directory)? {
            let item = item?;
            let kind = item.file_type()?;
            if kind.is_dir() { open.push(item.path()) } else { paths.push((item.path(), kind.is_symlink())) }
        }
    }
    let facts = |(path, is_link): &(PathBuf, bool)| {
        let name = path.strip_prefix(entry).unwrap_or(path).to_str().ok_or(io::ErrorKind::InvalidFilename)?;
        let facts = if *is_link { FileFacts::from_link(path)? } else { FileFacts::from_path(path)? };
        Ok((name.to_owned(), facts))
    };
    // A kernel's source has 80,000 files.
    let parts = paths.len().div_ceil(thread::available_parallelism().map_or(1, usize::from)).max(1);
    thread::scope(|scope| {
        let workers: Vec<_> = paths
            .chunks(parts)
            .map(|part| scope.spawn(|| part.iter().map(facts).collect::<io::Result<Vec<_>>>()))
            .collect();
        let mut files = Files::new();
        for worker in workers {
            files.extend(worker.join().map_err(|_| io::Error::other("a thread that reads files ended early"))??);
        }
        Ok(files)
    })
}

/// The first difference between the files that a directory must have and those that it has.
pub(super) fn first_difference(expected: &Files, found: &Files) -> Option<String> {
    let changed = expected.iter().find_map(|(name, facts)| {
        facts.difference(name, found.get(name).cloned().ok_or(io::ErrorKind::NotFound.into()))
    });
    changed.or_else(|| {
        let added = found.keys().find(|name| !expected.contains_key(*name))?;
        Some(format!("`{added}` was not there"))
    })
}
