//! Which QEMU this host has, and what keeps its threads in order. Exact bytes belong to one build of it.

use std::collections::BTreeSet;
use std::env::consts::ARCH;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

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
    /// blake3 of the program, of the shared libraries that it is loaded with, and of what orders its threads, hexadecimal:
    /// distributions rebuild a version, and not every build counts time alike.
    pub hash: String,
    /// True if it can filter its own system calls.
    #[serde(default)]
    pub confined: bool,
}

/// The record of what is known of QEMU. Its name changes with its content.
const RECORD: &str = "qemu-system-aarch64-3";

impl Emulator {
    /// The QEMU on this host, if the harness can work with it. Asking costs a process, and hashing reads the program, so both
    /// answers are kept for as long as it stays the same file.
    ///
    /// # Errors
    /// If QEMU is not on this host, does not answer, or is too old.
    pub fn find(store: &Store) -> Result<Self, ToolError> {
        let tool = Tool::resolve(qemu::PROGRAM)?;
        let is_of = |stamps: &[Stamp]| stamps.first() == Stamp::from_path(tool.path()).as_ref();
        let known = store
            .record::<(Vec<Stamp>, Self)>(RECORD)
            .filter(|(stamps, _)| is_of(stamps) && stamps.iter().all(Stamp::holds));
        let found = if let Some((_, found)) = known {
            found
        } else {
            let files = [vec![tool.path().to_owned()], libraries(&tool)?].concat();
            let stamps: Vec<Stamp> = files.iter().filter_map(|file| Stamp::from_path(file)).collect();
            let found = Self::ask(&tool, &files)?;
            // A store that cannot be written costs this each time, no more.
            let _ = store.set_record(RECORD, &(stamps, &found));
            found
        };
        doctor::accept(&tool, &found.version)?;
        let hash = blake3::hash([found.hash, lockstep::source()].concat().as_bytes()).to_hex().to_string();
        Ok(Self { hash, ..found })
    }

    fn ask(tool: &Tool, files: &[PathBuf]) -> Result<Self, ToolError> {
        let call = ToolCall::new(tool.clone()).arg("--version");
        let version = capture(&call)?.lines().next().unwrap_or_default().to_owned();
        let mut hasher = blake3::Hasher::new();
        for file in files {
            let mut content = blake3::Hasher::new();
            File::open(file)
                .and_then(|mut file| content.update_reader(&mut file).map(drop))
                .map_err(|source| ToolError::Start { call: call.to_string(), source })?;
            hasher.update(content.finalize().as_bytes());
        }
        // Not every build has seccomp. The list of CPUs comes after the filter is in force.
        let call = ToolCall::new(tool.clone()).args(CONFINEMENT).args(["-machine", "none", "-cpu", "help"]);
        let confined = match capture(&call) {
            Err(error @ ToolError::Interrupted(_)) => return Err(error),
            answer => answer.is_ok(),
        };
        Ok(Self { version, hash: hasher.finalize().to_hex().to_string(), confined })
    }
}

/// The shared libraries that a program is loaded with, in the order of their paths. The C library's loader lists them in place of
/// running the program (`LD_TRACE_LOADED_OBJECTS`, ld.so(8)); a program without a loader has none.
fn libraries(tool: &Tool) -> Result<Vec<PathBuf>, ToolError> {
    let listed = capture(&ToolCall::new(tool.clone()).arg("--version").env("LD_TRACE_LOADED_OBJECTS", "1"))?;
    Ok(paths(&listed))
}

/// The files in a list as ld.so(8) prints it.
fn paths(listed: &str) -> Vec<PathBuf> {
    let file = |line: &str| {
        let (words, _address) = line.trim().rsplit_once(" (0x")?;
        let path = Path::new(words.split_once(" => ").map_or(words, |(_, path)| path).trim());
        path.is_absolute().then(|| path.to_owned())
    };
    let files: BTreeSet<PathBuf> = listed.lines().filter_map(file).collect();
    files.into_iter().collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_libraries_are_read_off_the_loaders_list() {
        let listed = "\tlinux-vdso.so.1 (0x00007ffc)\n\tlibpixman-1.so.0 => /lib/x/libpixman-1.so.0 (0x00007f43)\n\
                      \tlibmissing.so => not found\n\t/lib64/ld-linux-x86-64.so.2 (0x00007f44)\n";
        let expected = ["/lib/x/libpixman-1.so.0", "/lib64/ld-linux-x86-64.so.2"].map(PathBuf::from);
        assert_eq!(paths(listed), expected);
        assert_eq!(paths("QEMU emulator version 7.2.0\n"), Vec::<PathBuf>::new());
    }

    #[test]
    fn another_library_is_another_qemu() -> Result<(), Box<dyn std::error::Error>> {
        let tool = Tool::resolve(qemu::PROGRAM)?;
        let libraries = libraries(&tool)?;
        assert!(libraries.iter().any(|file| file.to_string_lossy().contains("libc.so")), "{libraries:?}");
        let directory = tempfile::tempdir()?;
        let library = directory.path().join("libc.so");
        let mut hashes = Vec::new();
        for content in ["one", "two"] {
            fs::write(&library, content)?;
            hashes.push(Emulator::ask(&tool, &[tool.path().to_owned(), library.clone()])?.hash);
        }
        assert_ne!(hashes[0], hashes[1]);
        Ok(())
    }
}
