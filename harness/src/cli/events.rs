//! The `events` view: one event a line, as it was recorded.

use std::collections::BTreeMap;

use serde_json::{Map, Value as Json, json};

use super::event_text::EventText;
use kernsnap_analysis::view::{field, one_line, one_line_from};
use kernsnap_trace::{Cpu, Event, EventDetails, EventKind, Pid, Point, Symbol, Value};

/// `NAME-PID`, padded; the name as the kernel shows it where it knows none.
fn push_task(out: &mut String, names: &BTreeMap<i32, String>, pid: Pid) {
    const WIDTH: usize = 20;
    let begin = out.len();
    match (pid, names.get(&pid.0)) {
        (Pid(0), _) => out.push_str("<idle>-0"),
        (Pid::UNKNOWN, _) => out.push('?'),
        (Pid(pid), name) => {
            out.push_str(name.map_or("<...>", String::as_str));
            out.push('-');
            push_number(out, pid);
        }
    }
    // A name that is not ASCII has fewer characters than bytes.
    let width = out.get(begin..).map_or(0, |task| if task.is_ascii() { task.len() } else { task.chars().count() });
    push_blanks(out, WIDTH.saturating_sub(width));
}

fn push_number(out: &mut String, number: impl itoa::Integer) {
    out.push_str(itoa::Buffer::new().format(number));
}

fn push_blanks(out: &mut String, count: usize) {
    const BLANKS: &str = "                                                                ";
    for _ in 0..count / BLANKS.len() {
        out.push_str(BLANKS);
    }
    out.push_str(&BLANKS[..count % BLANKS.len()]);
}

/// Pads what stands in `out` from the byte `begin` on by blanks in front, up to a width.
pub(super) fn pad_from(out: &mut String, begin: usize, width: usize) {
    let missing = width.saturating_sub(out.get(begin..).map_or(0, |text| text.chars().count()));
    out.insert_str(begin, &" ".repeat(missing));
}

/// The number, with blanks in front of it up to a width.
fn push_right(out: &mut String, number: u64, width: usize) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(number);
    push_blanks(out, width.saturating_sub(digits.len()));
    out.push_str(digits);
}

fn push_symbol(out: &mut String, symbol: &Symbol) {
    match symbol.base() {
        Some(name) => out.push_str(name),
        None => out.push_str(&symbol.to_string()),
    }
}

/// The time up to the second, and `  CPU  TASK-PID  `, as they were for the event before: mostly they are the same.
#[derive(Debug, Default)]
pub(super) struct Columns {
    cpu: Cpu,
    pid: Option<Pid>,
    name: Option<String>,
    text: String,
    second: Option<u64>,
    second_text: String,
    /// True if times are counts, and not nanoseconds.
    has_counts: bool,
}

impl Columns {
    fn label(&mut self, event: &Event, names: &BTreeMap<i32, String>) -> &str {
        let name = names.get(&event.pid.0);
        if (self.cpu, self.pid, self.name.as_ref()) != (event.cpu, Some(event.pid), name) {
            (self.cpu, self.pid, self.name) = (event.cpu, Some(event.pid), name.cloned());
            self.text.clear();
            self.text.push_str("  ");
            push_right(&mut self.text, event.cpu.0.into(), 2);
            self.text.push_str("  ");
            push_task(&mut self.text, names, event.pid);
            self.text.push_str("  ");
        }
        &self.text
    }

    /// Columns of a recording whose times are counts or nanoseconds.
    pub(super) fn new(has_counts: bool) -> Self {
        Self { has_counts, ..Self::default() }
    }

    /// `SECONDS.`, padded.
    fn second(&mut self, second: u64) -> &str {
        if self.second != Some(second) {
            self.second = Some(second);
            self.second_text.clear();
            push_right(&mut self.second_text, second, 6);
            self.second_text.push('.');
        }
        &self.second_text
    }
}

/// Puts `TIME  CPU  TASK-PID  WHAT` behind `out`, and the frames of its stack below.
///
/// By hand: this is most of what `view` does, and formatting macros cost more than reading the events.
pub(super) fn line(
    out: &mut String,
    event: &Event,
    names: &BTreeMap<i32, String>,
    columns: &mut Columns,
    text: &mut EventText<'_>,
) {
    let begin = out.len();
    if columns.has_counts {
        push_right(out, event.time.0, 16);
    } else {
        let (seconds, nanos) = (event.time.0 / 1_000_000_000, event.time.0 % 1_000_000_000);
        out.push_str(columns.second(seconds));
        // Nine digits, of which none may be left out in front.
        out.push_str(&itoa::Buffer::new().format(1_000_000_000 + nanos)[1..]);
    }
    out.push_str(columns.label(event, names));
    match &event.kind {
        EventKind::Function { function, caller } => {
            push_symbol(out, function);
            out.push_str("() <-");
            push_symbol(out, caller);
        }
        EventKind::GraphEntry { function, depth } => {
            push_blanks(out, indent(*depth));
            push_symbol(out, function);
            out.push_str("() {");
        }
        EventKind::GraphExit { function, depth, entered, left } => {
            push_blanks(out, indent(*depth));
            out.push_str("} /* ");
            push_symbol(out, function);
            out.push(' ');
            push_number(out, left.0.saturating_sub(entered.0));
            out.push_str(" ns */");
        }
        EventKind::Marker { text } => {
            out.push_str("marker text=");
            out.push_str(text);
        }
        EventKind::Tracepoint(point) => {
            let name = point.name();
            out.push_str(name);
            let before = out.len();
            out.push(' ');
            if !text.push(event, out) {
                out.truncate(before);
                for (field, value) in point.fields() {
                    out.push(' ');
                    out.push_str(field);
                    out.push('=');
                    field::push(out, name, field, value);
                }
            }
        }
    }
    if let Some(details) = &event.details {
        push_details(out, details);
    }
    one_line_from(out, begin);
    out.push('\n');
    for frame in event.stack.iter().flatten() {
        push_blanks(out, 46);
        out.push_str("=> ");
        push_symbol(out, frame);
        out.push('\n');
    }
    let details = event.details.as_deref();
    for frame in details.and_then(|details| details.user_stack.as_ref()).into_iter().flatten() {
        push_blanks(out, 46);
        out.push_str("=> user: ");
        out.push_str(&one_line(&frame.to_string()));
        out.push('\n');
    }
}

/// The parts that few recordings have: arguments, the returned value, the return address, and repeats.
fn push_details(out: &mut String, details: &EventDetails) {
    for (name, value) in &details.arguments {
        out.push(' ');
        if !name.is_empty() {
            out.push_str(name);
            out.push('=');
        }
        value.push_to(out);
    }
    if let Some(value) = &details.return_value {
        out.push_str(" ret=");
        value.push_to(out);
    }
    if let Some(address) = &details.return_address {
        out.push_str(" returns-to=");
        out.push_str(&address.to_string());
    }
    if let Some(repeats) = details.repeats {
        out.push_str(" repeats=");
        push_number(out, repeats.count);
    }
}

fn indent(depth: u32) -> usize {
    usize::try_from(depth.min(64)).unwrap_or(0) * 2
}

/// The event as one JSON object on a line. Times are nanoseconds.
///
/// # Errors
/// JSON that cannot be written, which would be a mistake in here.
pub(super) fn json(
    out: &mut String,
    event: &Event,
    names: &BTreeMap<i32, String>,
    file: Option<&str>,
) -> serde_json::Result<()> {
    let mut object = Map::new();
    let mut put = |key: &str, value: Json| object.insert(key.to_owned(), value);
    if let Some(file) = file {
        put("file", file.into());
    }
    if let Some(instance) = instance(event) {
        put("instance", instance.into());
    }
    put("time", plain(&Value::Unsigned(event.time.0)));
    put("cpu", event.cpu.0.into());
    put("pid", event.pid.0.into());
    if let Some(name) = names.get(&event.pid.0) {
        put("task", name.as_str().into());
    }
    put("flags", event.context.flags.into());
    put("preempt_count", event.context.preempt_depth().into());
    if event.context.migrate_disable_depth() > 0 {
        put("migrate_disable", event.context.migrate_disable_depth().into());
    }
    match &event.kind {
        EventKind::Function { function, caller } => {
            put("event", "call".into());
            put("function", symbol(function));
            put("caller", symbol(caller));
        }
        EventKind::GraphEntry { function, depth } => {
            put("event", "enter".into());
            put("function", symbol(function));
            put("depth", (*depth).into());
        }
        EventKind::GraphExit { function, depth, entered, left } => {
            put("event", "leave".into());
            put("function", symbol(function));
            put("depth", (*depth).into());
            put("duration", plain(&Value::Unsigned(left.0.saturating_sub(entered.0))));
        }
        EventKind::Marker { text } => {
            put("event", "marker".into());
            put("text", (**text).into());
        }
        EventKind::Tracepoint(point) => {
            put("event", (**point.name()).into());
            put("fields", fields(point));
            if let Some(state) = state(point) {
                put("states", json!({ STATE: state }));
            }
        }
    }
    if let Some(details) = event.details.as_deref() {
        let arguments = details.arguments.iter().map(|(name, value)| json!({ "name": &**name, "value": plain(value) }));
        if !details.arguments.is_empty() {
            put("arguments", arguments.collect());
        }
        if let Some(value) = &details.return_value {
            put("return_value", plain(value));
        }
        if let Some(address) = &details.return_address {
            put("return_address", symbol(address));
        }
        if let Some(repeats) = details.repeats {
            put("repeats", plain(&Value::Unsigned(repeats.count)));
        }
        if let Some(stack) = &details.user_stack {
            put("user_stack", stack.iter().map(|frame| Json::from(frame.to_string())).collect());
        }
    }
    if let Some(stack) = &event.stack {
        put("stack", stack.iter().map(symbol).collect());
    }
    out.push_str(&serde_json::to_string(&object)?);
    out.push('\n');
    Ok(())
}

/// The field that holds the state of a task.
const STATE: &str = "prev_state";

/// The state of the task that a switch leaves, in letters.
fn state(point: &Point) -> Option<String> {
    let value = point.field(STATE).filter(|value| **point.name() == *"sched_switch" && value.as_int().is_some())?;
    Some(field::show(point.name(), STATE, value))
}

/// The name of the instance in whose buffer an event is.
pub(super) fn instance(event: &Event) -> Option<&str> {
    event.details.as_ref().and_then(|details| details.instance.as_deref())
}

/// The fields of an event, by name.
pub(super) fn fields(point: &Point) -> Json {
    point.fields().map(|(field, value)| (field.to_string(), plain(value))).collect::<Map<_, _>>().into()
}

/// A function's whole name, and where in it; or an address.
fn symbol(symbol: &Symbol) -> Json {
    match symbol.place() {
        None => symbol.to_string().into(),
        Some(context) => match context.offset {
            Some(offset) => format!("{}+{offset:#x}", context.function.full()).into(),
            None => context.function.full().into(),
        },
    }
}

/// The integers that every reader of JSON keeps (RFC 8259, 6).
const SAFE: i64 = (1 << 53) - 1;

fn plain(value: &Value) -> Json {
    match value {
        Value::Signed(number) if !(-SAFE..=SAFE).contains(number) => number.to_string().into(),
        Value::Signed(number) => (*number).into(),
        Value::Unsigned(number) if i64::try_from(*number).map_or(true, |number| number > SAFE) => {
            number.to_string().into()
        }
        Value::Unsigned(number) => (*number).into(),
        Value::Hex(hex) => hex.to_string().into(),
        Value::Text(text) => json!(text.as_str()),
        Value::Array(items) => items.iter().map(plain).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_that_a_reader_of_json_would_round_are_texts() {
        assert_eq!(plain(&Value::Unsigned((1 << 53) - 1)), json!(9_007_199_254_740_991_u64));
        assert_eq!(plain(&Value::Unsigned(1 << 53)), json!("9007199254740992"));
        assert_eq!(plain(&Value::Unsigned(u64::MAX)), json!("18446744073709551615"));
        assert_eq!(plain(&Value::Signed(-(1 << 53))), json!("-9007199254740992"));
        assert_eq!(plain(&Value::Signed(-1)), json!(-1));
    }

    #[test]
    fn a_state_is_shown_in_letters_beside_its_number_and_a_late_time_as_text() -> serde_json::Result<()> {
        let fields = [("prev_state", Value::Signed(0x101)), ("next_pid", Value::Signed(7))];
        let kind = EventKind::Tracepoint(Point::from_fields("sched_switch", fields));
        let event = Event { kind, time: kernsnap_trace::Timestamp(1 << 53), ..Event::default() };
        let mut text = String::new();
        json(&mut text, &event, &BTreeMap::new(), None)?;
        let json: Json = serde_json::from_str(&text)?;
        assert_eq!((&json["fields"]["prev_state"], &json["states"]["prev_state"]), (&json!(0x101), &json!("S+")));
        assert_eq!(json["time"], json!("9007199254740992"));
        Ok(())
    }

    #[test]
    fn a_count_is_not_shown_as_seconds() {
        let shown = |has_counts| {
            let (mut text, names) = (String::new(), BTreeMap::new());
            let event = Event { time: kernsnap_trace::Timestamp(1_000_000_004), ..Event::default() };
            line(&mut text, &event, &names, &mut Columns::new(has_counts), &mut EventText::default());
            text
        };
        assert!(shown(true).starts_with("      1000000004   0  ?"), "{}", shown(true));
        assert!(shown(false).starts_with("     1.000000004   0  ?"), "{}", shown(false));
    }

    #[test]
    fn arguments_and_returned_values_are_shown() -> serde_json::Result<()> {
        let mut event = Event::default();
        let details = event.details_mut();
        details.arguments = vec![("m".into(), Value::Unsigned(8))];
        details.return_value = Some(Value::Signed(-1));
        let (mut text, names) = (String::new(), BTreeMap::new());
        line(&mut text, &event, &names, &mut Columns::default(), &mut EventText::default());
        assert!(text.ends_with("() { m=8 ret=-1\n"), "{text}");
        text.clear();
        json(&mut text, &event, &names, None)?;
        let json: Json = serde_json::from_str(&text)?;
        assert_eq!((&json["arguments"][0]["name"], &json["return_value"]), (&json!("m"), &json!(-1)));
        Ok(())
    }
}
