//! The files that make up the evidence of a run, by their names in its directory.

use std::fs;
use std::path::Path;

use super::RunError;
pub use kernsnap_machine::boot::{CONSOLE_LOG, QEMU_LOG};

/// QEMU's command line.
pub const COMMAND: &str = "command.txt";
/// The guest's root file system.
pub const INITRAMFS: &str = "initramfs.cpio";
/// The files that init adds to it.
pub const PAYLOAD: &str = "payload.bin";
/// The plan, which is also in the payload.
pub const PLAN: &str = "plan.txt";
/// The sections of the channel: the raw trace and the guest's report.
pub const RAW: &str = "trace.raw";
/// The trace with its formats and symbols: whoever reads it needs neither the image nor the scenario. Only where evidence is kept.
pub const RECORDING: &str = "trace.dat";
/// The kernel's log, as dmesg prints it.
pub const DMESG: &str = "dmesg.txt";
/// The view.
pub const VIEW: &str = "view.txt";
/// The outcome, as `--json` prints it.
pub const RESULT: &str = "result.json";
/// The data of a report. Only where evidence is kept.
pub const REPORT: &str = "report.json";

pub(super) fn write(directory: &Path, name: &str, content: &[u8]) -> Result<(), RunError> {
    let path = directory.join(name);
    fs::write(&path, content).map_err(|source| RunError::Write { path, source })
}
