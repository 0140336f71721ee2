//! One text of the kernel, held against the raw pages.

use kernsnap_trace::text::{Style, TextReader};
use kernsnap_trace::{Event, EventKind, IssueKind, ParseIssue};

use crate::compare::{Raw, comparable};
use crate::options::{Effect, Part, TraceOption};
use crate::plan::{DEFAULT, Recording};

/// How a text was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reading {
    /// As the same events as the pages.
    Read,
    /// It was refused by its name.
    Refused,
    /// The events whose lines have a head were read, and the texts without one are quoted.
    Quoted,
}

/// Reads a text and compares it with the pages; the error is for people.
pub(crate) fn check(
    bytes: &[u8],
    raw: &Raw,
    tracer: &str,
    recording: &Recording,
    part: &str,
    option: Option<&TraceOption>,
) -> Result<Reading, String> {
    let mut reader = TextReader::new(bytes);
    let events: Vec<Event> = reader.by_ref().map_while(Result::ok).collect();
    let summary = reader.finish();
    let lines = bytes.split(|byte| *byte == b'\n').count() as u64 - u64::from(bytes.ends_with(b"\n"));
    if summary.lines.total() != lines {
        return Err(format!("{lines} lines, of which {:?} are accounted for", summary.lines));
    }
    let effect = match option.map_or(Effect::Shown(&[]), |option| option.effect) {
        // It prints before these are looked at (`print_trace_line()` of `kernel/trace/trace.c`).
        Effect::Refused(_) if tracer == "function_graph" && part != "context-info" => Effect::Shown(&[]),
        effect => effect,
    };
    if let Effect::Refused(name) = effect {
        let by_name = summary
            .issues
            .iter()
            .all(|issue| matches!(&issue.kind, IssueKind::OtherFormat { name: by, .. } if *by == name));
        let refused = by_name && !summary.issues.is_empty() && events.is_empty();
        return if refused {
            Ok(Reading::Refused)
        } else {
            Err(format!("not refused: {} events, {:?}", events.len(), first(&summary.issues)))
        };
    }
    let is_marker = |event: &&Event| matches!(event.kind, EventKind::Marker { .. });
    // In a graph they are comments.
    let bare = effect == Effect::Bare && tracer != "function_graph";
    let lost: &[Part] = match effect {
        Effect::Shown(lost) => lost,
        Effect::Bare => &[],
        Effect::Refused(_) | Effect::Recorded | Effect::Nothing => return Err("an option that is not shown".into()),
    };
    let notes = |kind: &IssueKind| matches!(kind, IssueKind::NoTimes | IssueKind::NoDurations | IssueKind::NoTasks);
    let mut issues: Vec<_> = summary.issues.iter().filter(|issue| !notes(&issue.kind)).cloned().collect();
    if bare {
        let quoted = |issue: &ParseIssue| matches!(&issue.kind, IssueKind::UnknownLine(line) if raw.has_marker(line));
        let found = issues.len();
        issues.retain(|issue| !quoted(issue));
        let markers = raw.trace.events.iter().filter(is_marker).count();
        if found - issues.len() != markers {
            return Err(format!("{} of {markers} texts are quoted", found - issues.len()));
        }
    }
    if !issues.is_empty() || !summary.defects.is_empty() {
        return Err(format!("{} issues: {:?}, {:?}", issues.len(), first(&issues), summary.defects));
    }
    if !raw.issues.is_empty() || !raw.trace.defects.is_empty() {
        return Err(format!("the pages: {:?} {:?}", first(&raw.issues), raw.trace.defects));
    }
    let style = if tracer == "function_graph" { Style::Graph } else { Style::Lines };
    let mut lost = lost.to_vec();
    if part == DEFAULT {
        lost.push(Part::Offset);
        if style == Style::Graph {
            lost.extend([Part::Time, Part::Task]);
        }
    }
    if part == "verbose" {
        lost.push(Part::Time);
    }
    let exact = recording.clock == "counter";
    let with_head: Vec<Event> = raw.trace.events.iter().filter(|event| !bare || !is_marker(event)).cloned().collect();
    let [ours, theirs] = [&with_head, &events].map(|events| comparable(events, style, &lost, exact));
    for (number, (raw, text)) in ours.iter().zip(&theirs).enumerate() {
        if raw != text {
            return Err(format!("event {number} of {}\n  raw:  {raw:?}\n  text: {text:?}", ours.len()));
        }
    }
    if ours.len() != theirs.len() {
        return Err(format!("{} events in the pages, {} in the text", ours.len(), theirs.len()));
    }
    Ok(if bare { Reading::Quoted } else { Reading::Read })
}

fn first<T: Clone>(items: &[T]) -> Vec<T> {
    items.iter().take(2).cloned().collect()
}
