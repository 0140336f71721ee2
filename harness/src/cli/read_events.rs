//! The events of a recording that is given as a file, and the end of a command that read them.

use std::path::Path;

use serde::Serialize;

use super::args::Arguments;
use super::event_text::EventText;
use super::{Exit, Failure, recording_source, talk};
use crate::session::recording::{Opened, open};
use kernsnap_trace::text::{Facts, Latency, LineCounts, Summary};
use kernsnap_trace::{Events, IssueKind, IssuePlace, ParseIssue, Printer, RawReader, ReadError};

/// Issues that are shown; the others are counted.
const SHOWN: usize = 20;

pub(super) fn unreadable(file: &Path, error: &ReadError) -> Failure {
    Failure::input(format!("cannot read `{}`: {error}", file.display()))
}

/// Hands the events of a file to `then`, whatever its format.
pub(super) fn read<T>(
    arguments: &Arguments,
    file: &Path,
    then: impl FnOnce(Events<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    read_printed(arguments, file, |events, _| then(events))
}

/// The same, with the print formats that the recording has.
pub(super) fn read_printed<T>(
    arguments: &Arguments,
    file: &Path,
    then: impl FnOnce(Events<'_>, EventText<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    read_described(arguments, file, |events, text, _| then(events, text))
}

/// The facts about a recording that are known before its events.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// The name of its clock; a text has none.
    pub(super) clock: Option<String>,
    /// The names of the instances in whose buffers it has events.
    pub(super) instances: Vec<String>,
    /// True if its times are counts of a clock without a unit.
    pub(super) has_counts: bool,
}

/// The same, with what is known before the events are read.
pub(super) fn read_described<T>(
    arguments: &Arguments,
    file: &Path,
    then: impl FnOnce(Events<'_>, EventText<'_>, About) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match open(&recording_source::file(file))? {
        Opened::Text(_) if recording_source::instance(arguments).is_some() => {
            Err(Failure::input(format!("`{}`: it is a text, which has no instances", file.display())))
        }
        Opened::Text(reader) => then(Events::from_text(reader), EventText::default(), About::default()),
        raw => recording_source::with(arguments, file, &raw, |dat, symbols| {
            let recording = dat.recording();
            let about = About {
                clock: recording.clock.name.map(str::to_owned),
                has_counts: recording.clock.is_counter(),
                instances: recording.instances.iter().map(|instance| instance.name.to_owned()).collect(),
            };
            let text = EventText::new(Printer::new(&recording, symbols));
            then(Events::from_raw(RawReader::new(&recording, symbols)), text, about)
        })?,
    }
}

/// The lines of a text and the records of a buffer that were not read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct NotRead {
    /// All of them.
    pub(super) count: u64,
    /// Those that are events: a line with the head of one, or a record.
    pub(super) events: u64,
}

impl NotRead {
    /// Counts them among what was not understood.
    pub(super) fn among(issues: &[ParseIssue]) -> Self {
        let mut found = Self::default();
        for issue in issues {
            let (count, is_event) = match &issue.kind {
                IssueKind::MoreLines(count) | IssueKind::OtherFormat { lines: count, .. } => (*count, false),
                IssueKind::UnknownEvent(count) | IssueKind::ShortRecords(count) => (*count, true),
                IssueKind::NoEvent(_) | IssueKind::BrokenGraphLine(_) => (1, true),
                // Notes about lines that are read.
                IssueKind::NoTimes
                | IssueKind::NoDurations
                | IssueKind::NoTasks
                | IssueKind::CallerMissing
                | IssueKind::LineTooLong => continue,
                _ if matches!(issue.place, IssuePlace::Line(_)) => (1, false),
                _ => continue,
            };
            found.count += count;
            found.events += if is_event { count } else { 0 };
        }
        found
    }

    /// True if so much is missing that nothing can be concluded from the `events` that were read: an event, or more than half
    /// of the lines.
    fn is_relevant(self, events: u64) -> bool {
        self.events > 0 || self.count > events
    }
}

/// The lines of a text by their part in it, for JSON: each is counted once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub(super) struct Accounting {
    events: u64,
    parts: u64,
    headers: u64,
    not_read: u64,
}

impl Accounting {
    /// The lines of a text; `None` for a recording that is not a text.
    pub(super) fn new(LineCounts { events, parts, headers, not_read }: LineCounts) -> Option<Self> {
        let accounting = Self { events, parts, headers, not_read };
        (accounting != Self { events: 0, parts: 0, headers: 0, not_read: 0 }).then_some(accounting)
    }
}

/// Tells what a text says about itself and no event shows.
fn tell_facts(facts: &Facts) {
    if let Some(prefix) = &facts.prefix {
        talk(&format!("each line has a prefix, such as `{prefix}`, which is left out"));
    }
    if facts.counts_instead_of_times {
        talk("times are counts of a clock without a unit, and not nanoseconds");
    }
    // Every tracer has the header with the option `latency-format`, and those that measure nothing say 0.
    if let Some(Latency { micros, task, started_at, ended_at }) =
        facts.latency.as_ref().filter(|known| known.micros > 0)
    {
        let part = |word: &str, text: &Option<String>| {
            text.as_ref().map(|text| format!(", {word} {text}")).unwrap_or_default()
        };
        let parts = [part("of", task), part("started at", started_at), part("ended at", ended_at)].concat();
        talk(&format!("the longest latency is {micros} us{parts}"));
    }
}

/// True if the recording has durations only (`function_graph` without `funcgraph-abstime`).
pub(super) fn is_without_times(issues: &[ParseIssue]) -> bool {
    issues.iter().any(|issue| issue.kind == IssueKind::NoTimes)
}

/// Tells what was not understood, and what makes the recording unusable.
pub(super) fn conclude(file: &Path, summary: Summary, events: u64) -> Result<Exit, Failure> {
    let Summary { defects, issues, facts, .. } = summary;
    tell_facts(&facts);
    if events == 0 && !issues.is_empty() {
        let first = issues.first().map(|issue| format!("\n\n{issue}")).unwrap_or_default();
        return Err(Failure::input(format!("`{}` has no line that is an event of ftrace{first}", file.display())));
    }
    if events == 0 {
        talk(&format!("`{}` is a recording without events", file.display()));
    }
    for issue in issues.iter().take(SHOWN) {
        talk(&issue.to_string());
    }
    if issues.len() > SHOWN {
        talk(&format!("… and {} more", issues.len() - SHOWN));
    }
    for defect in &defects {
        talk(&format!("unusable: {defect}"));
    }
    let not_read = NotRead::among(&issues);
    let is_relevant = not_read.is_relevant(events);
    if is_relevant {
        talk(&format!("unusable: {} lines or records were not read, and {events} events were", not_read.count));
    }
    Ok(if defects.is_empty() && !is_relevant { Exit::Passed } else { Exit::TraceUnusable })
}

#[cfg(test)]
mod tests {
    use kernsnap_trace::text::parse;

    use super::*;

    const EVENT: &str = "  a-7  [000] .....  1.000000: sched_process_exit: comm=a pid=7 prio=120\n";

    #[track_caller]
    fn check(text: &str, expected: (u64, u64), relevant: bool) {
        let (trace, issues) = parse(text.as_bytes());
        let found = NotRead::among(&issues);
        assert_eq!((found.count, found.events), expected, "{issues:?}");
        assert_eq!(found.is_relevant(trace.events.len() as u64), relevant, "{issues:?}");
    }

    #[test]
    fn what_was_not_read_counts_where_it_is_much_or_an_event() {
        check(&EVENT.repeat(3), (0, 0), false);
        check(&format!("{EVENT}raspberrypi login:\n{EVENT}"), (1, 0), false);
        check(&format!("{EVENT}one line\nanother line\n"), (2, 0), true);
        check(&format!("{}  a-7  [000] .....  1.000000: \n", EVENT.repeat(9)), (1, 1), true);
        let many = "not a line of ftrace\n".repeat(996);
        check(&format!("{EVENT}{many}"), (996, 0), true);
    }
}
