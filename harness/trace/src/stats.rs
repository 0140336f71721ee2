//! `per_cpu/cpuN/stats`: what the kernel counted, and what that says about a recording's completeness.

use super::{Cpu, IntegrityError};

/// The counters of one CPU's ring buffer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Stats {
    /// Events in the buffer that have not been read yet.
    pub(super) entries: u64,
    /// Events a reader has taken out.
    pub(super) read: u64,
    /// Events overwritten before they were read.
    pub(super) overrun: u64,
    /// Events that could not be written: interrupts nested too deep (`commit overrun`), or a full buffer that must not
    /// overwrite (`dropped events`).
    pub(super) dropped: u64,
}

impl Stats {
    /// Reads the file. `None` where `entries` or `read events` is not there: an empty or foreign text.
    #[must_use]
    pub(super) fn parse(text: &str) -> Option<Self> {
        let find = |name: &str| {
            text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':')?.trim().parse::<u64>().ok())
        };
        Some(Self {
            entries: find("entries")?,
            read: find("read events")?,
            overrun: find("overrun").unwrap_or(0),
            dropped: find("commit overrun").unwrap_or(0).saturating_add(find("dropped events").unwrap_or(0)),
        })
    }

    /// The defects they show, with `found` events decoded.
    ///
    /// Every data record counts as an event, a stack too. A drained buffer says `entries: 0` and has its events in
    /// `read events`; one whose counters were saved before the drain has them in `entries`; what a drain left behind is
    /// in `entries` beside what it took. So the sum is what should have been found. Where events may have been left behind
    /// (`may_leave_events`), it is enough that all are there which a reader has taken.
    pub(super) fn defects(self, cpu: Cpu, found: u64, may_leave_events: bool) -> impl Iterator<Item = IntegrityError> {
        let written = self.entries.saturating_add(self.read);
        let is_whole = found == written || may_leave_events && (self.read..written).contains(&found) && self.read > 0;
        [
            (self.overrun > 0).then_some(IntegrityError::Overrun { cpu, events: self.overrun }),
            (self.dropped > 0).then_some(IntegrityError::Dropped { cpu, events: self.dropped }),
            (!is_whole).then_some(IntegrityError::CountMismatch { cpu, found, written }),
        ]
        .into_iter()
        .flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, found: u64, expected: &[IntegrityError]) {
        let stats = Stats::parse(text).expect("counters");
        assert_eq!(stats.defects(Cpu(1), found, false).collect::<Vec<_>>(), expected);
    }

    #[test]
    fn counters_tell_what_is_missing() {
        let cpu = Cpu(1);
        let text = |entries: u64, overrun: u64, commit: u64, dropped: u64, read: u64| {
            format!(
                "entries: {entries}\noverrun: {overrun}\ncommit overrun: {commit}\nbytes: 5\n\
                 oldest event ts:  1.2\nnow ts:  3.4\ndropped events: {dropped}\nread events: {read}\n"
            )
        };
        check(&text(0, 0, 0, 0, 7), 7, &[]);
        check(&text(7, 0, 0, 0, 0), 7, &[]);
        check(&text(2, 0, 0, 0, 5), 5, &[IntegrityError::CountMismatch { cpu, found: 5, written: 7 }]);
        check(&text(0, 3, 0, 0, 5), 5, &[IntegrityError::Overrun { cpu, events: 3 }]);
        check(&text(0, 0, 2, 1, 5), 5, &[IntegrityError::Dropped { cpu, events: 3 }]);
        let left = |entries, read, found| {
            Stats::parse(&text(entries, 0, 0, 0, read)).expect("counters").defects(cpu, found, true).count()
        };
        assert_eq!([left(1, 5, 5), left(2, 5, 6), left(1, 5, 6)], [0, 0, 0], "events that stayed are not lost");
        assert_eq!([left(1, 5, 4), left(0, 5, 4), left(1, 5, 7), left(7, 0, 0)], [1, 1, 1, 1]);
        assert_eq!(Stats::parse(""), None);
        assert_eq!(Stats::parse("entries: x\nread events: 1"), None);
    }
}
