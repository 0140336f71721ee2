//! Times in which no task of the scenario runs.

use std::collections::BTreeMap;
use std::ops::Range;

use kernsnap_trace::{Event, EventKind};

/// The times in which every CPU is idle, in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Idle(Vec<Range<u64>>);

impl Idle {
    /// Reads the switches of a trace that has all of them. What a CPU did before its first switch is what it left then; one
    /// that never switches and never does anything is idle.
    pub(super) fn from_events(events: &[Event], cpus: u16) -> Self {
        let mut works: BTreeMap<u16, bool> = (0..cpus).map(|cpu| (cpu, false)).collect();
        let mut known = BTreeMap::new();
        for event in events {
            let before = switch(event).map_or(i64::from(event.pid.0), |(prev, _)| prev);
            known.entry(event.cpu.0).or_insert(before != 0);
        }
        works.extend(known);
        let mut found = Vec::new();
        let mut since = works.values().all(|works| !works).then_some(0);
        for event in events {
            let Some((_, next)) = switch(event) else { continue };
            works.insert(event.cpu.0, next != 0);
            let idle = works.values().all(|works| !works);
            match since {
                None if idle => since = Some(event.time.0),
                Some(start) if !idle => {
                    found.push(start..event.time.0);
                    since = None;
                }
                _ => {}
            }
        }
        found.extend(since.map(|start| start..u64::MAX));
        Self(found)
    }

    /// How much of a time that is, in nanoseconds.
    pub(super) fn within(&self, time: Range<u64>) -> u64 {
        let overlap = |idle: &Range<u64>| idle.end.min(time.end).saturating_sub(idle.start.max(time.start));
        self.0.iter().map(overlap).sum()
    }
}

/// The pids that a CPU leaves and takes up.
fn switch(event: &Event) -> Option<(i64, i64)> {
    match &event.kind {
        EventKind::Tracepoint(point) if **point.name() == *"sched_switch" => {
            Some((point.int("prev_pid")?, point.int("next_pid")?))
        }
        _ => None,
    }
}
