//! The events that decide about an expectation: for people who want to see why.

use std::ops::Range;

use super::RuleEvaluator;
use crate::phrase::Phrase;
use crate::view::{Matcher, RoleMap};
use kernsnap_scenario::{Expectation, Pattern, Rule, Scenario};
use kernsnap_trace::Trace;

/// The evidence for one expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SupportingEvents {
    /// The claim, as the scenario words it.
    pub that: String,
    /// The observation that contradicts the claim; `None` where the claim holds.
    pub found: Option<Phrase>,
    /// The events that satisfy the rule or break it, by their places in the trace, in the order of the rule. An event that
    /// never happened has none.
    pub events: Vec<usize>,
}

/// More events than anybody looks at one by one.
const MOST: usize = 100;

/// The evidence for each expectation of a scenario, in its order. It does not say whether the trace is complete: that is
/// for [`judge`](super::judge).
#[must_use]
pub fn witnesses(scenario: &Scenario, trace: &Trace, role_map: &RoleMap, console: &str) -> Vec<SupportingEvents> {
    let matcher = Matcher { role_map, names: &scenario.names };
    let evaluator = RuleEvaluator { events: &trace.events, console, matcher };
    let witness = |expectation: &Expectation| SupportingEvents {
        that: expectation.that.clone(),
        found: evaluator.check(expectation).err(),
        events: events_of(expectation, evaluator),
    };
    scenario.expectations.iter().map(witness).collect()
}

fn events_of(expectation: &Expectation, evaluator: RuleEvaluator<'_>) -> Vec<usize> {
    let Ok(range) = evaluator.range(expectation) else { return Vec::new() };
    let first = |pattern: &Pattern| evaluator.position(pattern, range.clone());
    match &expectation.rule {
        Rule::Order(patterns) => patterns.iter().filter_map(first).collect(),
        Rule::InTurn(patterns) => {
            let mut from = range.start;
            let mut next = |pattern| {
                let at = evaluator.position(pattern, from..range.end)?;
                from = at + 1;
                Some(at)
            };
            patterns.iter().map_while(&mut next).collect()
        }
        Rule::Present(pattern) | Rule::Stack(pattern, _) => first(pattern).into_iter().collect(),
        Rule::Absent(pattern) | Rule::Count(pattern, _) => evaluator.positions(pattern, range).take(MOST).collect(),
        Rule::Distinct(of, _) => evaluator.positions(&of.of, range).take(MOST).collect(),
        Rule::First(pattern) => own(pattern, evaluator, range).next().into_iter().collect(),
        Rule::Last(pattern) => own(pattern, evaluator, range).last().into_iter().collect(),
        Rule::Same(fields) | Rule::Different(fields) => fields.iter().filter_map(|field| first(&field.of)).collect(),
        Rule::Apart { from, to, .. } => {
            let start = first(from);
            let end = start.and_then(|start| evaluator.position(to, start + 1..range.end));
            [start, end].into_iter().flatten().collect()
        }
        // A line of the console is not an event.
        Rule::Console(_) => Vec::new(),
    }
}

/// The places of the events of the pattern's own role.
fn own(pattern: &Pattern, evaluator: RuleEvaluator<'_>, range: Range<usize>) -> impl Iterator<Item = usize> {
    let pid = pattern.by.as_ref().and_then(|role| evaluator.matcher.role_map.pid(role));
    range.filter(move |at| Some(evaluator.events[*at].pid) == pid)
}
