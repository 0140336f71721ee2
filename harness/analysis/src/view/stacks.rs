//! The view `stacks`: on which ways the kernel came to a place, and how often.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use super::caller;
use super::frames::FrameParts;
use super::input::ViewInput;
use super::style::{Ink, Style};
use kernsnap_trace::{EventKind, Symbol};

/// Distinct stacks by what they were recorded with. Without times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Stacks {
    /// By function or event, in the order in which they first come.
    pub places: Vec<StackSite>,
}

/// The stacks of one function or event.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StackSite {
    /// `name()` or the name of an event.
    pub what: String,
    /// In the order in which they first come.
    pub stacks: Vec<Stack>,
}

/// One way to a place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stack {
    /// How often each task came this way.
    pub by: BTreeMap<String, u64>,
    /// The frames, innermost first; `?` for a return address behind a call that never returns.
    pub frames: Vec<String>,
    /// Their contexts.
    #[serde(skip)]
    pub parts: FrameParts,
}

impl Stacks {
    /// The stacks of the events to show.
    #[must_use]
    pub fn new(input: &ViewInput<'_>) -> Self {
        let mut places: Vec<StackSite> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for (_, event) in &input.events {
            let Some(stack) = &event.stack else { continue };
            let what = name(&event.kind);
            let at = *known.entry(what.clone()).or_insert_with(|| {
                places.push(StackSite { what, stacks: Vec::new() });
                places.len() - 1
            });
            // The innermost frame is where the stack was taken, not a return address.
            let inner = stack.first().map(Symbol::to_string);
            let outer = stack.iter().zip(stack.iter().skip(1));
            let outer = outer.map(|(callee, frame)| caller::name(callee, frame).unwrap_or_else(|| "?".into()));
            let frames: Vec<String> = inner.into_iter().chain(outer).collect();
            let stacks = &mut places[at].stacks;
            let same = stacks.iter().position(|known| known.frames == frames).unwrap_or_else(|| {
                stacks.push(Stack { by: BTreeMap::new(), frames, parts: FrameParts::of_stack(stack) });
                stacks.len() - 1
            });
            *stacks[same].by.entry(input.who(event.pid).to_owned()).or_default() += 1;
        }
        Self { places }
    }

    pub(super) fn show(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        for (number, StackSite { what, stacks }) in self.places.iter().enumerate() {
            if number > 0 {
                writeln!(text)?;
            }
            writeln!(text, "{}", style.paint(Ink::Strong, what))?;
            for Stack { by, frames, parts } in stacks {
                let by: Vec<String> = by.iter().map(|(who, count)| format!("{count}× {who}")).collect();
                writeln!(text, "  {}", by.join(", "))?;
                for (at, frame) in frames.iter().enumerate() {
                    if let Some(context) = parts.begins(at, frames.len()).filter(|_| style.contexts) {
                        writeln!(text, "    {}", style.heading_of(context))?;
                    }
                    writeln!(text, "    {} {frame}", style.paint(Ink::Dim, "<-"))?;
                }
            }
        }
        Ok(())
    }
}

fn name(body: &EventKind) -> String {
    match body {
        EventKind::Function { function, .. }
        | EventKind::GraphEntry { function, .. }
        | EventKind::GraphExit { function, .. } => {
            format!("{function}()")
        }
        EventKind::Marker { .. } => "marker".to_owned(),
        EventKind::Tracepoint(point) => point.name().to_string(),
    }
}
