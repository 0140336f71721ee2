//! One boot, from power-on to power-off. The only place that waits for a machine.

use std::fmt;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use super::channel::{self, ChannelError};
use super::console::ConsoleFollower;
use super::evidence::Evidence;
use super::lockstep::{self, BOOT_LIMIT, Lockstep, boot_limit_s};
use super::machine::{Machine, Region};
use super::memory::GuestMemory;
use super::qemu::{self, RunFiles};
use super::report::ConsoleEvent;
use super::schedule::Schedule;
use kernsnap_host::exec::{Ended, Outputs, Process, Tool, ToolCall, ToolError};
use kernsnap_host::files;
use kernsnap_host::interrupt;
use kernsnap_host::interrupt::Interrupted;

/// How often the host looks at the console. Waking at QEMU's end does not wait for it.
const LOOK: Duration = Duration::from_millis(10);

/// How long a guest that has panicked may take to end, in host time.
const LAST_WORD: Duration = Duration::from_secs(2);

/// The console log's name in a run's directory.
pub const CONSOLE_LOG: &str = "console.log";

/// QEMU's own messages.
pub const QEMU_LOG: &str = "qemu.log";

/// The inputs of a boot, and the place of the evidence.
#[derive(Clone, Copy, Debug)]
pub struct BootRequest<'a> {
    /// The board.
    pub machine: &'a Machine,
    /// The library that orders QEMU's threads.
    pub lockstep: &'a Lockstep,
    /// CPUs and their pace.
    pub schedule: Schedule,
    /// The kernel's command line, without the console.
    pub command_line: &'a str,
    /// The kernel's `Image`.
    pub kernel: &'a Path,
    /// The device tree blob.
    pub device_tree: &'a Path,
    /// The initramfs.
    pub initramfs: &'a Path,
    /// The files of the run, as [`Root::to_payload`](crate::initramfs::Root::to_payload) gives them; empty where the
    /// initramfs holds everything.
    pub payload: &'a [u8],
    /// An existing directory for the logs.
    pub directory: &'a Path,
    /// The backstop in host time. The guest's own deadline is shorter, in guest time.
    pub limit: Duration,
    /// True if a panic is an end to judge, and not the loss of the machine.
    pub may_panic: bool,
    /// True if QEMU ends when the guest switches off. Where it does not, the guest's last word is the end.
    pub powers_off: bool,
    /// A file that is put into the board's card slot. The guest may write to it.
    pub card: Option<&'a Path>,
}

/// A boot that ended as it should: the guest finished its plan and the machine went off, or its kernel panicked where it may.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Boot {
    /// The evidence of the machine.
    pub evidence: Evidence,
    /// Host time of each part.
    pub times: Times,
    /// True if the machine said all it had to say. One that was switched off from outside may have had more on its lips, so
    /// its evidence is good for a verdict, and not for a comparison of bytes.
    pub settled: bool,
}

/// Host time of a boot's parts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Times {
    /// From the start of QEMU to its end.
    pub total: Duration,
    /// Until the guest's init had mounted what it needs.
    pub boot: Duration,
    /// Setting up the trace and running the scenario's steps.
    pub scenario: Duration,
    /// Moving the evidence out, and power-off.
    pub collect: Duration,
}

/// Why there is nothing to judge.
#[derive(Debug, thiserror::Error)]
pub enum BootError {
    /// QEMU is not there, or the system refuses to start it.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// A file of the run, or the guest's memory, cannot be made or read.
    #[error("cannot use `{}`", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The kernel panicked.
    #[error("the guest kernel panicked {reached}: {line}")]
    Panic {
        /// Its output.
        line: String,
        /// How far the guest had come.
        reached: Reached,
    },
    /// QEMU ended before the guest was finished.
    #[error("QEMU stopped early ({ended}) {reached}{}", tail(.said))]
    Died {
        /// How.
        ended: Ended,
        /// How far the guest had come.
        reached: Reached,
        /// QEMU's messages.
        said: String,
    },
    /// The template of the machine did not fork it, or is gone. The same machine can boot instead.
    #[error("the template of the machine cannot be used")]
    Template(#[source] io::Error),
    /// Without the order of its threads, QEMU's evidence depends on the host's scheduler.
    #[error("QEMU ran without `lockstep.so`, which makes its threads take turns: nothing it gave can be trusted{}", tail(.said))]
    Unordered {
        /// QEMU's messages.
        said: String,
    },
    /// The backstop in host time.
    #[error("the guest did not finish within {} s of host time, {reached}", limit.as_secs())]
    Stalled {
        /// The backstop.
        limit: Duration,
        /// How far the guest had come.
        reached: Reached,
    },
    /// The limit in guest time.
    #[error("the guest's init was not ready after {limit_s} s of guest time")]
    NotReady {
        /// The limit.
        limit_s: u64,
    },
    /// The guest waits for an interrupt, and no timer is left that would raise one.
    #[error("the guest sleeps for ever, {reached}: all its CPUs wait for an interrupt, and no timer is set")]
    Sleeps {
        /// How far the guest had come.
        reached: Reached,
    },
    /// The guest switched off, but what it left is not whole.
    #[error("{error}: the guest switched off {reached}")]
    Channel {
        /// The error in the channel.
        error: ChannelError,
        /// How far the guest had come.
        reached: Reached,
    },
    /// The guest switched off without completing its channel.
    #[error("the guest did not complete its report: it switched off {reached}")]
    Incomplete {
        /// How far the guest had come.
        reached: Reached,
    },
    /// A user asked the harness to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// How far a guest had come, as its console tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reached {
    /// The last phase of its plan.
    pub phase: Option<String>,
    /// Steps that had failed, and programs that had not ended when the deadline passed.
    pub troubles: Vec<String>,
}

impl fmt::Display for Reached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.phase {
            None => f.write_str("before its init was ready")?,
            Some(phase) => write!(f, "after it had reached phase `{phase}`")?,
        }
        self.troubles.iter().try_for_each(|trouble| write!(f, "; {trouble}"))
    }
}

impl BootError {
    /// True if this host or a person is the reason: it says nothing about the machine.
    #[must_use]
    pub fn is_of_the_host(&self) -> bool {
        matches!(self, Self::Interrupted(_) | Self::Tool(_) | Self::Unordered { .. } | Self::Template(_))
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(10)..].iter().fold(String::new(), |all, line| all + "\n  | " + line)
}

impl BootRequest<'_> {
    /// The memory of the machine at power-on.
    ///
    /// # Errors
    /// As [`GuestMemory::with_payload`].
    pub fn memory(&self) -> io::Result<GuestMemory> {
        GuestMemory::with_payload(self.machine.memory_mib, self.machine.payload_in_memory(), self.payload)
    }
}

/// The tool call of a boot, with the guest's memory under `memory`.
///
/// # Errors
/// If QEMU is not on this host.
pub fn command(request: &BootRequest<'_>, memory: PathBuf) -> Result<ToolCall, ToolError> {
    let console = request.directory.join(CONSOLE_LOG);
    Ok(request.lockstep.applied(unordered(request, console, request.initramfs.into(), memory)?))
}

/// The same without what the library needs.
pub(super) fn unordered(
    request: &BootRequest<'_>,
    console: PathBuf,
    initramfs: PathBuf,
    memory: PathBuf,
) -> Result<ToolCall, ToolError> {
    let files = RunFiles {
        kernel: request.kernel.into(),
        device_tree: request.device_tree.into(),
        initramfs,
        console,
        memory,
        card: request.card.map(Path::to_owned),
    };
    let arguments = qemu::arguments(request.machine, request.schedule, request.command_line, &files);
    Ok(ToolCall::new(Tool::resolve(qemu::PROGRAM)?).args(arguments))
}

pub(super) fn file_error(path: &Path) -> impl FnOnce(io::Error) -> BootError {
    let path = path.to_owned();
    move |source| BootError::File { path, source }
}

/// Boots, waits until the machine is off, and reads what the guest left.
///
/// # Errors
/// A [`BootError`] where the guest did not come to its end; the logs in the run's directory are the evidence.
pub fn boot(request: &BootRequest<'_>) -> Result<Boot, BootError> {
    let console_path = request.directory.join(CONSOLE_LOG);
    let qemu_log = request.directory.join(QEMU_LOG);
    // A forked run that was given up, because its template is gone, may still write to the files that it has open.
    for path in [&console_path, &qemu_log] {
        files::remove_file(path).map_err(file_error(path))?;
    }
    File::create(&console_path).map_err(file_error(&console_path))?;
    let log = File::open(&console_path).map_err(file_error(&console_path))?;
    let memory = request.memory().map_err(file_error(Path::new("guest memory")))?;
    let call = command(request, memory.path())?;

    // A guest with its files in the initramfs does not say that it is ready for them.
    let call = match request.payload {
        [] => call,
        _ => call.env(BOOT_LIMIT, boot_limit_s(request.schedule).to_string()),
    };
    let mut watch = Watch::new(ConsoleFollower::new(log), qemu_log.clone(), request);
    let process = Process::start(&call, Outputs { stdout: &qemu_log, stderr: &qemu_log })?;
    let ended = watch.until_off(request.limit, |time| process.wait_timeout(time).map_err(Stop::Tool));
    process.kill();
    watch.finish(request, ended, &memory, request.machine.channel_in_memory())
}

fn times(phases: &[(String, Instant)], started: Instant, total: Duration) -> Times {
    let at = |label: &str| phases.iter().find(|(known, _)| known == label).map(|(_, at)| at.duration_since(started));
    let boot = at("ready").unwrap_or(total);
    let collect = at("collect").unwrap_or(total);
    Times { total, boot, scenario: collect.saturating_sub(boot), collect: total.saturating_sub(collect) }
}

/// The watcher's state of a running machine.
pub(super) struct Watch {
    console: ConsoleFollower,
    qemu_log: PathBuf,
    started: Instant,
    phases: Vec<(String, Instant)>,
    troubles: Vec<String>,
    done: Option<u64>,
    panic: Option<String>,
    panic_ended: bool,
    /// When the guest said something behind which nothing comes.
    last_word: Option<Instant>,
    /// True if QEMU ends by itself after it.
    powers_off: bool,
}

/// Why a machine is not waited for any longer.
pub(super) enum Stop {
    Interrupted,
    Stalled,
    /// The guest waits for an interrupt that cannot come.
    Sleeps,
    /// The template of the machine is gone, and the machine with it.
    Template(io::Error),
    Tool(ToolError),
    Console(io::Error),
}

impl Watch {
    pub(super) fn new(console: ConsoleFollower, qemu_log: PathBuf, request: &BootRequest<'_>) -> Self {
        Self {
            console,
            qemu_log,
            started: Instant::now(),
            phases: Vec::new(),
            troubles: Vec::new(),
            done: None,
            panic: None,
            panic_ended: false,
            last_word: None,
            powers_off: request.powers_off,
        }
    }

    /// Reads what the machine left: the channel is in `region` of `memory`.
    pub(super) fn finish(
        self,
        request: &BootRequest<'_>,
        ended: Result<Option<Ended>, Stop>,
        memory: &GuestMemory,
        region: Region,
    ) -> Result<Boot, BootError> {
        let watch = self;
        let console_path = request.directory.join(CONSOLE_LOG);
        if let Some(end) = watch.console.last_word().filter(|_| !request.powers_off) {
            // How much came after it is up to the host's timing.
            let console = File::options().write(true).open(&console_path);
            console.and_then(|file| file.set_len(end)).map_err(file_error(&console_path))?;
        }
        let total = watch.started.elapsed();
        let reached = watch.reached();
        let ended = ended.map_err(|stop| match stop {
            Stop::Interrupted => BootError::Interrupted(Interrupted),
            Stop::Tool(error) => BootError::Tool(error),
            Stop::Template(source) => BootError::Template(source),
            Stop::Console(source) => BootError::File { path: console_path.clone(), source },
            Stop::Stalled => BootError::Stalled { limit: request.limit, reached: reached.clone() },
            Stop::Sleeps => BootError::Sleeps { reached: reached.clone() },
        })?;
        let said = watch.qemu_says();
        if said.contains(lockstep::BOOT_IS_OVER) {
            return Err(BootError::NotReady { limit_s: boot_limit_s(request.schedule) });
        }
        if !said.contains(lockstep::IN_EFFECT) && (watch.panic.is_some() || watch.done.is_some()) {
            return Err(BootError::Unordered { said });
        }
        let times = times(&watch.phases, watch.started, total);
        let console = || fs::read(&console_path).map_err(file_error(&console_path));
        if let Some(line) = watch.panic {
            if !request.may_panic {
                return Err(BootError::Panic { line, reached });
            }
            let evidence = Evidence { panic: Some(line), console: console()?, ..Evidence::default() };
            return Ok(Boot { evidence, times, settled: watch.panic_ended || ended.is_some() });
        }
        let switched_off = ended == Some(Ended::Exit(0)) || !request.powers_off;
        let Some(guest_ns) = watch.done.filter(|_| switched_off) else {
            return Err(match ended {
                Some(ended) if ended != Ended::Exit(0) => {
                    BootError::Died { ended, reached, said: lockstep::without(&said) }
                }
                _ => BootError::Incomplete { reached },
            });
        };
        let found = memory.channel(region).map_err(file_error(Path::new("guest memory")))?;
        let whole = found.and_then(|(header, body)| {
            channel::sections(&header, &body)?;
            Ok((header, body))
        });
        let body = match (whole, ended) {
            (Ok((header, body)), _) if header.complete => body,
            // A QEMU that was killed did not let its guest switch off.
            (_, Some(ended)) if ended != Ended::Exit(0) => {
                return Err(BootError::Died { ended, reached, said: lockstep::without(&said) });
            }
            (Ok(_), _) => return Err(BootError::Incomplete { reached }),
            (Err(error), _) => return Err(BootError::Channel { error, reached }),
        };
        let evidence = Evidence { panic: None, guest_ns: Some(guest_ns), body, console: console()? };
        Ok(Boot { evidence, times, settled: true })
    }

    fn qemu_says(&self) -> String {
        fs::read_to_string(&self.qemu_log).unwrap_or_default()
    }

    fn reached(&self) -> Reached {
        Reached { phase: self.phases.last().map(|(label, _)| label.clone()), troubles: self.troubles.clone() }
    }

    /// Waits until QEMU has ended; `None` where the guest has said its last word and does not switch off.
    pub(super) fn until_off(
        &mut self,
        limit: Duration,
        wait: impl Fn(Duration) -> Result<Option<Ended>, Stop>,
    ) -> Result<Option<Ended>, Stop> {
        loop {
            let ended = wait(LOOK)?;
            self.listen().map_err(Stop::Console)?;
            if ended.is_some() {
                return Ok(ended);
            }
            if interrupt::requested() {
                return Err(Stop::Interrupted);
            }
            let is_at_end = self.done.is_some() || self.panic.is_some();
            if !is_at_end && self.qemu_says().contains(lockstep::SLEEPS) {
                return Err(Stop::Sleeps);
            }
            if self.started.elapsed() > limit {
                return Err(Stop::Stalled);
            }
            if self.last_word.is_some_and(|at| at.elapsed() > LAST_WORD) {
                return Ok(None);
            }
        }
    }

    pub(super) fn listen(&mut self) -> io::Result<()> {
        for event in self.console.news()? {
            let now = Instant::now();
            match event {
                ConsoleEvent::Phase(label) => self.phases.push((label, now)),
                ConsoleEvent::Fail(failure) => self.troubles.push(failure.to_string()),
                ConsoleEvent::Timeout(tasks) => {
                    self.troubles.push(format!("the deadline passed while these ran: {tasks}"));
                }
                ConsoleEvent::Done(ns) => {
                    self.done = Some(ns);
                    // Any program can say so. Where QEMU ends by itself, its end counts, and nothing else.
                    self.last_word = now.checked_sub(LAST_WORD).filter(|_| !self.powers_off);
                }
                ConsoleEvent::Panic(line) => {
                    self.panic.get_or_insert(line);
                    self.last_word.get_or_insert(now);
                }
                ConsoleEvent::PanicEnd => {
                    self.panic_ended = true;
                    self.last_word = now.checked_sub(LAST_WORD);
                }
            }
        }
        Ok(())
    }
}
