//! Differences between two views: task by task, and by role.
//!
//! Each task's events are compared as a sequence of their own, so that another interleaving of the same behaviour is no
//! difference, and neither is what tasks without a role do. Pure.

mod align;
mod divergence;
mod html;
mod read;
mod rows;
mod show;
mod stream;

use std::collections::{BTreeMap, BTreeSet, VecDeque};

pub use align::Alignment;
pub use divergence::{Divergence, Moment, Moments, Side};
pub use read::lines_of_view;
use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};
pub use stream::Comparison;

use crate::view::{Events, Line};

/// One of two things to compare: what each task does.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TaskLines {
    /// The lines of each task, in order. Lines of a view without roles belong to the task `""`.
    pub tasks: BTreeMap<String, Vec<Line>>,
    /// The status of the run, where it is known.
    pub verdict: Option<String>,
}

/// All differences between two sides, here called before and after.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Diff {
    /// Where the runs were judged differently: before and after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub verdict: Option<(String, String)>,
    /// The tasks that do something else, by name.
    pub tasks: BTreeMap<String, Vec<Difference>>,
    /// The number of more that differences there are in a task, where they are too many to be told.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub more: BTreeMap<String, u64>,
    /// The lines in front of the first difference of a task, where recordings are compared.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub context: BTreeMap<String, Vec<Line>>,
    /// Where each task begins to differ, where recordings are compared.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub divergences: BTreeMap<String, Divergence>,
}

/// One difference. Places count the lines of the task from 0.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case", tag = "kind")]
pub enum Difference {
    /// It happened before, and does not any more.
    Missing {
        /// Its place before.
        from: usize,
        /// The line.
        line: Line,
    },
    /// It did not happen before.
    Added {
        /// Its place after.
        to: usize,
        /// The line.
        line: Line,
    },
    /// It happens at another place of the task's sequence.
    Moved {
        /// Its place before.
        from: usize,
        /// Its place after.
        to: usize,
        /// The line.
        line: Line,
    },
    /// It happens, with other fields or another stack.
    Changed {
        /// Its place before.
        from: usize,
        /// Its place after.
        to: usize,
        /// The line before.
        before: Line,
        /// The line after.
        after: Line,
        /// The changed fields: names with values before and after.
        fields: Vec<FieldChange>,
    },
}

/// A part of a line that differs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct FieldChange {
    /// A field's name, or `caller`, `nesting`, `cpu`, `stack`.
    pub field: String,
    /// Its earlier value; `None` where it was not there.
    pub before: Option<String>,
    /// Its kind.
    pub after: Option<String>,
}

/// The role of all tasks without one. Their events are not the behaviour of any role.
const OTHERS: &str = "other";

impl TaskLines {
    /// The behaviour of the tasks of a view.
    #[must_use]
    pub fn from_events(events: &Events) -> Self {
        let mut tasks: BTreeMap<String, Vec<Line>> = BTreeMap::new();
        for line in events.lines.iter().filter(|line| line.role != OTHERS) {
            tasks.entry(line.role.clone()).or_default().push(line.clone());
        }
        Self { tasks, verdict: None }
    }
}

impl Diff {
    /// Compares two sides.
    #[must_use]
    pub fn new(before: &TaskLines, after: &TaskLines) -> Self {
        let mut names: Vec<&String> = before.tasks.keys().chain(after.tasks.keys()).collect();
        names.sort_unstable();
        names.dedup();
        let empty = Vec::new();
        let lines = |side: &'_ TaskLines, name: &String| side.tasks.get(name).unwrap_or(&empty).clone();
        let tasks = names.into_iter().map(|name| (name.clone(), compare(&lines(before, name), &lines(after, name))));
        let verdict = match (&before.verdict, &after.verdict) {
            (Some(before), Some(after)) if before != after => Some((before.clone(), after.clone())),
            _ => None,
        };
        let tasks = tasks.filter(|(_, differences)| !differences.is_empty()).collect();
        Self { verdict, tasks, ..Self::default() }
    }

    /// True if both sides tell of the same behaviour.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tasks.is_empty() && self.verdict.is_none()
    }

    /// The way back.
    #[must_use]
    pub fn inverse(&self) -> Self {
        let back = |(name, all): (&String, &Vec<Difference>)| (name.clone(), inverse(all));
        let other_way = |(name, divergence): (&String, &Divergence)| (name.clone(), divergence.inverse());
        Self {
            verdict: self.verdict.clone().map(|(before, after)| (after, before)),
            tasks: self.tasks.iter().map(back).collect(),
            more: self.more.clone(),
            context: self.context.clone(),
            divergences: self.divergences.iter().map(other_way).collect(),
        }
    }

    /// What `before` becomes by these differences, which it is one side of.
    #[must_use]
    pub fn apply(&self, before: &TaskLines) -> TaskLines {
        let mut after = before.clone();
        for (name, differences) in &self.tasks {
            let lines = after.tasks.remove(name).unwrap_or_default();
            let lines = apply(differences, lines);
            if !lines.is_empty() {
                after.tasks.insert(name.clone(), lines);
            }
        }
        if let Some((_, verdict)) = &self.verdict {
            after.verdict = Some(verdict.clone());
        }
        after
    }
}

impl Difference {
    /// The same, so many lines further on.
    fn shifted(mut self, before: usize, after: usize) -> Self {
        match &mut self {
            Self::Missing { from, .. } => *from += before,
            Self::Added { to, .. } => *to += after,
            Self::Moved { from, to, .. } | Self::Changed { from, to, .. } => {
                *from += before;
                *to += after;
            }
        }
        self
    }

    /// Its places before and after.
    fn places(&self) -> (Option<usize>, Option<usize>) {
        match self {
            Self::Missing { from, .. } => (Some(*from), None),
            Self::Added { to, .. } => (None, Some(*to)),
            Self::Moved { from, to, .. } | Self::Changed { from, to, .. } => (Some(*from), Some(*to)),
        }
    }

    /// The line after, where there is one.
    fn after(&self) -> Option<&Line> {
        match self {
            Self::Missing { .. } => None,
            Self::Added { line, .. } | Self::Moved { line, .. } | Self::Changed { after: line, .. } => Some(line),
        }
    }
}

/// Of several equally short ways from one sequence to another an algorithm takes the one it meets first. It always looks from
/// the lesser sequence, so that both directions find the same way.
fn compare(before: &[Line], after: &[Line]) -> Vec<Difference> {
    // A line that a streaming comparison no longer holds.
    let same = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    let (before, after) = (&before[same..], &after[same..]);
    let found = if before <= after { differences(before, after) } else { inverse(&differences(after, before)) };
    found.into_iter().map(|difference| difference.shifted(same, same)).collect()
}

fn differences(before: &[Line], after: &[Line]) -> Vec<Difference> {
    let (mut gone, mut new) = (Vec::new(), Vec::new());
    for op in capture_diff_slices(Algorithm::Patience, before, after) {
        if !matches!(op, DiffOp::Equal { .. }) {
            gone.extend(op.old_range());
            new.extend(op.new_range());
        }
    }
    let mut found = Vec::new();
    for (from, to) in pairs(&mut gone, &mut new, |from| &before[from], |to| &after[to]) {
        found.push(Difference::Moved { from, to, line: before[from].clone() });
    }
    for (from, to) in pairs(&mut gone, &mut new, |from| read::name(&before[from]), |to| read::name(&after[to])) {
        let (before, after) = (before[from].clone(), after[to].clone());
        let fields = read::changes(&before, &after);
        found.push(Difference::Changed { from, to, before, after, fields });
    }
    found.extend(gone.into_iter().map(|from| Difference::Missing { from, line: before[from].clone() }));
    found.extend(new.into_iter().map(|to| Difference::Added { to, line: after[to].clone() }));
    sort(&mut found);
    found
}

/// Takes those out of both lists that belong together, first come first served.
fn pairs<K: Ord>(
    gone: &mut Vec<usize>,
    new: &mut Vec<usize>,
    of_gone: impl Fn(usize) -> K,
    of_new: impl Fn(usize) -> K,
) -> Vec<(usize, usize)> {
    let mut waiting: BTreeMap<K, VecDeque<usize>> = BTreeMap::new();
    for to in new.iter() {
        waiting.entry(of_new(*to)).or_default().push_back(*to);
    }
    let mut found = Vec::new();
    gone.retain(|from| match waiting.get_mut(&of_gone(*from)).and_then(VecDeque::pop_front) {
        Some(to) => {
            found.push((*from, to));
            false
        }
        None => true,
    });
    let taken: BTreeSet<usize> = found.iter().map(|(_, to)| *to).collect();
    new.retain(|to| !taken.contains(to));
    found
}

fn inverse(differences: &[Difference]) -> Vec<Difference> {
    let back = |difference: &Difference| match difference.clone() {
        Difference::Missing { from, line } => Difference::Added { to: from, line },
        Difference::Added { to, line } => Difference::Missing { from: to, line },
        Difference::Moved { from, to, line } => Difference::Moved { from: to, to: from, line },
        Difference::Changed { from, to, before, after, fields } => {
            let back = |FieldChange { field, before, after }| FieldChange { field, before: after, after: before };
            let fields = fields.into_iter().map(back).collect();
            Difference::Changed { from: to, to: from, before: after, after: before, fields }
        }
    };
    let mut differences: Vec<_> = differences.iter().map(back).collect();
    sort(&mut differences);
    differences
}

/// In the order in which a reader of either side meets them.
fn sort(differences: &mut [Difference]) {
    differences.sort_by_key(|difference| {
        let (from, to) = difference.places();
        (from.or(to), from.is_none())
    });
}

fn apply(differences: &[Difference], lines: Vec<Line>) -> Vec<Line> {
    let gone: Vec<usize> = differences.iter().filter_map(|difference| difference.places().0).collect();
    let kept = lines.into_iter().enumerate().filter(|(at, _)| !gone.contains(at));
    let mut lines: Vec<Line> = kept.map(|(_, line)| line).collect();
    let mut new: Vec<(usize, &Line)> =
        differences.iter().filter_map(|difference| Some((difference.places().1?, difference.after()?))).collect();
    new.sort_unstable();
    for (at, line) in new {
        lines.insert(at.min(lines.len()), line.clone());
    }
    lines
}

#[cfg(test)]
mod planted;
#[cfg(test)]
mod tests;
