//! One event as a line of the view `events`.

use serde::Serialize;

use super::matching::Matcher;
use super::one_line::one_line;
use super::role_map::RoleMap;
use super::value::as_pid;
use super::{caller, field};
use kernsnap_scenario::ViewRules;
use kernsnap_trace::{Event, EventKind, Symbol};

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

/// The frames that the view shows below the event.
pub(super) fn stack(event: &Event, rules: &ViewRules, matcher: &Matcher<'_>) -> Vec<String> {
    let wanted = match &event.kind {
        EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => {
            rules.stacks.iter().any(|name| matcher.is(name, function))
        }
        EventKind::Tracepoint(point) => rules.stacks.iter().any(|name| **name == **point.name()),
        EventKind::GraphExit { .. } | EventKind::Marker { .. } => false,
    };
    match &event.stack {
        // Behind the entry from user space stand addresses of the program, which say nothing of the kernel.
        Some(frames) if wanted => {
            let named = frames.iter().rposition(|frame| frame.base().is_some());
            frames.iter().take(named.map_or(frames.len(), |last| last + 1)).map(Symbol::to_string).collect()
        }
        _ => Vec::new(),
    }
}

/// An event in the words of a view.
#[must_use]
pub fn describe(body: &EventKind, rules: &ViewRules, role_map: &RoleMap) -> String {
    match body {
        EventKind::Function { function, caller } => {
            format!("{function}() <-{}", caller::name(function, caller).as_deref().unwrap_or("?"))
        }
        EventKind::GraphEntry { function, .. } => format!("{function}()"),
        EventKind::GraphExit { function, .. } => format!("{function}() returns"),
        EventKind::Marker { text } => format!("marker text={}", one_line(text)),
        EventKind::Tracepoint(point) => {
            let fields = point.fields().filter(|(name, _)| shows(rules, point.name(), name));
            fields.fold(point.name().to_string(), |text, (field, value)| {
                let pid = field::is_pid(field).then(|| value.as_int().and_then(as_pid)).flatten();
                let value = match pid {
                    Some(pid) => role_map.role(pid).unwrap_or("other").to_owned(),
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
