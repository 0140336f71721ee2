//! Records that could not be understood, counted instead of listed: a hostile recording has millions.

use std::collections::BTreeMap;

use super::{IssueKind, IssuePlace, ParseIssue};

/// Counts by kind, and by event number.
#[derive(Clone, Debug, Default)]
pub(super) struct IssueCounts {
    unknown: BTreeMap<u16, u64>,
    short: BTreeMap<u16, u64>,
    no_format: BTreeMap<u16, u64>,
    orphans: u64,
}

impl IssueCounts {
    /// A record that became no event: its event number has no format, or it ends before a field of its format does.
    pub(super) fn lost(&mut self, id: u16, known: bool) {
        let counts = if known { &mut self.short } else { &mut self.unknown };
        *counts.entry(id).or_default() += 1;
    }

    /// A record of `trace_printk()` whose format is not in the recording.
    pub(super) fn no_format(&mut self, id: u16) {
        *self.no_format.entry(id).or_default() += 1;
    }

    /// A stack without an event it could belong to.
    pub(super) fn orphan(&mut self) {
        self.orphans += 1;
    }

    /// One issue per kind and event number.
    pub(super) fn issues(&self) -> impl Iterator<Item = ParseIssue> + use<> {
        let unknown = self.unknown.iter().map(|(id, count)| (*id, IssueKind::UnknownEvent(*count)));
        let short = self.short.iter().map(|(id, count)| (*id, IssueKind::ShortRecords(*count)));
        let no_format = self.no_format.iter().map(|(id, count)| (*id, IssueKind::NoPrintkFormat(*count)));
        let orphans = (self.orphans > 0)
            .then_some(ParseIssue { place: IssuePlace::KernelStack, kind: IssueKind::OrphanStacks(self.orphans) });
        let by_id =
            unknown.chain(short).chain(no_format).map(|(id, kind)| ParseIssue { place: IssuePlace::Event(id), kind });
        by_id.chain(orphans).collect::<Vec<_>>().into_iter()
    }
}
