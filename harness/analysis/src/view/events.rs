//! The view `events`: one event a line, who does it in a column of its own.

use std::fmt::{self, Write};

use serde::Serialize;

use super::frames::FrameParts;
use super::input::ViewInput;
use super::line::Line;
use super::lines::Lines;
use super::style::{Ink, Style};

/// The events of the tasks, in the order of time.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Events {
    /// The lines.
    pub lines: Vec<Line>,
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
            let names: Vec<Option<&str>> = stack.iter().map(|frame| Some(frame.as_str())).collect();
            let parts = FrameParts::new(&names);
            for (at, frame) in stack.iter().enumerate() {
                if let Some(context) = parts.begins(at, stack.len()).filter(|_| style.contexts) {
                    writeln!(text, "{:margin$} {}", "", style.heading_of(context))?;
                }
                writeln!(text, "{:margin$} {}", "", style.paint(Ink::Dim, &format!("=> {frame}")))?;
            }
        }
        Ok(())
    }
}
