//! Calls: the trees that the function-graph tracer saw.

use std::collections::BTreeMap;

use super::parts::{DEEPEST, Parts};
use kernsnap_trace::{Event, EventKind, Pid, Timestamp};

/// One call, with those made from within it that were recorded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// The folded name of the function.
    pub function: String,
    /// When it was entered.
    pub entered: Timestamp,
    /// When it returned; `None` for a call without a recorded return.
    pub left: Option<Timestamp>,
    /// The event that entered it, by its place in the recording.
    pub event: usize,
    /// The functions that it called, in order.
    pub calls: Vec<Call>,
}

/// The call trees of each task.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Calls {
    /// Roots by task, in the order of entry.
    pub roots: BTreeMap<Pid, Vec<Call>>,
}

/// The calls that are open in one task, outermost first, each with its depth.
type Open = Vec<(u32, Call)>;

impl Calls {
    /// Reads the events of the function-graph tracer; the others are passed over.
    ///
    /// A return closes the innermost open call of its depth. What lies deeper was never returned from: an entry at the depth
    /// of an open call, or above it, says so as well. A return without an entry belongs to a call from before the recording.
    pub fn from_events<'a>(events: impl IntoIterator<Item = (usize, &'a Event)>) -> Self {
        let mut open: BTreeMap<Pid, Open> = BTreeMap::new();
        let mut calls = Self::default();
        let mut parts = Parts::default();
        for (index, event) in events {
            let Some(depth) = parts.depth(event) else { continue };
            let stack = open.entry(event.pid).or_default();
            match &event.kind {
                EventKind::GraphEntry { function, .. } => {
                    let depth = depth.min(DEEPEST);
                    calls.close(event.pid, stack, depth);
                    let function = function.to_string();
                    let call = Call { function, entered: event.time, left: None, event: index, calls: Vec::new() };
                    stack.push((depth, call));
                }
                EventKind::GraphExit { function, left, .. } if depth < DEEPEST => {
                    calls.close(event.pid, stack, depth + 1);
                    if let Some((at, call)) = stack.last_mut()
                        && *at == depth
                        && function.base().is_none_or(|name| name == call.function)
                    {
                        call.left = Some(*left);
                        calls.close(event.pid, stack, depth);
                    }
                }
                _ => {}
            }
        }
        for (pid, mut stack) in open {
            calls.close(pid, &mut stack, 0);
        }
        calls
    }

    /// Puts the open calls at `depth` and below it where they belong.
    fn close(&mut self, pid: Pid, stack: &mut Open, depth: u32) {
        while let Some((_, call)) = stack.pop_if(|(at, _)| *at >= depth) {
            match stack.last_mut() {
                Some((_, outer)) => outer.calls.push(call),
                None => self.roots.entry(pid).or_default().push(call),
            }
        }
    }
}
