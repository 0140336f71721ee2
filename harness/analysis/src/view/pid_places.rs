//! The numbers of `raw_syscalls` that are pids: what a system call returned or was given, by the number of the call.
//!
//! A text does not tell the architecture, so the numbers of `clone`, `wait4` or `kill` are not known. They are found out: all that such
//! a call returned are pids of tasks of the recording. Other calls return such a number by chance, but not always, and not in another
//! recording, where the tasks have other pids. So a place counts that holds pids in both of two recordings.

use std::collections::BTreeSet;

use super::value::as_pid;
use kernsnap_trace::{Event, EventKind, Pid, Point, Value};

/// System calls that are looked at, and arguments of each.
const CALLS: usize = 1024;
const ARGUMENTS: usize = 6;
/// Distinct numbers of one place that are kept. A place with more holds something else.
const DISTINCT: usize = 4096;

/// A place where a system call has a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Place {
    /// The number that it returned.
    Result,
    /// An argument, from 0.
    Argument(usize),
}

/// The places of system calls, by their numbers, that hold pids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PidPlaces(BTreeSet<(usize, Place)>);

impl PidPlaces {
    /// Those of both.
    #[must_use]
    pub fn of_both(&self, other: &Self) -> Self {
        Self(self.0.intersection(&other.0).copied().collect())
    }

    pub(super) fn has(&self, call: i64, place: Place) -> bool {
        usize::try_from(call).is_ok_and(|call| self.0.contains(&(call, place)))
    }
}

/// Finds the places that hold pids, while a recording is read.
#[derive(Clone, Debug, Default)]
pub struct PidSearch {
    calls: Vec<[Seen; ARGUMENTS + 1]>,
}

/// The numbers of one place.
#[derive(Clone, Debug, Default)]
struct Seen {
    numbers: BTreeSet<Pid>,
    has_others: bool,
}

impl Seen {
    fn add(&mut self, value: &Value) {
        if self.has_others {
            return;
        }
        match number(value) {
            Some(Pid(..=0)) => {}
            Some(pid) if self.numbers.len() < DISTINCT => drop(self.numbers.insert(pid)),
            _ => *self = Self { numbers: BTreeSet::new(), has_others: true },
        }
    }
}

impl PidSearch {
    /// Takes the next event.
    pub fn observe(&mut self, event: &Event) {
        let EventKind::Tracepoint(point) = &event.kind else { return };
        match &**point.name() {
            "sys_exit" => {
                if let (Some(call), Some(value)) = (self.call(point), point.field("ret")) {
                    call[ARGUMENTS].add(value);
                }
            }
            "sys_enter" => {
                if let (Some(call), Some(Value::Array(values))) = (self.call(point), point.field("args")) {
                    call.iter_mut().take(ARGUMENTS).zip(values).for_each(|(seen, value)| seen.add(value));
                }
            }
            _ => {}
        }
    }

    /// The places all of whose numbers are pids of these tasks.
    #[must_use]
    pub fn finish(&self, tasks: &BTreeSet<Pid>) -> PidPlaces {
        let is_of_pids = |seen: &Seen| !seen.has_others && !seen.numbers.is_empty() && seen.numbers.is_subset(tasks);
        let places = self.calls.iter().enumerate().flat_map(|(call, places)| {
            let found = places.iter().enumerate().filter(|(_, seen)| is_of_pids(seen));
            found.map(move |(at, _)| (call, if at == ARGUMENTS { Place::Result } else { Place::Argument(at) }))
        });
        PidPlaces(places.collect())
    }

    fn call(&mut self, point: &Point) -> Option<&mut [Seen; ARGUMENTS + 1]> {
        let call = point.int("id").and_then(|id| usize::try_from(id).ok()).filter(|call| *call < CALLS)?;
        if self.calls.len() <= call {
            self.calls.resize_with(call + 1, Default::default);
        }
        self.calls.get_mut(call)
    }
}

/// A number as a pid. An `int` stands in a register of 64 bits, with its sign or without.
pub(super) fn number(value: &Value) -> Option<Pid> {
    let bits = value.bits()?;
    let low = u32::try_from(bits).ok().map(u32::cast_signed);
    low.map(Pid).or_else(|| as_pid(bits.cast_signed()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::text::parse;

    #[test]
    fn calls_that_always_return_pids_and_take_pids_are_found() {
        let lines = |lines: &[&str]| {
            let lines = lines.iter().map(|line| format!("  a-7 [001] ..... 1.000000: {line}\n"));
            lines.collect::<Vec<_>>().concat()
        };
        let text = lines(&[
            "sys_exit: NR 220 = 53",
            "sys_exit: NR 220 = 0",
            "sys_exit: NR 260 = -10",
            "sys_exit: NR 260 = 53",
            "sys_exit: NR 63 = 53",
            "sys_exit: NR 63 = 9",
            "sys_enter: NR 129 (35, 9, 0, 0, 0, 0)",
            "sys_enter: NR 260 (ffffffff, 7ffc0010, 0, 0, 0, 0)",
            "sys_enter: NR 260 (35, 7ffc0010, 0, 0, 0, 0)",
            "sys_exit: NR 5000 = 53",
        ]);
        let (trace, _) = parse(text.as_bytes());
        assert_eq!(trace.events.len(), 10);
        let mut search = PidSearch::default();
        trace.events.iter().for_each(|event| search.observe(event));
        let found = search.finish(&[Pid(7), Pid(53)].into());
        let expected =
            [(129, Place::Argument(0)), (220, Place::Result), (260, Place::Result), (260, Place::Argument(0))];
        assert_eq!(found, PidPlaces(expected.into()));
        assert_eq!(found.of_both(&PidPlaces([(220, Place::Result)].into())), PidPlaces([(220, Place::Result)].into()));
        assert_eq!(search.finish(&[Pid(7)].into()), PidPlaces::default());
    }
}
