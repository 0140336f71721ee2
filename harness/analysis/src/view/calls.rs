//! The view `calls`: who calls what, repetitions folded.

use std::collections::BTreeMap;
use std::fmt::{self, Write};

use serde::Serialize;

use super::caller;
use super::input::ViewInput;
use super::style::{Ink, Style};
use crate::model;
use crate::model::Calls as Recorded;
use kernsnap_trace::{Event, EventKind, Pid};

/// The calls of each task. Without times.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Calls {
    /// By task, in the order in which they first call something.
    pub tasks: Vec<(String, Vec<Node>)>,
}

/// A call, or several like it in a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// The function.
    pub name: String,
    /// The number of calls in a row that are like this one.
    pub count: u64,
    /// The knowledge about the call.
    pub kind: Kind,
    /// The functions that it calls.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<Node>,
}

/// The knowledge about a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Kind {
    /// It was recorded.
    Called,
    /// It was recorded, and no return from it.
    NoReturn,
    /// It was not recorded: what it called tells of it.
    Caller,
}

/// Callers that are inferred are not nested more deeply; a function that calls itself would be.
const DEEPEST: usize = 64;

impl Calls {
    /// The calls of the events to show: trees where the function-graph tracer recorded them, else by caller.
    #[must_use]
    pub fn new(input: &ViewInput<'_>) -> Self {
        let mut order: Vec<Pid> = Vec::new();
        let mut by_caller: BTreeMap<Pid, Path> = BTreeMap::new();
        for (_, Event { pid, kind: body, .. }) in &input.events {
            let is_call = match body {
                EventKind::Function { function, caller } => {
                    by_caller.entry(*pid).or_default().call(&function.to_string(), caller::name(function, caller));
                    true
                }
                EventKind::GraphEntry { .. } => true,
                _ => false,
            };
            if is_call && !order.contains(pid) {
                order.push(*pid);
            }
        }
        let mut trees = Recorded::from_events(input.events.iter().copied()).roots;
        let calls = |pid: Pid| {
            let recorded = trees.remove(&pid).unwrap_or_default();
            let inferred = by_caller.remove(&pid).map(Path::finish).unwrap_or_default();
            (input.who(pid).to_owned(), fold(recorded.iter().map(node).chain(inferred)))
        };
        Self { tasks: order.into_iter().map(calls).collect() }
    }

    pub(super) fn show(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        for (number, (who, calls)) in self.tasks.iter().enumerate() {
            if number > 0 {
                writeln!(text)?;
            }
            writeln!(text, "{}", style.paint(Ink::Task(number), who))?;
            show(calls, 1, style, text)?;
        }
        Ok(())
    }
}

fn show(calls: &[Node], depth: usize, style: &Style, text: &mut dyn Write) -> fmt::Result {
    for Node { name, count, kind, calls } in calls {
        let times = if *count > 1 { format!(" ×{count}") } else { String::new() };
        let what = match kind {
            Kind::Called => format!("{name}(){times}"),
            Kind::NoReturn => format!("{name}(){times} {}", style.paint(Ink::Dim, "(does not return)")),
            Kind::Caller => style.paint(Ink::Dim, &format!("{name}{times}")),
        };
        writeln!(text, "{:indent$}{what}", "", indent = depth * 2)?;
        show(calls, depth + 1, style, text)?;
    }
    Ok(())
}

fn node(call: &model::Call) -> Node {
    let kind = if call.left.is_some() { Kind::Called } else { Kind::NoReturn };
    Node { name: call.function.clone(), count: 1, kind, calls: fold(call.calls.iter().map(node)) }
}

/// Puts calls together that stand side by side and are alike, with all that is below them.
fn fold(calls: impl Iterator<Item = Node>) -> Vec<Node> {
    let mut folded: Vec<Node> = Vec::new();
    for call in calls {
        match folded.last_mut() {
            Some(last) if (&last.name, last.kind, &last.calls) == (&call.name, call.kind, &call.calls) => {
                last.count += call.count;
            }
            _ => folded.push(call),
        }
    }
    folded
}

/// The calls that the function tracer's callers let us infer to be open, outermost first. Roots come first in the finished
/// list as they come in the recording.
#[derive(Debug, Default)]
struct Path {
    open: Vec<Node>,
    done: Vec<Node>,
}

impl Path {
    /// `function` was entered from `caller`: what is open above the caller has returned. Where the caller is unknown, so is
    /// everything else.
    fn call(&mut self, function: &str, caller: Option<String>) {
        let caller = caller.unwrap_or_else(|| "?".to_owned());
        let depth = self.open.iter().rposition(|open| open.name == caller).filter(|at| *at < DEEPEST);
        self.close(depth.map_or(0, |at| at + 1));
        if depth.is_none() {
            self.open.push(Node { name: caller, count: 1, kind: Kind::Caller, calls: Vec::new() });
        }
        self.open.push(Node { name: function.to_owned(), count: 1, kind: Kind::Called, calls: Vec::new() });
    }

    fn close(&mut self, depth: usize) {
        while self.open.len() > depth {
            let Some(mut call) = self.open.pop() else { return };
            call.calls = fold(std::mem::take(&mut call.calls).into_iter());
            match self.open.last_mut() {
                Some(outer) => outer.calls.push(call),
                None => self.done.push(call),
            }
        }
    }

    fn finish(mut self) -> Vec<Node> {
        self.close(0);
        self.done
    }
}
