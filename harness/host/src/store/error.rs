//! Errors of a store.

use std::io;
use std::path::{Path, PathBuf};

use crate::interrupt::Interrupted;

/// Why the store could not do its work.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Its disk has no room left. What was being built is gone again.
    #[error("no room left on the disk of the image store, writing `{path}`")]
    Full {
        /// The path that could not be written.
        path: PathBuf,
    },
    /// It may not be written to.
    #[error("the image store cannot be written: `{path}`")]
    ReadOnly {
        /// The path that could not be written.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// Writing failed for another reason.
    #[error("cannot write `{path}` in the image store")]
    Write {
        /// The path that could not be written.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// The store does not have an entry, and whoever asks only looks.
    #[error("the store does not have `{entry}`, and looking at a recording builds nothing")]
    NotBuilt {
        /// The entry, as `kind/key`.
        entry: String,
    },
    /// The directory holds other things than a store.
    #[error("`{}` is not a store of kernsnap: it holds other things", root.display())]
    Foreign {
        /// The directory.
        root: PathBuf,
    },
    /// Something else is in the place of a directory of the store.
    #[error("`{}` is {what}, and the image store needs a directory there", path.display())]
    InTheWay {
        /// The path.
        path: PathBuf,
        /// The thing that is there.
        what: &'static str,
    },
    /// Files of an entry that are checked when they are used are not the ones that were kept.
    #[error("the entry `{}` of the image store is damaged: {why}", entry.display())]
    Damaged {
        /// Its directory.
        entry: PathBuf,
        /// The difference.
        why: String,
    },
    /// Others could put programs into the store, and this user would run them.
    #[error("the store `{}` cannot be trusted: {why}", root.display())]
    Untrusted {
        /// The directory.
        root: PathBuf,
        /// Why.
        why: String,
    },
    /// Reading failed.
    #[error("cannot read `{path}`")]
    Read {
        /// The path that could not be read.
        path: PathBuf,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// A signal asked the harness to stop while it waited for another process.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl StoreError {
    /// A hint for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            StoreError::Full { .. } => Some("make room, or let `KERNSNAP_STORE` name a directory on another disk"),
            StoreError::ReadOnly { .. } => Some("let `KERNSNAP_STORE` name a directory that can be written"),
            StoreError::Foreign { .. } => Some("let `KERNSNAP_STORE` or `--store` name a directory of its own"),
            StoreError::Untrusted { .. } => {
                Some("use a store that belongs to you and that others cannot write to (`chmod -R go-w`)")
            }
            StoreError::InTheWay { .. } => Some("move it away, or let `KERNSNAP_STORE` name another directory"),
            StoreError::Damaged { .. } => Some("remove that directory; the entry is made again"),
            StoreError::Write { source, .. } if is_in_the_way(source) => {
                Some("something else is in its place: move it away, or let `KERNSNAP_STORE` name another directory")
            }
            _ => None,
        }
    }

    /// For `map_err` after writing `path`.
    pub fn write(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => StoreError::Full { path },
            io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied => {
                StoreError::ReadOnly { path, source }
            }
            _ => StoreError::Write { path, source },
        }
    }

    /// For `map_err` after reading `path`.
    pub fn read(path: &Path) -> impl FnOnce(io::Error) -> StoreError {
        let path = path.to_owned();
        move |source| StoreError::Read { path, source }
    }
}

/// True if a file was found in the place of a directory, or a directory in that of a file.
fn is_in_the_way(error: &io::Error) -> bool {
    use io::ErrorKind::{AlreadyExists, IsADirectory, NotADirectory};
    matches!(error.kind(), AlreadyExists | IsADirectory | NotADirectory)
}
