//! The common part of a scenario's runs under many schedules, and their differences. Pure.

mod show;

use std::collections::BTreeMap;

use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};

/// A run in one schedule, as far as exploring looks at it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScheduleRun {
    /// The schedule, as the command line takes it.
    pub schedule: String,
    /// The view, line by line.
    pub view: Vec<String>,
    /// The broken expectations, or the reasons that there is no verdict; empty where everything holds.
    pub broken: Vec<String>,
}

/// Everything that was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Explored {
    /// The different views, with the schedules that show each: first that of the first schedule.
    pub interleavings: Vec<Interleaving>,
    /// The lines of the first view, and behind each those that other schedules have there.
    pub lines: Vec<Line>,
    /// The broken expectations, with the schedules that break them.
    pub broken: BTreeMap<String, Vec<String>>,
}

/// One view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Interleaving {
    /// The schedules that show it.
    pub schedules: Vec<String>,
    /// The number of lines that are not in the first view, or not there.
    pub lines_apart: usize,
    /// True if something does not hold in one of them.
    pub broken: bool,
}

/// A line of a view.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Line {
    /// The line.
    pub text: String,
    /// True if it depends on the schedule.
    pub label: Label,
}

/// The schedules that show a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Label {
    /// In all schedules, in this order.
    Invariant,
    /// In the first schedule, and not in all others there.
    ScheduleDependent,
    /// Only in others than the first.
    Elsewhere,
}

impl Explored {
    /// Puts runs of one scenario together; the first is the one that others are held against.
    #[must_use]
    pub fn new(seen: &[ScheduleRun]) -> Self {
        let Some(first) = seen.first() else { return Self::default() };
        let mut views: Vec<(&[String], Interleaving)> = Vec::new();
        let mut broken: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for run in seen {
            for why in &run.broken {
                broken.entry(why.clone()).or_default().push(run.schedule.clone());
            }
            let known = views.iter_mut().find(|(view, _)| *view == run.view);
            if let Some((_, interleaving)) = known {
                interleaving.schedules.push(run.schedule.clone());
                interleaving.broken |= !run.broken.is_empty();
            } else {
                let schedules = vec![run.schedule.clone()];
                let interleaving = Interleaving { schedules, lines_apart: 0, broken: !run.broken.is_empty() };
                views.push((&run.view, interleaving));
            }
        }
        let mut compared = Compared::with(&first.view);
        for (view, interleaving) in &mut views {
            interleaving.lines_apart = compared.hold_against(view);
        }
        Self {
            interleavings: views.into_iter().map(|(_, interleaving)| interleaving).collect(),
            lines: compared.lines(),
            broken,
        }
    }

    /// True if the view is the same in all schedules.
    #[must_use]
    pub fn is_invariant(&self) -> bool {
        self.interleavings.len() <= 1
    }
}

/// The first view, while others are held against it.
struct Compared<'a> {
    first: &'a [String],
    invariant: Vec<bool>,
    /// Lines of other views, by the line of the first that they stand before.
    elsewhere: BTreeMap<usize, Vec<&'a str>>,
}

impl<'a> Compared<'a> {
    fn with(first: &'a [String]) -> Self {
        Self { first, invariant: vec![true; first.len()], elsewhere: BTreeMap::new() }
    }

    /// Marks what differs, and counts it.
    fn hold_against(&mut self, other: &'a [String]) -> usize {
        let mut apart = 0;
        for op in capture_diff_slices(Algorithm::Patience, self.first, other) {
            if matches!(op, DiffOp::Equal { .. }) {
                continue;
            }
            let at = op.old_range().start;
            for line in op.old_range() {
                self.invariant[line] = false;
            }
            for line in &other[op.new_range()] {
                let known = self.elsewhere.entry(at).or_default();
                if !known.contains(&line.as_str()) {
                    known.push(line);
                }
            }
            apart += op.old_range().len().max(op.new_range().len());
        }
        apart
    }

    fn lines(&self) -> Vec<Line> {
        let mut lines = Vec::new();
        for at in 0..=self.first.len() {
            let others = self.elsewhere.get(&at).into_iter().flatten();
            lines.extend(others.map(|text| Line { text: (*text).to_owned(), label: Label::Elsewhere }));
            if let (Some(text), Some(invariant)) = (self.first.get(at), self.invariant.get(at)) {
                let label = if *invariant { Label::Invariant } else { Label::ScheduleDependent };
                lines.push(Line { text: text.clone(), label });
            }
        }
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(schedule: &str, view: &str, broken: &[&str]) -> ScheduleRun {
        ScheduleRun {
            schedule: schedule.into(),
            view: view.split_whitespace().map(str::to_owned).collect(),
            broken: broken.iter().map(|why| (*why).to_owned()).collect(),
        }
    }

    fn labels(explored: &Explored) -> Vec<(&str, Label)> {
        explored.lines.iter().map(|line| (line.text.as_str(), line.label)).collect()
    }

    #[test]
    fn one_view_in_all_schedules_is_invariant() {
        let explored = Explored::new(&[seen("1:4", "a b", &[]), seen("0:4", "a b", &[])]);
        assert!(explored.is_invariant());
        assert_eq!(explored.interleavings[0].schedules, ["1:4", "0:4"]);
        assert_eq!(labels(&explored), [("a", Label::Invariant), ("b", Label::Invariant)]);
    }

    #[test]
    fn each_line_is_labelled_by_all_views() {
        let explored = Explored::new(&[
            seen("1:4", "a b c d", &[]),
            seen("0:4", "a c d", &[]),
            seen("2:4", "a b c x d", &[]),
            seen("3:4", "a c d", &[]),
        ]);
        assert_eq!(
            labels(&explored),
            [
                ("a", Label::Invariant),
                ("b", Label::ScheduleDependent),
                ("c", Label::Invariant),
                ("x", Label::Elsewhere),
                ("d", Label::Invariant),
            ]
        );
        let told: Vec<_> = explored.interleavings.iter().map(|i| (i.schedules.len(), i.lines_apart)).collect();
        assert_eq!(told, [(1, 0), (2, 1), (1, 1)]);
    }

    #[test]
    fn another_order_is_a_dependence() {
        let explored = Explored::new(&[seen("1:4", "a b", &[]), seen("0:4", "b a", &[])]);
        assert!(explored.lines.iter().any(|line| line.label == Label::ScheduleDependent));
        assert!(!explored.is_invariant());
    }

    #[test]
    fn what_breaks_is_told_with_its_schedules_even_where_the_view_is_the_same() {
        let explored =
            Explored::new(&[seen("1:4", "a", &[]), seen("0:4", "a", &["late"]), seen("2:4", "b", &["late"])]);
        assert_eq!(explored.broken, BTreeMap::from([("late".into(), vec!["0:4".into(), "2:4".into()])]));
        assert_eq!(explored.interleavings.iter().map(|i| i.broken).collect::<Vec<_>>(), [true, true]);
    }
}
