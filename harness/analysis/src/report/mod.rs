//! One run as one page: what there is to look at, as data ([`Report`]), and the page around it ([`page`]).
//!
//! The data is what `run --out` keeps as `report.json`, so that the page can be made later and elsewhere. Pure.

pub(crate) mod escape;
pub(crate) mod html;
mod sources;
mod wakers;

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

pub use html::page;
pub use sources::Sources;

use crate::model;
use crate::model::{Calls, Model, TaskId};
use crate::phrase::Phrase;
use crate::verdict::{Verdict, Violation, witnesses};
use crate::view::{FrameParts, RoleMap, View, ViewInput, describe, idle_times};
use kernsnap_scenario::Scenario;
use kernsnap_trace::{Event, Symbol, Trace};

/// All that a page shows of a run. Times are guest nanoseconds since the first event. Names that come often stand once in
/// [`Report::words`] and go by their places there.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Report {
    /// The scenario's id.
    pub scenario: String,
    /// Its title.
    pub title: String,
    /// The description.
    pub about: String,
    /// The image's name.
    pub image: String,
    /// `SHIFT:CPUS`.
    pub schedule: String,
    /// One word.
    pub verdict: String,
    /// Why it is not `passed`.
    pub reasons: Vec<String>,
    /// The same of a run that failed, to be told in a reader's language; data that was kept has the English reasons only.
    #[serde(skip)]
    pub violations: Vec<Violation>,
    /// The expectations.
    pub expectations: Vec<Claim>,
    /// The view that the snapshot freezes.
    pub view: String,
    /// The tasks.
    pub tasks: Vec<Task>,
    /// The number of each CPU that something was recorded on.
    pub cpus: Vec<u16>,
    /// The states that [`Report::spans`] are in.
    pub states: Vec<String>,
    /// States of tasks: task, state, CPU (-1 where it does not run), from, to.
    pub spans: Vec<(usize, usize, i32, u64, u64)>,
    /// Wake-ups: time, CPU, the waker (-1 for an interrupt), the woken task.
    pub wakes: Vec<(u64, u16, i64, usize)>,
    /// Texts of events, names of functions.
    pub words: Vec<String>,
    /// Time, task, CPU, text, and stack (a place in [`Report::stacks`], or -1).
    pub events: Vec<(u64, usize, u16, usize, i64)>,
    /// The events that the view is made of, by their places, as ranges: first, after the last.
    pub shown: Vec<(usize, usize)>,
    /// Distinct stacks: the frames, innermost first.
    pub stacks: Vec<Vec<usize>>,
    /// The parts of each of them: frames of an interrupt, and of the kernel; the rest is a program's.
    #[serde(default)]
    pub parts: Vec<FrameParts>,
    /// Long times in which nothing happens to the tasks that the scenario is about: from, to.
    #[serde(default)]
    pub idle: Vec<(u64, u64)>,
    /// Call trees by task.
    pub calls: Vec<(usize, Vec<Call>)>,
    /// The source files of functions.
    pub sources: BTreeMap<String, String>,
}

/// An expectation, and the events that decide about it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Claim {
    /// The claim.
    pub that: String,
    /// The observation that contradicts it, where it does not hold.
    pub found: Option<String>,
    /// The same, to be told in a reader's language.
    #[serde(skip)]
    pub said: Option<Phrase>,
    /// Events by their places.
    pub events: Vec<usize>,
}

/// A task.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Task {
    /// Its role, else its name.
    pub name: String,
    /// Its id.
    pub pid: i32,
    /// True if the scenario is about it.
    pub followed: bool,
    /// When and by whom it was created.
    pub created: Option<(u64, usize)>,
    /// When it began to exit.
    pub exited: Option<u64>,
    /// The end of it, where that was recorded.
    pub end: Option<String>,
    /// Nanoseconds on a CPU.
    pub ran: u64,
    /// The number of wake-ups.
    pub woken: u64,
    /// The number of events that were recorded while it ran.
    pub events: u64,
}

/// A call: function, event, time it was entered, time it returned (-1 where it did not), and the calls it made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Call(pub usize, pub usize, pub u64, pub i64, pub Vec<Call>);

/// The inputs of a report.
#[derive(Clone, Copy, Debug)]
pub struct Given<'a> {
    /// The command.
    pub scenario: &'a Scenario,
    /// The image's name.
    pub image: &'a str,
    /// `SHIFT:CPUS`.
    pub schedule: &'a str,
    /// The recorded events.
    pub trace: &'a Trace,
    /// The roles of the tasks.
    pub role_map: &'a RoleMap,
    /// The guest's console output.
    pub console: &'a str,
    /// The view that the snapshot freezes.
    pub view: &'a View,
    /// The judgement.
    pub verdict: &'a Verdict,
    /// The places of functions in the sources.
    pub sources: &'a Sources,
}

/// Texts by their places.
#[derive(Default)]
struct Words {
    places: BTreeMap<String, usize>,
    words: Vec<String>,
}

impl Words {
    fn place(&mut self, word: String) -> usize {
        *self.places.entry(word).or_insert_with_key(|word| {
            self.words.push(word.clone());
            self.words.len() - 1
        })
    }
}

impl Report {
    /// Puts a report together.
    #[must_use]
    pub fn new(given: &Given<'_>) -> Self {
        let Given { scenario, trace, .. } = *given;
        let model = Model::from_events(&trace.events);
        let names = given.role_map.with_names(&model, trace);
        let input = ViewInput::new(scenario, trace, &model, given.role_map);
        let start = trace.events.first().map_or(0, |event| event.time.0);
        let since = |time: kernsnap_trace::Timestamp| time.0.saturating_sub(start);
        let mut words = Words::default();
        let mut stacks: BTreeMap<Vec<usize>, (usize, FrameParts)> = BTreeMap::new();
        let mut event = |(at, event): (usize, &Event)| {
            let text = words.place(describe(&event.kind, &scenario.view, &names));
            let mut frame = |symbol: &Symbol| words.place(symbol.to_string());
            let stack = event.stack.as_ref().map(|stack| {
                let (frames, next) = (stack.iter().map(&mut frame).collect(), stacks.len());
                stacks.entry(frames).or_insert_with(|| (next, FrameParts::of_stack(stack))).0
            });
            let stack = stack.map_or(-1, number);
            (since(event.time), model.actors[at].0, event.cpu.0, text, stack)
        };
        let events: Vec<_> = trace.events.iter().enumerate().map(&mut event).collect();
        let calls = calls(&model, trace, start, &mut words);
        let tasks = tasks(&model, &input, &names, start);
        let idle = idle(&model, &input, &tasks, start);
        let mut by_place: Vec<(Vec<usize>, (usize, FrameParts))> = stacks.into_iter().collect();
        by_place.sort_by_key(|(_, (place, _))| *place);
        let (stacks, parts) = by_place.into_iter().map(|(stack, (_, parts))| (stack, parts)).unzip();
        let mut cpus: Vec<u16> = trace.events.iter().map(|event| event.cpu.0).collect();
        cpus.sort_unstable();
        cpus.dedup();
        let spans = model.spans.iter().map(|span| {
            let state = model::State::ALL.iter().position(|state| *state == span.state).unwrap_or(0);
            (span.task.0, state, span.cpu.map_or(-1, |cpu| i32::from(cpu.0)), since(span.from), since(span.to))
        });
        let wakes = model.wakes.iter().map(|wake| {
            let by = if wake.interrupt { -1 } else { number(wake.by.0) };
            (since(wake.at), wake.cpu.0, by, wake.task.0)
        });
        let functions = words.words.iter().map(|word| function_in(word));
        let sources = functions.filter_map(|name| Some((name.to_owned(), given.sources.file(name)?.to_owned())));
        Self {
            scenario: scenario.id.clone(),
            title: scenario.title.clone(),
            about: scenario.about.clone(),
            image: given.image.to_owned(),
            schedule: given.schedule.to_owned(),
            verdict: given.verdict.word().to_owned(),
            reasons: match given.verdict {
                Verdict::Passed => Vec::new(),
                Verdict::Failed(violations) => violations.iter().map(ToString::to_string).collect(),
                Verdict::Unusable(reasons) => reasons.clone(),
            },
            violations: match given.verdict {
                Verdict::Failed(violations) => violations.clone(),
                Verdict::Passed | Verdict::Unusable(_) => Vec::new(),
            },
            expectations: witnesses(scenario, trace, given.role_map, given.console)
                .into_iter()
                .map(|witness| Claim {
                    that: witness.that,
                    found: witness.found.as_ref().map(ToString::to_string),
                    said: witness.found,
                    events: witness.events,
                })
                .collect(),
            // A trace with holes does not show what happened.
            view: if matches!(given.verdict, Verdict::Unusable(_)) { String::new() } else { given.view.to_string() },
            tasks,
            cpus,
            states: model::State::ALL.map(|state| state.word().to_owned()).into(),
            spans: spans.collect(),
            wakes: wakes.collect(),
            events,
            shown: ranges(input.events.iter().map(|(at, _)| *at)),
            stacks,
            parts,
            idle,
            sources: sources.collect(),
            calls,
            words: words.words,
        }
    }
}

/// The name of the function that a text of an event begins with.
fn function_in(text: &str) -> &str {
    text.split_once("()").map_or(text, |(name, _)| name)
}

/// A place as JavaScript counts, where -1 is none.
fn number(place: usize) -> i64 {
    i64::try_from(place).unwrap_or(-1)
}

fn tasks(model: &Model, input: &ViewInput<'_>, names: &RoleMap, start: u64) -> Vec<Task> {
    let mut followed = vec![false; model.tasks.len()];
    for (at, _) in &input.events {
        let id = model.actors[*at];
        followed[id.0] = model.tasks[id.0].idle_on.is_none() && input.role(id).is_some();
    }
    let mut ran = vec![0; model.tasks.len()];
    for span in model.spans.iter().filter(|span| span.state == model::State::Running) {
        ran[span.task.0] += span.to.0 - span.from.0;
    }
    let mut woken = vec![0; model.tasks.len()];
    for wake in &model.wakes {
        woken[wake.task.0] += 1;
    }
    let task = |(id, task): (usize, &model::Task)| Task {
        name: match task.idle_on {
            Some(cpu) => format!("idle/{}", cpu.0),
            None => names.role(task.pid).unwrap_or("task").to_owned(),
        },
        pid: task.pid.0,
        followed: followed[id],
        created: task.created.map(|act| (act.at.0.saturating_sub(start), act.by.0)),
        exited: task.exited.map(|at| at.0.saturating_sub(start)),
        end: task.exit_code.and_then(kernsnap_scenario::End::from_wait_status).map(|end| end.to_string()),
        ran: ran[id],
        woken: woken[id],
        events: task.events,
    };
    model.tasks.iter().enumerate().map(task).collect()
}

/// The idle times of the tasks that the scenario is about.
fn idle(model: &Model, input: &ViewInput<'_>, tasks: &[Task], start: u64) -> Vec<(u64, u64)> {
    let is_followed = |id: TaskId| tasks.get(id.0).is_some_and(|task| task.followed);
    let spans = model.spans.iter().filter(|span| is_followed(span.task)).flat_map(|span| [span.from.0, span.to.0]);
    let wakes = model.wakes.iter().filter(|wake| is_followed(wake.task) || is_followed(wake.by)).map(|wake| wake.at.0);
    let shown = input.events.iter().map(|(_, event)| event.time.0);
    let mut moments: Vec<u64> = spans.chain(wakes).chain(shown).map(|at| at.saturating_sub(start)).collect();
    moments.sort_unstable();
    moments.dedup();
    idle_times(&moments)
}

fn calls(model: &Model, trace: &Trace, start: u64, words: &mut Words) -> Vec<(usize, Vec<Call>)> {
    fn call_of(call: &model::Call, start: u64, words: &mut Words) -> Call {
        let function = words.place(call.function.clone());
        let left = call.left.map_or(-1, |left| i64::try_from(left.0.saturating_sub(start)).unwrap_or(-1));
        let calls = call.calls.iter().map(|inner| call_of(inner, start, words)).collect();
        Call(function, call.event, call.entered.0.saturating_sub(start), left, calls)
    }
    let trees = Calls::from_events(trace.events.iter().enumerate()).roots;
    let mut by_task: BTreeMap<TaskId, Vec<Call>> = BTreeMap::new();
    for root in trees.values().flatten() {
        by_task.entry(model.actors[root.event]).or_default().push(call_of(root, start, words));
    }
    by_task.into_iter().map(|(task, calls)| (task.0, calls)).collect()
}

/// Ascending numbers as ranges.
fn ranges(numbers: impl Iterator<Item = usize>) -> Vec<(usize, usize)> {
    let mut ranges: Vec<(usize, usize)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, end)) if *end == number => *end += 1,
            _ => ranges.push((number, number + 1)),
        }
    }
    ranges
}

#[cfg(test)]
pub(crate) mod tests;
