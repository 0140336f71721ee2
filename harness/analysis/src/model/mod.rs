//! The model of tasks in a trace: their lives, states, hand-offs and calls.
//!
//! One pass, event by event. [`Tracker`] keeps a state per task and CPU and tells a [`Listener`] what it concludes; what is
//! remembered beyond that is the listener's choice. [`Model`] remembers everything, [`Summary`] only distributions, so that
//! it can look at a recording of any length. Pure: knows events, and no scenario.

pub mod calls;
mod counter;
mod distribution;
mod fact;
mod pairs;
mod parts;
mod summary;
mod task;
mod tracker;

pub use calls::{Call, Calls};
pub use distribution::Distribution;
pub use fact::Fact;
pub use pairs::count_pairs;
pub use parts::Parts;
pub use summary::{Measure, Summary};
pub use task::{Act, Span, State, Switch, Task, TaskId, Wake};
pub use tracker::{Listener, Tracker};

use kernsnap_trace::{Event, Timestamp};

/// All that a recording shows about its tasks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Model {
    /// The tasks, in the order in which they are first heard of. A [`TaskId`] is a place in here.
    pub tasks: Vec<Task>,
    /// The states of all tasks, in the order in which they end.
    pub spans: Vec<Span>,
    /// Wake-ups, in the order of time.
    pub wakes: Vec<Wake>,
    /// Context switches, in the order of time.
    pub switches: Vec<Switch>,
    /// The task of each event, in the order of the events.
    pub actors: Vec<TaskId>,
}

/// The listener that [`Model`] writes down with.
#[derive(Default)]
struct Everything {
    spans: Vec<Span>,
    wakes: Vec<Wake>,
    switches: Vec<Switch>,
}

impl Listener for Everything {
    fn span(&mut self, span: &Span) {
        self.spans.push(*span);
    }

    fn wake(&mut self, wake: &Wake) {
        self.wakes.push(*wake);
    }

    fn switch(&mut self, switch: &Switch) {
        self.switches.push(*switch);
    }
}

impl Model {
    /// Reads events that are sorted by time.
    #[must_use]
    pub fn from_events(events: &[Event]) -> Self {
        let mut tracker = Tracker::default();
        let mut all = Everything::default();
        let actors = events.iter().map(|event| tracker.observe(event, &mut all)).collect();
        let end = events.last().map_or(Timestamp(0), |event| event.time);
        let tasks = tracker.finish(end, &mut all);
        let Everything { spans, wakes, switches } = all;
        Self { tasks, spans, wakes, switches, actors }
    }

    /// The task with this id.
    #[must_use]
    pub fn task(&self, id: TaskId) -> Option<&Task> {
        self.tasks.get(id.0)
    }

    /// The tasks that `parent` created, in order.
    pub fn children(&self, parent: TaskId) -> impl Iterator<Item = (TaskId, &Task)> {
        let all = self.tasks.iter().enumerate().map(|(at, task)| (TaskId(at), task));
        all.filter(move |(_, task)| task.created.is_some_and(|created| created.by == parent))
    }
}

#[cfg(test)]
pub(crate) mod tests;
