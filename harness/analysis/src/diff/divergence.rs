//! Where the tasks of two recordings begin to differ: when, within which calls, and on which way the kernel came there.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use super::Diff;
use kernsnap_trace::{Event, EventKind, Pid, Symbol};

/// Tasks whose open calls are followed, and calls of one task. The kernel's own limit is 50 calls.
const TASKS: usize = 4096;
const DEEPEST: usize = 256;

/// The place where the lines of a task begin to differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Divergence {
    /// The number of lines in front of it, which are the same on both sides.
    pub place: usize,
    /// The event there before; `None` where the task does nothing more, or only its name differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub before: Option<Moment>,
    /// The event there after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after: Option<Moment>,
}

/// An event of a recording, and how the kernel came there.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Moment {
    /// The number of the event in its recording, from 0.
    pub event: usize,
    /// Nanoseconds of the recording's clock.
    #[serde(serialize_with = "safe")]
    pub time: u64,
    /// The CPU.
    pub cpu: u16,
    /// The calls of the task that are open, outermost first, where the recording is of the function-graph tracer.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub calls: Vec<String>,
    /// The stack of the kernel, innermost frame first, where one was recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub stack: Vec<String>,
    /// The stack in user space, innermost frame first, where one was recorded.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub user_stack: Vec<String>,
}

/// One of two recordings that are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The first one.
    Before,
    /// The second one.
    After,
}

/// Reads a recording again, up to where the last of its tasks begins to differ.
#[derive(Debug)]
pub struct Moments<'d> {
    wanted: BTreeMap<usize, &'d mut Moment>,
    open: BTreeMap<Pid, Vec<(u32, Symbol)>>,
}

impl Diff {
    /// The moments of one side, of which only the numbers of the events are known yet.
    #[must_use]
    pub fn moments(&mut self, side: Side) -> Moments<'_> {
        let mut wanted = BTreeMap::new();
        for Divergence { before, after, .. } in self.divergences.values_mut() {
            let moment = if side == Side::Before { before } else { after };
            wanted.extend(moment.as_mut().map(|moment| (moment.event, moment)));
        }
        Moments { wanted, open: BTreeMap::new() }
    }
}

impl Divergence {
    /// The same, seen from the other side.
    pub(super) fn inverse(&self) -> Self {
        Self { place: self.place, before: self.after.clone(), after: self.before.clone() }
    }
}

impl Moments<'_> {
    /// True if there are events that were not met yet.
    #[must_use]
    pub fn wants_more(&self) -> bool {
        !self.wanted.is_empty()
    }

    /// Takes the event of this number.
    pub fn observe(&mut self, number: usize, event: &Event) {
        if let EventKind::GraphEntry { depth, .. } | EventKind::GraphExit { depth, .. } = &event.kind
            && let Some(calls) = self.open.get_mut(&event.pid)
        {
            while calls.pop_if(|(open, _)| *open >= *depth).is_some() {}
        }
        if let Some(moment) = self.wanted.remove(&number) {
            let calls = self.open.get(&event.pid).into_iter().flatten();
            *moment = Moment {
                event: number,
                time: event.time.0,
                cpu: event.cpu.0,
                calls: calls.map(|(_, function)| function.to_string()).collect(),
                stack: kernel_stack(event),
                user_stack: user_stack(event),
            };
        }
        if let EventKind::GraphEntry { depth, function } = &event.kind {
            if self.open.len() >= TASKS && !self.open.contains_key(&event.pid) {
                self.open.clear();
            }
            let calls = self.open.entry(event.pid).or_default();
            if calls.len() < DEEPEST {
                calls.push((*depth, function.clone()));
            }
        }
    }
}

/// A number, as a text where not every reader of JSON keeps it (RFC 8259, 6).
#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn safe<S: Serializer>(number: &u64, serializer: S) -> Result<S::Ok, S::Error> {
    if *number < 1 << 53 { serializer.serialize_u64(*number) } else { serializer.collect_str(number) }
}

/// The frames of the kernel. Behind the entry from user space stand addresses of the program, which say nothing of the kernel.
fn kernel_stack(event: &Event) -> Vec<String> {
    let frames = event.stack.as_deref().unwrap_or_default();
    let named = frames.iter().rposition(|frame| frame.base().is_some()).map_or(frames.len(), |last| last + 1);
    frames.iter().take(named).map(Symbol::to_string).collect()
}

fn user_stack(event: &Event) -> Vec<String> {
    let frames = event.details.as_ref().and_then(|details| details.user_stack.as_deref());
    frames.unwrap_or_default().iter().map(ToString::to_string).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::text::parse;

    #[test]
    fn a_moment_has_the_open_calls_and_the_stacks() {
        let text = " 1)   bash-7   |               |  do_exit() {\n\
                     1)   bash-7   |               |    exit_mm() {\n\
                     1)   bash-7   |   0.500 us    |      mmput();\n\
                     1)   bash-7   |   1.500 us    |    }\n\
                     1)   bash-7   |               |    exit_files() {\n\
                     bash-7 [001] d..2. 1.000000: sched_waking: comm=a pid=9 prio=120 target_cpu=001\n\
                     bash-7 [001] d..2. 1.000000: <stack trace>\n => try_to_wake_up\n => 0x55aa\n";
        let (trace, _) = parse(text.as_bytes());
        let last = trace.events.len() - 1;
        let moment = |event| Some(Moment { event, ..Moment::default() });
        let divergence = Divergence { place: 3, before: moment(2), after: moment(last) };
        let mut diff = Diff { divergences: [("bash".to_owned(), divergence)].into(), ..Diff::default() };
        for side in [Side::Before, Side::After] {
            let mut moments = diff.moments(side);
            trace.events.iter().enumerate().for_each(|(number, event)| moments.observe(number, event));
            assert!(!moments.wants_more());
        }
        let Divergence { before: Some(before), after: Some(after), .. } = &diff.divergences["bash"] else {
            panic!("both sides")
        };
        assert_eq!((before.calls.join(" "), before.stack.len()), ("do_exit exit_mm".into(), 0));
        assert_eq!(
            (after.calls.join(" "), after.stack.join(" ")),
            ("do_exit exit_files".into(), "try_to_wake_up".into())
        );
        assert_eq!((after.time, after.cpu), (1_000_000_000, 1));
    }
}
