//! A machine with an interactive console: a person at a terminal, or [`ask`], which types one command as a person would.
//! The only place that talks to a guest, and the only user of `rexpect`.
//!
//! Typed input arrives at a moment that the host's load decides. So nothing here repeats bit by bit, no trace that counts is
//! taken here, and no run waits for it.
#![expect(clippy::disallowed_methods, reason = "this module owns the console that is talked to")]

use std::fmt::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};

use rexpect::ReadUntil;
use rexpect::reader::Regex;
use rexpect::session::{PtySession, spawn_command};

use super::machine::Machine;
use super::memory::GuestMemory;
use super::qemu::{self, kernel_command_line};
use super::schedule::Schedule;
use kernsnap_host::exec::{Ended, Tool, ToolCall, ToolError, in_foreground, pty_command};
use kernsnap_host::interrupt;
use kernsnap_host::interrupt::Interrupted;

/// The prompt of the guest's shell; `guest-programs/shell/profile` sets it.
const PROMPT: &str = "kernsnap# ";

/// Stands around the exit status on the console: the record separator, which texts do not hold.
const MARK: char = '\x1e';

/// How long one look at the console lasts. Between two looks a signal or the deadline ends the wait.
const LOOK: Duration = Duration::from_millis(200);

/// How long a guest may take to switch off, and QEMU to go when it is ended.
const LAST_WORD: Duration = Duration::from_secs(10);

/// How many lines of the console an error quotes.
const TAIL_LINES: usize = 20;

/// A terminal takes no longer line (`N_TTY_BUF_SIZE` in `drivers/tty/n_tty.c`, with its newline).
const LINE_LIMIT: usize = 4095;

/// A machine with a shell in its initramfs.
#[derive(Clone, Copy, Debug)]
pub struct ShellRequest<'a> {
    /// The board.
    pub machine: &'a Machine,
    /// The kernel's command line, without the console.
    pub command_line: &'a str,
    /// The kernel's `Image`.
    pub kernel: &'a Path,
    /// The device tree blob.
    pub device_tree: &'a Path,
    /// The initramfs.
    pub initramfs: &'a Path,
    /// The guest's memory, where files are taken out of it.
    pub memory: Option<&'a GuestMemory>,
}

/// Who sits at the console.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Console {
    /// A person, at a terminal of this many rows and columns where that is known.
    Terminal(Option<(u16, u16)>),
    /// The harness, behind a pseudo-terminal.
    Pty,
}

/// The result of a command in a guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Said {
    /// Its standard output and its standard error, byte for byte.
    pub output: Vec<u8>,
    /// Its exit status as the guest's shell counts it.
    pub status: i32,
}

/// Why a shell came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum ShellError {
    /// QEMU is not there, or the system refuses to start it.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The command cannot be typed.
    #[error("the command is too long for a terminal: {length} of at most {LINE_LIMIT} bytes as it is typed")]
    TooLong {
        /// Its length.
        length: usize,
    },
    /// The pseudo-terminal failed.
    #[error("cannot talk to the guest")]
    Pty(#[from] rexpect::error::Error),
    /// The kernel panicked.
    #[error("the guest kernel panicked while the harness waited for {what}: {line}")]
    Panic {
        /// The condition that was waited for.
        what: &'static str,
        /// The kernel's message.
        line: String,
    },
    /// QEMU ended.
    #[error("QEMU ended while the harness waited for {what}{}", tail(.said))]
    Died {
        /// The condition that was waited for.
        what: &'static str,
        /// The console output after the last line that was understood.
        said: String,
    },
    /// A terminal's QEMU failed.
    #[error("QEMU failed: {0}")]
    Failed(Ended),
    /// The deadline passed.
    #[error("waited for {what} for {} s of host time{}", limit.as_secs(), tail(.said))]
    Stalled {
        /// The condition that was waited for.
        what: &'static str,
        /// The deadline.
        limit: Duration,
        /// The console output after the last line that was understood.
        said: String,
    },
    /// A user asked the harness to stop.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

fn tail(said: &str) -> String {
    let lines: Vec<&str> = said.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
    lines[lines.len().saturating_sub(TAIL_LINES)..].iter().fold(String::new(), |all, line| all + "\n  | " + line)
}

/// The arguments of [`qemu::PROGRAM`] for a machine with an interactive console.
///
/// Time is counted in instructions, as in every run: what a person measures in the shell has the same scale, and four guest
/// CPUs on few host CPUs start sooner than in parallel (prompt after 4.4 s instead of 7.5 s on two busy cores; 100 forks in
/// 2.5 s instead of 5.1 s). Idle time passes as on the wall (`sleep=on`): skipping it, as a run does, made an idle guest take
/// 29 % of a core, `sleep 2` return at once, and five hours go by in the tenth of a second in which rexpect did not look.
///
/// There is no network. The seed starts the board's random number generator as in every run.
#[must_use]
pub fn arguments(request: &ShellRequest<'_>, console: Console) -> Vec<String> {
    let text = |path: &Path| path.display().to_string();
    let machine = request.machine;
    let schedule = Schedule::new(1, machine.cpus);
    let mut append = kernel_command_line(machine, schedule, request.command_line);
    // The kernel hands words it does not know to init, as environment. Writing to a String cannot fail.
    let (chardev, monitor) = match console {
        Console::Terminal(size) => {
            if let Some((rows, columns)) = size {
                let _ = write!(append, " KERNSNAP_ROWS={rows} KERNSNAP_COLUMNS={columns}");
            }
            // `mux` brings the keys behind Ctrl-A; without `signal` Ctrl-C is a key of the guest.
            ("stdio,id=console,signal=off,mux=on", ("-mon", "chardev=console"))
        }
        Console::Pty => {
            append += " KERNSNAP_ECHO=off";
            ("stdio,id=console,signal=off", ("-monitor", "none"))
        }
    };
    let (board, memory) = match request.memory {
        Some(memory) => {
            let (board, object) = qemu::board_with_memory(machine, &memory.path());
            let region = machine.channel;
            let _ = write!(append, " KERNSNAP_OUT={:x}:{:x}", region.address, region.size);
            (board, vec!["-object".to_owned(), object])
        }
        None => (machine.board(), Vec::new()),
    };
    let arguments = [
        ("-kernel", text(request.kernel)),
        ("-dtb", text(request.device_tree)),
        ("-initrd", text(request.initramfs)),
        ("-append", append),
        ("-icount", format!("shift={},sleep=on", schedule.shift)),
        ("-seed", "1".into()),
        ("-chardev", chardev.into()),
        ("-serial", "chardev:console".into()),
        ("-nic", "none".into()),
        ("-display", "none".into()),
        (monitor.0, monitor.1.into()),
    ];
    let arguments = arguments.into_iter().flat_map(|(name, value)| [name.to_owned(), value]);
    board.into_iter().chain(memory).chain(arguments).chain(["-no-reboot".to_owned()]).collect()
}

fn call(request: &ShellRequest<'_>, console: Console) -> Result<ToolCall, ToolError> {
    Ok(ToolCall::new(Tool::resolve(qemu::PROGRAM)?).args(arguments(request, console)))
}

/// Gives the caller's terminal to the guest, until the guest switches off or its user leaves.
///
/// # Errors
/// A [`ShellError`]. However it ends, the terminal is as it was.
pub fn open(request: &ShellRequest<'_>, size: Option<(u16, u16)>) -> Result<(), ShellError> {
    match in_foreground(&call(request, Console::Terminal(size))?)? {
        Ended::Exit(0) => Ok(()),
        ended => Err(ShellError::Failed(ended)),
    }
}

/// Boots the guest, has its shell run `command` with nothing to read, and switches the guest off. Each of the two waits, for
/// the prompt and for the command, is given up after `limit`.
///
/// # Errors
/// A [`ShellError`]. QEMU is gone then, too.
pub fn ask(request: &ShellRequest<'_>, command: &str, limit: Duration) -> Result<Said, ShellError> {
    let line = typed(command);
    if line.len() >= LINE_LIMIT {
        return Err(ShellError::TooLong { length: line.len() });
    }
    let mut guest = Guest::start(request)?;
    guest.wait("the shell's prompt", PROMPT, limit)?;
    guest.session.send_line(&line)?;
    let (output, mark) = guest.wait("the end of the command", &format!("{MARK}[0-9]+{MARK}"), limit)?;
    // Files leave the guest before it is switched off.
    guest.switch_off(if request.memory.is_some() { limit } else { LAST_WORD });
    let status = mark.trim_matches(MARK).parse().unwrap_or(-1);
    Ok(Said { output: bytes(&output), status })
}

/// The line that is typed for a command: printable ASCII, so that neither a shell nor a terminal on the way reads anything
/// into it. A shell of its own runs it, and what it does to that shell cannot hide its status.
fn typed(command: &str) -> String {
    let plain = |byte: u8| byte == b' ' || (byte.is_ascii_graphic() && !matches!(byte, b'\'' | b'\\'));
    let mut escaped = String::new();
    for byte in command.bytes() {
        if plain(byte) {
            escaped.push(byte.into());
        } else {
            // `printf %b` takes up to three digits behind `\0`.
            let _ = write!(escaped, "\\0{byte:03o}");
        }
    }
    let mark = u32::from(MARK);
    format!("sh -c \"$(printf %b '{escaped}')\" </dev/null; printf '\\{mark:03o}%d\\{mark:03o}' $?")
}

/// The bytes that the guest wrote. On their way, the guest's terminal driver and then the pseudo-terminal's put a carriage
/// return before every line feed, and rexpect made a character of every byte.
fn bytes(seen: &str) -> Vec<u8> {
    let written = seen.replace("\r\r\n", "\n");
    written.chars().map(|char| u8::try_from(u32::from(char)).unwrap_or(b'?')).collect()
}

/// A machine whose console is talked to. Dropping it ends it.
struct Guest {
    session: PtySession,
    panic: Regex,
}

impl Guest {
    fn start(request: &ShellRequest<'_>) -> Result<Self, ShellError> {
        let look = u64::try_from(LOOK.as_millis()).ok();
        let mut session = spawn_command(pty_command(&call(request, Console::Pty)?)?, look)?;
        // rexpect would take the time of a look for it, which is short for a QEMU on a busy host.
        session.process_mut().set_kill_timeout(u64::try_from(LAST_WORD.as_millis()).ok());
        // With the stamp that the kernel puts before it: words of a command are not a panic.
        let panic = Regex::new(r"\[ *[0-9]+\.[0-9]+\] Kernel panic - not syncing: [^\r\n]*\r")
            .map_err(rexpect::error::Error::from)?;
        Ok(Self { session, panic })
    }

    /// Waits until `pattern` is on the console; it must match no beginning of what is still to come. Returns what stood
    /// before it, and what it matched.
    fn wait(&mut self, what: &'static str, pattern: &str, limit: Duration) -> Result<(String, String), ShellError> {
        let started = Instant::now();
        let wanted = Regex::new(pattern).map_err(rexpect::error::Error::from)?;
        loop {
            interrupt::check()?;
            // `exp_any` consumes its arguments; a regex is cheap to clone.
            let needles = vec![ReadUntil::Regex(wanted.clone()), ReadUntil::Regex(self.panic.clone())];
            match self.session.exp_any(needles) {
                Ok((_, line)) if self.panic.is_match(&line) => {
                    return Err(ShellError::Panic { what, line: line.trim_end().into() });
                }
                Ok(found) => return Ok(found),
                // rexpect keeps what was read in its buffer, so looking again loses nothing.
                Err(rexpect::error::Error::Timeout { .. }) if started.elapsed() < limit => {}
                Err(rexpect::error::Error::Timeout { got: said, .. }) => {
                    return Err(ShellError::Stalled { what, limit, said });
                }
                Err(rexpect::error::Error::EOF { got: said, .. }) => return Err(ShellError::Died { what, said }),
                Err(error) => return Err(error.into()),
            }
        }
    }

    /// Has the guest switch itself off. The answer is there already, so a guest that does not is not an error: it is ended.
    fn switch_off(mut self, limit: Duration) {
        let started = Instant::now();
        if self.session.send_line("poweroff -f").is_ok() {
            while let Err(rexpect::error::Error::Timeout { .. }) = self.session.exp_eof()
                && started.elapsed() < limit
            {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(console: Console) -> String {
        let machine = Machine::example();
        let request = ShellRequest {
            machine: &machine,
            command_line: "quiet",
            kernel: Path::new("Image"),
            device_tree: Path::new("board.dtb"),
            initramfs: Path::new("initramfs.cpio"),
            memory: None,
        };
        arguments(&request, console).join(" ")
    }

    #[test]
    fn a_person_has_the_console_and_the_monitor() {
        insta::assert_snapshot!(words(Console::Terminal(Some((25, 80)))), @"-M raspi3b -m 1024M -kernel Image -dtb board.dtb -initrd initramfs.cpio -append console=ttyAMA0,115200 quiet KERNSNAP_ROWS=25 KERNSNAP_COLUMNS=80 -icount shift=1,sleep=on -seed 1 -chardev stdio,id=console,signal=off,mux=on -serial chardev:console -nic none -display none -mon chardev=console -no-reboot");
    }

    #[test]
    fn the_harness_has_a_console_without_echo() {
        insta::assert_snapshot!(words(Console::Pty), @"-M raspi3b -m 1024M -kernel Image -dtb board.dtb -initrd initramfs.cpio -append console=ttyAMA0,115200 quiet KERNSNAP_ECHO=off -icount shift=1,sleep=on -seed 1 -chardev stdio,id=console,signal=off -serial chardev:console -nic none -display none -monitor none -no-reboot");
    }

    #[test]
    fn whatever_a_command_holds_one_printable_line_is_typed() {
        insta::assert_snapshot!(typed("echo 'a\tb' \\\n# é"), @r#"sh -c "$(printf %b 'echo \0047a\0011b\0047 \0134\0012# \0303\0251')" </dev/null; printf '\036%d\036' $?"#);
    }

    #[test]
    fn what_the_guest_wrote_comes_back_byte_for_byte() {
        assert_eq!(bytes("a\r\r\n\u{c3}\u{a9}\r"), "a\né\r".as_bytes());
    }
}
