//! The guest's report and its console lines: pure readers of what docs/guest-protocol.md lays down.

use std::collections::BTreeMap;
use std::fmt;

use kernsnap_trace::Pid;

/// The report of `/init` on a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestReport {
    /// The pid of each task it started.
    pub pids: BTreeMap<String, Pid>,
    /// The `wait` status of each task that ended (wait(2)).
    pub ends: BTreeMap<String, u32>,
    /// Guest nanoseconds since power-on at each phase.
    pub phases: BTreeMap<String, u64>,
    /// Failed steps, in the order they failed.
    pub failures: Vec<StepFailure>,
    /// Lines of the report that could not be understood: nothing the guest says is lost.
    pub unreadable: Vec<String>,
    /// The tasks that were still running when the deadline passed.
    pub timeout: Option<Vec<String>>,
    /// The settings of the trace that a program changed.
    pub changed: Vec<String>,
    /// Guest nanoseconds since power-on between which programs ran, where init marked the trace.
    pub guarded: Guarded,
    /// The word by which the report is that of init ([`Secrets::seal`](crate::Secrets)).
    pub seal: Option<u64>,
}

/// Between which guest times, in nanoseconds since power-on, programs ran.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Guarded {
    /// After init's marks.
    pub begin: Option<u64>,
    /// Before init's last mark.
    pub end: Option<u64>,
}

/// A step of the plan that failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StepFailure {
    /// Its line in the plan, from 1; 0 for the plan as a whole.
    pub line: usize,
    /// The name of the error: `EINVAL`.
    pub error: String,
    /// The step as the plan has it.
    pub step: String,
    /// The last phase that had been reached.
    pub after: Option<String>,
}

impl StepFailure {
    /// Reads `line=N errno=N ENAME STEP…`.
    fn read(text: &str, after: Option<&String>) -> Option<Self> {
        let (line, rest) = text.strip_prefix("line=")?.split_once(" errno=")?;
        let (_, rest) = rest.split_once(' ')?;
        let (error, step) = rest.split_once(' ')?;
        Some(Self { line: line.parse().ok()?, error: error.into(), step: step.into(), after: after.cloned() })
    }
}

impl fmt::Display for StepFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { line, error, step, .. } = self;
        match line {
            0 => write!(f, "`{step}` failed with {error}"),
            line => write!(f, "`{step}` failed with {error} (line {line} of the plan)"),
        }
    }
}

impl GuestReport {
    /// Reads the section `report`.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut report = Self::default();
        let mut phase = None;
        for line in text.lines() {
            if report.line(line, &mut phase).is_none() {
                report.unreadable.push(line.into());
            }
        }
        report
    }

    fn line(&mut self, line: &str, phase: &mut Option<String>) -> Option<()> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "task" => {
                let (name, pid) = rest.split_once(" pid=")?;
                self.pids.insert(name.into(), Pid(pid.parse().ok()?));
            }
            "exit" => {
                let (name, status) = rest.split_once(" status=0x")?;
                self.ends
                    .insert(name.into(), u32::from_str_radix(status, 16).ok().filter(|status| has_ended(*status))?);
            }
            "phase" => {
                let (label, ns) = rest.split_once(" ns=")?;
                self.phases.insert(label.into(), ns.parse().ok()?);
                *phase = Some(label.into());
            }
            "fail" => self.failures.push(StepFailure::read(rest, phase.as_ref())?),
            "changed" => self.changed.push(rest.into()),
            "guard" => {
                let (which, ns) = rest.split_once(" ns=")?;
                let ns = Some(ns.parse().ok()?);
                match which {
                    "begin" => self.guarded.begin = ns,
                    "end" => self.guarded.end = ns,
                    _ => return None,
                }
            }
            "seal" => self.seal = Some(u64::from_str_radix(rest, 16).ok()?),
            "timeout" => self.timeout = Some(rest.split_whitespace().map(str::to_owned).collect()),
            _ => return None,
        }
        Some(())
    }
}

/// A stopped task has not ended (`WIFSTOPPED()`).
fn has_ended(status: u32) -> bool {
    status & 0x7f != 0x7f
}

/// A console line that the host acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleEvent {
    /// `/init` reached a phase.
    Phase(String),
    /// A step of the plan failed.
    Fail(StepFailure),
    /// The deadline passed while these tasks were running.
    Timeout(String),
    /// `/init` is about to power off, at this guest time in nanoseconds.
    Done(u64),
    /// The kernel panicked; the line says why.
    Panic(String),
    /// The kernel has printed all it had to say about a panic.
    PanicEnd,
}

/// The begin of the line that tells a panic (`panic()` of `kernel/panic.c`).
const PANIC: &str = "Kernel panic - not syncing: ";
/// The begin of the line that ends the report of one.
const PANIC_END: &str = "---[ end Kernel panic - not syncing: ";

/// The message of a line that tells a panic or its end: at the begin of the line or behind the kernel's time, which may follow what a
/// program left unfinished. The same words anywhere else are those of a program.
fn panic_message(line: &str) -> Option<&str> {
    let at = line.find(PANIC_END).or_else(|| line.find(PANIC))?;
    let (before, message) = line.split_at(at);
    // The time, or the caller behind it (`print_prefix()` of `kernel/printk/printk.c`).
    let is_prefix = |byte: u8| byte.is_ascii_digit() || matches!(byte, b'.' | b' ' | b'T' | b'C');
    let bracket = || before.trim_end().strip_suffix(']')?.rsplit_once('[').map(|(_, inside)| inside);
    let is_own = before.trim().is_empty() || bracket().is_some_and(|inside| inside.bytes().all(is_prefix));
    is_own.then_some(message)
}

/// The meaning of a console line for the host, if it has one.
#[must_use]
pub fn console_event(line: &str) -> Option<ConsoleEvent> {
    if let Some(message) = panic_message(line) {
        // The same words end the report of a panic.
        let end = message.starts_with(PANIC_END);
        return Some(if end { ConsoleEvent::PanicEnd } else { ConsoleEvent::Panic(message.trim_end().into()) });
    }
    let said = line.trim_end().strip_prefix("kernsnap: ")?;
    let (kind, rest) = said.split_once(' ').unwrap_or((said, ""));
    match kind {
        "phase" => rest.split_once(" ns=").map(|(label, _)| ConsoleEvent::Phase(label.into())),
        "fail" => StepFailure::read(rest, None).map(ConsoleEvent::Fail),
        "timeout" => Some(ConsoleEvent::Timeout(rest.into())),
        "done" => rest.strip_prefix("ns=")?.parse().ok().map(ConsoleEvent::Done),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_line_by_line() {
        let text = "task parent pid=41\nexit parent status=0x300\nphase ready ns=9\nfail line=3 errno=2 ENOENT put /x y\n\
                    timeout a b\nchanged trace_clock\nguard begin ns=7\nguard end ns=8\nseal 00ff\n";
        let report = GuestReport::read(text);
        assert_eq!(report.pids, BTreeMap::from([("parent".into(), Pid(41))]));
        assert_eq!(report.ends, BTreeMap::from([("parent".into(), 0x300)]));
        assert_eq!(report.phases, BTreeMap::from([("ready".into(), 9)]));
        let told: Vec<String> = report.failures.iter().map(ToString::to_string).collect();
        assert_eq!(told, ["`put /x y` failed with ENOENT (line 3 of the plan)"]);
        assert_eq!(report.failures[0].after.as_deref(), Some("ready"));
        assert_eq!(report.timeout, Some(vec!["a".into(), "b".into()]));
        assert_eq!((report.changed, report.seal), (vec!["trace_clock".to_owned()], Some(255)));
        assert_eq!(report.guarded, Guarded { begin: Some(7), end: Some(8) });
    }

    #[test]
    fn what_is_not_understood_is_not_lost() {
        let text = "exit x status=zz\nfail line=x\nhello\n";
        assert_eq!(GuestReport::read(text).unreadable, text.lines().collect::<Vec<_>>());
    }

    #[test]
    fn console_lines_tell_phases_and_panics() {
        let check = |line: &str, expected| assert_eq!(console_event(line), expected, "{line}");
        check("kernsnap: phase ready ns=12\r", Some(ConsoleEvent::Phase("ready".into())));
        check("kernsnap: done ns=99", Some(ConsoleEvent::Done(99)));
        check("kernsnap: timeout a b", Some(ConsoleEvent::Timeout("a b".into())));
        let failure = StepFailure { line: 0, error: "ENOENT".into(), step: "/plan".into(), after: None };
        check("kernsnap: fail line=0 errno=2 ENOENT /plan", Some(ConsoleEvent::Fail(failure)));
        let panic = "Kernel panic - not syncing: Attempted to kill init!";
        check(&format!("[    0.1] {panic}\r\n"), Some(ConsoleEvent::Panic(panic.into())));
        check(&format!("[    0.1] ---[ end {panic} ]---"), Some(ConsoleEvent::PanicEnd));
        check(&format!("unfinished[    0.1][    T1] {panic}"), Some(ConsoleEvent::Panic(panic.into())));
        check(panic, Some(ConsoleEvent::Panic(panic.into())));
        check(&format!("a log says: {panic}"), None);
        check(&format!("[x] {panic}"), None);
        check("kernsnap: something", None);
    }
}
