//! `kernsnap diff`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::args::{Arguments, DiffArguments, Format};
use super::messages::told;
use super::read_events::{Accounting, NotRead, read, unreadable};
use super::{Context, Exit, Failure, answer, answer_json, answer_painted, matrix, talk, terminal, write_file};
use crate::session::run::evidence;
use kernsnap_analysis::diff::{Alignment, Comparison, Diff, Side, TaskLines};
use kernsnap_analysis::model::Summary;
use kernsnap_analysis::view::{Events as Shown, Line, Lines, PidPlaces, PidSearch, RoleMap};
use kernsnap_host::name::is_name;
use kernsnap_scenario::{Names, ViewRules};
use kernsnap_trace::text::LineCounts;
use kernsnap_trace::{Events, Pid};

/// The inputs that can be compared. Another kind of input is another variant.
pub(super) enum Given {
    /// A view's text: a reviewed snapshot, or a `view.txt`.
    Text(PathBuf),
    /// A directory that `run --out` left.
    Run(PathBuf),
}

/// The part of `result.json` that is compared.
#[derive(Deserialize)]
struct Judged {
    verdict: String,
}

impl Given {
    pub(super) fn at(path: &Path) -> Result<Self, Failure> {
        let missing = |error| Failure::input(format!("cannot read `{}`: {error}", path.display()));
        if fs::metadata(path).map_err(missing)?.is_file() {
            return Ok(Self::Text(path.to_owned()));
        }
        if path.join(evidence::RESULT).is_file() {
            return Ok(Self::Run(path.to_owned()));
        }
        let text = format!("`{}` is not a run: it has no `{}`", path.display(), evidence::RESULT);
        let below = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let run = below.filter(|path| path.join(evidence::RESULT).is_file()).min();
        let hint = run.map(|run| format!("`{}` is one", run.display()));
        Err(Failure::input(super::with_hint(text, hint)))
    }

    pub(super) fn read(&self) -> Result<TaskLines, Failure> {
        match self {
            Self::Text(path) => Ok(TaskLines::read(&text(path)?)),
            Self::Run(path) => {
                let result = path.join(evidence::RESULT);
                let wrong = |error| Failure::input(format!("`{}` is not a result: {error}", result.display()));
                let Judged { verdict } = serde_json::from_str(&text(&result)?).map_err(wrong)?;
                if !matches!(&*verdict, "passed" | "failed") {
                    let text = format!("the run in `{}` is {verdict}: it shows nothing to compare", path.display());
                    return Err(Failure::input(text));
                }
                Ok(TaskLines { verdict: Some(verdict), ..TaskLines::read(&text(&path.join(evidence::VIEW))?) })
            }
        }
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::input(format!("cannot read `{}`: {error}", path.display())))
}

/// True if a file may be a recording: no view's text, and no directory.
fn may_be_recording(path: &Path) -> bool {
    let is_view = path.extension().is_some_and(|end| end == "snap") || path.ends_with(evidence::VIEW);
    !is_view && path.is_file()
}

/// The facts about a recording that a comparison needs first.
struct Known {
    summary: Summary,
    names: BTreeMap<i32, String>,
    /// The system calls whose numbers are pids.
    pids: PidPlaces,
    understood: Understood,
}

/// How much of a recording was understood.
#[derive(Clone, Copy, Debug, Default)]
struct Understood {
    /// Lines of a text, or records of a buffer, that were not read.
    not_read: u64,
    /// All that was not understood, notes included.
    issues: usize,
    /// The lines of a text.
    lines: LineCounts,
}

/// The differences, and the lines of the texts that were compared.
#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    diff: &'a Diff,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    lines: BTreeMap<&'static str, Accounting>,
}

/// The tasks of a recording, and what they do how often; `None` for a file without an event.
///
/// # Errors
/// A recording that shows nothing to compare.
fn tasks(global: &Arguments, path: &Path) -> Result<Option<Known>, Failure> {
    if !may_be_recording(path) {
        return Ok(None);
    }
    read(global, path, |mut events| {
        let (mut summary, mut pids) = (Summary::default(), PidSearch::default());
        while let Some(event) = events.next_ref() {
            let (event, _) = event.map_err(|error| unreadable(path, &error))?;
            summary.observe(event);
            pids.observe(event);
        }
        let told = events.finish();
        if summary.range.is_none() {
            // A view's text has lines that are nothing of a recording.
            let is_recording = told.facts.tracer.is_some() || told.lines.total() == told.lines.headers;
            let text = format!("`{}` is a recording without events: it shows nothing to compare", path.display());
            return if is_recording { Err(Failure { exit: Exit::TraceUnusable, text }) } else { Ok(None) };
        }
        if let Some(defect) = told.defects.first() {
            let text = format!("`{}` is unusable, it shows nothing to compare: {defect}", path.display());
            return Err(Failure { exit: Exit::TraceUnusable, text });
        }
        let not_read = NotRead::among(&told.issues).count;
        let understood = Understood { not_read, issues: told.issues.len(), lines: told.lines };
        let summary = summary.finish();
        let tasks: BTreeSet<Pid> = summary.tasks.iter().map(|task| task.pid).collect();
        Ok(Some(Known { pids: pids.finish(&tasks), summary, names: told.names, understood }))
    })
}

/// The lines of a recording that is being read.
struct Reading<'a, 'e> {
    path: &'a Path,
    events: Events<'e>,
    lines: Lines<'a>,
    /// The number of events that were read.
    read: usize,
}

impl Reading<'_, '_> {
    /// Reads one event, and hands its lines to `sink`, each with the number of its event. `false` after the last one.
    fn advance(&mut self, mut sink: impl FnMut(usize, Line)) -> Result<bool, Failure> {
        let Some(event) = self.events.next_ref() else { return Ok(false) };
        let (event, _) = event.map_err(|error| unreadable(self.path, &error))?;
        self.lines.push(self.read, event, &mut sink);
        self.read += 1;
        Ok(true)
    }
}

/// Compares two recordings as they are read, first to learn the names of their tasks, then line by line, and, if they differ, once
/// more up to where their tasks begin to differ.
fn recordings(global: &Arguments, paths: [&Path; 2], alignment: &Alignment, pids: &PidPlaces) -> Result<Diff, Failure> {
    let (names, rules) = (Names::default(), ViewRules::default());
    let lines = |role_map| Lines::new(role_map, &names, &rules).comparing(pids);
    let mut diff = read(global, paths[0], |events| {
        let mut before = Reading { path: paths[0], events, lines: lines(&alignment.before), read: 0 };
        read(global, paths[1], |events| {
            let mut after = Reading { path: paths[1], events, lines: lines(&alignment.after), read: 0 };
            let mut comparison = Comparison::new(alignment);
            let (mut more, mut also) = (true, true);
            while more || also {
                more = more && before.advance(|event, line| comparison.before(event, line))?;
                also = also && after.advance(|event, line| comparison.after(event, line))?;
            }
            before.lines.finish(&mut |event, line| comparison.before(event, line));
            after.lines.finish(&mut |event, line| comparison.after(event, line));
            Ok(comparison.finish())
        })
    })?;
    for (path, side) in paths.into_iter().zip([Side::Before, Side::After]) {
        let mut moments = diff.moments(side);
        if !moments.wants_more() {
            continue;
        }
        read(global, path, |mut events| {
            let mut number = 0;
            while moments.wants_more()
                && let Some(event) = events.next_ref()
            {
                moments.observe(number, event.map_err(|error| unreadable(path, &error))?.0);
                number += 1;
            }
            Ok(())
        })?;
    }
    Ok(diff)
}

fn side(global: &Arguments, path: &Path, role_map: Option<&RoleMap>) -> Result<TaskLines, Failure> {
    let Some(role_map) = role_map else { return Given::at(path)?.read() };
    let (names, rules) = (Names::default(), ViewRules::default());
    read(global, path, |events| {
        let mut reading = Reading { path, events, lines: Lines::new(role_map, &names, &rules), read: 0 };
        let mut all = Shown::default();
        while reading.advance(|_, line| all.lines.push(line))? {}
        reading.lines.finish(&mut |_, line| all.lines.push(line));
        Ok(TaskLines::from_events(&all))
    })
}

/// The two images that are compared, where both names are those of images and not of files.
pub(super) fn images<'a>(global: &Arguments, arguments: &'a DiffArguments) -> Option<(Context, (&'a str, &'a str))> {
    let (before, after) = (arguments.before.to_str()?, arguments.after.to_str()?);
    if arguments.before.exists() || arguments.after.exists() {
        return None;
    }
    let context = Context::find(global).ok()?;
    let is_image = |name: &str| is_name(name) && context.workspace.image_file(name).is_file();
    (is_image(before) && is_image(after)).then_some((context, (before, after)))
}

/// Compares scenarios on two images.
pub(super) fn of_images(context: &Context, images: (&str, &str), arguments: &DiffArguments) -> Result<Exit, Failure> {
    if arguments.html.is_some() {
        let hint = "`kernsnap regress --html` writes a page of two kernels";
        return Err(Failure::input(format!("`--html` is for two recordings, runs or snapshots\n\nhint: {hint}")));
    }
    matrix::diff(context, images, arguments)
}

pub(super) fn diff(global: &Arguments, arguments: &DiffArguments) -> Result<Exit, Failure> {
    let paths = [arguments.before.as_path(), arguments.after.as_path()];
    if let Some(scenario) = arguments.scenarios.first() {
        let hint = "`--scenario` says what to run on two images";
        return Err(Failure::input(format!("`--scenario {scenario}` is for images\n\nhint: {hint}")));
    }
    let read = [tasks(global, paths[0])?, tasks(global, paths[1])?];
    let understood = read.each_ref().map(|read| read.as_ref().map(|known| known.understood).unwrap_or_default());
    let issues: usize = understood.iter().map(|found| found.issues).sum();
    let diff = match &read {
        [Some(before), Some(after)] => {
            let alignment = Alignment::new((&before.summary, &before.names), (&after.summary, &after.names));
            recordings(global, paths, &alignment, &before.pids.of_both(&after.pids))?
        }
        [before, after] => {
            let role_map = |known: &Option<Known>| {
                known.as_ref().map(|known| RoleMap::by_name(&known.summary.tasks, &known.names))
            };
            let [before, after] = [before, after].map(role_map);
            Diff::new(&side(global, paths[0], before.as_ref())?, &side(global, paths[1], after.as_ref())?)
        }
    };
    if arguments.output.is_json() {
        let lines = ["before", "after"].into_iter().zip(understood);
        let lines = lines.filter_map(|(side, found)| Some((side, Accounting::new(found.lines)?))).collect();
        answer_json(&Told { diff: &diff, lines })?;
    } else if arguments.output.format() == Format::Markdown {
        answer(diff.markdown().trim_end());
    } else if diff.is_empty() {
        answer(&told(if issues == 0 { "no differences" } else { "what was read of both does not differ" }));
    } else {
        let style = terminal::style();
        answer_painted(diff.show(&style).trim_end(), &style);
    }
    let notes = paths.iter().zip(understood).filter_map(|(path, found)| {
        let hint = format!("`kernsnap view {}` names them", path.display());
        match found {
            Understood { not_read: 0, issues: 0, .. } => None,
            Understood { not_read: 0, issues, .. } => {
                Some(format!("{issues} parts of `{}` were not understood: {hint}", path.display()))
            }
            Understood { not_read, .. } => {
                Some(format!("{not_read} lines of `{}` were not read: {hint}", path.display()))
            }
        }
    });
    let notes: Vec<String> = notes.collect();
    if let Some(file) = &arguments.html {
        let [before, after] = paths.map(|path| path.display().to_string());
        write_file(file, diff.html([&before, &after], &notes).as_bytes())?;
    }
    for note in &notes {
        talk(note);
    }
    Ok(match diff.is_empty() {
        false => Exit::Different,
        true if issues > 0 => Exit::TraceUnusable,
        true => Exit::Passed,
    })
}
