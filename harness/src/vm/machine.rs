//! A board that QEMU models: data, from `images/boards/<name>.yaml`.

use std::path::Path;

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use crate::scenario::diagnostic::{self, Diagnostic};

/// What the harness must know of a board.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    /// One line for people.
    pub description: String,
    /// QEMU's name of it (`-M`).
    pub qemu_machine: String,
    /// Guest memory in MiB. The Pi models accept one size only.
    pub memory_mib: u32,
    /// Number of CPUs the board has.
    pub cpus: u16,
    /// QEMU's property for the number of CPUs that are switched on, where fewer than all are wanted. One that is on and that
    /// the kernel does not use spins, so that idle time is executed instead of skipped.
    pub cpus_property: Option<String>,
    /// The kernel's name of the console (`console=`).
    pub console: String,
    /// The reserved region through which evidence leaves the guest.
    pub channel: Region,
}

/// A range of guest physical memory.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// First byte, as the guest's CPUs address it.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

impl Machine {
    /// A board for tests.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            description: "a board".into(),
            qemu_machine: "raspi3b".into(),
            memory_mib: 1024,
            cpus: 4,
            cpus_property: Some("bcm2837.enabled-cpus".into()),
            console: "ttyAMA0,115200".into(),
            channel: Region { address: 0, size: 0 },
        }
    }

    /// The schedule of a run that names none: 2 ns an instruction, all CPUs.
    #[must_use]
    pub fn usual_schedule(&self) -> Schedule {
        Schedule::new(1, self.cpus)
    }

    /// Reads the description `text` of the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first mistake.
    pub fn read(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        diagnostic::from_yaml(path, text)
    }
}
