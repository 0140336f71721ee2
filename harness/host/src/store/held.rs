//! Entries in use. A process holds a shared lock on the manifest of each entry that it opened, as long as its [`super::Store`] lives,
//! and an entry is only removed by the holder of the exclusive lock.

use std::collections::BTreeMap;
use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use rustix::fs::{FlockOperation, flock};

use crate::files;

/// Bytes of a manifest at most.
pub(super) const LARGEST: u64 = 64 << 20;

/// The manifests of the entries that were opened, with their locks.
#[derive(Clone, Debug, Default)]
pub(super) struct Held(Arc<Mutex<BTreeMap<PathBuf, File>>>);

impl Held {
    /// Reads a manifest and holds it. A file system without locks opens it all the same.
    ///
    /// # Errors
    /// If the file cannot be read; [`io::ErrorKind::NotFound`] also where it was removed before it was held.
    pub(super) fn read(&self, manifest: &Path) -> io::Result<Vec<u8>> {
        let text = files::read_within(manifest, LARGEST)?;
        let file = File::open(manifest)?;
        // Whoever removes an entry has the exclusive lock for one rename only.
        if flock(&file, FlockOperation::LockShared).is_ok() {
            let place = |meta: &std::fs::Metadata| (meta.dev(), meta.ino());
            if place(&manifest.metadata()?) != place(&file.metadata()?) {
                return Err(io::ErrorKind::NotFound.into());
            }
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(manifest.to_owned(), file);
        }
        Ok(text)
    }
}

/// Does this while no process can hold the manifest; `None` where one holds it.
pub(super) fn if_unheld<T>(manifest: &Path, act: impl FnOnce() -> T) -> io::Result<Option<T>> {
    let file = File::open(manifest)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Err(error) if error == rustix::io::Errno::WOULDBLOCK => Ok(None),
        Err(error) => Err(error.into()),
        Ok(()) => Ok(Some(act())),
    }
}
