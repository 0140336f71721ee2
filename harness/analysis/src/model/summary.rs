//! Counts and durations by task, without remembering events.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::counter::Counter;
use super::distribution::Distribution;
use super::task::{Span, State, Task, TaskId};
use super::tracker::{Listener, Tracker};
use kernsnap_trace::{Event, Timestamp};

/// The measurements of a task, in guest nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Measure {
    /// From its creation to its first run.
    ForkToRun,
    /// From each wake-up, or preemption, to the next run.
    WakeToRun,
    /// From the beginning of its exit to the wake-up of its creator.
    ExitToParent,
    /// Each time on a CPU.
    Run,
    /// Each time asleep.
    Sleep,
}

impl Measure {
    /// All of them, in the order of a life.
    pub const ALL: [Measure; 5] = [Self::ForkToRun, Self::WakeToRun, Self::Run, Self::Sleep, Self::ExitToParent];

    /// A few words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Self::ForkToRun => "fork → first run",
            Self::WakeToRun => "wake → run",
            Self::ExitToParent => "exit → parent woken",
            Self::Run => "running",
            Self::Sleep => "asleep",
        }
    }

    /// The name of the sentence that tells these words in each language.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::ForkToRun => "measure-fork-to-run",
            Self::WakeToRun => "measure-wake-to-run",
            Self::ExitToParent => "measure-exit-to-parent",
            Self::Run => "measure-run",
            Self::Sleep => "measure-sleep",
        }
    }
}

/// Figures of a recording. Memory grows with the tasks and the kinds of events, not with the events.
#[derive(Clone, Debug, Default)]
pub struct Summary {
    /// The tasks. Filled by [`Summary::finish`].
    pub tasks: Vec<Task>,
    /// The number of times that each task did something: names of events, and functions as `name()`. Filled by [`Summary::finish`].
    pub counts: BTreeMap<TaskId, BTreeMap<Arc<str>, u64>>,
    /// Durations by task.
    pub times: BTreeMap<(Measure, TaskId), Distribution>,
    /// Waits by task that did not end within the recording, whose durations are therefore not known.
    pub unfinished: BTreeMap<(Measure, TaskId), u64>,
    /// The first and the last event.
    pub range: Option<(Timestamp, Timestamp)>,
    tracker: Tracker,
    counter: Counter,
}

/// The part that listens, apart from the tracker that talks to it.
struct Ledger<'a> {
    counter: &'a mut Counter,
    times: &'a mut BTreeMap<(Measure, TaskId), Distribution>,
    unfinished: &'a mut BTreeMap<(Measure, TaskId), u64>,
}

impl Ledger<'_> {
    fn time(&mut self, measure: Measure, task: TaskId, ns: u64) {
        self.times.entry((measure, task)).or_default().add(ns);
    }
}

impl Listener for Ledger<'_> {
    fn span(&mut self, span: &Span) {
        let measure = match span.state {
            State::Runnable => Measure::WakeToRun,
            State::Running => Measure::Run,
            State::Sleeping | State::Blocked => Measure::Sleep,
            _ => return,
        };
        if span.ended || measure == Measure::Run {
            self.time(measure, span.task, span.to.0 - span.from.0);
        } else {
            *self.unfinished.entry((measure, span.task)).or_default() += 1;
        }
    }

    fn started(&mut self, task: TaskId, ns: u64) {
        self.time(Measure::ForkToRun, task, ns);
    }

    fn told_parent(&mut self, task: TaskId, ns: u64) {
        self.time(Measure::ExitToParent, task, ns);
    }

    #[inline]
    fn event(&mut self, task: TaskId, event: &Event) {
        self.counter.count(task, &event.kind);
    }
}

impl Summary {
    /// Takes the next event.
    pub fn observe(&mut self, event: &Event) {
        let (first, last) = self.range.unwrap_or((event.time, event.time));
        self.range = Some((first.min(event.time), last.max(event.time)));
        let mut ledger =
            Ledger { counter: &mut self.counter, times: &mut self.times, unfinished: &mut self.unfinished };
        self.tracker.observe(event, &mut ledger);
    }

    /// Ends the recording.
    #[must_use]
    pub fn finish(mut self) -> Self {
        let end = self.range.map_or(Timestamp(0), |(_, last)| last);
        let mut ledger =
            Ledger { counter: &mut self.counter, times: &mut self.times, unfinished: &mut self.unfinished };
        self.tasks = std::mem::take(&mut self.tracker).finish(end, &mut ledger);
        self.counts = std::mem::take(&mut self.counter).finish();
        self
    }

    /// The figures of a whole recording.
    pub fn from_events<'a>(events: impl IntoIterator<Item = &'a Event>) -> Self {
        let mut summary = Self::default();
        for event in events {
            summary.observe(event);
        }
        summary.finish()
    }
}
