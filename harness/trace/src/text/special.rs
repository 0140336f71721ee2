//! Events whose text is not made of `key=value` words: system calls, probes, and what `trace-cmd` and old kernels write.

use memchr::memrchr;

use smol_str::SmolStr;

use super::bytes::{decimal, hexadecimal, rsplit_once, signed, split_once, word};
use super::value::{Field, state, text as as_text};
use crate::{Point, Value};

/// Reads `rest`, where it is such a text.
pub(super) fn read(name: &str, rest: &[u8]) -> Option<Vec<Field>> {
    match name {
        "sched_switch" if !rest.starts_with(b"prev_") => switch(rest),
        "sched_wakeup" | "sched_wakeup_new" | "sched_waking" if !rest.starts_with(b"comm=") => wakeup(rest),
        _ => None,
    }
}

/// The kernel's own name of a field.
fn field(name: &'static str, value: Value) -> Field {
    (SmolStr::new_static(name), value)
}

/// One side of a switch.
struct Side<'a> {
    name: &'a [u8],
    pid: i64,
    prio: i64,
    state: Option<i64>,
}

impl Side<'_> {
    /// `NAME:PID [PRIO] STATE`, of `trace-cmd`.
    fn read(text: &[u8]) -> Option<Side<'_>> {
        let (task, rest) = split_once(text, b" [")?;
        let (prio, rest) = split_once(rest, b"]")?;
        let colon = memrchr(b':', task)?;
        let (shown, _) = word(rest);
        let name = task.get(..colon)?.trim_ascii();
        Some(Side { name, pid: signed(task.get(colon + 1..)?)?, prio: signed(prio)?, state: state(shown) })
    }
}

/// `bash:946 [120] S ==> swapper/2:0 [120]` of `trace-cmd`.
fn switch(rest: &[u8]) -> Option<Vec<Field>> {
    let (prev, next) = split_once(rest, b" ==> ")?;
    let (prev, next) = (Side::read(prev)?, Side::read(next)?);
    Some(vec![
        field("prev_comm", as_text(prev.name)),
        field("prev_pid", Value::Signed(prev.pid)),
        field("prev_prio", Value::Signed(prev.prio)),
        field("prev_state", Value::Signed(prev.state?)),
        field("next_comm", as_text(next.name)),
        field("next_pid", Value::Signed(next.pid)),
        field("next_prio", Value::Signed(next.prio)),
    ])
}

/// `# 1f buf: 01 02`, what a program wrote to `trace_marker_raw` (`trace_raw_data()` of `kernel/trace/trace_output.c`).
pub(super) fn raw_data(text: &[u8]) -> Option<Point> {
    let (id, rest) = hexadecimal(text.strip_prefix(b"# ")?)?;
    let bytes = rest.strip_prefix(b" buf:")?;
    let id = field("id", i64::try_from(id).map_or(Value::Unsigned(id), Value::Signed));
    Some(Point::from_fields("raw_data", [id, field("buf", as_text(bytes.trim_ascii()))]))
}

/// `946:120:S ==> [002] 0:120:R swapper/2`, and with `  +` a wake-up: what the kernel writes while a latency tracer is on
/// (`trace_ctxwake_print()`).
pub(super) fn context_switch(text: &[u8]) -> Option<Point> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    let (prev, rest) = Ctx::read(text)?;
    let (arrow, rest) = word(rest);
    let (cpu, rest) = decimal(rest.strip_prefix(b"[")?)?;
    let (next, rest) = Ctx::read(rest.strip_prefix(b"]")?)?;
    let number = |key, value| field(key, Value::Signed(value));
    let name = as_text(rest.trim_ascii());
    Some(match arrow {
        b"==>" => {
            let prev = [number("prev_pid", prev.pid), number("prev_prio", prev.prio), field("prev_state", prev.state)];
            let next = [number("next_pid", next.pid), number("next_prio", next.prio), field("next_comm", name)];
            Point::from_fields("sched_switch", prev.into_iter().chain(next))
        }
        b"+" => {
            let cpu = number("target_cpu", i64::try_from(cpu).ok()?);
            Point::from_fields(
                "sched_wakeup",
                [number("pid", next.pid), number("prio", next.prio), cpu, field("comm", name)],
            )
        }
        _ => return None,
    })
}

/// `[  ok  ] do_exit:exit.c:845` and `[ MISS ] …`: a branch that was marked as likely, of the tracer `branch` (`trace_branch_print()` of
/// `kernel/trace/trace_branch.c`).
pub(super) fn branch(text: &[u8]) -> Option<Point> {
    let (correct, rest) = match text.strip_prefix(b"[  ok  ] ") {
        Some(rest) => (1, rest),
        None => (0, text.strip_prefix(b"[ MISS ] ")?),
    };
    let (rest, line) = rsplit_once(rest, b":")?;
    let (function, file) = split_once(rest, b":")?;
    let fields = [
        field("func", as_text(function)),
        field("file", as_text(file)),
        field("line", Value::Signed(signed(line)?)),
        field("correct", Value::Signed(correct)),
    ];
    Some(Point::from_fields("branch", fields))
}

/// `   2389: 94:R`, one task of a switch or a wake-up. The kernel pads the priority with spaces, too.
struct Ctx {
    pid: i64,
    prio: i64,
    /// As a number where the letter is one of `sched_switch` of today, and else the letter: 4.4 has others.
    state: Value,
}

impl Ctx {
    fn read(text: &[u8]) -> Option<(Self, &[u8])> {
        let (pid, rest) = decimal(text.trim_ascii_start())?;
        let (prio, rest) = split_once(rest.strip_prefix(b":")?, b":")?;
        let (letter, rest) = rest.split_at_checked(1).filter(|(letter, _)| letter.is_ascii() && *letter != b" ")?;
        let state = state(letter).map_or_else(|| as_text(letter), Value::Signed);
        Some((Self { pid: i64::try_from(pid).ok()?, prio: signed(prio.trim_ascii())?, state }, rest))
    }
}

/// `bash:946 [120] success=1 CPU:001` of `trace-cmd`; `success` only of old kernels.
fn wakeup(rest: &[u8]) -> Option<Vec<Field>> {
    let task = Side::read(rest)?;
    let mut fields = vec![
        field("comm", as_text(task.name)),
        field("pid", Value::Signed(task.pid)),
        field("prio", Value::Signed(task.prio)),
    ];
    let (before, cpu) = rsplit_once(rest, b" CPU:")?;
    if let Some((_, success)) = rsplit_once(before, b" success=") {
        fields.push(field("success", Value::Signed(signed(success)?)));
    }
    fields.push(field("target_cpu", Value::Signed(i64::try_from(decimal(cpu)?.0).ok()?)));
    Some(fields)
}

/// `(kernel_clone+0x0/0x360)` in front of a probe's values, or `(CALLER <- FUNCTION)` for one of a return. Gives the names
/// that the format has for them, and what follows.
pub(super) fn probe_places(text: &[u8]) -> Option<(Vec<Field>, &[u8])> {
    let (places, rest) = split_once(text.strip_prefix(b"(")?, b")")?;
    // Some events have all of their fields in parentheses.
    if places.contains(&b'=') {
        return None;
    }
    let fields = match split_once(places, b" <- ") {
        Some((caller, function)) => {
            vec![field("__probe_func", as_text(function)), field("__probe_ret_ip", as_text(caller))]
        }
        None => vec![field("__probe_ip", as_text(places))],
    };
    Some((fields, rest.trim_ascii_start()))
}
