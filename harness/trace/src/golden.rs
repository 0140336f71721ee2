//! Recordings of a real kernel, held against that kernel's own rendering of the same buffers.

use std::collections::BTreeMap;

use super::{Context, Cpu, CpuRecording, Event, EventKind, Point, Recording, Symbol, Symbols, Trace, Value, decode};

/// One line of the kernel's `trace` file that means an event, with the stack that follows it.
#[derive(Debug, PartialEq)]
struct Line {
    /// `[CPU] FLAGS TIME`: the CPU in decimal, five letters, microseconds.
    head: String,
    pid: i32,
    text: String,
    stack: Vec<String>,
}

/// Reads the default `trace` text, of a kernel with `options/sym-offset` on.
fn lines(text: &str) -> Vec<Line> {
    let mut lines: Vec<Line> = Vec::new();
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    let mut stack = None;
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        if let Some(frame) = line.strip_prefix(" => ") {
            let at: usize = stack.expect("a frame behind a stack's head");
            lines[at].stack.push(without_size(frame));
            continue;
        }
        let (task, rest) = line.split_once(" [").expect("a CPU");
        let (cpu, rest) = rest.split_once(']').expect("a CPU's end");
        let (state, rest) = rest.trim_start().split_once(' ').expect("flags");
        let (time, text) = rest.trim_start().split_once(": ").expect("a time");
        let pid = task.trim_end().rsplit_once('-').expect("a pid").1.parse().expect("a number");
        if text == "<stack trace>" {
            stack = open.remove(cpu);
        } else {
            open.insert(cpu.to_owned(), lines.len());
            lines.push(Line { head: format!("[{cpu}] {state} {time}"), pid, text: text.to_owned(), stack: vec![] });
        }
    }
    lines
}

/// `copy_process+0x4` of `copy_process+0x4/0x140c`.
fn without_size(frame: &str) -> String {
    frame.split_once('/').map_or(frame, |(place, _)| place).to_owned()
}

fn place(symbol: &Symbol) -> String {
    match symbol {
        Symbol::Function { place, .. } => {
            let place = place.as_printed();
            format!("{}+{:#x}", place.function.full(), place.offset.expect("an offset"))
        }
        Symbol::Address(_) | Symbol::Unknown => symbol.to_string(),
    }
}

/// `[CPU] FLAGS TIME` as `trace_print_lat_fmt()` of 6.1 writes it.
fn head(event: &Event) -> String {
    let Context { flags, preempt_count } = event.context;
    let bit = |mask: u8| flags & mask != 0;
    let irqs = match (bit(0x01), bit(0x80)) {
        (true, true) => 'D',
        (true, false) => 'd',
        (false, true) => 'b',
        (false, false) => '.',
    };
    let resched = match (bit(0x04), bit(0x20)) {
        (true, true) => 'N',
        (true, false) => 'n',
        (false, true) => 'p',
        (false, false) => '.',
    };
    let level = match (event.context.in_hardirq(), event.context.in_softirq()) {
        (true, true) => 'H',
        (true, false) => 'h',
        (false, true) => 's',
        (false, false) => '.',
    };
    let depth = |n: u8| if n == 0 { '.' } else { char::from_digit(n.into(), 16).expect("a nibble") };
    let micros = (event.time.0 + 500) / 1000;
    format!(
        "[{:03}] {irqs}{resched}{level}{}{} {}.{:06}",
        event.cpu.0,
        depth(preempt_count & 0xf),
        depth(preempt_count >> 4),
        micros / 1_000_000,
        micros % 1_000_000
    )
}

/// True if the kernel's text of a point agrees with its typed fields: every `name=value` in the text whose name is a
/// field's. Says how many there were.
fn agreeing_fields(point: &Point, text: &str) -> usize {
    let mut agreed = 0;
    for (name, value) in point.fields() {
        let Some(at) = text.find(&format!(" {name}=")) else { continue };
        let rest = &text[at + name.len() + 2..];
        let said = rest.split([' ', ',']).next().unwrap_or_default().trim_matches('"');
        let shown = match value {
            Value::Array(_) => rest.split(' ').next().unwrap_or_default().to_owned(),
            _ => said.to_owned(),
        };
        let hex = value.as_int().map(|v| format!("{v:x}"));
        let number = match value {
            Value::Unsigned(v) => format!("{v:#x}"),
            _ => String::new(),
        };
        let padded = shown.parse().ok() == value.as_int().filter(|_| shown.starts_with('0'));
        let same = padded || shown == value.to_string() || Some(&shown) == hex.as_ref() || shown == number;
        assert!(same || &**name == "prev_state", "{name}: {value} in `{text}`");
        agreed += 1;
    }
    agreed
}

/// Compares event by event; says how many events, stacks and fields agreed.
#[track_caller]
fn check_text(trace: &Trace, text: &str) -> (usize, usize, usize) {
    let lines = lines(text);
    let (mut stacks, mut fields) = (0, 0);
    for (event, line) in trace.events.iter().zip(&lines) {
        assert_eq!((head(event), event.pid.0), (line.head.clone(), line.pid), "{line:?}");
        match &event.kind {
            EventKind::Function { function, caller } => {
                let (said, from) = line.text.split_once(" <-").expect("a caller");
                assert_eq!([place(function), place(caller)], [without_size(said), without_size(from)], "{line:?}");
            }
            EventKind::Marker { text } => assert_eq!(line.text.split_once(": ").map(|(_, text)| text), Some(&**text)),
            EventKind::Tracepoint(point) => {
                let named = line.text.starts_with(&format!("{}:", point.name()));
                assert!(named || line.text.starts_with("sys_"), "{} in {line:?}", point.name());
                fields += agreeing_fields(point, &line.text);
            }
            EventKind::GraphEntry { .. } | EventKind::GraphExit { .. } => panic!("not in this text: {event:?}"),
        }
        let frames: Vec<_> = event.stack.iter().flatten().map(place).collect();
        let said = line.stack.iter().skip_while(|frame| frame.starts_with("__traceiter_")).cloned().collect::<Vec<_>>();
        assert_eq!(frames, said, "{line:?}");
        stacks += usize::from(event.stack.is_some());
    }
    assert_eq!(trace.events.len(), lines.len());
    (lines.len(), stacks, fields)
}

/// One line of the function-graph text: `TIME CPU-PID DURATION` and what it shows.
type GraphLine = (String, String);

/// Reads the text of the function-graph tracer with `funcgraph-abstime`, `funcgraph-proc` and `funcgraph-tail`.
fn graph_lines(text: &str) -> Vec<GraphLine> {
    let columns = |line: &str| {
        let [time, task, duration, shown] = line.splitn(4, '|').collect::<Vec<_>>().try_into().ok()?;
        let cpu = time_cpu(task)?;
        let pid = task.trim().rsplit_once('-')?.1.to_owned();
        let duration = duration.trim().trim_start_matches(['+', '!', '#', '*', '@', '$', ' ']);
        let duration = duration.split(' ').next().unwrap_or_default();
        Some((format!("{} {cpu}-{pid} {duration}", time.trim()), shown.trim_end().get(2..)?.to_owned()))
    };
    text.lines().filter(|line| !line.starts_with('#')).filter_map(columns).collect()
}

/// `1` of ` 1)     init-1     `.
fn time_cpu(task: &str) -> Option<&str> {
    task.split_once(')').map(|(cpu, _)| cpu.trim())
}

/// The same lines, made from the trace.
fn graph_of(trace: &Trace) -> Vec<GraphLine> {
    let name = |symbol: &Symbol| symbol.place().map_or_else(String::new, |place| place.function.full().to_owned());
    let duration = |nanos: u64| {
        let mut text = format!("{}.{:03}", nanos / 1000, nanos % 1000);
        text.truncate(text.len().min(8));
        text
    };
    let mut lines = Vec::new();
    let mut leaves = Vec::new();
    for (at, event) in trace.events.iter().enumerate() {
        let micros = event.time.0 / 1000;
        let head = format!("{}.{:06} {}-{}", micros / 1_000_000, micros % 1_000_000, event.cpu.0, event.pid.0);
        let indent = |depth: &u32| "  ".repeat(usize::try_from(*depth).expect("shallow"));
        match &event.kind {
            EventKind::GraphEntry { function, depth } => {
                let next = trace.events[at + 1..].iter().enumerate().find(|(_, next)| next.cpu == event.cpu);
                match next.map(|(behind, next)| (at + 1 + behind, &next.kind)) {
                    Some((behind, EventKind::GraphExit { function: same, entered, left, .. })) if same == function => {
                        let shown = format!("{}{}();", indent(depth), name(function));
                        lines.push((format!("{head} {}", duration(left.0 - entered.0)), shown));
                        leaves.push(behind);
                    }
                    _ => lines.push((format!("{head} "), format!("{}{}() {{", indent(depth), name(function)))),
                }
            }
            EventKind::GraphExit { .. } if leaves.contains(&at) => {}
            EventKind::GraphExit { function, depth, entered, left } => {
                let shown = format!("{}}} /* {} */", indent(depth), name(function));
                lines.push((format!("{head} {}", duration(left.0 - entered.0)), shown));
            }
            EventKind::Marker { text } => lines.push((format!("{head} "), format!("/* {text} */"))),
            EventKind::Tracepoint(point) => lines.push((format!("{head} "), format!("/* {}: */", point.name()))),
            EventKind::Function { .. } => panic!("not in this text: {event:?}"),
        }
    }
    lines
}

/// Compares line by line; says how many agreed. Of points only head and name are compared.
#[track_caller]
fn check_graph(trace: &Trace, text: &str) -> usize {
    let said = graph_lines(text);
    let made = graph_of(trace);
    for (made, said) in made.iter().zip(&said) {
        let named = |name: &str| said.1.trim_start().starts_with(name) || name.starts_with("/* sys_");
        let point = made.1.strip_suffix(": */").is_some_and(named);
        assert_eq!(made.0, said.0, "{made:?} {said:?}");
        assert!(point || made.1.trim_start() == said.1.trim_start(), "{made:?} {said:?}");
        assert!(made.1.starts_with('/') || made.1 == said.1, "{made:?} {said:?}");
    }
    assert_eq!(made.len(), said.len());
    made.len()
}

/// One of harness/trace/tests/data/recordings.
struct Files {
    cpus: &'static [(u16, &'static [u8], &'static str)],
    saved_cmdlines: &'static [u8],
}

macro_rules! cpus {
    ($name:literal, $($cpu:literal)*) => {
        &[$((
            $cpu,
            include_bytes!(concat!("../tests/data/recordings/", $name, "/cpu", $cpu, ".raw")),
            include_str!(concat!("../tests/data/recordings/", $name, "/cpu", $cpu, ".stats")),
        )),*]
    };
}

/// Decodes a recording of `Linux 6.1, arm64, raspi3b`; the symbol table holds what occurs in it, and its neighbours.
fn decoded(files: &Files) -> Trace {
    let formats = include_str!("../tests/data/recordings/formats");
    let starts: Vec<_> = formats.match_indices("name: ").map(|(at, _)| at).chain([formats.len()]).collect();
    let (symbols, no_symbols) = Symbols::from_system_map(include_str!("../tests/data/recordings/System.map"));
    let recording = Recording {
        header_page: include_str!("../tests/data/recordings/header_page"),
        formats: starts.windows(2).map(|ends| &formats[ends[0]..ends[1]]).collect(),
        cpus: files
            .cpus
            .iter()
            .map(|(cpu, pages, stats)| CpuRecording { cpu: Cpu(*cpu), pages: (*pages).into(), stats })
            .collect(),
        saved_cmdlines: files.saved_cmdlines,
        ..Recording::default()
    };
    let (trace, issues) = decode(&recording, &symbols);
    assert_eq!((no_symbols, issues, &trace.defects), (vec![], vec![], &vec![]));
    assert!(trace.names.values().any(|name| name == "child"));
    trace
}

pub(super) fn decoded_function() -> Trace {
    decoded(&Files {
        cpus: cpus!("function", 1 2 3),
        saved_cmdlines: include_bytes!("../tests/data/recordings/function/saved_cmdlines"),
    })
}

pub(super) fn decoded_graph() -> Trace {
    decoded(&Files {
        cpus: cpus!("graph", 1 2 3),
        saved_cmdlines: include_bytes!("../tests/data/recordings/graph/saved_cmdlines"),
    })
}

#[test]
fn functions_events_and_stacks_are_what_the_kernel_says_they_are() {
    let agreed = check_text(&decoded_function(), include_str!("../tests/data/recordings/function/trace.txt"));
    assert_eq!(agreed, (28, 9, 76));
}

#[test]
fn the_graph_of_functions_is_what_the_kernel_says_it_is() {
    assert_eq!(check_graph(&decoded_graph(), include_str!("../tests/data/recordings/graph/trace.txt")), 56);
}

#[test]
fn a_probe_says_which_function_it_is_on() {
    let trace = decoded_function();
    let places = trace.events.iter().filter_map(|event| match &event.kind {
        EventKind::Tracepoint(point) => point.text("__probe_ip").or_else(|| point.text("__probe_func")),
        _ => None,
    });
    let text = include_str!("../tests/data/recordings/function/trace.txt");
    let mut count = 0;
    for place in places {
        assert!(text.contains(&format!("({place}/")) || text.contains(&format!("<- {place}/")), "{place}");
        count += 1;
    }
    assert!(count > 0);
}
