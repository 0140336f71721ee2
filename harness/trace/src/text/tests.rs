//! Texts of real kernels and of people, read as events.

use super::{Style, TextReader, as_printed, parse, write};
use crate::golden::{decoded_function, decoded_graph};
use crate::{Event, EventDetails, EventKind, Symbol, Trace, Value};

fn shown_symbol(symbol: &Symbol) -> String {
    match symbol.place() {
        Some(place) => match place.offset {
            Some(offset) => format!("{}+{offset:x}", place.function.full()),
            None => place.function.full().to_owned(),
        },
        None => symbol.to_string(),
    }
}

fn shown_value(value: &Value) -> String {
    match value {
        Value::Hex(hex) => format!("Hex({hex})"),
        Value::Array(items) if items.iter().any(|item| matches!(item, Value::Hex(_))) => {
            format!("Array({})", items.iter().map(shown_value).collect::<Vec<_>>().join(", "))
        }
        value => format!("{value:?}"),
    }
}

fn shown_details(details: &EventDetails) -> String {
    let arguments = details.arguments.iter().map(|(name, value)| format!(" ({name}={})", shown_value(value)));
    let returned = details.return_value.iter().map(|value| format!(" ret={}", shown_value(value)));
    let to = details.return_address.iter().map(|to| format!(" to={}", shown_symbol(to)));
    let repeats = details.repeats.iter().map(|repeats| format!(" x{}..{}", repeats.count, repeats.last.0));
    let user = details.user_stack.iter().flatten().map(|frame| format!(" ~{frame}"));
    arguments.chain(returned).chain(to).chain(repeats).chain(user).collect()
}

/// One line an event.
fn shown(event: &Event) -> String {
    let what = match &event.kind {
        EventKind::Function { function, caller } => format!("{} <-{}", shown_symbol(function), shown_symbol(caller)),
        EventKind::GraphEntry { function, depth } => format!("{depth} {} {{", shown_symbol(function)),
        EventKind::GraphExit { function, depth, entered, left } => {
            format!("{depth} }} {} {}..{}", shown_symbol(function), entered.0, left.0)
        }
        EventKind::Marker { text } => format!("\"{text}\""),
        EventKind::Tracepoint(point) => {
            let fields: Vec<_> =
                point.fields().map(|(name, value)| format!(" {name}={}", shown_value(value))).collect();
            format!("{}{}", point.name(), fields.concat())
        }
    };
    let stack: Vec<_> = event.stack.iter().flatten().map(|frame| format!(" ^{}", shown_symbol(frame))).collect();
    let more = event.details.as_ref().map(|details| shown_details(details)).unwrap_or_default();
    format!("{}@{} {}: {what}{}{more}", event.time.0, event.cpu.0, event.pid.0, stack.concat())
}

/// The result of reading a text: events, issues, defects, names.
pub(super) fn report(text: &str) -> String {
    let (trace, issues) = parse(text.as_bytes());
    let events = trace.events.iter().map(shown);
    let issues = issues.iter().map(|issue| format!("? {}: {}", issue.place, issue.kind));
    let defects = trace.defects.iter().map(|defect| format!("! {defect}"));
    let names = trace.names.iter().map(|(pid, name)| format!("= {pid} {name}"));
    let lines: Vec<_> = events.chain(issues).chain(defects).chain(names).collect();
    lines.join("\n") + "\n"
}

/// The events of each CPU in their order: a graph's text has a return where its call stands.
fn by_cpu(trace: &Trace) -> Vec<Vec<Event>> {
    let last = trace.events.iter().map(|event| event.cpu.0).max().unwrap_or(0);
    (0..=last).map(|cpu| trace.events.iter().filter(|event| event.cpu.0 == cpu).cloned().collect()).collect()
}

#[track_caller]
fn check_same(raw: &Trace, text: &str, style: Style) -> usize {
    let (trace, issues) = parse(text.as_bytes());
    assert_eq!((issues, &trace.defects), (vec![], &raw.defects));
    let printed = |trace: &Trace| {
        let events = by_cpu(trace).into_iter().flatten();
        events.map(|event| as_printed(&event, style)).collect::<Vec<_>>()
    };
    let (raw_events, text_events) = (printed(raw), printed(&trace));
    for (raw, text) in raw_events.iter().zip(&text_events) {
        assert_eq!(raw, text);
    }
    assert_eq!(raw_events.len(), text_events.len());
    raw_events.len()
}

#[test]
fn the_text_of_a_recording_is_its_raw_pages() {
    let text = include_str!("../../tests/data/recordings/function/trace.txt");
    assert_eq!(check_same(&decoded_function(), text, Style::Lines), 28);
    let text = include_str!("../../tests/data/recordings/graph/trace.txt");
    assert_eq!(check_same(&decoded_graph(), text, Style::Graph), 92);
}

macro_rules! texts {
    ($($name:ident: $said:literal;)*) => {
        $(#[test]
        fn $name() {
            let text = include_str!(concat!("../../tests/data/texts/", stringify!($name), ".txt"));
            insta::with_settings!({
                description => $said,
                snapshot_path => "../../tests/data/texts",
                prepend_module_to_snapshot => false,
                omit_expression => true,
            }, { insta::assert_snapshot!(stringify!($name), report(text)) });
            // Written text is read back; a graph without tasks and concatenated texts are put in order first.
            let rendered = |text: &str| {
                let (trace, issues) = parse(text.as_bytes());
                (write(&trace), issues)
            };
            let (once, _) = rendered(text);
            let (twice, issues) = rendered(&once);
            assert_eq!((rendered(&twice).0, issues), (twice, vec![]));
            // Files that came through other systems end their lines otherwise.
            assert_eq!(report(&text.replace('\n', "\r\n")), report(text));
        })*
    };
}

texts! {
    book_4_19_arm: "a log of Linux 4.19 on a 32-bit Pi as a book's scan has it";
    lines: "columns, stacks and noise of all kinds";
    graph: "the function-graph tracer with and without its columns";
    events: "events in their printed forms, old and new";
}

proptest::proptest! {
    #[test]
    fn no_bytes_can_break_it(bytes: Vec<u8>) {
        let _ = parse(&bytes);
    }

    #[test]
    fn no_text_can_break_it(lines in proptest::collection::vec(LINE, 0..40)) {
        let text = lines.join("\n");
        let (trace, issues) = parse(text.as_bytes());
        proptest::prop_assert!(trace.events.len() <= 2 * lines.len());
        let mut reader = TextReader::new(text.as_bytes());
        let mut lent = Vec::new();
        while let Some(Ok((event, _))) = reader.next_ref() {
            lent.push(event.clone());
        }
        proptest::prop_assert_eq!(lent, TextReader::new(text.as_bytes()).filter_map(Result::ok).collect::<Vec<_>>());
        // The written text is stable from the first time on, unless a name looks like something else.
        let once = write(&trace);
        let (again, _) = parse(once.as_bytes());
        proptest::prop_assert!(again.events.len() <= 2 * trace.events.len());
        proptest::prop_assert!(issues.len() <= 2 * lines.len() + 3);
    }
}

/// Lines that are nearly right.
const LINE: &str = "( {0,3}([a-z<>. -]{1,6}-[0-9]{1,3} \\[00[0-3]\\] [.dDNhsl1]{3,5} [0-9]{1,2}\\.[0-9]{6}: )?\
     (<stack trace>|=> [a-z+0x/]{1,9}|sched_switch: prev_comm=[a-z= ]{1,5} prev_pid=1 ?(prev_state=[RSD|+]{1,3})? ==> next_comm=x|\
     [a-z_]{1,5} <-[a-z]{0,4}|[a-z]{1,4}: [a-z=\"{},(0-9 )]{0,12}|sys_a\\([a-z:, 0-9]{0,9}\\)?)|\
     ( [0-3]\\) )?( [+!]? ?[0-9]\\.[0-9]{3} us )?\\| {2,6}([a-z]{1,3}\\(\\)(;| \\{)|\\}( /\\* [a-z]{1,3} \\*/)?|/\\* [a-z:= ]{1,9} \\*/)|\
     #.{0,20}|CPU:[0-9] \\[LOST [0-9]{1,2} EVENTS\\]|.{0,30})";
