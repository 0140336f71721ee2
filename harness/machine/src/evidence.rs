//! The evidence of a machine: the bytes that a run, a pure function, yields.

use std::collections::{BTreeMap, BTreeSet};

use super::channel;
use super::report::GuestReport;

/// The evidence of a machine that came to its end. The same inputs give the same evidence, bit for bit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Evidence {
    /// The kernel's panic message. The console is then the only evidence.
    pub panic: Option<String>,
    /// Guest time of the last step, in nanoseconds since power-on; `None` where the guest did not report it.
    pub guest_ns: Option<u64>,
    /// The channel's sections as they stood in the guest's memory, each checked.
    pub body: Vec<u8>,
    /// The console's log.
    pub console: Vec<u8>,
}

impl Evidence {
    /// The sections of the channel, by name.
    #[must_use]
    pub fn sections(&self) -> BTreeMap<&str, &[u8]> {
        channel::kept_sections(&self.body).unwrap_or_default()
    }

    /// The guest's report; empty where the kernel panicked before it.
    #[must_use]
    pub fn report(&self) -> GuestReport {
        let sections = self.sections();
        sections.get("report").map(|bytes| GuestReport::read(&String::from_utf8_lossy(bytes))).unwrap_or_default()
    }

    /// The console's log as text; bytes that are not text are replaced.
    #[must_use]
    pub fn console_text(&self) -> String {
        String::from_utf8_lossy(&self.console).into_owned()
    }

    /// The differences in `other`, one sentence each; empty where the two are the same bytes.
    #[must_use]
    pub fn differences(&self, other: &Self) -> Vec<String> {
        let mut found = Vec::new();
        if self.panic != other.panic {
            let said = |panic: &Option<String>| panic.clone().unwrap_or_else(|| "no panic".into());
            found.push(format!("the end: {} instead of {}", said(&other.panic), said(&self.panic)));
        }
        if self.guest_ns != other.guest_ns {
            let told = |ns: Option<u64>| ns.map_or_else(|| "none".into(), |ns| format!("{ns} ns"));
            let (before, after) = (told(self.guest_ns), told(other.guest_ns));
            found.push(format!("guest time at the end: {after} instead of {before}"));
        }
        let (before, after) = (self.sections(), other.sections());
        for name in before.keys().chain(after.keys()).collect::<BTreeSet<_>>() {
            match (before.get(name), after.get(name)) {
                (Some(before), Some(after)) => found.extend(
                    first_difference(before, after).map(|at| format!("section `{name}` differs from byte {at} on")),
                ),
                (Some(_), None) => found.push(format!("section `{name}` is missing")),
                (None, _) => found.push(format!("section `{name}` is new")),
            }
        }
        if found.is_empty()
            && let Some(at) = first_difference(&self.body, &other.body)
        {
            found.push(format!("the channel differs from byte {at} on"));
        }
        if let Some(at) = first_difference(&self.console, &other.console) {
            let line = 1 + memchr::memchr_iter(b'\n', &self.console[..at]).count();
            found.push(format!("the console differs from line {line} on"));
        }
        found
    }
}

/// Where two texts begin to differ, in bytes from 0.
fn first_difference(before: &[u8], after: &[u8]) -> Option<usize> {
    let same = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    (same < before.len().max(after.len())).then_some(same)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn section(name: &str, payload: &[u8]) -> Vec<u8> {
        let mut bytes = (payload.len() as u64).to_le_bytes().to_vec();
        bytes.extend(crc32fast::hash(payload).to_le_bytes());
        bytes.extend(u32::try_from(name.len()).unwrap_or(0).to_le_bytes());
        for part in [name.as_bytes(), payload] {
            bytes.extend(part);
            bytes.resize(bytes.len().next_multiple_of(8), 0);
        }
        bytes
    }

    fn evidence() -> Evidence {
        let body = [section("cpu0/pages", b"0123456789"), section("report", b"task parent pid=41\n")].concat();
        Evidence { panic: None, guest_ns: Some(7), body, console: b"one\ntwo\n".to_vec() }
    }

    #[test]
    fn the_same_bytes_are_no_difference() {
        assert_eq!(evidence().differences(&evidence()), Vec::<String>::new());
        assert_eq!(evidence().report().pids.len(), 1);
    }

    #[test]
    fn what_differs_is_named_with_its_place() {
        let check = |expected: &str, change: fn(&mut Evidence)| {
            let mut other = evidence();
            change(&mut other);
            assert_eq!(evidence().differences(&other), [expected]);
        };
        check("section `cpu0/pages` differs from byte 3 on", |other| {
            other.body = [section("cpu0/pages", b"012x456789"), section("report", b"task parent pid=41\n")].concat();
        });
        check("section `report` is missing", |other| other.body = section("cpu0/pages", b"0123456789"));
        check("section `late` is new", |other| other.body.extend(section("late", b"")));
        check("the console differs from line 2 on", |other| other.console = b"one\ntw".to_vec());
        check("guest time at the end: 8 ns instead of 7 ns", |other| other.guest_ns = Some(8));
        check("the end: Oops instead of no panic", |other| other.panic = Some("Oops".into()));
    }
}
