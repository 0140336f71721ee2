//! The lines of a run that show what a lesson says.

use crate::language::Language;
use crate::model::Model;
use crate::phrase::Phrase;
use crate::view::{Kind, Matcher, RoleMap, Style, View, ViewInput};
use kernsnap_scenario::{Pattern, Scenario, ViewKind};
use kernsnap_trace::Trace;

use super::{BookKernel, Step};

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
    /// The same scenario on the book's kernel, where that was reviewed and is another one.
    pub book: Option<BookKernel<'a>>,
}

/// A run is not what a lesson says of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.say(Language::En))]
pub struct Contradiction {
    /// The lesson.
    pub lesson: String,
    /// The step's number, from 1.
    pub step: usize,
    /// The statement of the step, and the observation of the run.
    pub what: Phrase,
}

impl Contradiction {
    /// The sentence in a reader's language.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        let phrase = Phrase::new("lesson-contradicted").with_text("step", self.step);
        phrase.with("lesson", self.lesson.as_str()).with("what", self.what.clone()).say(language)
    }
}

/// The lines that `step` shows, as the scenario's view shows them. The error says what the run has not, or has.
pub(super) fn lines(step: &Step, run: &Run<'_>) -> Result<Vec<String>, Phrase> {
    let trace = part(step, run)?;
    let matcher = Matcher { role_map: run.role_map, names: &run.scenario.names };
    let happens = |pattern: &&Pattern| trace.events.iter().any(|event| matcher.matches(pattern, event));
    if let Some(present) = step.lacks.iter().find(happens) {
        return Err(Phrase::new("lesson-has").with_text("pattern", present));
    }
    if let Some(unseen) = step.shows.iter().find(|pattern| view(step, run, &trace, &[(*pattern).clone()]).is_empty()) {
        return Err(nothing(unseen));
    }
    let shown = shown(step, run, &trace);
    match step.stacks.first() {
        Some(function) if !step.shows.is_empty() && !shown.iter().any(|line| line.contains(" => ")) => {
            Err(Phrase::new("lesson-has-no-stack").with("function", function.as_str()))
        }
        _ => Ok(shown),
    }
}

/// The lines of a run that is only looked at: those that there are.
pub(super) fn lines_there(step: &Step, run: &Run<'_>) -> Vec<String> {
    part(step, run).map(|trace| shown(step, run, &trace)).unwrap_or_default()
}

fn shown(step: &Step, run: &Run<'_>, trace: &Trace) -> Vec<String> {
    if step.shows.is_empty() {
        return Vec::new();
    }
    view(step, run, trace, &step.shows).lines().map(|line| line.trim_end().to_owned()).collect()
}

fn nothing(pattern: &Pattern) -> Phrase {
    Phrase::new("lesson-has-nothing").with_text("pattern", pattern)
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

/// The part of the run that a step is about: the events from the first that matches the one pattern to the first after it that matches
/// the other.
fn part(step: &Step, run: &Run<'_>) -> Result<Trace, Phrase> {
    let Some([from, to]) = &step.between else { return Ok(run.trace.clone()) };
    let matcher = Matcher { role_map: run.role_map, names: &run.scenario.names };
    let events = &run.trace.events;
    let begin = events.iter().position(|event| matcher.matches(from, event)).ok_or_else(|| nothing(from))?;
    let behind = &events[begin + 1..];
    let length = behind.iter().position(|event| matcher.matches(to, event)).ok_or_else(|| nothing(to))?;
    let events = events[begin..=begin + 1 + length].to_vec();
    Ok(Trace { events, names: run.trace.names.clone(), defects: Vec::new() })
}
