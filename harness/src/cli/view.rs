//! `kernsnap view`.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, ErrorKind, StdoutLock, Write as _};
use std::path::Path;

use super::args::{Arguments, ViewArguments};
use super::{Exit, Failure, answer, events, look, paper, recorded, talk};
use crate::recording::{Events, Opened, open};
use crate::trace::text::Summary;
use crate::trace::{Body, Event, Pid, decode};
use crate::view::field::is_pid;

/// Issues that are shown; the others are counted.
const SHOWN: usize = 20;

pub(super) fn view(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    if !view.view.is_empty() {
        return look(arguments, view);
    }
    let mut events = read(arguments, &view.file)?;
    let follow = Follow::new(&view.follow);
    let mut shown = 0;
    let mut out = Out::new();
    loop {
        let event = match events.next() {
            None => break,
            Some(Ok(event)) => event,
            Some(Err(error)) => return Err(unreadable(&view.file, &error)),
        };
        shown += 1;
        if !follow.takes(&event, events.names()) {
            continue;
        }
        let names = events.names();
        if view.json {
            events::json(&mut out.text, &event, names).map_err(|error| Failure::internal("write JSON", &error))?;
        } else {
            events::line(&mut out.text, &event, names);
        }
        if !out.goes_on(OUT)? {
            return Ok(Exit::Passed);
        }
    }
    if !out.goes_on(0)? {
        return Ok(Exit::Passed);
    }
    conclude(&view.file, events.finish(), shown)
}

/// Views of tasks need the whole recording at once.
fn look(arguments: &Arguments, view: &ViewArguments) -> Result<Exit, Failure> {
    let (trace, summary) = look::whole(arguments, &view.file)?;
    let style = paper::style();
    for shown in look::views(&trace, &view.follow, &view.view) {
        if view.json {
            answer(&serde_json::to_string(&shown).map_err(|error| Failure::internal("write JSON", &error))?);
        } else {
            answer(&shown.show(&style));
        }
        if shown.dropped > 0 {
            talk(&format!("{} events of other tasks are not shown", shown.dropped));
        }
    }
    conclude(&view.file, summary, trace.events.len() as u64)
}

pub(super) fn unreadable(file: &Path, error: &io::Error) -> Failure {
    Failure::input(format!("cannot read `{}`: {error}", file.display()))
}

/// The events of a file, whatever its format.
pub(super) fn read(arguments: &Arguments, file: &Path) -> Result<Events, Failure> {
    match open(&recorded::file(file))? {
        Opened::Text(events) => Ok(events),
        raw => recorded::with(arguments, file, &raw, |dat, symbols| {
            let (trace, issues) = decode(&dat.recording(), symbols);
            Events::of(trace, issues)
        }),
    }
}

/// Tells what was not understood, and what makes the recording unusable.
pub(super) fn conclude(file: &Path, summary: Summary, events: u64) -> Result<Exit, Failure> {
    let Summary { defects, issues, .. } = summary;
    if events == 0 && !issues.is_empty() {
        let what = "has no line that is an event of ftrace";
        let first = issues.first().map(|issue| format!("\n\n{}: {}", issue.place, issue.message)).unwrap_or_default();
        return Err(Failure::input(format!("`{}` {what}{first}", file.display())));
    }
    for issue in issues.iter().take(SHOWN) {
        talk(&format!("{}: {}", issue.place, issue.message));
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

/// What is on its way to the standard output.
struct Out {
    text: String,
    stdout: StdoutLock<'static>,
}

impl Out {
    fn new() -> Self {
        Self { text: String::with_capacity(2 * OUT), stdout: io::stdout().lock() }
    }

    /// Writes what is there, if it is more than `least` bytes. `false` where nobody reads any more: a reader who has seen
    /// enough closes the pipe.
    fn goes_on(&mut self, least: usize) -> Result<bool, Failure> {
        if self.text.len() < least {
            return Ok(true);
        }
        let written = self.stdout.write_all(self.text.as_bytes()).and_then(|()| {
            self.text.clear();
            if least == 0 { self.stdout.flush() } else { Ok(()) }
        });
        match written {
            Ok(()) => Ok(true),
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
            Err(error) => Err(Failure::internal("print events", &error)),
        }
    }
}

/// The tasks that are asked for; all of them where none is.
struct Follow {
    pids: BTreeSet<i32>,
    names: BTreeSet<String>,
}

impl Follow {
    fn new(words: &[String]) -> Self {
        let (pids, names): (Vec<_>, Vec<_>) = words.iter().partition(|word| word.parse::<i32>().is_ok());
        Self {
            pids: pids.iter().filter_map(|pid| pid.parse().ok()).collect(),
            names: names.into_iter().cloned().collect(),
        }
    }

    /// Whether a task that is asked for does the event, or the event names it in a field.
    fn takes(&self, event: &Event, names: &BTreeMap<i32, String>) -> bool {
        let asked = |pid: i32| {
            self.pids.contains(&pid)
                || !self.names.is_empty() && names.get(&pid).is_some_and(|name| self.names.contains(name))
        };
        let all = self.pids.is_empty() && self.names.is_empty();
        let Pid(pid) = event.pid;
        all || asked(pid)
            || match &event.body {
                Body::Point(point) => point.fields().any(|(name, value)| {
                    is_pid(name) && value.as_int().and_then(|pid| i32::try_from(pid).ok()).is_some_and(asked)
                }),
                _ => false,
            }
    }
}
