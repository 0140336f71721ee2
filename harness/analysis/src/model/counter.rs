//! The number of times that each task did something.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::task::TaskId;
use kernsnap_trace::{EventKind, FunctionName, Symbol};

/// The high bits of a hash choose the slot.
const SLOT_BITS: u32 = 10;

/// Counts by task and by name: names of events, and functions as `name()`.
pub(super) type Counts = BTreeMap<TaskId, BTreeMap<Arc<str>, u64>>;

/// Counts, with a small direct-mapped memory in front: a recording says the same few things a million times, with names that
/// it shares, which need not be read to be known again.
#[derive(Clone, Debug)]
pub(super) struct Counter {
    recent: Vec<Option<Recent>>,
    counts: Counts,
}

/// The latest event of one task, with a count that is not in the table yet.
#[derive(Clone, Debug)]
struct Recent {
    task: TaskId,
    name: Name,
    count: u64,
}

#[derive(Clone, Debug)]
enum Name {
    Event(Arc<str>),
    Function(FunctionName),
}

impl Name {
    fn from_event_kind(body: &EventKind) -> Option<Self> {
        match body {
            EventKind::Tracepoint(point) => Some(Self::Event(Arc::clone(point.name()))),
            EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => {
                Some(Self::Function(function.place()?.function.clone()))
            }
            EventKind::GraphExit { .. } | EventKind::Marker { .. } => None,
        }
    }

    /// The same for the same name, as long as a copy of it exists.
    #[inline]
    fn identity(&self) -> usize {
        match self {
            Self::Event(name) => Arc::as_ptr(name).addr(),
            Self::Function(name) => name.identity(),
        }
    }
}

impl Default for Counter {
    fn default() -> Self {
        Self { recent: vec![None; 1 << SLOT_BITS], counts: Counts::new() }
    }
}

impl Counter {
    /// Counts what a task did. The end of a call is not counted, its beginning is.
    #[inline]
    pub(super) fn count(&mut self, task: TaskId, body: &EventKind) {
        let identity = match body {
            EventKind::Tracepoint(point) => Arc::as_ptr(point.name()).addr(),
            EventKind::Function { function: Symbol::Function { place, .. }, .. }
            | EventKind::GraphEntry { function: Symbol::Function { place, .. }, .. } => place.function.identity(),
            EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => {
                return self.add(task, format!("{function}()").into(), 1);
            }
            EventKind::Marker { .. } => return self.add(task, "marker".into(), 1),
            EventKind::GraphExit { .. } => return,
        };
        let at = slot(task, identity);
        match self.recent.get_mut(at) {
            Some(Some(recent)) if recent.task == task && recent.name.identity() == identity => recent.count += 1,
            Some(slot) => {
                let new = Name::from_event_kind(body).map(|name| Recent { task, name, count: 1 });
                if let Some(old) = std::mem::replace(slot, new) {
                    self.settle(old);
                }
            }
            None => {}
        }
    }

    /// All that was counted.
    pub(super) fn finish(mut self) -> Counts {
        for recent in std::mem::take(&mut self.recent).into_iter().flatten() {
            self.settle(recent);
        }
        self.counts
    }

    fn settle(&mut self, Recent { task, name, count }: Recent) {
        let name = match name {
            Name::Event(name) => name,
            Name::Function(name) => format!("{}()", name.base()).into(),
        };
        self.add(task, name, count);
    }

    fn add(&mut self, task: TaskId, name: Arc<str>, count: u64) {
        *self.counts.entry(task).or_default().entry(name).or_default() += count;
    }
}

#[inline]
fn slot(task: TaskId, identity: usize) -> usize {
    // Fibonacci hashing: the high bits of the product depend on all bits of what is multiplied.
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let [identity, task] = [identity, task.0].map(|number| u64::try_from(number).unwrap_or(0));
    let word = identity ^ task.rotate_right(16);
    usize::try_from(word.wrapping_mul(ODD) >> (u64::BITS - SLOT_BITS)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::{CodeLocation, Point};

    #[test]
    fn nothing_is_lost_where_many_names_share_a_place() {
        let points: Vec<_> = (0..3000)
            .map(|number| EventKind::Tracepoint(Point::from_fields::<&str>(&format!("e{number}"), [])))
            .collect();
        let call = |number: u32| {
            let function = FunctionName::new(&format!("f.part.{number}"));
            let place = CodeLocation { function, offset: None, module: None, followed_by: None };
            let function = Symbol::Function { place: place.into(), address: None };
            EventKind::Function { function, caller: Symbol::Unknown }
        };
        let mut counter = Counter::default();
        for round in 0..3 {
            for point in &points {
                counter.count(TaskId(round), point);
                counter.count(TaskId(7), point);
            }
            // The same name, in another memory each time.
            counter.count(TaskId(7), &call(1));
            counter.count(TaskId(7), &call(2));
        }
        let counts = counter.finish();
        assert_eq!(counts[&TaskId(7)]["f()"], 6);
        let per_task = |task: usize| counts[&TaskId(task)].values().collect::<Vec<_>>();
        assert!(per_task(1).iter().all(|count| **count == 1) && per_task(1).len() == 3000);
        assert_eq!(per_task(7).iter().filter(|count| ***count == 3).count(), 3000);
    }
}
