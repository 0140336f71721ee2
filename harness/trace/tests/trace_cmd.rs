//! Holds the reader and the printer against `trace-cmd report` of the same file.
//!
//! Two things differ on purpose. Functions have their names where trace-cmd prints the address of a probe, as the kernel does.
//! An array of a probe has its elements, of which trace-cmd prints zeros.

#![expect(
    clippy::disallowed_methods,
    clippy::disallowed_types,
    reason = "the test starts trace-cmd on the file it reads"
)]

use std::path::{Path, PathBuf};
use std::process::Command;

use kernsnap_trace::{EventKind, Printed, Printer, RawReader, Symbols, dat, decode, text};

/// CPU, microseconds, name and text.
type Line = (u16, u64, String, String);

fn file(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus/dat").join(name)
}

/// The lines of trace-cmd that are tracepoints and texts. Those of calls and stacks have forms of their own.
fn reported(path: &Path) -> Vec<Line> {
    let report = Command::new("trace-cmd").args(["report", "-N"]).arg(path).output();
    let report = report.expect("`trace-cmd`, which `ci/setup` installs");
    let text = String::from_utf8(report.stdout).expect("UTF-8");
    let line = |line: &str| {
        let (_, rest) = line.split_once(" [")?;
        let (cpu, rest) = rest.split_once(']')?;
        let (time, rest) = rest.trim_start().split_once(": ")?;
        let (seconds, micros) = time.split_once('.')?;
        let time = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
        let (name, text) = rest.split_once(':')?;
        let others = ["function", "funcgraph_entry", "funcgraph_exit", "kernel_stack"];
        (!others.contains(&name)).then(|| Some((cpu.parse().ok()?, time, name.to_owned(), text.trim().to_owned())))?
    };
    text.lines().filter_map(line).collect()
}

/// The same lines of ours.
fn printed(path: &Path) -> Vec<Line> {
    let bytes = std::fs::read(path).expect("a file");
    let bytes = dat::inflate(&bytes).expect("a file").unwrap_or(bytes);
    let dat = dat::read(&bytes).expect("a file");
    let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
    let recording = dat.recording();
    let mut printer = Printer::new(&recording, &symbols);
    let events = RawReader::new(&recording, &symbols).filter_map(|event| {
        let mut text = String::new();
        let name = match &event.kind {
            EventKind::Tracepoint(point) => point.name().to_string(),
            EventKind::Marker { text } => {
                return Some((
                    event.cpu.0,
                    (event.time.0 + 500) / 1000,
                    "print".into(),
                    format!("tracing_mark_write: {text}"),
                ));
            }
            _ => return None,
        };
        assert_eq!(printer.print(&event, &mut text), Printed::Evaluated, "{name}");
        Some((event.cpu.0, (event.time.0 + 500) / 1000, name, text.trim().to_owned()))
    });
    events.collect()
}

/// The same lines of a text that was exported.
fn exported(path: &Path) -> Vec<Line> {
    let bytes = std::fs::read(path).expect("a file");
    let bytes = dat::inflate(&bytes).expect("a file").unwrap_or(bytes);
    let dat = dat::read(&bytes).expect("a file");
    let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
    let recording = dat.recording();
    let mut printer = Printer::new(&recording, &symbols);
    let (trace, _) = decode(&recording, &symbols);
    let text = text::write_with(&trace, |event, out| printer.print(event, out) == Printed::Evaluated);
    let (again, issues) = text::parse(text.as_bytes());
    assert_eq!((issues, again.events.len()), (vec![], trace.events.len()), "{text}");
    let line = |line: &str| {
        let (_, rest) = line.split_once(" [")?;
        let (cpu, rest) = rest.split_once(']')?;
        let (_, rest) = rest.trim_start().split_once(' ')?;
        let (time, rest) = rest.trim_start().split_once(": ")?;
        let (seconds, micros) = time.split_once('.')?;
        let time = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
        if rest.contains(" <-") || rest.starts_with("funcgraph_") {
            return None;
        }
        let (name, text) = rest.split_once(": ")?;
        let (name, text) = match name {
            "tracing_mark_write" => ("print", rest),
            name => (name, text),
        };
        Some((cpu.parse().ok()?, time, name.to_owned(), text.trim().to_owned()))
    };
    text.lines().filter_map(line).collect()
}

#[test]
fn the_text_that_is_exported_has_what_the_printer_says() {
    for name in ["function", "compressed", "graph"] {
        assert_eq!(exported(&file(name)), printed(&file(name)), "{name}");
    }
}

#[test]
fn the_printer_says_what_trace_cmd_says() {
    for name in ["function", "compressed", "graph"] {
        let (ours, theirs) = (printed(&file(name)), reported(&file(name)));
        assert!(ours.len() > 5, "{name}");
        assert_eq!(ours.len(), theirs.len(), "{name}");
        for (ours, theirs) in ours.into_iter().zip(theirs) {
            let is_probe = theirs.3.starts_with("(ffffff");
            let behind =
                |text: &str| text.split_once(')').map(|(_, rest)| rest.split(" arr=").next().map(str::to_owned));
            if is_probe {
                assert_eq!(
                    (ours.0, ours.1, ours.2, behind(&ours.3)),
                    (theirs.0, theirs.1, theirs.2, behind(&theirs.3))
                );
            } else {
                assert_eq!(ours, theirs, "{name}");
            }
        }
    }
}
