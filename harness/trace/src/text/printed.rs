//! The losses of a text, as a projection: the event that remains when it is printed and read again.

use std::sync::Arc;

use super::layout::{self, Kind, LAYOUTS};
use crate::{CodeLocation, Context, Event, EventKind, Point, Symbol, Timestamp, Value};

/// Which text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// One event a line, with columns in front.
    Lines,
    /// The function-graph tracer's.
    Graph,
}

/// `event` with only what the kernel's default text of it holds (`options/sym-offset` on, `function_graph` with
/// `funcgraph-abstime`, `-proc` and `-tail`):
///
/// - times are microseconds, rounded (`trace_print_context()`) or, in a graph, cut (`print_graph_abs_time()`); a graph's
///   call has its duration, and no time of its own for a return without a line of its own;
/// - a graph has no interrupt and preemption state, and functions without the place inside them;
/// - symbols have no address, but those of a module that was gone when the text was made have nothing else (which is no
///   property of the event, and is left to the caller); the end of a function is the begin of the next one;
/// - numbers do not say whether they are signed in the record;
/// - of a known event, only the fields that its text names and tells as they are recorded; of any event, none that begins with `__` (a probe's own
///   address, a system call's number, which the name says).
#[must_use]
pub fn as_printed(event: &Event, style: Style) -> Event {
    let mut printed = event.clone();
    printed.stack = event.stack.as_ref().map(|stack| stack.iter().map(without_address).collect());
    let rounded = |time: Timestamp| Timestamp(time.0.saturating_add(500) / 1000 * 1000);
    if let Some(repeats) = printed.details.as_mut().and_then(|details| details.repeats.as_mut()) {
        repeats.last = rounded(repeats.last);
    }
    match style {
        Style::Lines => printed.time = rounded(event.time),
        Style::Graph => {
            let own = !matches!(event.kind, EventKind::GraphExit { .. });
            printed.time = Timestamp(if own { event.time.0 / 1000 * 1000 } else { 0 });
            printed.context = Context::default();
        }
    }
    printed.kind = match &event.kind {
        EventKind::Function { function, caller } => {
            EventKind::Function { function: without_address(function), caller: without_address(caller) }
        }
        EventKind::GraphEntry { function, depth } => {
            EventKind::GraphEntry { function: without_offset(function), depth: *depth }
        }
        EventKind::GraphExit { function, depth, entered, left } => {
            let duration = left.0.saturating_sub(entered.0);
            let (entered, left) = (Timestamp(0), Timestamp(with_digits(duration)));
            EventKind::GraphExit { function: without_offset(function), depth: *depth, entered, left }
        }
        EventKind::Marker { text } => EventKind::Marker { text: text.trim_ascii().into() },
        EventKind::Tracepoint(point) => EventKind::Tracepoint(point_as_printed(point)),
    };
    printed
}

/// A duration in microseconds is printed with seven digits (`trace_print_graph_duration()`).
fn with_digits(nanos: u64) -> u64 {
    let lost = match nanos / 1000 {
        0..10_000 => 1,
        10_000..100_000 => 10,
        100_000..1_000_000 => 100,
        _ => 1000,
    };
    nanos / lost * lost
}

fn without_address(symbol: &Symbol) -> Symbol {
    match symbol {
        Symbol::Function { place, .. } => Symbol::Function { place: Arc::new(place.as_printed()), address: None },
        other => other.clone(),
    }
}

fn without_offset(symbol: &Symbol) -> Symbol {
    match symbol {
        Symbol::Function { place, .. } => {
            Symbol::Function { place: Arc::new(CodeLocation { offset: None, ..(**place).clone() }), address: None }
        }
        other => other.clone(),
    }
}

fn point_as_printed(point: &Point) -> Point {
    let keys = layout::find(point.name()).and_then(|layout| LAYOUTS.get(layout)).map(|layout| layout.keys);
    let in_text = |name: &str| match keys {
        Some(keys) => {
            keys.iter().any(|key| key.field == name && key.kind != Kind::Other)
                || **point.name() == *"sys_enter" && name == "args"
        }
        None => !name.starts_with("__"),
    };
    let word = |name: &str, value: &Value| match keys.and_then(|keys| keys.iter().find(|key| key.field == name)) {
        Some(key) if key.kind == Kind::Handled => Value::Signed(i64::from(value.as_int() != Some(0))),
        _ => plain(value),
    };
    let fields = point.fields().filter(|(name, _)| in_text(name));
    Point::from_fields(point.name(), fields.map(|(name, value)| (name.clone(), word(name, value))))
}

/// A value that no longer says how wide and whether signed it was.
fn plain(value: &Value) -> Value {
    match value {
        Value::Unsigned(number) => i64::try_from(*number).map_or(Value::Unsigned(*number), Value::Signed),
        Value::Hex(hex) => i64::try_from(hex.value).map_or(Value::Unsigned(hex.value), Value::Signed),
        Value::Array(items) => Value::Array(items.iter().map(plain).collect()),
        other => other.clone(),
    }
}
