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
    write_with(trace, |_, _| false)
}

/// The text of a whole trace, with the texts of tracepoints that `evaluate` puts behind its second argument, as a
/// [`Printer`](crate::Printer) does. Where it puts nothing there and gives `false`, the fields are written.
#[must_use]
pub fn write_with(trace: &Trace, mut evaluate: impl FnMut(&Event, &mut String) -> bool) -> String {
    let mut text = "# tracer: nop\n#\n#           TASK-PID     CPU#  |||||  TIMESTAMP  FUNCTION\n#              | |         |   |||||     |         |\n".to_owned();
    for event in &trace.events {
        let name = match (event.pid.0, trace.names.get(&event.pid.0)) {
            (0, _) => "<idle>",
            (_, Some(name)) => name.as_str(),
            (_, None) => "<...>",
        };
        // Writing to a String cannot fail.
        let _ = write_event(&mut Lines(&mut text), event, name, &mut evaluate);
    }
    text
}

/// Lines of text. What is in an event cannot end a line, or control a terminal: its control characters and bidirectional marks
/// (Unicode Standard Annex 9) are escaped.
struct Lines<'a>(&'a mut String);

impl Lines<'_> {
    fn end(&mut self) {
        self.0.push('\n');
    }
}

impl fmt::Write for Lines<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        if text.bytes().all(|byte| (b' '..=b'~').contains(&byte)) {
            self.0.push_str(text);
            return Ok(());
        }
        for character in text.chars() {
            match character {
                '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => {
                    self.0.extend(character.escape_unicode());
                }
                _ if character.is_control() => self.0.extend(character.escape_default()),
                _ => self.0.push(character),
            }
        }
        Ok(())
    }
}

fn write_event(
    out: &mut Lines<'_>,
    event: &Event,
    name: &str,
    evaluate: &mut dyn FnMut(&Event, &mut String) -> bool,
) -> fmt::Result {
    let mut head = String::new();
    let micros = event.time.0.saturating_add(500) / 1000;
    write!(
        head,
        "{name:>16}-{:<7} [{:03}] {} {:>5}.{:06}: ",
        event.pid.0.max(0),
        event.cpu.0,
        flags(event.context),
        micros / 1_000_000,
        micros % 1_000_000
    )?;
    out.write_str(&head)?;
    let details = event.details.as_deref();
    match &event.kind {
        EventKind::Function { function, caller } => {
            let arguments = arguments_text(details);
            let arguments = if arguments.is_empty() { arguments } else { format!("({arguments})") };
            let caller = if *caller == Symbol::Unknown { String::new() } else { format!(" <-{}", symbol(caller)) };
            let repeats = details.and_then(|details| details.repeats).map(repeats_text).unwrap_or_default();
            write!(out, "{}{arguments}{caller}{repeats}", symbol(function))
        }
        EventKind::GraphEntry { function, depth } => {
            let (depth, function, arguments) = (indent(*depth), name_of(function), arguments_text(details));
            let to = details.and_then(|details| details.return_address.as_ref());
            let to = to.map(|to| format!(" /* <-{} */", symbol(to))).unwrap_or_default();
            write!(out, "funcgraph_entry:                   |  {:depth$}{function}({arguments}) {{{to}", "")
        }
        EventKind::GraphExit { function, depth, entered, left } => {
            let took = left.0.saturating_sub(entered.0);
            let (micros, nanos) = (took / 1000, took % 1000);
            let (depth, function) = (indent(*depth), name_of(function));
            let returned = details.and_then(|details| details.return_value.as_ref());
            let returned = returned.map(|value| format!(" ret={value}")).unwrap_or_default();
            write!(out, "funcgraph_exit:   {micros:>4}.{nanos:03} us   |  {:depth$}}} /* {function}{returned} */", "")
        }
        EventKind::Marker { text } => write!(out, "tracing_mark_write: {text}"),
        EventKind::Tracepoint(point) => {
            let mut said = String::new();
            if evaluate(event, &mut said) {
                // An event is one line.
                write!(out, "{}: {}", point.name(), said.trim_ascii().replace(['\n', '\r'], " "))
            } else {
                write_point(out, point)
            }
        }
    }?;
    out.end();
    if let Some(stack) = &event.stack {
        write!(out, "{head}<stack trace>")?;
        out.end();
        for frame in stack {
            write!(out, " => {}", symbol(frame))?;
            out.end();
        }
    }
    if let Some(stack) = details.and_then(|details| details.user_stack.as_ref()) {
        write!(out, "{head}<user stack trace>")?;
        out.end();
        for frame in stack {
            match (&frame.object, frame.address) {
                (Some(_), Some(address)) => write!(out, " => {frame} <{address:016x}>")?,
                (None, Some(address)) => write!(out, " =>  <{address:016x}>")?,
                (_, None) => write!(out, " => {frame}")?,
            }
            out.end();
        }
    }
    Ok(())
}

/// As `trace_func_repeats_print()` writes it.
fn repeats_text(Repeats { count, last }: Repeats) -> String {
    let micros = last.0.saturating_add(500) / 1000;
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

fn write_point(out: &mut Lines<'_>, point: &Point) -> fmt::Result {
    write!(out, "{}:", point.name())?;
    let layout =
        layout::find(point.name()).and_then(|layout| LAYOUTS.get(layout)).map_or(&[][..], |layout| layout.keys);
    if **point.name() == *"sys_enter"
        && let (Some(id), Some(Value::Array(arguments))) = (point.int("id"), point.field("args"))
    {
        let arguments: Vec<_> = arguments.iter().map(|value| format!("{:x}", value.as_bits())).collect();
        return write!(out, " NR {id} ({})", arguments.join(", "));
    }
    if **point.name() == *"sys_exit"
        && let (Some(id), Some(ret)) = (point.int("id"), point.int("ret"))
    {
        return write!(out, " NR {id} = {ret}");
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
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Cpu, Pid, Timestamp};

    fn one(kind: EventKind) -> Trace {
        let event = Event {
            time: Timestamp(1_000),
            cpu: Cpu(0),
            pid: Pid(7),
            context: Context::default(),
            kind,
            stack: None,
            details: None,
        };
        let name = "a\u{1b}[2J\nb".to_owned();
        Trace { events: vec![event], names: [(7, name)].into(), ..Trace::default() }
    }

    /// A width in a format has 16 bits.
    #[test]
    fn a_call_of_any_depth_is_written() {
        for depth in [0, 50, 1_000, 40_000, u32::MAX] {
            let text = write(&one(EventKind::GraphEntry { function: Symbol::Unknown, depth }));
            assert!(text.len() < 4096, "{depth}: {} bytes", text.len());
        }
    }

    #[test]
    fn what_is_in_an_event_cannot_end_a_line_or_control_a_terminal() {
        let text = write(&one(EventKind::Marker { text: "one\ntwo\r\u{9b}31m\u{202e}\u{7f}".into() }));
        assert_eq!(text.lines().filter(|line| !line.starts_with('#')).count(), 1, "{text}");
        assert!(text.contains("a\\u{1b}[2J\\nb-7"), "{text}");
        assert!(text.ends_with("one\\ntwo\\r\\u{9b}31m\\u{202e}\\u{7f}\n"), "{text}");
    }
}
