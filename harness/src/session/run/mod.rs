//! One run of one scenario on one image: the only place that knows the whole way from a scenario to its verdict.
//!
//! ```text
//! Scenario, ImageRuntime, GuestPayload, Schedule ─▶ RunInput ──boot─────────▶ Evidence ──read──▶ Outcome
//!                                        └─or the cache─┘
//! ```

mod input;
mod reading;
mod runner;

pub use input::{RunInput, for_card};
pub use reading::recorded;
pub use runner::{CachePolicy, Run, Runner};

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use crate::session::cache::CacheMismatch;
use kernsnap_analysis::cost::{Clock, Figure, figures};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::view::{RoleMap, View};
use kernsnap_image::module_file::ModuleFile;
use kernsnap_machine::capabilities::TraceCapabilities;
use kernsnap_machine::plan::Plan;
use kernsnap_machine::{Boot, BootError, Lockstep, Machine, Schedule, Times};
use kernsnap_scenario::Scenario;
use kernsnap_trace::{Symbols, Trace};
use kernsnap_yaml::Diagnostic;

/// All that runs on one image are made of. Read once, used by many runs.
#[derive(Clone, Debug)]
pub struct ImageRuntime {
    /// The image's name.
    pub image: String,
    /// The content hash of everything the image is built from.
    pub image_key: String,
    /// The board's name, that of a file in `images/boards/`.
    pub board: String,
    /// The board.
    pub machine: Machine,
    /// The kernel's command line, without the console.
    pub command_line: String,
    /// The kernel's `Image`.
    pub kernel: PathBuf,
    /// The device tree blob.
    pub device_tree: PathBuf,
    /// blake3 of both files' bytes, hexadecimal.
    pub content: String,
    /// The kernel's symbols.
    pub symbols: Symbols,
    /// The tracing capabilities of the kernel.
    pub facts: TraceCapabilities,
    /// The guest's init.
    pub init: Vec<u8>,
    /// Whether the kernel switches the board off by itself.
    pub powers_off: bool,
    /// The library that orders QEMU's threads.
    pub lockstep: Lockstep,
}

/// The additions of one scenario to the [`ImageRuntime`].
#[derive(Clone, Debug, Default)]
pub struct GuestPayload {
    /// Guest programs by name.
    pub programs: BTreeMap<String, Vec<u8>>,
    /// Guest modules by name: the file, and what it says.
    pub modules: BTreeMap<String, (Vec<u8>, ModuleFile)>,
    /// The dependencies of those modules that the scenario does not load itself, in load order.
    pub dependencies: Vec<(String, Vec<u8>)>,
    /// The kernel parameters after the image's own.
    pub boot_parameters: String,
    /// Whether a panic is the end that is expected, and not the loss of the machine.
    pub may_panic: bool,
}

/// Names of the files that make up the evidence of a run.
pub mod evidence {
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
    /// The view.
    pub const VIEW: &str = "view.txt";
    /// The outcome, as `--json` prints it.
    pub const RESULT: &str = "result.json";
    /// The data of a report. Only where evidence is kept.
    pub const REPORT: &str = "report.json";
}

/// A run that took place, and what it showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The judgement.
    pub verdict: Verdict,
    /// The behaviour.
    pub view: View,
    /// The typed trace.
    pub trace: Trace,
    /// Who is who in it.
    pub cast: RoleMap,
    /// The guest's console output.
    pub console: String,
    /// SHA-256 of the channel's sections, in hexadecimal.
    pub raw_sha256: String,
    /// SHA-256 of the view's text, in hexadecimal.
    pub view_sha256: String,
    /// Guest time at the end, in nanoseconds since power-on; a panic does not tell it.
    pub guest_ns: Option<u64>,
    /// Guest time at each phase, in nanoseconds since power-on.
    pub phases: BTreeMap<String, u64>,
    /// Host time of QEMU's parts; `None` where the cache stood for a boot.
    pub times: Option<Times>,
    /// Host time from the first byte prepared to the verdict.
    pub total: Duration,
    /// The schedule.
    pub schedule: Schedule,
}

/// The backstop of a boot in host time, where no argument sets it.
pub const LIMIT: Duration = Duration::from_secs(120);

impl Outcome {
    /// The costs that the scenario asks for, in instructions.
    #[must_use]
    pub fn figures(&self, scenario: &Scenario) -> Vec<Figure> {
        let clock = Clock { ns_per_instruction: self.schedule.ns_per_instruction(), cpus: self.schedule.cpus };
        figures(scenario, &self.trace, &self.cast, clock)
    }
}

/// Why a run has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine did not come to its end.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The kernel does not take the scenario's trace settings, so there was no run to judge.
    #[error("{0}")]
    Refused(Box<Diagnostic>),
    /// A boot gave other bytes than the cache has of the same input.
    #[error(transparent)]
    CacheMismatch(#[from] CacheMismatch),
    /// A file of the run's directory cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Runs `scenario` once, leaving its evidence in `directory`, which exists. A machine is booted, and no cache asked.
///
/// # Errors
/// [`RunError`] where there is no verdict; the logs stand in `directory` all the same.
pub fn run(
    scenario: &Scenario,
    runtime: &ImageRuntime,
    payload: &GuestPayload,
    schedule: Schedule,
    directory: &Path,
    limit: Duration,
) -> Result<Outcome, RunError> {
    let run = Run::booted(scenario, runtime, payload, schedule, directory, limit)?;
    run.leave(directory)?;
    Ok(run.outcome)
}

/// Boots a guest that carries out `plan` with `load` in its root.
///
/// # Errors
/// As [`run`].
pub fn boot_plan(
    runtime: &ImageRuntime,
    payload: &GuestPayload,
    plan: String,
    schedule: Schedule,
    directory: &Path,
    limit: Duration,
) -> Result<Boot, RunError> {
    RunInput::new(runtime, payload, Plan::from_text(plan), schedule)?.boot(directory, limit)
}

fn write(directory: &Path, name: &str, content: &[u8]) -> Result<(), RunError> {
    let path = directory.join(name);
    fs::write(&path, content).map_err(|source| RunError::Write { path, source })
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
