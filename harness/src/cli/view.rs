//! `kernsnap view`.

use std::io::{self, ErrorKind, StdoutLock, Write as _};
use std::path::Path;

use serde::Serialize;

use super::args::{Arguments, ViewArguments};
use super::escape::{Escape, printable};
use super::language::{language, said};
use super::merged::{Input, first, label_width, push_label, with_all};
use super::read_events::{Accounting, conclude, is_without_times, read, unreadable};
use super::{Exit, Failure, answer_json, answer_painted, events, load_trace, talk, terminal};
use kernsnap_analysis::explain::Shown;
use kernsnap_analysis::model;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_analysis::view::follow::Choice;
use kernsnap_analysis::view::{Content, Figures, Kind, RoleMap, View};
use kernsnap_trace::Timestamp;

pub(super) fn view(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    match (&*view.view, &*view.files) {
        ([], _) => lines(arguments, view),
        ([Kind::Summary], [file]) if view.follow.is_empty() => figures(arguments, view, file),
        (kinds, [file]) => looks(arguments, view, file, kinds),
        _ => {
            let hint = "tasks of several recordings may have the same ids, and without `--view` each event is shown with its file";
            Err(Failure::input(format!("`--view` shows one recording\n\nhint: {hint}")))
        }
    }
}

/// The events as they are read; of several recordings, in the order of time.
fn lines(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    let follow = Choice::from_words(&view.follow);
    with_all(arguments, &view.files, &mut |mut inputs| {
        let mut out = Out::new(if view.output.is_json() { Escape::Json } else { Escape::Text });
        let mut lines = Lines {
            view,
            follow: &follow,
            columns: events::Columns::new(inputs.iter().any(|input| input.about.has_counts)),
            label_width: label_width(&inputs),
            shown: 0,
            names_shown: Shown::default(),
        };
        let open = match &mut *inputs {
            [only] => lines.all(only, &mut out)?,
            several => lines.merged(several, &mut out)?,
        };
        for input in &inputs {
            input.text.conclude();
        }
        let read: u64 = inputs.iter().map(|input| input.read).sum();
        if open && lines.shown == 0 && read > 0 {
            talk(&format!("none of the {read} events is about `{}`", view.follow.join("`, `")));
        }
        if !open || !out.goes_on(0)? {
            return Ok(Exit::Passed);
        }
        drop(out);
        if view.explained.explain {
            explain(&lines.names_shown);
        }
        let mut exit = Exit::Passed;
        for Input { file, events, read, .. } in inputs {
            exit = exit.worst(conclude(file, events.finish(), read)?);
        }
        Ok(exit)
    })
}

/// Makes lines of events.
struct Lines<'v> {
    view: &'v ViewArguments,
    follow: &'v Choice,
    columns: events::Columns,
    /// The width of the column that says which recording or instance an event is of; 0 where there is none.
    label_width: usize,
    shown: u64,
    names_shown: Shown,
}

impl Lines<'_> {
    /// Prints all of a recording. `false` where the output is closed.
    fn all(&mut self, input: &mut Input<'_>, out: &mut Out) -> Result<bool, Failure> {
        while self.next(input, &mut out.text)?.is_some() {
            if !out.goes_on(OUT)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The same of several, the earliest line first.
    fn merged(&mut self, inputs: &mut [Input<'_>], out: &mut Out) -> Result<bool, Failure> {
        let mut ahead = vec![String::new(); inputs.len()];
        let mut due = Vec::with_capacity(inputs.len());
        for (input, line) in inputs.iter_mut().zip(&mut ahead) {
            due.push(self.next(input, line)?);
        }
        while let Some(at) = first(&due) {
            out.text.push_str(&ahead[at]);
            ahead[at].clear();
            due[at] = self.next(&mut inputs[at], &mut ahead[at])?;
            if !out.goes_on(OUT)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Puts the line of the next event that is to be shown behind `text`, and gives its time; `None` after the last one.
    fn next(&mut self, input: &mut Input<'_>, text: &mut String) -> Result<Option<Timestamp>, Failure> {
        loop {
            let begin = text.len();
            let file = input.file;
            let Some(event) = input.events.next_ref() else { return Ok(None) };
            let (event, names) = event.map_err(|error| unreadable(file, &error))?;
            input.read += 1;
            if !self.follow.takes(event, names) {
                continue;
            }
            self.shown += 1;
            if self.view.explained.explain {
                self.names_shown.note(&event.kind);
            }
            if self.view.output.is_json() {
                events::json(text, event, names, input.name.as_deref())
                    .map_err(|error| Failure::internal("write JSON", &error))?;
            } else {
                if self.label_width > 0 {
                    push_label(input.name.as_deref(), events::instance(event), text);
                    events::pad_from(text, begin, self.label_width);
                    text.push_str("  ");
                }
                events::line(text, event, names, &mut self.columns, &mut input.text);
            }
            return Ok(Some(event.time));
        }
    }
}

/// Counts and durations, which need no event twice.
fn figures(arguments: &Arguments, view: &ViewArguments, file: &Path) -> Result<Exit, Failure> {
    read(arguments, file, |mut events| {
        let mut summary = model::Summary::default();
        let mut count = 0;
        while let Some(event) = events.next_ref() {
            summary.observe(event.map_err(|error| unreadable(file, &error))?.0);
            count += 1;
        }
        let (summary, told) = (summary.finish(), events.finish());
        let role_map = RoleMap::by_name(&summary.tasks, &told.names);
        // A directory is one that `run --out` left.
        let figures = Figures { of_guest: file.is_dir(), ..Figures::from_summary(&summary, &role_map) };
        let figures = if is_without_times(&told.issues) { figures.without_times() } else { figures };
        print(view, &View { content: Content::Summary(figures), dropped: 0 }, Accounting::new(told.lines))?;
        conclude(file, told, count)
    })
}

/// Other views of tasks need the whole recording at once.
fn looks(arguments: &Arguments, view: &ViewArguments, file: &Path, kinds: &[Kind]) -> Result<Exit, Failure> {
    let (trace, summary) = load_trace::whole(arguments, file)?;
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
        print(view, &shown, Accounting::new(summary.lines))?;
    }
    Ok(exit.worst(conclude(file, summary, trace.events.len() as u64)?))
}

/// A view, and the lines of the text that it is of.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    view: &'a View,
    #[serde(skip_serializing_if = "Option::is_none")]
    lines: Option<Accounting>,
}

fn print(view: &ViewArguments, shown: &View, lines: Option<Accounting>) -> Result<(), Failure> {
    if view.output.is_json() {
        answer_json(&Told { view: shown, lines })?;
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
