//! Events as text, in the form that a kernel of 6.x gives them (calls of a graph as `trace-cmd report` does). What is
//! written is read back as the same events, as far as text carries them.

use std::fmt::{self, Write as _};

use super::details::arguments_text;
use super::layout::{self, Kind, LAYOUTS};
use super::number::{Form, number};
use super::point::TEXT;
use crate::{CodeLocation, Context, Event, EventKind, Point, Repeats, Symbol, Trace, Value};

/// The text of a whole trace.
#[must_use]
pub fn write(trace: &Trace) -> String {
    let mut text = "# tracer: nop\n#\n#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n#              | |         |   |||||     |         |\n".to_owned();
    for event in &trace.events {
        let name = match (event.pid.0, trace.names.get(&event.pid.0)) {
            (0, _) => "<idle>",
            (_, Some(name)) => name.as_str(),
            (_, None) => "<...>",
        };
        // Writing to a String cannot fail.
        let _ = write_event(&mut text, event, name);
    }
    text
}

fn write_event(out: &mut String, event: &Event, name: &str) -> fmt::Result {
    let mut head = String::new();
    let micros = (event.time.0 + 500) / 1000;
    write!(
        head,
        "{name:>16}-{:<7} [{:03}] {} {:>5}.{:06}: ",
        event.pid.0.max(0),
        event.cpu.0,
        flags(event.context),
        micros / 1_000_000,
        micros % 1_000_000
    )?;
    out.push_str(&head);
    let details = event.details.as_deref();
    match &event.kind {
        EventKind::Function { function, caller } => {
            let arguments = arguments_text(details);
            let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
            let caller = if *caller == Symbol::Unknown { String::new() } else { format!(" <-{}", symbol(caller)) };
            let repeats = details.and_then(|details| details.repeats).map(repeats_text).unwrap_or_default();
            writeln!(out, "{}{arguments}{caller}{repeats}", symbol(function))
        }
        EventKind::GraphEntry { function, depth } => {
            let (depth, function, arguments) = (indent(*depth), name_of(function), arguments_text(details));
            let to = details.and_then(|details| details.return_address.as_ref());
            let to = to.map(|to| format!(" /* <-{} */", symbol(to))).unwrap_or_default();
            writeln!(out, "funcgraph_entry:                   |  {:depth$}{function}({arguments}) {{{to}", "")
        }
        EventKind::GraphExit { function, depth, entered, left } => {
            let took = left.0.saturating_sub(entered.0);
            let (micros, nanos) = (took / 1000, took % 1000);
            let (depth, function) = (indent(*depth), name_of(function));
            let returned = details.and_then(|details| details.return_value.as_ref());
            let returned = returned.map(|value| format!(" ret={value}")).unwrap_or_default();
            writeln!(out, "funcgraph_exit:   {micros:>4}.{nanos:03} us   |  {:depth$}}} /* {function}{returned} */", "")
        }
        EventKind::Marker { text } => writeln!(out, "tracing_mark_write: {text}"),
        EventKind::Tracepoint(point) => write_point(out, point),
    }?;
    if let Some(stack) = &event.stack {
        writeln!(out, "{head}<stack trace>")?;
        for frame in stack {
            writeln!(out, " => {}", symbol(frame))?;
        }
    }
    if let Some(stack) = details.and_then(|details| details.user_stack.as_ref()) {
        writeln!(out, "{head}<user stack trace>")?;
        for frame in stack {
            match (&frame.object, frame.address) {
                (Some(_), Some(address)) => writeln!(out, " => {frame} <{address:016x}>")?,
                (None, Some(address)) => writeln!(out, " =>  <{address:016x}>")?,
                (_, None) => writeln!(out, " => {frame}")?,
            }
        }
    }
    Ok(())
}

/// As `trace_func_repeats_print()` writes it.
fn repeats_text(Repeats { count, last }: Repeats) -> String {
    let micros = (last.0 + 500) / 1000;
    format!(" (repeats: {count}, last_ts: {:>5}.{:06})", micros / 1_000_000, micros % 1_000_000)
}

/// Blanks in front of a function. A kernel's graph is 50 calls deep at most (`FTRACE_RETFUNC_DEPTH`).
fn indent(depth: u32) -> usize {
    usize::try_from(depth.min(MOST_DEPTH)).unwrap_or(0) * 2
}

/// A deeper call is written at this depth: the depth of a damaged recording may be any number.
const MOST_DEPTH: u32 = 1000;

/// `trace_print_lat_fmt()` of 6.13 and later.
fn flags(Context { flags, preempt_count }: Context) -> String {
    let irqs = match flags & 0x81 {
        0x81 => 'D',
        0x80 => 'b',
        0x01 => 'd',
        _ => '.',
    };
    let resched = match flags & 0x26 {
        0x26 => 'B',
        0x24 => 'N',
        0x22 => 'L',
        0x20 => 'p',
        0x06 => 'b',
        0x04 => 'n',
        0x02 => 'l',
        _ => '.',
    };
    let level = match flags & 0x58 {
        0x48 | 0x58 => 'Z',
        0x40 | 0x50 => 'z',
        0x18 => 'H',
        0x08 => 'h',
        0x10 => 's',
        _ => '.',
    };
    let depth = |nibble: u8| match char::from_digit(nibble.into(), 16) {
        None | Some('0') => '.',
        Some(digit) => digit,
    };
    [irqs, resched, level, depth(preempt_count & 0xf), depth(preempt_count >> 4)].iter().collect()
}

fn symbol(symbol: &Symbol) -> String {
    let Some(place) = symbol.place() else { return symbol.to_string() };
    let offset = place.offset.filter(|offset| *offset > 0).map(|offset| format!("+{offset:#x}")).unwrap_or_default();
    let module = place.module.as_ref().map(|module| format!(" [{module}]")).unwrap_or_default();
    format!("{}{offset}{module}", place.function.full())
}

/// A graph's functions stand without the place inside them.
fn name_of(function: &Symbol) -> String {
    match function.place() {
        Some(CodeLocation { function, module: Some(module), .. }) => format!("{} [{module}]", function.full()),
        Some(CodeLocation { function, .. }) => function.full().to_owned(),
        None => function.to_string(),
    }
}

fn write_point(out: &mut String, point: &Point) -> fmt::Result {
    write!(out, "{}:", point.name())?;
    let layout =
        layout::find(point.name()).and_then(|layout| LAYOUTS.get(layout)).map_or(&[][..], |layout| layout.keys);
    if **point.name() == *"sys_enter"
        && let (Some(id), Some(Value::Array(arguments))) = (point.int("id"), point.field("args"))
    {
        let arguments: Vec<_> = arguments.iter().map(|value| format!("{:x}", value.as_bits())).collect();
        return writeln!(out, " NR {id} ({})", arguments.join(", "));
    }
    if **point.name() == *"sys_exit"
        && let (Some(id), Some(ret)) = (point.int("id"), point.int("ret"))
    {
        return writeln!(out, " NR {id} = {ret}");
    }
    for (field, value) in point.fields() {
        let key = layout.iter().find(|key| *key.field == **field);
        match (key, value) {
            (Some(key), value) => {
                let arrow = if key.printed == "next_comm" { " ==>" } else { "" };
                write!(out, "{arrow} {}={}", key.printed, known(key.kind, value))?;
            }
            (None, Value::Text(text)) if **field == *TEXT => write!(out, " {text}")?,
            (None, Value::Text(text)) => write!(out, " {field}=\"{text}\"")?,
            (None, Value::Unsigned(number)) => write!(out, " {field}={number:#x}")?,
            // The reader must take it for hexadecimal again.
            (None, Value::Hex(hex))
                if number(hex.to_string().as_bytes(), Form::of_field(field.as_bytes())) != *value =>
            {
                write!(out, " {field}={:#x}", hex.value)?;
            }
            (None, value) => write!(out, " {field}={value}")?,
        }
    }
    writeln!(out)
}

fn known(kind: Kind, value: &Value) -> String {
    match (kind, value.as_int()) {
        (Kind::Hex, _) if !matches!(value, Value::Text(_)) => format!("{:x}", value.as_bits()),
        (Kind::State, Some(state)) => letters(state),
        (Kind::Handled, Some(0)) => "unhandled".into(),
        (Kind::Handled, Some(_)) => "handled".into(),
        _ => value.to_string(),
    }
}

/// `prev_state` by letter.
fn letters(state: i64) -> String {
    let bits = [(1, "S"), (2, "D"), (4, "T"), (8, "t"), (0x10, "X"), (0x20, "Z"), (0x40, "P"), (0x80, "I")];
    let letters: Vec<_> = bits.iter().filter(|(bit, _)| state & bit != 0).map(|(_, letter)| *letter).collect();
    let preempted = if state & 0x100 == 0 { "" } else { "+" };
    if letters.is_empty() { format!("R{preempted}") } else { letters.join("|") + preempted }
}
