//! The events that decide about an expectation: for people who want to see why.

use super::{Court, judged_by};
use crate::scenario::{Pattern, Rule, Scenario};
use crate::trace::{Event, Trace};
use crate::view::Cast;

/// What decides about one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Witness {
    /// The claim, as the scenario words it.
    pub that: String,
    /// What was found instead; `None` where the claim holds.
    pub found: Option<String>,
    /// The events that satisfy the rule or break it, by their places in the trace, in the order of the rule. What never
    /// happened has no event.
    pub events: Vec<usize>,
}

/// More events than anybody looks at one by one.
const MOST: usize = 100;

/// What decides about each expectation of a scenario, in its order. Says nothing about whether the trace is complete: that is
/// for [`judge`](super::judge).
#[must_use]
pub fn witnesses(scenario: &Scenario, trace: &Trace, cast: &Cast) -> Vec<Witness> {
    let court = judged_by(scenario, trace, cast);
    let witness = |expectation: &crate::scenario::Expectation| Witness {
        that: expectation.that.clone(),
        found: court.holds(&expectation.rule).err(),
        events: court.events_of(&expectation.rule),
    };
    scenario.expectations.iter().map(witness).collect()
}

impl Court<'_> {
    fn events_of(&self, rule: &Rule) -> Vec<usize> {
        match rule {
            Rule::Order(patterns) => patterns.iter().filter_map(|pattern| self.find(pattern)).collect(),
            Rule::Present(pattern) | Rule::Stack(pattern, _) => self.find(pattern).into_iter().collect(),
            Rule::Absent(pattern) | Rule::Count(pattern, _) => self.all(pattern),
            Rule::First(pattern) => self.places(pattern).next().into_iter().collect(),
            Rule::Last(pattern) => self.places(pattern).last().into_iter().collect(),
            Rule::Same(fields) => fields.iter().filter_map(|field| self.find(&field.of)).collect(),
        }
    }

    fn all(&self, pattern: &Pattern) -> Vec<usize> {
        let matching = |(_, event): &(usize, &Event)| self.matcher.matches(pattern, event);
        self.events.iter().enumerate().filter(matching).map(|(at, _)| at).take(MOST).collect()
    }

    /// The places of the events of the pattern's own role.
    fn places(&self, pattern: &Pattern) -> impl Iterator<Item = usize> {
        let pid = pattern.by.as_ref().and_then(|role| self.matcher.cast.pid(role));
        self.events.iter().enumerate().filter(move |(_, event)| Some(event.pid) == pid).map(|(at, _)| at)
    }
}
