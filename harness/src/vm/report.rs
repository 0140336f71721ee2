//! The guest's report and its console lines: pure readers of what docs/guest-protocol.md lays down.

use std::collections::BTreeMap;

use crate::scenario::End;
use crate::trace::Pid;

/// What `/init` told of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestReport {
    /// The pid of each task it started.
    pub pids: BTreeMap<String, Pid>,
    /// How each task ended.
    pub ends: BTreeMap<String, End>,
    /// Guest nanoseconds since power-on at each phase.
    pub phases: BTreeMap<String, u64>,
    /// Failed steps, in words.
    pub failures: Vec<String>,
    /// The tasks that were still running when the deadline passed.
    pub timeout: Option<Vec<String>>,
}

impl GuestReport {
    /// Reads the section `report`. Lines of another shape are kept as failures: nothing the guest says is lost.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let mut report = Self::default();
        for line in text.lines() {
            if report.line(line).is_none() {
                report.failures.push(format!("unreadable report line `{line}`"));
            }
        }
        report
    }

    fn line(&mut self, line: &str) -> Option<()> {
        let (kind, rest) = line.split_once(' ').unwrap_or((line, ""));
        match kind {
            "task" => {
                let (name, pid) = rest.split_once(" pid=")?;
                self.pids.insert(name.into(), Pid(pid.parse().ok()?));
            }
            "exit" => {
                let (name, status) = rest.split_once(" status=0x")?;
                self.ends.insert(name.into(), End::from_wait_status(u32::from_str_radix(status, 16).ok()?)?);
            }
            "phase" => {
                let (label, ns) = rest.split_once(" ns=")?;
                self.phases.insert(label.into(), ns.parse().ok()?);
            }
            "fail" => self.failures.push(rest.into()),
            "timeout" => self.timeout = Some(rest.split_whitespace().map(str::to_owned).collect()),
            _ => return None,
        }
        Some(())
    }
}

/// A console line that the host acts on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ConsoleEvent {
    /// `/init` reached a phase.
    Phase(String),
    /// `/init` is about to power off, at this guest time in nanoseconds.
    Done(u64),
    /// The kernel panicked; the line says why.
    Panic(String),
    /// The kernel has printed all it had to say about a panic.
    PanicEnd,
}

/// What a console line means to the host, if anything.
#[must_use]
pub fn console_event(line: &str) -> Option<ConsoleEvent> {
    if let Some(at) = line.find("Kernel panic - not syncing: ") {
        // The same words end the report of a panic.
        let end = line.contains("end Kernel panic");
        return Some(if end { ConsoleEvent::PanicEnd } else { ConsoleEvent::Panic(line[at..].trim_end().into()) });
    }
    let said = line.trim_end().strip_prefix("kernsnap: ")?;
    if let Some(ns) = said.strip_prefix("done ns=") {
        return ns.parse().ok().map(ConsoleEvent::Done);
    }
    let (label, _) = said.strip_prefix("phase ")?.split_once(" ns=")?;
    Some(ConsoleEvent::Phase(label.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_read_line_by_line() {
        let text = "task parent pid=41\nexit parent status=0x300\nphase ready ns=9\nfail line=3 errno=2 ENOENT put /x\n\
                    timeout a b\n";
        let report = GuestReport::read(text);
        assert_eq!(report.pids, BTreeMap::from([("parent".into(), Pid(41))]));
        assert_eq!(report.ends, BTreeMap::from([("parent".into(), End::Exit(3))]));
        assert_eq!(report.phases, BTreeMap::from([("ready".into(), 9)]));
        assert_eq!(report.failures, ["line=3 errno=2 ENOENT put /x"]);
        assert_eq!(report.timeout, Some(vec!["a".into(), "b".into()]));
    }

    #[test]
    fn what_is_not_understood_is_not_lost() {
        assert_eq!(GuestReport::read("exit x status=zz").failures, ["unreadable report line `exit x status=zz`"]);
    }

    #[test]
    fn console_lines_tell_phases_and_panics() {
        let check = |line: &str, expected| assert_eq!(console_event(line), expected, "{line}");
        check("kernsnap: phase ready ns=12\r", Some(ConsoleEvent::Phase("ready".into())));
        check("kernsnap: done ns=99", Some(ConsoleEvent::Done(99)));
        let panic = "Kernel panic - not syncing: Attempted to kill init!";
        check(&format!("[    0.1] {panic}\r\n"), Some(ConsoleEvent::Panic(panic.into())));
        check(&format!("[    0.1] ---[ end {panic} ]---"), Some(ConsoleEvent::PanicEnd));
        check("kernsnap: something", None);
    }
}
