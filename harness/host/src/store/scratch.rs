//! Temporary directories on the store's own disk.

use std::fs::{self, File, OpenOptions};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use rustix::fs::{FlockOperation, flock};
use tempfile::TempDir;

use super::lock::with_lock;
use super::{Store, StoreError, remove};
use crate::files;

/// The end of a lock file's name.
const LOCK: &str = ".lock";

/// An earlier version named its directories after process ids. A process id says nothing across containers, so what is left of
/// that version goes by its age.
const OLD: Duration = Duration::from_secs(24 * 60 * 60);

/// An empty directory for temporary files. It is removed when this is dropped, or, where its process was killed, by the next
/// process that wants one: the lock beside it ends with its process, in whatever container that ran.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    /// None where the directory is not in the store.
    lock: Option<(PathBuf, File)>,
}

impl Scratch {
    /// Its path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.directory.path()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A lock file without a directory is removed by the next process that wants one.
        if let Some((lock, _held)) = &self.lock {
            let _gone = files::remove_file(lock);
        }
    }
}

impl Store {
    /// An empty directory for temporary files. It is among the system's where the store cannot be written: what is in the store can be
    /// used all the same.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when neither can be written.
    pub fn scratch(&self) -> Result<Scratch, StoreError> {
        match self.own_scratch() {
            Err(StoreError::ReadOnly { path, .. }) => {
                let directory = tempfile::Builder::new().prefix("kernsnap-").tempdir();
                Ok(Scratch { directory: directory.map_err(StoreError::write(&path))?, lock: None })
            }
            scratch => scratch,
        }
    }

    fn own_scratch(&self) -> Result<Scratch, StoreError> {
        let parent = self.sub("scratch")?;
        // No other process sweeps between the creation of a lock file and its locking.
        let order = self.sub("lock")?.join("scratch.lock");
        with_lock(&order, &mut |_| (), || {
            sweep(&parent)?;
            let directory = tempfile::Builder::new().prefix("run-").tempdir_in(&parent);
            let directory = directory.map_err(StoreError::write(&parent))?;
            let mut lock = directory.path().as_os_str().to_owned();
            lock.push(LOCK);
            let lock = PathBuf::from(lock);
            let held = hold(&lock).map_err(StoreError::write(&lock))?;
            Ok(Scratch { directory, lock: Some((lock, held)) })
        })
    }
}

/// Creates a lock file and locks it.
fn hold(path: &Path) -> io::Result<File> {
    let file = OpenOptions::new().write(true).create_new(true).open(path)?;
    flock(&file, FlockOperation::NonBlockingLockExclusive)?;
    Ok(file)
}

/// Removes the directories of processes that were killed.
fn sweep(parent: &Path) -> Result<(), StoreError> {
    for entry in fs::read_dir(parent).map_err(StoreError::read(parent))?.flatten() {
        let (path, name) = (entry.path(), entry.file_name());
        let Some(name) = name.to_str() else { continue };
        if let Some(directory) = name.strip_suffix(LOCK).filter(|name| name.starts_with("run-")) {
            let free = File::open(&path).and_then(|file| Ok(flock(&file, FlockOperation::NonBlockingLockExclusive)?));
            if free.is_ok() {
                remove(&parent.join(directory))?;
                let _gone = files::remove_file(&path);
            }
        } else if name.starts_with("run-") && !parent.join(format!("{name}{LOCK}")).exists() {
            // Its process was killed while it removed the directory.
            remove(&path)?;
        } else if is_of_earlier_version(name) && is_old(&path) {
            remove(&path)?;
        }
    }
    Ok(())
}

fn is_of_earlier_version(name: &str) -> bool {
    name.split_once('-').is_some_and(|(pid, _)| !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()))
}

fn is_old(path: &Path) -> bool {
    let modified = path.symlink_metadata().and_then(|meta| meta.modified());
    modified.is_ok_and(|then| SystemTime::now().duration_since(then).is_ok_and(|age| age > OLD))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scratch_directory_goes_with_its_owner() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let store = Store::at(dir.path());
        let mine = store.scratch()?;
        fs::write(mine.path().join("file"), "content")?;
        let parent = dir.path().join("scratch");
        // Of a process that was killed: its lock is free, whatever process ids say.
        fs::create_dir(parent.join("run-dead"))?;
        fs::write(parent.join("run-dead.lock"), "")?;
        fs::create_dir(parent.join("run-half"))?;
        // Of an earlier version: another container's process may have this id, or none.
        fs::create_dir(parent.join("4294967295-left"))?;
        // Not ours.
        fs::create_dir(parent.join("letters"))?;
        let other = store.scratch()?;
        assert!(mine.path().join("file").exists() && other.path() != mine.path());
        assert!(
            !parent.join("run-half").exists()
                && !parent.join("run-dead").exists()
                && !parent.join("run-dead.lock").exists()
        );
        assert!(parent.join("4294967295-left").exists() && parent.join("letters").exists());
        let path = mine.path().to_owned();
        drop(mine);
        assert!(!path.exists() && !path.with_extension("lock").exists());
        Ok(())
    }
}
