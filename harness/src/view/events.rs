//! The view `events`: one event a line, who does it in a column of its own.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use super::cast::{Cast, as_pid};
use super::style::{Ink, Style};
use super::subject::Subject;
use super::{Matcher, caller, field};
use crate::scenario::ViewRules;
use crate::trace::{Body, Event, Pid, Symbol};

/// What the tasks did, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// The lines.
    pub lines: Vec<Line>,
}

/// One event of a view.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Line {
    /// The CPU, where the scenario makes it part of the behaviour.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cpu: Option<u16>,
    /// Who.
    pub role: String,
    /// Nesting in the task's call tree; 0 outside of one.
    pub depth: usize,
    /// What.
    pub text: String,
    /// The stack, innermost frame first, where the scenario asks for it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
}

impl Events {
    /// Normalises the events of a subject.
    #[must_use]
    pub fn of(subject: &Subject<'_>) -> Self {
        let Subject { cast, rules, events, .. } = subject;
        let matcher = subject.matcher();
        let leaves = leaves(events);
        let mut depths: BTreeMap<Pid, usize> = BTreeMap::new();
        let mut lines = Vec::new();
        for ((_, event), leaf) in events.iter().zip(leaves) {
            let depth = depths.entry(event.pid).or_default();
            let (at, text) = match &event.body {
                Body::Enter { function, depth: nesting } => {
                    let at = *nesting as usize;
                    *depth = at + 1;
                    (at, if leaf { format!("{function}()") } else { format!("{function}() {{") })
                }
                Body::Leave { function, depth: nesting, .. } => {
                    let at = *nesting as usize;
                    *depth = at;
                    if leaf {
                        continue;
                    }
                    (at, format!("}} /* {function} */"))
                }
                body => (*depth, describe(body, rules, cast)),
            };
            lines.push(Line {
                cpu: rules.cpus.then_some(event.cpu.0),
                role: subject.who(event.pid).to_owned(),
                depth: at,
                text,
                stack: stack(event, rules, &matcher),
            });
        }
        Self { lines }
    }

    pub(super) fn show(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        let width = self.lines.iter().map(|line| line.role.chars().count()).max().unwrap_or(0);
        let mut colours: Vec<&str> = Vec::new();
        for Line { cpu, role, depth, text: what, stack } in &self.lines {
            let colour = colours.iter().position(|known| known == role).unwrap_or_else(|| {
                colours.push(role);
                colours.len() - 1
            });
            let cpu = cpu.map_or(String::new(), |cpu| format!("[{cpu}] "));
            let indent = depth * 2;
            let who = style.padded(Ink::Task(colour), role, width);
            writeln!(text, "{cpu}{who}  {:indent$}{what}", "")?;
            let margin = width + 2 + indent + if cpu.is_empty() { 0 } else { 4 };
            for frame in stack {
                writeln!(text, "{:margin$} {}", "", style.paint(Ink::Dim, &format!("=> {frame}")))?;
            }
        }
        Ok(())
    }
}

/// For each event whether it is the entry or the return of a call within which nothing else is shown.
fn leaves(events: &[(usize, &Event)]) -> Vec<bool> {
    let mut leaves = vec![false; events.len()];
    let mut before: BTreeMap<Pid, usize> = BTreeMap::new();
    for (at, (_, event)) in events.iter().enumerate() {
        let earlier = before.insert(event.pid, at);
        if let Some(earlier) = earlier
            && let Body::Leave { function: left, depth: to, .. } = &event.body
            && let Body::Enter { function: entered, depth: from } = &events[earlier].1.body
            && (entered.base(), from) == (left.base(), to)
        {
            (leaves[earlier], leaves[at]) = (true, true);
        }
    }
    leaves
}

fn stack(event: &Event, rules: &ViewRules, matcher: &Matcher<'_>) -> Vec<String> {
    let wanted = match &event.body {
        Body::Call { function, .. } | Body::Enter { function, .. } => {
            rules.stacks.iter().any(|name| matcher.is(name, function))
        }
        Body::Point(point) => rules.stacks.iter().any(|name| **name == **point.name()),
        Body::Leave { .. } | Body::Marker { .. } => false,
    };
    match &event.stack {
        Some(frames) if wanted => frames.iter().map(Symbol::to_string).collect(),
        _ => Vec::new(),
    }
}

/// An event in the words of a view.
#[must_use]
pub fn describe(body: &Body, rules: &ViewRules, cast: &Cast) -> String {
    match body {
        Body::Call { function, caller } => {
            format!("{function}() <-{}", caller::name(caller).as_deref().unwrap_or("?"))
        }
        Body::Enter { function, .. } => format!("{function}()"),
        Body::Leave { function, .. } => format!("{function}() returns"),
        Body::Marker { text } => format!("marker text={text}"),
        Body::Point(point) => {
            let fields = point.fields().filter(|(name, _)| shows(rules, point.name(), name));
            fields.fold(point.name().to_string(), |text, (field, value)| {
                let pid = field::is_pid(field).then(|| value.as_int().and_then(as_pid)).flatten();
                let value = match pid {
                    Some(pid) => cast.role(pid).unwrap_or("other").to_owned(),
                    None if rules.hexadecimal.contains(&(point.name().to_string(), field.to_string())) => {
                        value.as_int().map_or_else(|| value.to_string(), |value| format!("{value:#x}"))
                    }
                    None => field::show(point.name(), field, value),
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
