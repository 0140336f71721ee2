//! `kernsnap view`.

use std::io::{self, ErrorKind, StdoutLock, Write as _};
use std::path::Path;

use super::args::{Arguments, ViewArguments};
use super::escape::{Escape, printable};
use super::{Exit, Failure, answer, answer_json, events, load_trace, recording_source, talk, terminal};
use crate::session::recording::{Opened, open};
use kernsnap_analysis::model;
use kernsnap_analysis::view::follow::Choice;
use kernsnap_analysis::view::{Content, Figures, Kind, RoleMap, View};
use kernsnap_trace::Events;
use kernsnap_trace::text::Summary;
use kernsnap_trace::{RawReader, ReadError};

/// Issues that are shown; the others are counted.
const SHOWN: usize = 20;

pub(super) fn view(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    match &*view.view {
        [] => lines(arguments, view),
        [Kind::Summary] if view.follow.is_empty() => figures(arguments, view),
        kinds => looks(arguments, view, kinds),
    }
}

/// The events as they are read.
fn lines(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    let follow = Choice::from_words(&view.follow);
    read(arguments, &view.file, |mut events| {
        let mut shown = 0;
        let (mut out, mut columns) =
            (Out::new(if view.output.is_json() { Escape::Json } else { Escape::Text }), events::Columns::default());
        while let Some(event) = events.next_ref() {
            let (event, names) = event.map_err(|error| unreadable(&view.file, &error))?;
            shown += 1;
            if !follow.takes(event, names) {
                continue;
            }
            if view.output.is_json() {
                events::json(&mut out.text, event, names).map_err(|error| Failure::internal("write JSON", &error))?;
            } else {
                events::line(&mut out.text, event, names, &mut columns);
            }
            if !out.goes_on(OUT)? {
                return Ok(Exit::Passed);
            }
        }
        if out.goes_on(0)? { conclude(&view.file, events.finish(), shown) } else { Ok(Exit::Passed) }
    })
}

/// Counts and durations, which need no event twice.
fn figures(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    read(arguments, &view.file, |mut events| {
        let mut summary = model::Summary::default();
        let mut count = 0;
        while let Some(event) = events.next_ref() {
            summary.observe(event.map_err(|error| unreadable(&view.file, &error))?.0);
            count += 1;
        }
        let (summary, told) = (summary.finish(), events.finish());
        let cast = RoleMap::by_name(&summary.tasks, &told.names);
        print(view, &View { content: Content::Summary(Figures::from_summary(&summary, &cast)), dropped: 0 })?;
        conclude(&view.file, told, count)
    })
}

/// Other views of tasks need the whole recording at once.
fn looks(arguments: &Arguments, view: &ViewArguments, kinds: &[Kind]) -> Result<Exit, Failure> {
    let (trace, summary) = load_trace::whole(arguments, &view.file)?;
    for shown in load_trace::views(&trace, &view.follow, kinds) {
        print(view, &shown)?;
    }
    conclude(&view.file, summary, trace.events.len() as u64)
}

fn print(view: &ViewArguments, shown: &View) -> Result<(), Failure> {
    if view.output.is_json() {
        answer_json(shown)?;
    } else {
        answer(&shown.show(&terminal::style()));
    }
    if shown.dropped > 0 {
        talk(&format!("{} events of other tasks are not shown", shown.dropped));
    }
    Ok(())
}

pub(super) fn unreadable(file: &Path, error: &ReadError) -> Failure {
    Failure::input(format!("cannot read `{}`: {error}", file.display()))
}

/// Hands the events of a file to `then`, whatever its format.
pub(super) fn read<T>(
    arguments: &Arguments,
    file: &Path,
    then: impl FnOnce(Events<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match open(&recording_source::file(file))? {
        Opened::Text(reader) => then(Events::from_text(reader)),
        raw => recording_source::with(arguments, file, &raw, |dat, symbols| {
            then(Events::from_raw(RawReader::new(&dat.recording(), symbols)))
        })?,
    }
}

/// Tells what was not understood, and what makes the recording unusable.
pub(super) fn conclude(file: &Path, summary: Summary, events: u64) -> Result<Exit, Failure> {
    let Summary { defects, issues, .. } = summary;
    if events == 0 && !issues.is_empty() {
        let what = "has no line that is an event of ftrace";
        let first = issues.first().map(|issue| format!("\n\n{issue}")).unwrap_or_default();
        return Err(Failure::input(format!("`{}` {what}{first}", file.display())));
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
    Ok(if defects.is_empty() { Exit::Passed } else { Exit::TraceUnusable })
}

/// Bytes that are written at a time.
const OUT: usize = 64 << 10;

/// The text that is buffered for the standard output.
struct Out {
    text: String,
    escape: Escape,
    stdout: StdoutLock<'static>,
}

impl Out {
    fn new(escape: Escape) -> Self {
        Self { escape, text: String::with_capacity(2 * OUT), stdout: io::stdout().lock() }
    }

    /// Writes what is there, if it is more than `least` bytes. `false` where nobody reads any more: a reader who has seen
    /// enough closes the pipe.
    fn goes_on(&mut self, least: usize) -> Result<bool, Failure> {
        if self.text.len() < least {
            return Ok(true);
        }
        let text = printable(&self.text, self.escape);
        let written =
            self.stdout.write_all(text.as_bytes()).and_then(|()| if least == 0 { self.stdout.flush() } else { Ok(()) });
        self.text.clear();
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::internal("print events", &error)),
        }
    }
}
