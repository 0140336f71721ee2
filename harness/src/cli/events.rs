//! The `events` view: one event a line, as it was recorded.

use std::collections::BTreeMap;
use std::io::{self, Write};

use serde_json::{Map, Value as Json, json};

use crate::trace::{Body, Event, Pid, Point, Symbol, Value};
use crate::view::field;

/// A task's name as the kernel shows it where it knows none.
fn task(names: &BTreeMap<i32, String>, pid: Pid) -> String {
    match (pid, names.get(&pid.0)) {
        (Pid(0), _) => "<idle>-0".into(),
        (Pid::UNKNOWN, _) => "?".into(),
        (Pid(pid), Some(name)) => format!("{name}-{pid}"),
        (Pid(pid), None) => format!("<...>-{pid}"),
    }
}

/// `TIME  CPU  TASK-PID  WHAT`, and the frames of its stack below.
pub(super) fn line(out: &mut impl Write, event: &Event, names: &BTreeMap<i32, String>) -> io::Result<()> {
    let (seconds, nanos) = (event.time.0 / 1_000_000_000, event.time.0 % 1_000_000_000);
    write!(out, "{seconds:>6}.{nanos:09}  {:>2}  {:<20}  ", event.cpu.0, task(names, event.pid))?;
    match &event.body {
        Body::Call { function, caller } => writeln!(out, "{function}() <-{caller}"),
        Body::Enter { function, depth } => writeln!(out, "{:1$}{function}() {{", "", indent(*depth)),
        Body::Leave { function, depth, entered, left } => {
            let took = left.0.saturating_sub(entered.0);
            writeln!(out, "{:1$}}} /* {function} {2} ns */", "", indent(*depth), took)
        }
        Body::Marker { text } => writeln!(out, "marker text={text}"),
        Body::Point(Point { name, fields }) => {
            write!(out, "{name}")?;
            for (field, value) in fields {
                write!(out, " {field}={}", field::show(name, field, value))?;
            }
            writeln!(out)
        }
    }?;
    for frame in event.stack.iter().flatten() {
        writeln!(out, "{:46}=> {frame}", "")?;
    }
    Ok(())
}

fn indent(depth: u32) -> usize {
    usize::try_from(depth.min(64)).unwrap_or(0) * 2
}

/// The event as one JSON object on a line. Times are nanoseconds.
pub(super) fn json(out: &mut impl Write, event: &Event, names: &BTreeMap<i32, String>) -> io::Result<()> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
    put("time", event.time.0.into());
    put("cpu", event.cpu.0.into());
    put("pid", event.pid.0.into());
    if let Some(name) = names.get(&event.pid.0) {
        put("task", name.as_str().into());
    }
    put("flags", event.context.flags.into());
    put("preempt_count", event.context.preempt_count.into());
    match &event.body {
        Body::Call { function, caller } => {
            put("event", "call".into());
            put("function", symbol(function));
            put("caller", symbol(caller));
        }
        Body::Enter { function, depth } => {
            put("event", "enter".into());
            put("function", symbol(function));
            put("depth", (*depth).into());
        }
        Body::Leave { function, depth, entered, left } => {
            put("event", "leave".into());
            put("function", symbol(function));
            put("depth", (*depth).into());
            put("duration", left.0.saturating_sub(entered.0).into());
        }
        Body::Marker { text } => {
            put("event", "marker".into());
            put("text", (**text).into());
        }
        Body::Point(Point { name, fields }) => {
            put("event", (**name).into());
            let fields: Map<_, _> = fields.iter().map(|(field, value)| (field.to_string(), plain(value))).collect();
            put("fields", fields.into());
        }
    }
    if let Some(stack) = &event.stack {
        put("stack", stack.iter().map(symbol).collect());
    }
    serde_json::to_writer(&mut *out, &object)?;
    out.write_all(b"\n")
}

/// A function's whole name, and where in it; or an address.
fn symbol(symbol: &Symbol) -> Json {
    match symbol.place() {
        None => symbol.to_string().into(),
        Some(place) => match place.offset {
            Some(offset) => format!("{}+{offset:#x}", place.function.full()).into(),
            None => place.function.full().into(),
        },
    }
}

fn plain(value: &Value) -> Json {
    match value {
        Value::Signed(number) => (*number).into(),
        Value::Unsigned(number) => (*number).into(),
        Value::Text(text) => json!(**text),
        Value::Array(items) => items.iter().map(plain).collect(),
    }
}
