//! Lines of the function-graph tracer (`kernel/trace/trace_functions_graph.c`), with any of its options.
//!
//! `[TIME |] [CPU)] [NAME-PID |] [FLAGS |] [DURATION |] BODY`, where the body is indented by two spaces a level.

use std::collections::BTreeMap;

use memchr::memmem;

use super::bytes::{decimal, rsplit_once, split_once, time};
use super::head::{flags, task};
use crate::{Context, Cpu, EventKind, Pid, Symbol, Timestamp};

/// Calls that are open at most, and of how many tasks: the kernel's own limit is 50 calls a task.
const DEEPEST: usize = 256;
const TASKS: usize = 4096;
/// The columns in front of a duration have no more cells.
const CELLS: usize = 4;

/// The columns of one line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Columns<'a> {
    pub(super) time: Option<Timestamp>,
    pub(super) cpu: Option<Cpu>,
    pub(super) task: Option<(&'a [u8], Pid)>,
    pub(super) context: Context,
    /// Nanoseconds.
    pub(super) duration: Option<u64>,
    /// Depth of the call.
    pub(super) depth: u32,
    /// Without indentation.
    pub(super) body: &'a [u8],
}

impl<'a> Columns<'a> {
    /// Reads a line; `None` where it has not the columns of this tracer.
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        let mut columns = Self::default();
        let (mut rest, mut found) = (line, false);
        if let Some((cell, behind)) = split_once(rest, b"|")
            && let Some((nanos, b"")) = time(cell.trim_ascii())
            && memchr::memchr(b'.', cell).is_some()
        {
            (columns.time, rest, found) = (Some(Timestamp(nanos)), behind, true);
        }
        if let Some((cpu, behind)) = decimal(rest.trim_ascii_start())
            && let Some(behind) = behind.strip_prefix(b")")
        {
            (columns.cpu, rest, found) = (Some(Cpu(u16::try_from(cpu).ok()?)), behind, true);
        }
        for _ in 0..CELLS {
            let Some((cell, behind)) = split_once(rest, b"|") else { break };
            let cell = cell.trim_ascii();
            if cell.is_empty() {
                (rest, found) = (behind, true);
                break;
            } else if let Some(nanos) = duration(cell) {
                (columns.duration, rest, found) = (Some(nanos), behind, true);
                break;
            } else if let Some(context) = flags(cell) {
                columns.context = context;
            } else if let Some(task) = task(cell).filter(|_| !cell.starts_with(b"/*")) {
                columns.task = Some(task);
            } else {
                break;
            }
            (rest, found) = (behind, true);
        }
        if !found {
            return None;
        }
        columns.body = rest.trim_ascii();
        let indent = rest.iter().position(|byte| *byte != b' ').unwrap_or(0).saturating_sub(2);
        columns.depth = u32::try_from(indent / 2).ok()?;
        Some(columns)
    }
}

/// `2.480 us` with the mark of a long one in front (`+`, `!`, `#`, `*`, `@`, `$`).
fn duration(cell: &[u8]) -> Option<u64> {
    let cell = cell.strip_suffix(b"us")?.trim_ascii_end();
    let marked = cell.split_first().filter(|(mark, _)| b"+!#*@$".contains(mark));
    // Read as if it were seconds, so the millionth of it.
    let (nanos, b"") = time(marked.map_or(cell, |(_, rest)| rest).trim_ascii())? else { return None };
    memchr::memchr(b'.', cell).map(|_| nanos / 1_000_000)
}

/// The content of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// `name() {`
    Enter(&'a [u8]),
    /// `name();`
    Leaf(&'a [u8]),
    /// `}`, with the function where the text names it.
    Leave(Option<&'a [u8]>),
    /// `/* … */`
    Comment(&'a [u8]),
    /// `==========> |` around interrupts.
    Mark,
}

/// Reads a body; `None` where it is none.
pub(super) fn said(body: &[u8]) -> Option<Said<'_>> {
    if let Some(rest) = body.strip_prefix(b"}") {
        let tail =
            rest.trim_ascii().strip_prefix(b"/*").and_then(|tail| tail.strip_suffix(b"*/")).map(<[u8]>::trim_ascii);
        // `/* name */`, `/* name [mod] */`; with `funcgraph-retval` also `/* name ret=0x0 */` or `/* = 0x0 */`.
        let value = tail.and_then(|tail| memmem::find(tail, b"= 0x").or_else(|| memmem::find(tail, b"ret=")));
        let name = tail.map(|tail| tail.get(..value.unwrap_or(tail.len())).unwrap_or_default().trim_ascii());
        return Some(Said::Leave(name.filter(|name| !name.is_empty())));
    }
    if let Some(comment) = body.strip_prefix(b"/*") {
        return Some(Said::Comment(comment.strip_suffix(b"*/").unwrap_or(comment).trim_ascii()));
    }
    if body.starts_with(b"====") || body.starts_with(b"<====") {
        return Some(Said::Mark);
    }
    // A comment after it has the value that was returned.
    let call = split_once(body, b" /*").map_or(body, |(call, _)| call);
    let call = call.split(|byte| *byte == b';').next().unwrap_or_default();
    let entered = call.strip_suffix(b"{").map(<[u8]>::trim_ascii_end);
    let (name, _) = split_once(entered.unwrap_or(call), b"(")?;
    if name.is_empty() || name.contains(&b' ') && !name.ends_with(b"]") {
        return None;
    }
    Some(if entered.is_some() { Said::Enter(name) } else { Said::Leaf(name) })
}

/// The switch of tasks on a CPU: ` 3)    <idle>-0    =>   rcu_sch-12  `.
pub(super) fn banner(line: &[u8]) -> Option<(Cpu, &[u8], Pid)> {
    let (cpu, rest) = decimal(line.trim_ascii())?;
    let (_, next) = rsplit_once(rest.strip_prefix(b")")?, b" => ")?;
    let (name, pid) = task(next.trim_ascii())?;
    Some((Cpu(u16::try_from(cpu).ok()?), name, pid))
}

/// A call that has not returned.
#[derive(Clone, Debug)]
struct Call {
    function: Symbol,
    depth: u32,
    entered: Timestamp,
}

/// The context that a line needs from the lines before it.
#[derive(Debug, Default)]
pub(super) struct Graph {
    /// The calls that are open, by task, or by CPU where the text has no tasks.
    open: BTreeMap<(i32, u16), Vec<Call>>,
    /// Per CPU: who runs there, and a clock of durations for a text without times.
    cpus: BTreeMap<u16, (Pid, Timestamp)>,
}

impl Graph {
    /// Notes who runs on a CPU from here on.
    pub(super) fn runs(&mut self, cpu: Cpu, pid: Pid) {
        self.cpus.entry(cpu.0).or_insert((Pid::UNKNOWN, Timestamp(0))).0 = pid;
    }

    /// Who runs on the CPU of a line, and when it was written.
    pub(super) fn who_and_when(&mut self, columns: &Columns<'_>) -> (Pid, Timestamp) {
        let cpu = columns.cpu.unwrap_or_default();
        let (pid, clock) = self.cpus.entry(cpu.0).or_insert((Pid::UNKNOWN, Timestamp(0)));
        if let Some((_, known)) = columns.task {
            *pid = known;
        }
        if let Some(time) = columns.time {
            *clock = time;
        }
        (*pid, *clock)
    }

    fn key(columns: &Columns<'_>, pid: Pid) -> (i32, u16) {
        (pid.0, if pid.0 > 0 { 0 } else { columns.cpu.unwrap_or_default().0 })
    }

    /// A call begins.
    pub(super) fn enter(&mut self, columns: &Columns<'_>, pid: Pid, at: Timestamp, function: &Symbol) -> EventKind {
        if self.open.len() > TASKS {
            self.open.clear();
        }
        let calls = self.open.entry(Self::key(columns, pid)).or_default();
        while calls.last().is_some_and(|call| call.depth >= columns.depth) {
            calls.pop();
        }
        if calls.len() < DEEPEST {
            calls.push(Call { function: function.clone(), depth: columns.depth, entered: at });
        }
        EventKind::GraphEntry { function: function.clone(), depth: columns.depth }
    }

    /// A call ends; `None` where neither the line's own `function` nor a call before it says which. Gives when it ended, too.
    pub(super) fn leave(
        &mut self,
        columns: &Columns<'_>,
        pid: Pid,
        at: Timestamp,
        function: Option<Symbol>,
    ) -> Option<(Timestamp, EventKind)> {
        let depth = columns.depth;
        let calls = self.open.entry(Self::key(columns, pid)).or_default();
        while calls.last().is_some_and(|call| call.depth > depth) {
            calls.pop();
        }
        let call = calls.pop_if(|call| call.depth == depth);
        let function = function.or_else(|| call.as_ref().map(|call| call.function.clone()))?;
        let entered = call.map(|call| call.entered);
        let left = match (columns.time, entered, columns.duration) {
            (None, Some(entered), Some(duration)) => Timestamp(at.0.max(entered.0.saturating_add(duration))),
            _ => at,
        };
        let entered = match columns.duration {
            Some(duration) => Timestamp(left.0.saturating_sub(duration)),
            None => entered.unwrap_or(left),
        };
        self.pass(columns, left);
        Some((left, EventKind::GraphExit { function, depth, entered, left }))
    }

    /// The clock of a text without times has come this far.
    pub(super) fn pass(&mut self, columns: &Columns<'_>, at: Timestamp) {
        if let Some((_, clock)) = self.cpus.get_mut(&columns.cpu.unwrap_or_default().0) {
            *clock = at.max(*clock);
        }
    }
}
