//! What we are willing to freeze: a trace followed by cause, with pids turned into roles and times into order.
//!
//! Pure: typed events in, typed lines out. A view never contains an address, a pid, a time, or a compiler's suffix.

pub mod cast;
pub mod field;
pub mod follow;
pub mod matching;
mod render;
mod value;

use std::collections::BTreeMap;

pub use cast::Cast;
use cast::as_pid;
pub use follow::Followed;
pub use matching::Matcher;
pub use value::value_of;

use crate::scenario::{Pattern, Scenario, ViewRules, What};
use crate::trace::{Body, Event, Pid, Symbol, Trace};

/// The behaviour that a trace shows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The lines, in the order of time.
    pub lines: Vec<Line>,
    /// How many events of the trace are not shown, because they belong to other tasks or the scenario does not ask for them.
    pub dropped: usize,
}

/// One event of a view.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// The CPU, where the scenario makes it part of the behaviour.
    pub cpu: Option<u16>,
    /// Who.
    pub role: String,
    /// Nesting in the task's call tree; 0 outside of one.
    pub depth: usize,
    /// What.
    pub text: String,
    /// The stack, innermost frame first, where the scenario asks for it.
    pub stack: Vec<String>,
}

impl View {
    /// Follows the roles of `scenario` through `trace` and normalises what they do.
    #[must_use]
    pub fn of(scenario: &Scenario, trace: &Trace, cast: &Cast) -> Self {
        let followed = Followed::of(cast, &scenario.roles);
        let matcher = Matcher { cast, names: &scenario.names };
        let rules = &scenario.view;
        let shown: Vec<&Event> = followed.events(trace).filter(|event| is_asked_for(event, rules, &matcher)).collect();
        let mut depths: BTreeMap<Pid, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for (index, event) in shown.iter().enumerate() {
            let depth = depths.entry(event.pid).or_default();
            let (at, text) = match &event.body {
                Body::Enter { function, depth: nesting } => {
                    let at = *nesting as usize;
                    *depth = at + 1;
                    let leaf = shown[index + 1..].iter().find(|next| next.pid == event.pid).is_some_and(
                        |next| matches!(&next.body, Body::Leave { function: f, depth: d, .. } if f.base() == function.base() && d == nesting),
                    );
                    (at, if leaf { format!("{function}()") } else { format!("{function}() {{") })
                }
                Body::Leave { function, depth: nesting, .. } => {
                    let at = *nesting as usize;
                    *depth = at;
                    if closes_leaf(&shown[..index], event, function, *nesting) {
                        continue;
                    }
                    (at, format!("}} /* {function} */"))
                }
                body => (*depth, describe(body, rules, cast)),
            };
            lines.push(Line {
                cpu: rules.cpus.then_some(event.cpu.0),
                role: name(cast, event.pid),
                depth: at,
                text,
                stack: stack(event, rules, &matcher),
            });
        }
        Self { dropped: trace.events.len() - shown.len(), lines }
    }
}

/// Whether this return belongs to the entry right before it in the same task, which stands as `name()` already.
fn closes_leaf(before: &[&Event], event: &Event, function: &Symbol, nesting: u32) -> bool {
    before.iter().rev().find(|earlier| earlier.pid == event.pid).is_some_and(
        |earlier| matches!(&earlier.body, Body::Enter { function: f, depth, .. } if f.base() == function.base() && *depth == nesting),
    )
}

fn name(cast: &Cast, pid: Pid) -> String {
    cast.role(pid).unwrap_or("other").to_owned()
}

fn is_asked_for(event: &Event, rules: &ViewRules, matcher: &Matcher<'_>) -> bool {
    let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| covers(pattern, event, matcher));
    (rules.only.is_empty() || any(&rules.only)) && !any(&rules.hide)
}

/// Whether `pattern` means the event, or the call that the event ends: a call that is shown is shown to its end.
fn covers(pattern: &Pattern, event: &Event, matcher: &Matcher<'_>) -> bool {
    matcher.matches(pattern, event)
        || match (&pattern.what, &event.body) {
            (What::Call(name), Body::Leave { function, .. }) => {
                matcher.is(name, function) && matcher.is_by(pattern, event)
            }
            _ => false,
        }
}

fn stack(event: &Event, rules: &ViewRules, matcher: &Matcher<'_>) -> Vec<String> {
    let wanted = match &event.body {
        Body::Call { function, .. } | Body::Enter { function, .. } => {
            rules.stacks.iter().any(|name| matcher.is(name, function))
        }
        Body::Point(point) => rules.stacks.iter().any(|name| **name == *point.name),
        Body::Leave { .. } | Body::Marker { .. } => false,
    };
    match &event.stack {
        Some(frames) if wanted => frames.iter().map(Symbol::to_string).collect(),
        _ => Vec::new(),
    }
}

fn describe(body: &Body, rules: &ViewRules, cast: &Cast) -> String {
    match body {
        Body::Call { function, caller } => format!("{function}() <-{caller}"),
        Body::Enter { function, .. } | Body::Leave { function, .. } => function.to_string(),
        Body::Marker { text } => format!("marker text={text}"),
        Body::Point(point) => {
            let fields = point.fields.iter().filter(|(name, _)| shows(rules, &point.name, name));
            fields.fold(point.name.to_string(), |text, (field, value)| {
                let pid = field::is_pid(field).then(|| value.as_int().and_then(as_pid)).flatten();
                let value = match pid {
                    Some(pid) => name(cast, pid),
                    None if rules.hexadecimal.contains(&(point.name.to_string(), field.to_string())) => {
                        value.as_int().map_or_else(|| value.to_string(), |value| format!("{value:#x}"))
                    }
                    None => field::show(&point.name, field, value),
                };
                format!("{text} {field}={value}")
            })
        }
    }
}

fn shows(rules: &ViewRules, event: &str, name: &str) -> bool {
    match (rules.fields.get(event), field::usual(event)) {
        (Some(wanted), _) => wanted.iter().any(|wanted| wanted == name),
        (None, Some(usual)) => usual.contains(&name),
        // A probe's own address says nothing about behaviour.
        (None, None) => !name.starts_with("__probe_"),
    }
}
