//! The lines of a run that show what a lesson says.

use crate::model::Model;
use crate::view::{Kind, Matcher, RoleMap, Style, View, ViewInput};
use kernsnap_scenario::{Pattern, Scenario, ViewKind};
use kernsnap_trace::Trace;

use super::Step;

/// A run, as a lesson looks at it.
#[derive(Clone, Copy, Debug)]
pub struct Run<'a> {
    /// The image's name.
    pub image: &'a str,
    /// The command.
    pub scenario: &'a Scenario,
    /// The recorded events.
    pub trace: &'a Trace,
    /// The roles of its tasks.
    pub role_map: &'a RoleMap,
}

/// A run is not what a lesson says of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("step {step} of lesson `{lesson}` {what}")]
pub struct Contradiction {
    /// The lesson.
    pub lesson: String,
    /// The step's number, from 1.
    pub step: usize,
    /// The statement of the step, and the observation of the run.
    pub what: String,
}

/// The lines that `step` shows, as the scenario's view shows them. The error says what the run has not, or has.
pub(super) fn lines(step: &Step, run: &Run<'_>) -> Result<Vec<String>, String> {
    let trace = match &step.between {
        None => run.trace.clone(),
        Some([from, to]) => part(run, from, to)?,
    };
    let matcher = Matcher { role_map: run.role_map, names: &run.scenario.names };
    let happens = |pattern: &&Pattern| trace.events.iter().any(|event| matcher.matches(pattern, event));
    if let Some(present) = step.lacks.iter().find(happens) {
        return Err(format!("says that there is no `{present}`, and this run has one"));
    }
    if let Some(unseen) = step.shows.iter().find(|pattern| view(step, run, &trace, &[(*pattern).clone()]).is_empty()) {
        return Err(nothing(unseen));
    }
    if step.shows.is_empty() {
        return Ok(Vec::new());
    }
    let shown = view(step, run, &trace, &step.shows);
    match step.stacks.first() {
        Some(function) if !shown.contains(" => ") => {
            Err(format!("shows the stack of {function}(), and this run has none"))
        }
        _ => Ok(shown.lines().map(|line| line.trim_end().to_owned()).collect()),
    }
}

fn nothing(pattern: &Pattern) -> String {
    format!("shows `{pattern}`, and nothing in this run is that")
}

/// The scenario's view, cut to what these patterns mean.
fn view(step: &Step, run: &Run<'_>, trace: &Trace, patterns: &[Pattern]) -> String {
    let mut scenario = run.scenario.clone();
    scenario.view.only = patterns.to_vec();
    scenario.view.hide.clear();
    scenario.view.stacks.extend(step.stacks.iter().cloned());
    let model = Model::from_events(&trace.events);
    let input = ViewInput::new(&scenario, trace, &model, run.role_map);
    View::new(Kind::Frozen(ViewKind::Events), &input).show(&Style::PLAIN)
}

/// The events from the first that matches `from` to the first after it that matches `to`.
fn part(run: &Run<'_>, from: &Pattern, to: &Pattern) -> Result<Trace, String> {
    let matcher = Matcher { role_map: run.role_map, names: &run.scenario.names };
    let events = &run.trace.events;
    let begin = events.iter().position(|event| matcher.matches(from, event)).ok_or_else(|| nothing(from))?;
    let behind = &events[begin + 1..];
    let length = behind.iter().position(|event| matcher.matches(to, event)).ok_or_else(|| nothing(to))?;
    let events = events[begin..=begin + 1 + length].to_vec();
    Ok(Trace { events, names: run.trace.names.clone(), defects: Vec::new() })
}
