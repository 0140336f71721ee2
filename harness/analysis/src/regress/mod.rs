//! The differences between two kernels: one class per scenario, with its reasons. Pure.
//!
//! Timing alone is never a behaviour: views have no times, and an interleaving that the *same* kernel shows in another schedule
//! is not the change's doing. What remains is told task by task.

mod html;
mod show;

use serde::Serialize;

use crate::complaints::{SILENT, is_same};
use crate::cost::{Change, Figure, Threshold, own_changes};
use crate::diff::{Diff, TaskLines};

/// A run of a scenario on one kernel in one schedule.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Measurement {
    /// The schedule, as the command line takes it.
    pub schedule: String,
    /// The behaviour of each task.
    pub side: TaskLines,
    /// The broken expectations in the scenario's words, each with the observation that contradicts it.
    pub broken: Vec<(String, String)>,
    /// Why nothing can be said; empty where something can.
    pub unusable: Vec<String>,
    /// Its cost.
    pub figures: Vec<Figure>,
    /// Its costs in other circumstances; a measurement of another kernel has them in the same order.
    pub elsewhere: Vec<Vec<Figure>>,
}

/// The class of a scenario, from the best to the worst.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Class {
    /// Nothing differs.
    Same,
    /// Each task does what it also does on the base kernel, in another schedule.
    ScheduleOnly,
    /// The behaviour is the same, and costs more or less.
    CostChanged,
    /// A task does something else.
    BehaviourChanged,
    /// Something does not hold any more that must.
    ExpectationBroken,
    /// Nothing can be said.
    Unusable,
}

impl Class {
    /// All, from nothing to worst.
    pub const ALL: [Class; 6] = [
        Class::Same,
        Class::ScheduleOnly,
        Class::CostChanged,
        Class::BehaviourChanged,
        Class::ExpectationBroken,
        Class::Unusable,
    ];

    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Class::Same => "same",
            Class::ScheduleOnly => "schedule only",
            Class::CostChanged => "cost changed",
            Class::BehaviourChanged => "behaviour changed",
            Class::ExpectationBroken => "expectation broken",
            Class::Unusable => "unusable",
        }
    }
}

/// The finding of one scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The scenario's id, or `TARGET/TEST` of a kernel's own test.
    pub scenario: String,
    /// In one word.
    pub class: Class,
    /// The expectations that the head breaks, each with the observation that contradicts it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub broken: Vec<(String, String)>,
    /// The differences from the nearest schedule of the base kernel, where the change causes them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Diff>,
    /// Figures that differ by the change's own doing.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub cost: Vec<Change>,
    /// Those of them that are more than was allowed.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub too_much: Vec<Change>,
    /// Why nothing can be said.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unusable: Vec<String>,
}

/// Everything that was found.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// The image that is right.
    pub base: String,
    /// The image that is asked about.
    pub head: String,
    /// True if both are the same bytes, so that no scenario was run.
    pub identical: bool,
    /// By scenario, then by test.
    pub findings: Vec<Finding>,
}

/// True if more runs in other schedules could tell a schedule's doing from the change's.
#[must_use]
pub fn is_open(base: &Measurement, head: &Measurement) -> bool {
    let usable = base.unusable.is_empty() && head.unusable.is_empty();
    usable
        && (!Diff::new(&base.side, &head.side).is_empty() || !newly_broken(std::slice::from_ref(base), head).is_empty())
}

/// The figures that differ by the change's own doing, as far as both looks tell.
#[must_use]
pub fn cost(base: &Measurement, head: &Measurement) -> Vec<Change> {
    fn all(look: &Measurement) -> impl Iterator<Item = &[Figure]> {
        std::iter::once(&*look.figures).chain(look.elsewhere.iter().map(|figures| &**figures))
    }
    own_changes(&all(base).zip(all(head)).collect::<Vec<_>>())
}

/// Judges a scenario by its runs on both kernels; the first of each is in the usual schedule, the others help to tell what
/// depends on the schedule. `None` where a kernel has no run.
#[must_use]
pub fn classify(scenario: &str, base: &[Measurement], head: &[Measurement], allowed: &[Threshold]) -> Option<Finding> {
    let (first, asked) = (base.first()?, head.first()?);
    let mut finding = Finding {
        scenario: scenario.to_owned(),
        class: Class::Same,
        broken: Vec::new(),
        difference: None,
        cost: Vec::new(),
        too_much: Vec::new(),
        unusable: Vec::new(),
    };
    for (which, look) in [("base", first), ("head", asked)] {
        finding.unusable.extend(look.unusable.iter().map(|why| format!("{which}: {why}")));
    }
    if !finding.unusable.is_empty() {
        finding.class = Class::Unusable;
        return Some(finding);
    }
    finding.cost = cost(first, asked);
    finding.too_much =
        finding.cost.iter().filter(|change| allowed.iter().any(|most| most.is_exceeded(change))).cloned().collect();
    if !finding.cost.is_empty() {
        finding.class = Class::CostChanged;
    }
    let base: Vec<&Measurement> = base.iter().filter(|look| look.unusable.is_empty()).collect();
    let differs = !Diff::new(&first.side, &asked.side).is_empty();
    if differs && is_known(&base, &asked.side) {
        finding.class = Class::ScheduleOnly;
    } else if differs {
        finding.class = Class::BehaviourChanged;
        finding.difference = nearest(&base, &asked.side);
    }
    finding.broken = newly_broken(&base.into_iter().cloned().collect::<Vec<_>>(), asked);
    if !finding.broken.is_empty() {
        finding.class = Class::ExpectationBroken;
        finding.difference = finding.difference.or_else(|| Some(Diff::new(&first.side, &asked.side)));
    }
    Some(finding)
}

/// The expectations that are broken on the head and hold in every run of the base.
fn newly_broken(base: &[Measurement], head: &Measurement) -> Vec<(String, String)> {
    // A kernel can complain about several things, so a complaint that is known does not hide another one.
    let same = |(known, before): &(String, String), (that, found): &(String, String)| {
        known == that && (that != SILENT || is_same(before, found))
    };
    let known = |one: &&(String, String)| base.iter().any(|look| look.broken.iter().any(|known| same(known, one)));
    head.broken.iter().filter(|one| !known(one)).cloned().collect()
}

/// True if each task does what it also does in some run of the base.
fn is_known(base: &[&Measurement], head: &TaskLines) -> bool {
    let names = base.iter().flat_map(|look| look.side.tasks.keys()).chain(head.tasks.keys());
    names.into_iter().all(|name| base.iter().any(|look| look.side.tasks.get(name) == head.tasks.get(name)))
}

/// The difference from that run of the base from which it is smallest; the first of several.
fn nearest(base: &[&Measurement], head: &TaskLines) -> Option<Diff> {
    let size = |diff: &Diff| diff.tasks.values().map(Vec::len).sum::<usize>();
    base.iter().map(|look| Diff::new(&look.side, head)).min_by_key(size)
}

impl Report {
    /// True if the kernels behave alike, as far as one can say, and nothing costs more than allowed.
    #[must_use]
    pub fn worst(&self) -> Class {
        self.findings.iter().map(|finding| finding.class).max().unwrap_or(Class::Same)
    }

    /// True if a figure is above what was allowed.
    #[must_use]
    pub fn costs_too_much(&self) -> bool {
        self.findings.iter().any(|finding| !finding.too_much.is_empty())
    }
}

#[cfg(test)]
mod tests;
