//! The CPUs' events in one order: by time, then CPU, then the order in that CPU's buffer.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use super::{Body, Event};

/// Merges streams that are each sorted by time.
#[must_use]
pub(super) fn merge(streams: Vec<Vec<Event>>) -> Vec<Event> {
    let mut merged = Vec::with_capacity(streams.iter().map(Vec::len).sum());
    let mut rests: Vec<_> = streams.into_iter().map(Vec::into_iter).collect();
    let key = |stream: usize, event: &Event| Reverse((event.time, event.cpu, stream));
    let mut heads: BinaryHeap<_> = rests
        .iter()
        .enumerate()
        .filter_map(|(stream, rest)| rest.as_slice().first().map(|event| key(stream, event)))
        .collect();
    while let Some(Reverse((_, _, stream))) = heads.pop() {
        let Some(rest) = rests.get_mut(stream) else { continue };
        // Runs of one CPU are long: stay with it while nobody else is due.
        while let Some(event) = rest.as_slice().first() {
            let head = key(stream, event);
            if heads.peek().is_some_and(|other| *other > head) {
                heads.push(head);
                break;
            }
            merged.extend(rest.next());
        }
    }
    merged
}

/// Gives each return of a function the time of the entry before it of the same task and depth: for recordings whose
/// return records do not carry it. Where there is no such entry, it stays as it is.
pub(super) fn pair_entries(events: &mut [Event]) {
    let mut entries = BTreeMap::new();
    for event in events {
        let (pid, time) = (event.pid.0, event.time);
        match &mut event.body {
            Body::Enter { depth, .. } => {
                entries.insert((pid, *depth), time);
            }
            Body::Leave { depth, entered, .. } => {
                if let Some(time) = entries.remove(&(pid, *depth)) {
                    *entered = time;
                }
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{Context, Cpu, Pid, Symbol, Timestamp};

    fn event(time: u64, cpu: u16, body: Body) -> Event {
        Event { time: Timestamp(time), cpu: Cpu(cpu), pid: Pid(1), context: Context::default(), body, stack: None }
    }

    /// Each stream as `TIME@CPU` words; the merged order likewise.
    #[track_caller]
    fn check(streams: &[&str], expected: &str) {
        let marker = |text: &str| {
            let (time, cpu) = text.split_once('@').expect("TIME@CPU");
            event(time.parse().expect("a time"), cpu.parse().expect("a CPU"), Body::Marker { text: text.into() })
        };
        let streams = streams.iter().map(|stream| stream.split(' ').filter(|w| !w.is_empty()).map(marker).collect());
        let merged = merge(streams.collect());
        let shown: Vec<_> = merged.iter().map(|event| format!("{}@{}", event.time.0, event.cpu.0)).collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn time_comes_first_and_the_cpu_second() {
        check(&[], "");
        check(&["", "1@1 2@1"], "1@1 2@1");
        check(&["3@0 4@0 9@0", "1@1 4@1", "4@2 4@2 5@2"], "1@1 3@0 4@0 4@1 4@2 4@2 5@2 9@0");
        check(&["4@1 4@1", "4@0"], "4@0 4@1 4@1");
    }

    #[test]
    fn a_return_takes_the_time_of_its_entry() {
        let function = Symbol::Address(1);
        let enter = |time, depth| event(time, 0, Body::Enter { function: function.clone(), depth });
        let leave = |time, depth| {
            let at = Timestamp(time);
            event(time, 0, Body::Leave { function: function.clone(), depth, entered: at, left: at })
        };
        let mut events = [enter(1, 0), enter(2, 1), leave(5, 1), enter(6, 1), leave(7, 1), leave(8, 0), leave(9, 0)];
        pair_entries(&mut events);
        let entered: Vec<_> = events
            .iter()
            .filter_map(|event| match event.body {
                Body::Leave { entered, .. } => Some(entered.0),
                _ => None,
            })
            .collect();
        assert_eq!(entered, [2, 6, 1, 9]);
    }
}
