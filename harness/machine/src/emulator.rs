//! Which QEMU this host has, and what keeps its threads in order. Exact bytes belong to one build of it.

use std::env::consts::ARCH;
use std::fs::{self, File};

use serde::{Deserialize, Serialize};

use crate::lockstep::CONFINEMENT;
use crate::{Lockstep, lockstep, qemu};
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture, doctor};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::Events;
use kernsnap_host::stamp::Stamp;
use kernsnap_host::store::{Store, StoreError};

/// One build of QEMU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emulator {
    /// Its version, one line.
    pub version: String,
    /// blake3 of the program and of what orders its threads, hexadecimal: distributions rebuild a version, and not every build
    /// counts time alike.
    pub hash: String,
    /// True if it can filter its own system calls.
    #[serde(default)]
    pub confined: bool,
}

/// The record of what is known of QEMU. Its name changes with its content.
const RECORD: &str = "qemu-system-aarch64-2";

impl Emulator {
    /// The QEMU on this host, if the harness can work with it. Asking costs a process, and hashing reads the program, so both
    /// answers are kept for as long as it stays the same file.
    ///
    /// # Errors
    /// If QEMU is not on this host, does not answer, or is too old.
    pub fn find(store: &Store) -> Result<Self, ToolError> {
        let tool = Tool::resolve(qemu::PROGRAM)?;
        let stamp = Stamp::from_path(tool.path());
        let known = store.record::<(Stamp, Self)>(RECORD).filter(|(known, _)| stamp.as_ref() == Some(known));
        let found = if let Some((_, found)) = known {
            found
        } else {
            let found = Self::ask(&tool)?;
            // A store that cannot be written costs this each time, no more.
            let _ = stamp.map(|stamp| store.set_record(RECORD, &(stamp, &found)));
            found
        };
        doctor::accept(&tool, &found.version)?;
        let hash = blake3::hash([found.hash, lockstep::source()].concat().as_bytes()).to_hex().to_string();
        Ok(Self { hash, ..found })
    }

    fn ask(tool: &Tool) -> Result<Self, ToolError> {
        let call = ToolCall::new(tool.clone()).arg("--version");
        let version = capture(&call)?.lines().next().unwrap_or_default().to_owned();
        let mut hasher = blake3::Hasher::new();
        File::open(tool.path())
            .and_then(|mut program| hasher.update_reader(&mut program).map(drop))
            .map_err(|source| ToolError::Start { call: call.to_string(), source })?;
        // Not every build has seccomp. The list of CPUs comes after the filter is in force.
        let call = ToolCall::new(tool.clone()).args(CONFINEMENT).args(["-machine", "none", "-cpu", "help"]);
        let confined = match capture(&call) {
            Err(error @ ToolError::Interrupted(_)) => return Err(error),
            answer => answer.is_ok(),
        };
        Ok(Self { version, hash: hasher.finalize().to_hex().to_string(), confined })
    }
}

/// Why QEMU's threads cannot be ordered.
#[derive(Debug, thiserror::Error)]
pub enum LockstepError {
    /// The library cannot be compiled.
    #[error("cannot compile the library that orders the threads of QEMU: {0}")]
    Compile(#[from] ToolError),
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// What the library is compiled with.
const FLAGS: [&str; 8] =
    ["-std=gnu11", "-O2", "-Wall", "-Wextra", "-Werror", "-shared", "-fPIC", "-fvisibility=hidden"];

/// The library that orders QEMU's threads, compiled where it is not in the store.
///
/// # Errors
/// If the host has no C compiler, or the store cannot be written.
pub fn lockstep(store: &Store, events: Events<'_>) -> Result<Lockstep, LockstepError> {
    const LIBRARY: &str = "lockstep.so";
    let inputs = CacheInputs::new("lockstep", 1)
        .with("host", ARCH)
        .with("flags", FLAGS.join(" "))
        .with("source", lockstep::source());
    let entry = store.ensure(&inputs, events, |directory, _| {
        let mut call = ToolCall::new(Tool::resolve("gcc")?).args(FLAGS).arg("-o").arg(directory.join(LIBRARY));
        for (name, text) in lockstep::SOURCES {
            let source = directory.join(name);
            fs::write(&source, text).map_err(StoreError::write(&source))?;
            if source.extension().is_some_and(|extension| extension == "c") {
                call = call.arg(source);
            }
        }
        capture(&call)?;
        Ok::<_, LockstepError>(vec![LIBRARY.to_owned()])
    })?;
    let confined = Emulator::find(store).is_ok_and(|found| found.confined);
    Ok(Lockstep { library: entry.file(LIBRARY), adverse: false, confined })
}
