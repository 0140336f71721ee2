//! Events whose text is not made of `key=value` words: system calls, probes, and what `trace-cmd` and old kernels write.

use memchr::memrchr;

use super::bytes::{decimal, hexadecimal, rsplit_once, signed, split_once, word};
use super::intern::Names;
use super::point::state;
use crate::trace::{Point, Value};

/// Reads `rest` into `point`, where it is such a text; else leaves both as they are.
pub(super) fn read(names: &mut Names, point: &mut Point, rest: &[u8]) -> bool {
    let fields = match &*point.name {
        "sys_enter" => raw_enter(rest),
        "sys_exit" => raw_exit(rest),
        "sched_switch" if !rest.starts_with(b"prev_") => switch(names, rest),
        "sched_wakeup" | "sched_wakeup_new" | "sched_waking" if !rest.starts_with(b"comm=") => wakeup(names, rest),
        _ => None,
    };
    match fields {
        Some(fields) => {
            point.fields.extend(fields.into_iter().map(|(name, value)| (names.word(name.as_bytes()), value)));
            true
        }
        None => false,
    }
}

type Fields = Vec<(&'static str, Value)>;

/// `NR 220 (1200011, 0, 0, 0, ffff8d2c50f0, 0)`.
fn raw_enter(rest: &[u8]) -> Option<Fields> {
    let (id, rest) = word(rest.strip_prefix(b"NR ")?);
    let arguments = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
    let argument = |text: &[u8]| hexadecimal(text.trim_ascii()).map(|(value, _)| Value::Unsigned(value));
    let arguments = arguments.split(|byte| *byte == b',').map(argument).collect::<Option<_>>()?;
    Some(vec![("id", Value::Signed(signed(id)?)), ("args", Value::Array(arguments))])
}

/// `NR 220 = 53`.
fn raw_exit(rest: &[u8]) -> Option<Fields> {
    let (id, result) = split_once(rest.strip_prefix(b"NR ")?, b" = ")?;
    Some(vec![("id", Value::Signed(signed(id)?)), ("ret", Value::Signed(signed(result)?))])
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
fn switch(names: &mut Names, rest: &[u8]) -> Option<Fields> {
    let (prev, next) = split_once(rest, b" ==> ")?;
    let (prev, next) = (Side::read(prev)?, Side::read(next)?);
    Some(vec![
        ("prev_comm", Value::Text(names.word(prev.name))),
        ("prev_pid", Value::Signed(prev.pid)),
        ("prev_prio", Value::Signed(prev.prio)),
        ("prev_state", Value::Signed(prev.state?)),
        ("next_comm", Value::Text(names.word(next.name))),
        ("next_pid", Value::Signed(next.pid)),
        ("next_prio", Value::Signed(next.prio)),
    ])
}

/// `946:120:S ==> [002] 0:120:R swapper/2`, and with `  +` a wake-up: what the kernel writes while a latency tracer is on
/// (`trace_ctxwake_print()`).
pub(super) fn context_switch(names: &mut Names, text: &[u8]) -> Option<Point> {
    if !text.first()?.is_ascii_digit() {
        return None;
    }
    let (prev, rest) = word(text);
    let (arrow, rest) = word(rest);
    let (pid, prio, state) = triple(prev)?;
    let (cpu, rest) = decimal(rest.strip_prefix(b"[")?)?;
    let (next, name) = word(rest.strip_prefix(b"]")?);
    let (next_pid, next_prio, _) = triple(next)?;
    let (event, fields) = match arrow {
        b"==>" => {
            let prev = [("prev_pid", pid), ("prev_prio", prio), ("prev_state", state)];
            (&b"sched_switch"[..], [&prev[..], &[("next_pid", next_pid), ("next_prio", next_prio)]].concat())
        }
        b"+" => {
            let woken = [("pid", next_pid), ("prio", next_prio), ("target_cpu", i64::try_from(cpu).ok()?)];
            (&b"sched_wakeup"[..], woken.to_vec())
        }
        _ => return None,
    };
    let mut fields: Vec<_> =
        fields.into_iter().map(|(key, value)| (names.word(key.as_bytes()), Value::Signed(value))).collect();
    let key: &[u8] = if arrow == b"+" { b"comm" } else { b"next_comm" };
    fields.push((names.word(key), Value::Text(names.word(name))));
    Some(Point { name: names.word(event), fields })
}

/// `946:120:S`.
fn triple(text: &[u8]) -> Option<(i64, i64, i64)> {
    let mut parts = text.split(|byte| *byte == b':');
    Some((signed(parts.next()?)?, signed(parts.next()?)?, state(parts.next()?)?))
}

/// `bash:946 [120] success=1 CPU:001` of `trace-cmd`; `success` only of old kernels.
fn wakeup(names: &mut Names, rest: &[u8]) -> Option<Fields> {
    let task = Side::read(rest)?;
    let mut fields = vec![
        ("comm", Value::Text(names.word(task.name))),
        ("pid", Value::Signed(task.pid)),
        ("prio", Value::Signed(task.prio)),
    ];
    let (before, cpu) = rsplit_once(rest, b" CPU:")?;
    if let Some((_, success)) = rsplit_once(before, b" success=") {
        fields.push(("success", Value::Signed(signed(success)?)));
    }
    fields.push(("target_cpu", Value::Signed(i64::try_from(decimal(cpu)?.0).ok()?)));
    Some(fields)
}

/// `sys_clone(clone_flags: 1200011, newsp: 0)` or `sys_clone -> 0x35`: the events `sys_enter_clone` and `sys_exit_clone`.
pub(super) fn system_call(names: &mut Names, text: &[u8]) -> Option<Point> {
    let call = text.strip_prefix(b"sys_")?;
    let end = call.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
    let (call, rest) = call.split_at(end);
    if let Some(result) = rest.strip_prefix(b" -> ") {
        let (value, _) = hexadecimal(result)?;
        let name = names.word(&[b"sys_exit_", call].concat());
        return Some(Point { name, fields: vec![(names.word(b"ret"), Value::Signed(value.cast_signed()))] });
    }
    let arguments = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
    let mut fields = Vec::new();
    for argument in arguments.split(|byte| *byte == b',') {
        if let Some((key, value)) = split_once(argument, b": ") {
            let value = match hexadecimal(value) {
                Some((number, [])) => Value::Unsigned(number),
                _ => Value::Text(names.word(value)),
            };
            fields.push((names.word(key.trim_ascii()), value));
        }
    }
    Some(Point { name: names.word(&[b"sys_enter_", call].concat()), fields })
}

/// `(kernel_clone+0x0/0x360)` in front of a probe's values, or `(CALLER <- FUNCTION)` for one of a return. Gives the names
/// that the format has for them, and what follows.
pub(super) fn probe_places<'a>(names: &mut Names, text: &'a [u8]) -> Option<(Fields, &'a [u8])> {
    let (places, rest) = split_once(text.strip_prefix(b"(")?, b")")?;
    let fields = match split_once(places, b" <- ") {
        Some((caller, function)) => vec![
            ("__probe_func", Value::Text(names.word(function))),
            ("__probe_ret_ip", Value::Text(names.word(caller))),
        ],
        None => vec![("__probe_ip", Value::Text(names.word(places)))],
    };
    Some((fields, rest.trim_ascii_start()))
}
