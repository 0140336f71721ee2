//! `kernsnap view`.

use std::io::{self, ErrorKind, StdoutLock, Write as _};

use super::args::{Arguments, ViewArguments};
use super::escape::{Escape, printable};
use super::language::{language, said};
use super::read_events::{conclude, is_without_times, read, read_printed, unreadable};
use super::{Exit, Failure, answer_json, answer_painted, events, load_trace, talk, terminal};
use kernsnap_analysis::explain::Shown;
use kernsnap_analysis::model;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_analysis::view::follow::Choice;
use kernsnap_analysis::view::{Content, Figures, Kind, RoleMap, View};

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
    read_printed(arguments, &view.file, |mut events, mut text| {
        let (mut read, mut shown) = (0, 0);
        let mut names_shown = Shown::default();
        let (mut out, mut columns) =
            (Out::new(if view.output.is_json() { Escape::Json } else { Escape::Text }), events::Columns::default());
        while let Some(event) = events.next_ref() {
            let (event, names) = event.map_err(|error| unreadable(&view.file, &error))?;
            read += 1;
            if !follow.takes(event, names) {
                continue;
            }
            shown += 1;
            if view.explained.explain {
                names_shown.note(&event.kind);
            }
            if view.output.is_json() {
                events::json(&mut out.text, event, names).map_err(|error| Failure::internal("write JSON", &error))?;
            } else {
                events::line(&mut out.text, event, names, &mut columns, &mut text);
            }
            if !out.goes_on(OUT)? {
                return Ok(Exit::Passed);
            }
        }
        text.conclude();
        if shown == 0 && read > 0 {
            talk(&format!("none of the {read} events is about `{}`", view.follow.join("`, `")));
        }
        let open = out.goes_on(0)?;
        drop(out);
        if open && view.explained.explain {
            explain(&names_shown);
        }
        if open { conclude(&view.file, events.finish(), read) } else { Ok(Exit::Passed) }
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
        let role_map = RoleMap::by_name(&summary.tasks, &told.names);
        // A directory is one that `run --out` left.
        let figures = Figures { of_guest: view.file.is_dir(), ..Figures::from_summary(&summary, &role_map) };
        let figures = if is_without_times(&told.issues) { figures.without_times() } else { figures };
        print(view, &View { content: Content::Summary(figures), dropped: 0 })?;
        conclude(&view.file, told, count)
    })
}

/// Other views of tasks need the whole recording at once.
fn looks(arguments: &Arguments, view: &ViewArguments, kinds: &[Kind]) -> Result<Exit, Failure> {
    let (trace, summary) = load_trace::whole(arguments, &view.file)?;
    let mut kinds = kinds.to_vec();
    let mut exit = Exit::Passed;
    if is_without_times(&summary.issues) && kinds.contains(&Kind::Timeline) {
        kinds.retain(|kind| *kind != Kind::Timeline);
        talk(&said(&Phrase::new("no-timeline")));
        exit = Exit::TraceUnusable;
    }
    for mut shown in load_trace::views(&trace, &view.follow, &kinds) {
        if let Content::Summary(figures) = &mut shown.content
            && is_without_times(&summary.issues)
        {
            *figures = std::mem::take(figures).without_times();
        }
        print(view, &shown)?;
    }
    Ok(exit.worst(conclude(&view.file, summary, trace.events.len() as u64)?))
}

fn print(view: &ViewArguments, shown: &View) -> Result<(), Failure> {
    if view.output.is_json() {
        answer_json(shown)?;
    } else {
        let style = terminal::style();
        answer_painted(&shown.show(&style), &style);
        if view.explained.explain {
            let mut names = Shown::default();
            names.read(&shown.to_string());
            explain(&names);
        }
    }
    if shown.dropped > 0 {
        talk(&said(&Phrase::new("others-not-shown").with_text("count", shown.dropped)));
    }
    Ok(())
}

/// The meaning of what was shown. A recording does not tell which of its events are probes.
fn explain(shown: &Shown) {
    let style = terminal::style();
    answer_painted(&format!("\n{}", shown.explained(&[], language()).show(&style)), &style);
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

    /// Writes what is there, if it is more than `least` bytes. `false` where the output is closed: a reader who has seen
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
