//! The facts about a recording that its header and its lines tell.

use std::collections::BTreeMap;

use super::bytes::{decimal, split_once};
use crate::Pid;

/// Tasks whose thread groups are kept.
const TASKS: usize = 1 << 16;

/// The facts about a recording that a text tells besides its events.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Facts {
    /// The tracer that the last header names: `function_graph`.
    pub tracer: Option<String>,
    /// The text in front of the recording's lines, as it stood in front of the first one: `> > [ 1320.478870]`.
    pub prefix: Option<String>,
    /// The result of a latency tracer, as the last header has it.
    pub latency: Option<Latency>,
    /// True if times are counts of a clock without a unit (`counter`, `x86-tsc`), and not nanoseconds.
    pub counts_instead_of_times: bool,
    /// The thread group of each task, by pid (`record-tgid`).
    pub thread_groups: BTreeMap<i32, i32>,
}

/// The header of a latency tracer (`print_trace_header()` of `kernel/trace/trace.c`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Latency {
    /// The longest latency in microseconds.
    pub micros: u64,
    /// The task that had it: `sleep-2389 (uid:0 nice:0 policy:1 rt_prio:5)`.
    pub task: Option<String>,
    /// The function in which interrupts or preemption were disabled.
    pub started_at: Option<String>,
    /// The function in which they were enabled again.
    pub ended_at: Option<String>,
}

impl Facts {
    /// Notes the thread group of a task.
    #[inline]
    pub(super) fn group(&mut self, pid: Pid, group: i32) {
        if self.thread_groups.get(&pid.0) != Some(&group) && self.thread_groups.len() < TASKS {
            self.thread_groups.insert(pid.0, group);
        }
    }

    /// Reads a line of the header, without `#`. Gives the number of events that are not in the text where the line tells it.
    pub(super) fn header(&mut self, said: &[u8]) -> Option<u64> {
        let text = |bytes: &[u8]| Some(String::from_utf8_lossy(bytes.trim_ascii()).into_owned());
        if let Some(name) = said.strip_prefix(b"tracer:") {
            (self.tracer, self.latency) = (text(name), None);
        } else if let Some(rest) = said.strip_prefix(b"latency:") {
            let (micros, rest) = decimal(rest.trim_ascii_start())?;
            self.latency = Some(Latency { micros, ..Latency::default() });
            // `#3/14108`: events of the text, and those that were written.
            let (there, rest) = decimal(split_once(rest, b"#")?.1)?;
            let (written, _) = decimal(rest.strip_prefix(b"/")?)?;
            return written.checked_sub(there).filter(|lost| *lost > 0);
        } else if let Some(latency) = &mut self.latency {
            if let Some(task) = said.strip_prefix(b"|").and_then(|rest| rest.trim_ascii().strip_prefix(b"task:")) {
                latency.task = text(task);
            } else if let Some(place) = said.strip_prefix(b"=> started at:") {
                latency.started_at = text(place);
            } else if let Some(place) = said.strip_prefix(b"=> ended at:") {
                latency.ended_at = text(place);
            }
        }
        None
    }
}
