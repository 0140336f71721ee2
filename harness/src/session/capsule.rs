//! A run as one file: everything that reached the guest, and what came out. Whoever has the same build of QEMU gets the same
//! bytes from it, without checkout, store or compiler.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::session::boards;
use crate::session::run::{RunInput, evidence};
use crate::session::status::RunStatus;
use kernsnap_host::archive::{Effort, pack, unpack};
use kernsnap_host::exec::ToolCall;
use kernsnap_machine::boot::command;
use kernsnap_machine::emulator::Emulator;
use kernsnap_machine::memory::GuestMemory;
use kernsnap_machine::{Boot, BootError, BootRequest, Evidence, Lockstep, Machine, Schedule, boot};

/// Raised when the parts change. Format 1 described its board itself.
const FORMAT: u32 = 2;

/// The description in a capsule: `capsule.json`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    format: u32,
    /// The scenario's id.
    pub scenario: String,
    /// The image's name.
    pub image: String,
    /// The hash of everything the image was made from.
    pub image_key: String,
    /// The schedule, as the command line takes it.
    pub schedule: Schedule,
    /// The status of the run, as whoever made the capsule claims it.
    pub verdict: RunStatus,
    /// The reasons that go with it.
    pub reasons: Vec<String>,
    /// The QEMU that ran it.
    pub qemu: Emulator,
    /// The name of the board, one of kernsnap's own.
    board: String,
    command_line: String,
    may_panic: bool,
    powers_off: bool,
    /// How the machine ended; `None` where it was lost.
    end: Option<End>,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct End {
    panic: Option<String>,
    guest_ns: Option<u64>,
}

/// Names of the parts that are not evidence.
const ABOUT: &str = "capsule.json";
const KERNEL: &str = "Image";
const DEVICE_TREE: &str = "board.dtb";

/// The parts of a capsule that are made of its evidence, for a reader without the image.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Derived {
    /// The recording as a `trace.dat`, with its formats and symbols.
    pub recording: Option<Vec<u8>>,
    /// The data of the report, as JSON.
    pub report: Option<Vec<u8>>,
}

/// A run as one file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capsule {
    /// Its version line.
    pub about: About,
    files: BTreeMap<String, Vec<u8>>,
}

/// The result of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replay {
    /// The machine came to its end.
    Ended(Evidence),
    /// It was lost.
    Lost(String),
}

/// The part of the description that all formats have.
#[derive(Deserialize)]
struct Format {
    format: u32,
}

/// The longest command line of a kernel on Arm (`COMMAND_LINE_SIZE`).
const LONGEST_COMMAND_LINE: usize = 2048;

impl About {
    /// The board.
    fn machine(&self) -> io::Result<Machine> {
        let known = || boards::names().collect::<Vec<_>>().join(", ");
        boards::find(&self.board).ok_or_else(|| {
            invalid(format!(
                "kernsnap does not describe the board `{}`; there are {}",
                self.board.escape_debug(),
                known()
            ))
        })
    }

    /// Checks every value that QEMU or a terminal gets: a capsule may come from anybody.
    fn check(&self) -> io::Result<()> {
        let machine = self.machine()?;
        if self.schedule.cpus > machine.cpus {
            return Err(invalid(format!(
                "the board `{}` has {} CPUs, not {}",
                self.board, machine.cpus, self.schedule.cpus
            )));
        }
        let is_printable = |text: &str| text.bytes().all(|byte| (b' '..=b'~').contains(&byte));
        if self.command_line.len() > LONGEST_COMMAND_LINE || !is_printable(&self.command_line) {
            return Err(invalid("its kernel command line is not printable ASCII of at most 2048 bytes"));
        }
        let is_name = |name: &str| {
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"._-".contains(&byte))
        };
        match [&self.scenario, &self.image].into_iter().find(|name| !is_name(name)) {
            Some(wrong) => Err(invalid(format!("`{}` is not a name", wrong.escape_debug()))),
            None => Ok(()),
        }
    }
}

fn invalid(why: impl Into<String>) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, why.into())
}

impl Capsule {
    /// The capsule of a run that was judged like this. There is no evidence of a machine that was lost.
    ///
    /// # Errors
    /// If the image's files cannot be read.
    pub fn from_run(
        scenario: &str,
        input: &RunInput<'_>,
        qemu: &Emulator,
        (verdict, reasons): (RunStatus, &[String]),
        evidence: Option<&Evidence>,
        derived: Derived,
    ) -> io::Result<Self> {
        let runtime = input.runtime;
        if boards::find(&runtime.board).as_ref() != Some(&runtime.machine) {
            return Err(invalid(format!(
                "the board `{}` is not one that kernsnap describes itself, so the run could not be replayed elsewhere",
                runtime.board
            )));
        }
        let about = About {
            format: FORMAT,
            scenario: scenario.to_owned(),
            image: runtime.image.clone(),
            image_key: runtime.image_key.clone(),
            schedule: input.schedule,
            verdict,
            reasons: reasons.to_vec(),
            qemu: qemu.clone(),
            board: runtime.board.clone(),
            command_line: input.command_line.clone(),
            may_panic: input.may_panic,
            powers_off: input.powers_off(),
            end: evidence.map(|evidence| End { panic: evidence.panic.clone(), guest_ns: evidence.guest_ns }),
        };
        let mut files = BTreeMap::from([
            (KERNEL.to_owned(), fs::read(&runtime.kernel)?),
            (DEVICE_TREE.to_owned(), fs::read(&runtime.device_tree)?),
            (evidence::INITRAMFS.to_owned(), input.initramfs.clone()),
            (evidence::PAYLOAD.to_owned(), input.files.clone()),
            (evidence::PLAN.to_owned(), input.plan.text.clone().into_bytes()),
        ]);
        if let Some(found) = evidence {
            files.insert(evidence::RAW.to_owned(), found.body.clone());
            files.insert(evidence::CONSOLE_LOG.to_owned(), found.console.clone());
        }
        let derived = [(evidence::RECORDING, derived.recording), (evidence::REPORT, derived.report)];
        files.extend(derived.into_iter().filter_map(|(name, part)| Some((name.to_owned(), part?))));
        Ok(Self { about, files })
    }

    /// The file.
    ///
    /// # Errors
    /// Those of [`pack`].
    pub fn pack(&self) -> io::Result<Vec<u8>> {
        let about = serde_json::to_vec_pretty(&self.about)?;
        let files = self.files.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice()));
        pack(&files.chain([(ABOUT, about.as_slice())]).collect(), Effort::Thorough)
    }

    /// Reads a file that [`Capsule::pack`] made.
    ///
    /// # Errors
    /// If it is not a capsule, is damaged, or of another format.
    pub fn unpack(bytes: &[u8]) -> io::Result<Self> {
        let mut files = unpack(bytes)?;
        let about = files.remove(ABOUT).ok_or_else(|| invalid(format!("`{ABOUT}` is missing in it")))?;
        let Format { format } = serde_json::from_slice(&about)?;
        if format != FORMAT {
            return Err(invalid(format!("it has format {format}, and this program reads {FORMAT}")));
        }
        let about: About = serde_json::from_slice(&about)?;
        about.check()?;
        if let Some(missing) =
            [KERNEL, DEVICE_TREE, evidence::INITRAMFS].into_iter().find(|name| !files.contains_key(*name))
        {
            return Err(invalid(format!("`{missing}` is missing in it")));
        }
        Ok(Self { about, files })
    }

    /// The evidence of the run; `None` where the machine was lost.
    #[must_use]
    pub fn evidence(&self) -> Option<Evidence> {
        let End { panic, guest_ns } = self.about.end.clone()?;
        let part = |name: &str| self.files.get(name).cloned().unwrap_or_default();
        let (body, console) = (part(evidence::RAW), part(evidence::CONSOLE_LOG));
        Some(Evidence { panic, guest_ns, body, console })
    }

    /// The recording as a `trace.dat`, with its formats and symbols; `None` where the machine was lost, and in capsules of version 0.2.
    #[must_use]
    pub fn recording(&self) -> Option<&[u8]> {
        self.files.get(evidence::RECORDING).map(Vec::as_slice)
    }

    /// The data of the report, as JSON; `None` where the recording is.
    #[must_use]
    pub fn report(&self) -> Option<&[u8]> {
        self.files.get(evidence::REPORT).map(Vec::as_slice)
    }

    /// The memory of the machine at power-on.
    ///
    /// # Errors
    /// If the system refuses, or the files are too large for the board.
    pub fn memory(&self) -> io::Result<GuestMemory> {
        let machine = self.about.machine()?;
        let payload = self.files.get(evidence::PAYLOAD).map(Vec::as_slice).unwrap_or_default();
        GuestMemory::with_payload(machine.memory_mib, machine.payload_in_memory(), payload)
    }

    /// QEMU's command line for the files that [`Capsule::leave`] left in `directory`, with the guest's memory in `memory`.
    ///
    /// # Errors
    /// If QEMU is not on this host.
    pub fn command(&self, lockstep: &Lockstep, directory: &Path, memory: &Path) -> Result<ToolCall, BootError> {
        let machine = self.machine()?;
        let paths = Paths::in_directory(directory);
        let call = command(&self.request(&machine, lockstep, &paths, Duration::ZERO), memory.to_owned());
        call.map_err(BootError::Tool)
    }

    fn machine(&self) -> Result<Machine, BootError> {
        self.about.machine().map_err(|source| BootError::File { path: ABOUT.into(), source })
    }

    /// Leaves the files of the machine in `directory`, which exists.
    ///
    /// # Errors
    /// [`BootError::File`].
    pub fn leave(&self, directory: &Path) -> Result<(), BootError> {
        for name in [KERNEL, DEVICE_TREE, evidence::INITRAMFS, evidence::PAYLOAD, evidence::PLAN] {
            let path = directory.join(name);
            let bytes = self.files.get(name).map(Vec::as_slice).unwrap_or_default();
            fs::write(&path, bytes).map_err(|source| BootError::File { path, source })?;
        }
        Ok(())
    }

    fn request<'a>(
        &'a self,
        machine: &'a Machine,
        lockstep: &'a Lockstep,
        paths: &'a Paths<'_>,
        limit: Duration,
    ) -> BootRequest<'a> {
        BootRequest {
            machine,
            lockstep,
            schedule: self.about.schedule,
            command_line: &self.about.command_line,
            kernel: &paths.kernel,
            device_tree: &paths.device_tree,
            initramfs: &paths.initramfs,
            payload: self.files.get(evidence::PAYLOAD).map(Vec::as_slice).unwrap_or_default(),
            directory: paths.directory,
            limit,
            may_panic: self.about.may_panic,
            powers_off: self.about.powers_off,
            card: None,
        }
    }

    /// Boots it in `directory`, which exists and gets the capsule's files.
    ///
    /// # Errors
    /// If the files cannot be written, QEMU cannot be started, or a user asked the harness to stop. A machine that is
    /// lost is an answer.
    pub fn replay(&self, lockstep: &Lockstep, directory: &Path, limit: Duration) -> Result<Replay, BootError> {
        self.leave(directory)?;
        let machine = self.machine()?;
        let paths = Paths::in_directory(directory);
        match boot(&self.request(&machine, lockstep, &paths, limit)) {
            Ok(Boot { evidence: found, .. }) => {
                let path = directory.join(evidence::RAW);
                fs::write(&path, &found.body).map_err(|source| BootError::File { path, source })?;
                Ok(Replay::Ended(found))
            }
            Err(error) if error.is_of_the_host() || matches!(error, BootError::File { .. }) => Err(error),
            Err(error) => Ok(Replay::Lost(error.to_string())),
        }
    }

    /// The differences between a replay and the capsule, one sentence each.
    #[must_use]
    pub fn differences(&self, replay: &Replay) -> Vec<String> {
        match (self.evidence(), replay) {
            (Some(known), Replay::Ended(found)) => known.differences(found),
            (Some(_), Replay::Lost(why)) => vec![format!("the machine was lost, and came to its end before: {why}")],
            (None, Replay::Ended(_)) => vec!["the machine came to its end, and was lost before".to_owned()],
            (None, Replay::Lost(why)) if self.about.reasons.iter().any(|reason| reason == why) => Vec::new(),
            (None, Replay::Lost(why)) => {
                vec![format!("the machine was lost otherwise: {why}; before: {}", self.about.reasons.join("; "))]
            }
        }
    }
}

/// The files of a machine that a capsule left.
struct Paths<'a> {
    directory: &'a Path,
    kernel: PathBuf,
    device_tree: PathBuf,
    initramfs: PathBuf,
}

impl<'a> Paths<'a> {
    fn in_directory(directory: &'a Path) -> Self {
        Self {
            directory,
            kernel: directory.join(KERNEL),
            device_tree: directory.join(DEVICE_TREE),
            initramfs: directory.join(evidence::INITRAMFS),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A capsule whose description is changed before it is packed.
    fn unpacked(change: impl FnOnce(&mut serde_json::Value)) -> io::Result<Capsule> {
        let mut about = serde_json::json!({
            "format": FORMAT, "scenario": "user-fork", "image": "rpi3-6.1", "image_key": "", "board": "raspi3b",
            "schedule": "1:4", "verdict": "passed", "reasons": [], "qemu": { "version": "10.0.2", "hash": "" },
            "command_line": "quiet", "may_panic": false, "powers_off": true, "end": null,
        });
        change(&mut about);
        let about = about.to_string();
        let empty = [KERNEL, DEVICE_TREE, evidence::INITRAMFS].map(|name| (name, [].as_slice()));
        Capsule::unpack(&pack(&empty.into_iter().chain([(ABOUT, about.as_bytes())]).collect(), Effort::Quick)?)
    }

    #[track_caller]
    fn refused(key: &str, value: impl Into<serde_json::Value>, why: &str) {
        let error = unpacked(|about| about[key] = value.into()).expect_err("it is refused");
        assert!(error.to_string().contains(why), "{error}");
    }

    #[test]
    fn a_capsule_names_a_board_and_does_not_describe_one() {
        assert!(unpacked(|_| ()).is_ok());
        refused("board", "raspi3b,dumpdtb=/tmp/file", "does not describe the board");
        refused("board", "../boards/raspi3b", "does not describe the board");
        refused("board", "", "does not describe the board");
        refused("machine", "raspi3b,dumpdtb=/tmp/file", "unknown field `machine`");
        refused("arguments", serde_json::json!(["-M", "virt"]), "unknown field `arguments`");
    }

    #[test]
    fn every_value_of_a_capsule_is_checked() {
        refused("schedule", "1:4,sleep=on", "is not a schedule");
        refused("schedule", "", "is not a schedule");
        refused("schedule", "1:5", "has 4 CPUs, not 5");
        refused("command_line", "quiet\u{1b}[2J", "not printable ASCII");
        refused("command_line", "x".repeat(3000), "not printable ASCII");
        refused("scenario", "user\nfork", "is not a name");
        refused("image", "../../etc", "is not a name");
        refused("format", 1, "it has format 1");
    }
}
