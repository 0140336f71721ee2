//! Lines of the function-graph tracer (`kernel/trace/trace_functions_graph.c`), with any of its options.
//!
//! `[TIME |] [CPU)] [NAME-PID |] [FLAGS |] [DURATION |] BODY`, where the body is indented by two spaces a level. The time is one of a
//! clock (`funcgraph-abstime`), or microseconds since the buffer's first event (the latency tracers with `display-graph`).

use std::collections::BTreeMap;

use memchr::{memchr, memmem};

use super::bytes::{decimal, rsplit_once, split_once, time};
use super::flags::flags;
use super::head::task;
use super::task_name::is_plain_name;
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
        // Two spaces are behind a time and behind a duration, one behind any other column.
        let mut gap = 2;
        if let Some((cell, behind)) = split_once(rest, b"|")
            && let Some(time) = absolute(cell).or_else(|| relative(cell, behind))
        {
            (columns.time, rest, found) = (Some(time), behind, true);
        }
        if let Some((cpu, behind)) = decimal(rest.trim_ascii_start())
            && let Some(behind) = behind.strip_prefix(b")")
        {
            (columns.cpu, rest, found) = (Some(Cpu(u16::try_from(cpu).ok()?)), behind, true);
            gap = 1;
        }
        for _ in 0..CELLS {
            let Some((cell, behind)) = split_once(rest, b"|") else { break };
            let cell = cell.trim_ascii();
            if cell.is_empty() {
                (rest, found, gap) = (behind, true, 2);
                break;
            } else if let Some(nanos) = duration(cell) {
                (columns.duration, rest, found, gap) = (Some(nanos), behind, true, 2);
                break;
            } else if let Some(context) = flags(cell) {
                columns.context = context;
            } else if let Some(task) = task(cell)
                .filter(|(name, _)| !cell.starts_with(b"/*") && (columns.cpu.is_some() || is_plain_name(name)))
            {
                columns.task = Some(task);
            } else {
                break;
            }
            (rest, found, gap) = (behind, true, 1);
        }
        if !found {
            return None;
        }
        columns.body = rest.trim_ascii();
        let indent = rest.iter().position(|byte| *byte != b' ').unwrap_or(0).saturating_sub(gap);
        columns.depth = u32::try_from(indent / 2).ok()?;
        Some(columns)
    }
}

/// `    4.424035`, the time of a clock (`print_graph_abs_time()`).
fn absolute(cell: &[u8]) -> Option<Timestamp> {
    let (nanos, b"") = time(cell.trim_ascii())? else { return None };
    memchr(b'.', cell).map(|_| Timestamp(nanos))
}

/// `       12 us`, the time since the buffer's first event (`print_graph_rel_time()`). A duration of a second or more looks the same,
/// but only a time has the CPU behind it.
fn relative(cell: &[u8], behind: &[u8]) -> Option<Timestamp> {
    let (micros, b"") = decimal(cell.trim_ascii().strip_suffix(b"us")?.trim_ascii_end())? else { return None };
    let (_, rest) = decimal(behind.trim_ascii_start())?;
    let nanos = micros.checked_mul(1000).filter(|_| rest.starts_with(b")"))?;
    Some(Timestamp(nanos))
}

/// `2.480 us` with the mark of a long one in front (`+`, `!`, `#`, `*`, `@`, `$`). The kernel prints seven digits at most, so from a
/// second on there are no decimals (`trace_print_graph_duration()`).
fn duration(cell: &[u8]) -> Option<u64> {
    let cell = cell.strip_suffix(b"us")?.trim_ascii_end();
    let marked = cell.split_first().filter(|(mark, _)| b"+!#*@$".contains(mark));
    let (micros, rest) = decimal(marked.map_or(cell, |(_, rest)| rest).trim_ascii())?;
    let nanos = match rest.strip_prefix(b".") {
        None => rest.is_empty().then_some(0)?,
        Some(fraction) => {
            let (value, b"") = decimal(fraction)? else { return None };
            value * [100, 10, 1].get(fraction.len() - 1)?
        }
    };
    micros.checked_mul(1000)?.checked_add(nanos)
}

/// The content of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Said<'a> {
    /// `name(ARGUMENTS) {`, and the comment behind it.
    Enter(&'a [u8], Option<&'a [u8]>),
    /// `name(ARGUMENTS);`, and the comment behind it.
    Leaf(&'a [u8], Option<&'a [u8]>),
    /// `}`, with the comment behind it, which names the function or has the value that was returned.
    Leave(Option<&'a [u8]>),
    /// `/* … */`
    Comment(&'a [u8]),
    /// `==========> |` around interrupts.
    Mark,
}

/// Reads a body; `None` where it is none.
pub(super) fn said(body: &[u8]) -> Option<Said<'_>> {
    if let Some(rest) = body.strip_prefix(b"}") {
        return Some(Said::Leave(comment(rest)));
    }
    if let Some(comment) = body.strip_prefix(b"/*") {
        return Some(Said::Comment(comment.strip_suffix(b"*/").unwrap_or(comment).trim_ascii()));
    }
    if body.starts_with(b"====") || body.starts_with(b"<====") {
        return Some(Said::Mark);
    }
    let (call, behind) = match memmem::find(body, b" /*") {
        Some(at) => (body.get(..at)?, comment(body.get(at..)?)),
        None => (body, None),
    };
    let call = call.trim_ascii_end();
    let entered = call.strip_suffix(b"{").map(<[u8]>::trim_ascii_end);
    let call = entered.or_else(|| call.strip_suffix(b";"))?;
    let (name, arguments) = split_once(call, b"(")?;
    if name.is_empty() || name.contains(&b' ') && !name.ends_with(b"]") || !arguments.ends_with(b")") {
        return None;
    }
    Some(if entered.is_some() { Said::Enter(call, behind) } else { Said::Leaf(call, behind) })
}

/// The inside of `/* name */`.
fn comment(text: &[u8]) -> Option<&[u8]> {
    let inside = text.trim_ascii().strip_prefix(b"/*")?.strip_suffix(b"*/")?.trim_ascii();
    Some(inside).filter(|inside| !inside.is_empty())
}

/// The switch of tasks on a CPU: ` 3)    <idle>-0    =>   rcu_sch-12  `.
pub(super) fn banner(line: &[u8]) -> Option<(Cpu, &[u8], Pid)> {
    let (cpu, rest) = decimal(line.trim_ascii())?;
    let (_, next) = rsplit_once(rest.strip_prefix(b")")?, b" => ")?;
    let (name, pid) = task(next.trim_ascii())?;
    Some((Cpu(u16::try_from(cpu).ok()?), name, pid))
}

/// True for ` (Overruns: 0)`, the line after a return with `funcgraph-overrun`: the calls that were too deep to be traced.
pub(super) fn is_overrun(line: &[u8]) -> bool {
    let number = line.strip_prefix(b" (Overruns: ").and_then(decimal);
    matches!(number, Some((_, b")")))
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

    /// A call ends. Its function is [`Symbol::Unknown`] where neither the line's own `function` nor a call before it says which: the
    /// call is older than the buffer. Gives when it ended, too.
    pub(super) fn leave(
        &mut self,
        columns: &Columns<'_>,
        pid: Pid,
        at: Timestamp,
        function: Option<Symbol>,
    ) -> (Timestamp, EventKind) {
        let depth = columns.depth;
        let calls = self.open.entry(Self::key(columns, pid)).or_default();
        while calls.last().is_some_and(|call| call.depth > depth) {
            calls.pop();
        }
        let call = calls.pop_if(|call| call.depth == depth);
        // The kernel names the function of a return that does not belong to the call before it.
        let call = call.filter(|call| function.as_ref().is_none_or(|named| named.base() == call.function.base()));
        let entered = call.as_ref().map(|call| call.entered);
        let function = function.or_else(|| call.map(|call| call.function)).unwrap_or(Symbol::Unknown);
        let duration = columns.duration.unwrap_or(0);
        let left = match (columns.time, entered) {
            (None, Some(entered)) => Timestamp(at.0.max(entered.0.saturating_add(duration))),
            // The clock of such a text begins with its first line, but the call is older.
            _ => Timestamp(at.0.max(duration)),
        };
        let entered = match columns.duration {
            Some(duration) => Timestamp(left.0.saturating_sub(duration)),
            None => entered.unwrap_or(left),
        };
        self.pass(columns, left);
        // The times of a text may begin with the buffer's first event, and the call is older than that, too.
        let time = if columns.time.is_some() { at } else { left };
        (time, EventKind::GraphExit { function, depth, entered, left })
    }

    /// The clock of a text without times has come this far.
    pub(super) fn pass(&mut self, columns: &Columns<'_>, at: Timestamp) {
        if let Some((_, clock)) = self.cpus.get_mut(&columns.cpu.unwrap_or_default().0) {
            *clock = at.max(*clock);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_of_every_size_are_read() {
        for (cell, nanos) in [
            ("0.313 us", Some(313)),
            ("+ 13.280 us", Some(13_280)),
            ("* 33998.59 us", Some(33_998_590)),
            ("@ 999999.9 us", Some(999_999_900)),
            ("$ 1000000 us", Some(1_000_000_000)),
            ("3594274 us", Some(3_594_274_000)),
            ("$ 18446744073709551 us", Some(18_446_744_073_709_551_000)),
            ("$ 18446744073709552 us", None),
            ("0.3131 us", None),
            ("5. us", None),
            ("12 ms", None),
            ("us", None),
        ] {
            assert_eq!(duration(cell.as_bytes()), nanos, "{cell}");
        }
    }

    #[test]
    fn a_time_has_the_cpu_behind_it_and_a_long_duration_has_not() {
        let columns = |line: &'static str| Columns::read(line.as_bytes()).map(|found| (found.time, found.duration));
        let us = |micros: u64| Timestamp(micros * 1000);
        let line = "       12 us |   0)   bash-946   |  d..1. | $ 3594274 us  |  schedule();";
        assert_eq!(columns(line), Some((Some(us(12)), Some(3_594_274_000))));
        let line = "    5.000012 |   0)   bash-946   |   0.500 us    |  foo();";
        assert_eq!(columns(line), Some((Some(us(5_000_012)), Some(500))));
        assert_eq!(columns(" $ 3594274 us  |    schedule();"), Some((None, Some(3_594_274_000))));
    }
}
