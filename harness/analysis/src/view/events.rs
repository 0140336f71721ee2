//! The view `events`: one event a line, who does it in a column of its own.

use std::fmt::{self, Write};

use serde::Serialize;

use super::input::ViewInput;
use super::role_map::RoleMap;
use super::style::{Ink, Style};
use super::value::as_pid;
use super::{Lines, Matcher, caller, field};
use kernsnap_scenario::ViewRules;
use kernsnap_trace::{Event, EventKind, Symbol};

/// The events of the tasks, in the order of time.
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
    pub fn new(input: &ViewInput<'_>) -> Self {
        let mut made = Lines::new(input.role_map, input.names, input.rules);
        let mut lines = Vec::new();
        let mut sink = |number, line| lines.push((number, line));
        for (number, event) in &input.events {
            made.push(*number, event, &mut sink);
        }
        made.finish(&mut sink);
        lines.sort_by_key(|(number, _)| *number);
        Self { lines: lines.into_iter().map(|(_, line)| line).collect() }
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

pub(super) fn stack(event: &Event, rules: &ViewRules, matcher: &Matcher<'_>) -> Vec<String> {
    let wanted = match &event.kind {
        EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => {
            rules.stacks.iter().any(|name| matcher.is(name, function))
        }
        EventKind::Tracepoint(point) => rules.stacks.iter().any(|name| **name == **point.name()),
        EventKind::GraphExit { .. } | EventKind::Marker { .. } => false,
    };
    match &event.stack {
        Some(frames) if wanted => frames.iter().map(Symbol::to_string).collect(),
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
        EventKind::Marker { text } => format!("marker text={text}"),
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
