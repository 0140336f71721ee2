//! Which QEMU this host has. Exact bytes belong to one build of it.

use std::fs::File;

use serde::{Deserialize, Serialize};

use crate::exec::{Tool, ToolCall, ToolError, capture, doctor};
use crate::image::{Stamp, Store};
use crate::vm::qemu;

/// One build of QEMU.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emulator {
    /// What it says of itself, one line.
    pub version: String,
    /// blake3 of the program, hexadecimal: distributions rebuild a version, and not every build counts time alike.
    pub hash: String,
}

impl Emulator {
    /// The QEMU on this host, if the harness can work with it. Asking costs a process, and hashing reads the program, so both
    /// answers are kept for as long as it stays the same file.
    ///
    /// # Errors
    /// Where QEMU is not on this host, does not answer, or is too old.
    pub fn find(store: &Store) -> Result<Self, ToolError> {
        let tool = Tool::resolve(qemu::PROGRAM)?;
        let stamp = Stamp::of(tool.path());
        let known = store.record::<(Stamp, Self)>(qemu::PROGRAM).filter(|(known, _)| stamp.as_ref() == Some(known));
        let found = if let Some((_, found)) = known {
            found
        } else {
            let found = Self::ask(&tool)?;
            // A store that cannot be written costs this each time, no more.
            let _ = stamp.map(|stamp| store.set_record(qemu::PROGRAM, &(stamp, &found)));
            found
        };
        doctor::accept(&tool, &found.version)?;
        Ok(found)
    }

    fn ask(tool: &Tool) -> Result<Self, ToolError> {
        let call = ToolCall::new(tool.clone()).arg("--version");
        let version = capture(&call)?.lines().next().unwrap_or_default().to_owned();
        let mut hasher = blake3::Hasher::new();
        File::open(tool.path())
            .and_then(|mut program| hasher.update_reader(&mut program).map(drop))
            .map_err(|source| ToolError::Start { call: call.to_string(), source })?;
        Ok(Self { version, hash: hasher.finalize().to_hex().to_string() })
    }
}
