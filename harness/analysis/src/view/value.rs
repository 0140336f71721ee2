//! The value of an event's field: its own fields, and those of every record.

use std::borrow::Cow;

use kernsnap_scenario::pattern::{CALLER, array_element};
use kernsnap_trace::{Event, EventKind, Pid, Value};

/// The value that `event` has under `name`. An event's own field comes before what every event has.
#[must_use]
pub fn value_of<'e>(event: &'e Event, name: &str) -> Option<Cow<'e, Value>> {
    own(&event.kind, name).or_else(|| {
        let text = |text: &str| Some(Cow::Owned(Value::Text(text.into())));
        match name {
            "by_pid" => Some(Cow::Owned(Value::Signed(event.pid.0.into()))),
            "on_cpu" => Some(Cow::Owned(Value::Unsigned(event.cpu.0.into()))),
            "context" if event.context.in_hardirq() => text("hardirq"),
            "context" if event.context.in_softirq() => text("softirq"),
            "context" => text("task"),
            _ => None,
        }
    })
}

fn own<'e>(body: &'e EventKind, name: &str) -> Option<Cow<'e, Value>> {
    match body {
        EventKind::Tracepoint(point) => {
            let (name, index) = array_element(name);
            match (point.field(name)?, index) {
                (Value::Array(elements), Some(index)) => elements.get(index).map(Cow::Borrowed),
                (value, None) => Some(Cow::Borrowed(value)),
                (_, Some(_)) => None,
            }
        }
        EventKind::Marker { text } => (name == "text").then(|| Cow::Owned(Value::Text((**text).into()))),
        EventKind::Function { caller, .. } => {
            (name == CALLER).then(|| Cow::Owned(Value::Text(caller.to_string().into())))
        }
        EventKind::GraphEntry { .. } | EventKind::GraphExit { .. } => None,
    }
}

/// A number as a pid, if it can be one.
pub(super) fn as_pid(value: i64) -> Option<Pid> {
    i32::try_from(value).ok().map(Pid)
}
