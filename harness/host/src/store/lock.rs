//! The right to build one entry.

use std::fs::{File, OpenOptions};
use std::io::{self, Seek, Write};
use std::path::Path;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use fd_lock::RwLock;

use super::StoreError;
use crate::interrupt;

/// How often a waiting process looks whether it was asked to stop.
const LOOK_UP: Duration = Duration::from_millis(100);

/// Does this while holding the lock in this file, whose text describes its holder. The system releases the lock when its
/// holder ends, however it ends. While another process has it, this one waits, after telling `waiting` who has it.
pub(super) fn with_lock<T, E: From<StoreError>>(
    path: &Path,
    waiting: &mut dyn FnMut(&str),
    act: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    let mut lock = RwLock::new(open(path)?);
    let mut told = false;
    loop {
        match lock.try_write() {
            Ok(mut held) => {
                describe_holder(&mut held).map_err(StoreError::write(path))?;
                return act();
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
            Err(error) => return Err(StoreError::write(path)(error).into()),
        }
        if !told {
            let holder = std::fs::read_to_string(path).unwrap_or_default();
            waiting(holder.trim());
            told = true;
        }
        wait_until_free(&when_free(path)?)?;
    }
}

/// Does this while holding the lock in this file, unless another process has it.
pub(super) fn if_free<T>(path: &Path, act: impl FnOnce() -> T) -> Result<Option<T>, StoreError> {
    let mut lock = RwLock::new(open(path)?);
    Ok(lock.try_write().ok().map(|_held| act()))
}

fn open(path: &Path) -> Result<File, StoreError> {
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map_err(StoreError::write(path))
}

fn describe_holder(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    file.rewind()?;
    writeln!(file, "process {}", std::process::id())
}

/// A message when the lock has been free once. The thread that blocks for it is left behind on an interruption: the process
/// ends soon then, and the thread with it.
fn when_free(path: &Path) -> Result<Receiver<()>, StoreError> {
    let mut lock = RwLock::new(open(path)?);
    let (free, seen) = mpsc::channel();
    thread::spawn(move || {
        // Success or not, trying again is what tells; and the result is not used after an interruption.
        drop(lock.write());
        let _nobody = free.send(());
    });
    Ok(seen)
}

fn wait_until_free(free: &Receiver<()>) -> Result<(), StoreError> {
    loop {
        interrupt::check()?;
        match free.recv_timeout(LOOK_UP) {
            Ok(()) | Err(RecvTimeoutError::Disconnected) => return Ok(()),
            Err(RecvTimeoutError::Timeout) => {}
        }
    }
}
