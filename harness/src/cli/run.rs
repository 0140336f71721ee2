//! `kernsnap run`.

use std::collections::BTreeMap;
use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use tempfile::TempDir;

use super::args::RunArguments;
use super::progress::Progress;
use super::{Exit, Failure, Place, answer, chain, options, paper, report, talk};
use crate::image::ImageError;
use crate::kit::{Bench, Prepared, qemu_version};
use crate::model::Model;
use crate::record::{LastVerdict, Record};
use crate::report::Sources;
use crate::run::{Kit, Load, Outcome, RunError, evidence, run as run_once};
use crate::scenario::Scenario;
use crate::verdict::Verdict;
use crate::verdict::mutation::mutate;
use crate::view::{Kind, Style, Subject, View};
use crate::vm::{BootError, Schedule};

/// One run to do.
struct Job<'a> {
    scenario: &'a Scenario,
    load: &'a Load,
    /// From 1.
    repetition: usize,
}

/// What all runs share.
struct Setting<'a> {
    kit: &'a Kit,
    schedule: Schedule,
    limit: Duration,
    out: Option<PathBuf>,
    mutate: bool,
    repeat: usize,
    qemu_version: String,
    place: &'a Place,
    views: Vec<Kind>,
    sources: Sources,
    html: Option<PathBuf>,
}

pub(super) fn run(place: &Place, arguments: &RunArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let files = if arguments.scenarios.is_empty() {
        place.workspace.scenario_files()?
    } else {
        let named = arguments.scenarios.iter().map(|id| place.workspace.scenario_file(id));
        named.collect::<Result<Vec<_>, _>>()?
    };
    // First of all: without it nothing that is built or read helps.
    let qemu_version = qemu_version(&place.store).map_err(|error| Failure::from(RunError::Boot(error.into())))?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(event);
    let bench = Bench::open(place.images(&options), &arguments.image, &mut show)?;
    let (mut scenarios, mut not_applicable) = (Vec::new(), Vec::new());
    for file in &files {
        match bench.scenario(file, &mut show)? {
            Prepared::Ready(scenario, load) => scenarios.push((scenario, load)),
            Prepared::DoesNotApply(not) => not_applicable.push(not),
        }
    }
    drop(progress);

    let schedule = arguments.schedule.unwrap_or(bench.kit.machine.usual_schedule());
    if schedule.cpus > bench.kit.machine.cpus {
        let text = format!("{} has {} CPUs, not {}", arguments.image, bench.kit.machine.cpus, schedule.cpus);
        return Err(Failure::input(text));
    }
    let setting = Setting {
        kit: &bench.kit,
        schedule,
        limit: Duration::from_secs(arguments.limit),
        out: arguments.out.as_deref().map(super::absolute).transpose()?,
        mutate: arguments.mutate,
        repeat: arguments.repeat.get(),
        qemu_version,
        place,
        views: arguments.views.clone(),
        sources: place.workspace.sources()?,
        html: arguments.html.as_deref().map(super::absolute).transpose()?,
    };
    if setting.html.is_some() && scenarios.len() != 1 {
        return Err(Failure::input("`--html` writes one file: name one scenario".into()));
    }
    let jobs: Vec<Job<'_>> = scenarios
        .iter()
        .flat_map(|(scenario, load)| (1..=setting.repeat).map(move |repetition| Job { scenario, load, repetition }))
        .collect();
    for not in &not_applicable {
        let record = Record::not_applicable(not, setting.kit, schedule, &setting.qemu_version);
        LastVerdict::remember(&place.store, &setting.kit.image, &not.id, record.verdict, &record.image_key);
        if arguments.json {
            answer(&serde_json::to_string(&record).map_err(|error| Failure::internal("write JSON", &error))?);
        } else {
            answer(&format!("{} on {}: {}\n\n{not}", not.id, setting.kit.image, not.title));
        }
    }
    let mut reporter =
        Reporter { json: arguments.json, style: paper::style(), exit: Exit::Passed, hashes: BTreeMap::new() };
    work(&jobs, &setting, arguments.parallel.get(), &mut |job, result| reporter.report(job, &setting, result))?;
    reporter.finish(setting.repeat);
    Ok(reporter.exit)
}

type Ran = Result<(Record, Option<Outcome>, Exit), Failure>;

/// Does the jobs on several threads, and hands on their results in the order of the jobs.
fn work(
    jobs: &[Job<'_>],
    setting: &Setting<'_>,
    parallel: usize,
    on_result: &mut dyn FnMut(&Job<'_>, Ran) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let next = AtomicUsize::new(0);
    let (results, received) = mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..parallel.min(jobs.len()) {
            let (results, next) = (results.clone(), &next);
            // QEMU is tied to the life of the thread that started it; this one waits for it.
            scope.spawn(move || {
                while let Some((index, job)) =
                    Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|i| Some((i, jobs.get(i)?)))
                {
                    let result = do_job(job, setting);
                    let stop = matches!(&result, Err(failure) if failure.exit == Exit::Interrupted);
                    if results.send((index, result)).is_err() || stop {
                        break;
                    }
                }
            });
        }
        drop(results);
        let mut early = BTreeMap::new();
        let mut due = 0;
        for (index, result) in received {
            early.insert(index, result);
            while let Some(result) = early.remove(&due) {
                on_result(&jobs[due], result)?;
                due += 1;
            }
        }
        // An interrupted job leaves those behind it undone.
        early.into_values().find_map(Result::err).map_or(Ok(()), Err)
    })
}

fn do_job(job: &Job<'_>, setting: &Setting<'_>) -> Ran {
    let (directory, _scratch) = directory(job, setting)?;
    let Setting { kit, schedule, limit, qemu_version, .. } = setting;
    let (mut record, outcome, mut exit) = match run_once(job.scenario, kit, job.load, *schedule, &directory, *limit) {
        Ok(outcome) => {
            let exit = match outcome.verdict {
                Verdict::Passed => Exit::Passed,
                Verdict::Failed(_) => Exit::Different,
                Verdict::Unusable(_) => Exit::TraceUnusable,
            };
            let mut record = Record::finished(job.scenario, kit, &outcome, qemu_version);
            record.views = views(job, setting, &outcome);
            (record, Some(outcome), exit)
        }
        Err(RunError::Boot(error)) if !matches!(error, BootError::Interrupted(_)) => {
            let why = chain(&error);
            (
                Record::without_verdict(&job.scenario.id, kit, *schedule, "lost", why, qemu_version),
                None,
                Exit::MachineLost,
            )
        }
        Err(RunError::Refused(mistake)) => {
            let why = mistake.to_string();
            (
                Record::without_verdict(&job.scenario.id, kit, *schedule, "refused", why, qemu_version),
                None,
                Exit::BadInput,
            )
        }
        Err(error) => return Err(error.into()),
    };
    if let Some(outcome) = outcome.as_ref().filter(|_| setting.mutate && exit == Exit::Passed) {
        let survived = mutate(job.scenario, &outcome.trace, &outcome.cast, &outcome.console).survived;
        record.unnoticed = survived.iter().map(|(that, change)| format!("{that}: {change}")).collect();
        if !survived.is_empty() {
            exit = Exit::BadInput;
        }
    }
    let text = serde_json::to_string(&record).map_err(|error| Failure::internal("write JSON", &error))?;
    let result = directory.join(evidence::RESULT);
    fs::write(&result, text + "\n").map_err(|source| RunError::Write { path: result, source })?;
    let Record { scenario, image, verdict, image_key, .. } = &record;
    LastVerdict::remember(&setting.place.store, image, scenario, verdict, image_key);
    if let Some(outcome) = &outcome {
        reports(job, setting, outcome, &directory, exit)?;
    }
    if exit != Exit::Passed {
        record.evidence = keep(&directory, setting, job);
    }
    Ok((record, outcome, exit))
}

/// Leaves the report's data beside evidence that is kept, and the page where it was asked for.
fn reports(job: &Job<'_>, setting: &Setting<'_>, outcome: &Outcome, to: &Path, exit: Exit) -> Result<(), Failure> {
    let kept = setting.out.is_some() || exit != Exit::Passed;
    if !kept && setting.html.is_none() {
        return Ok(());
    }
    let report = report::of(job.scenario, &setting.kit.image, outcome, &setting.sources);
    if kept {
        report::keep(&report, &to.join(evidence::REPORT))?;
    }
    match &setting.html {
        Some(file) => report::write_page(&report, setting.place, None, file),
        None => Ok(()),
    }
}

/// The looks at a trace that were asked for.
fn views(job: &Job<'_>, setting: &Setting<'_>, outcome: &Outcome) -> Vec<View> {
    if setting.views.is_empty() {
        return Vec::new();
    }
    let model = Model::of(&outcome.trace.events);
    let subject = Subject::of(job.scenario, &outcome.trace, &model, &outcome.cast);
    setting.views.iter().map(|kind| View::of(*kind, &subject)).collect()
}

/// Where a run's files go: below `--out`, or into a directory that goes away with its guard.
fn directory(job: &Job<'_>, setting: &Setting<'_>) -> Result<(PathBuf, Option<TempDir>), Failure> {
    let Some(out) = &setting.out else {
        let scratch = setting.place.store.scratch().map_err(ImageError::from)?;
        return Ok((scratch.path().to_owned(), Some(scratch)));
    };
    let directory = numbered(out.join(&job.scenario.id), setting, job);
    let error = |error| Failure::input(format!("cannot make `{}`: {error}", directory.display()));
    fs::create_dir_all(&directory).map_err(error)?;
    Ok((directory, None))
}

/// The evidence of a run that did not pass outlives it: where it was asked for, or else in the store. `None` where it cannot
/// be kept, which is no reason to hide the outcome.
fn keep(directory: &Path, setting: &Setting<'_>, job: &Job<'_>) -> Option<PathBuf> {
    if setting.out.is_some() {
        return Some(directory.to_owned());
    }
    let place = setting.place.store.root().join("evidence").join(&setting.kit.image);
    let kept = numbered(place.join(&job.scenario.id), setting, job);
    fs::create_dir_all(kept.parent()?).ok()?;
    match fs::remove_dir_all(&kept) {
        Err(error) if error.kind() != ErrorKind::NotFound => return None,
        _ => {}
    }
    fs::rename(directory, &kept).ok()?;
    Some(kept)
}

/// A directory of its own for each repetition.
fn numbered(directory: PathBuf, setting: &Setting<'_>, job: &Job<'_>) -> PathBuf {
    if setting.repeat > 1 { directory.join(job.repetition.to_string()) } else { directory }
}

/// Tells people or machines of each run, and remembers what the exit code depends on.
struct Reporter {
    json: bool,
    style: Style,
    exit: Exit,
    /// Raw hashes by scenario, with how often each came.
    hashes: BTreeMap<String, BTreeMap<String, usize>>,
}

impl Reporter {
    fn report(&mut self, job: &Job<'_>, setting: &Setting<'_>, result: Ran) -> Result<(), Failure> {
        let (record, outcome, exit) = result?;
        self.exit = self.exit.worst(exit);
        if let Some(hash) = &record.raw_sha256 {
            *self.hashes.entry(record.scenario.clone()).or_default().entry(hash.clone()).or_default() += 1;
        }
        if self.json {
            answer(&serde_json::to_string(&record).map_err(|error| Failure::internal("write JSON", &error))?);
            return Ok(());
        }
        if job.repetition == 1 {
            show_views(job, setting, outcome.as_ref(), &record.views, &self.style);
        }
        answer(&summary(&record, (setting.repeat > 1).then_some(job.repetition)));
        for reason in &record.reasons {
            answer(&format!("  {reason}"));
        }
        for change in &record.unnoticed {
            answer(&format!("  cannot fail: {change}"));
        }
        if let Some(kept) = &record.evidence {
            talk(&format!("  evidence: {}", kept.display()));
        }
        Ok(())
    }

    /// Tells of repetitions that differ.
    fn finish(&mut self, repeat: usize) {
        for (scenario, hashes) in self.hashes.iter().filter(|_| repeat > 1) {
            if hashes.len() == 1 {
                talk(&format!("{scenario}: {repeat} runs, one raw_sha256"));
            } else {
                self.exit = self.exit.worst(Exit::NotRepeatable);
                talk(&format!("{scenario}: {repeat} runs gave {} different traces:", hashes.len()));
                for (hash, times) in hashes {
                    talk(&format!("  {hash} × {times}"));
                }
            }
        }
    }
}

fn show_views(job: &Job<'_>, setting: &Setting<'_>, outcome: Option<&Outcome>, views: &[View], style: &Style) {
    answer(&format!("{} on {}: {}\n", job.scenario.id, setting.kit.image, job.scenario.title));
    if let Some(outcome) = outcome {
        // What a trace with holes shows is not what happened.
        if !matches!(outcome.verdict, Verdict::Unusable(_)) {
            let looks = if views.is_empty() { std::slice::from_ref(&outcome.view) } else { views };
            for look in looks {
                let text = look.show(style);
                answer(if text.is_empty() { "nothing of this kind was recorded\n" } else { &text });
            }
        }
        for expectation in &job.scenario.expectations {
            let broken = matches!(&outcome.verdict, Verdict::Failed(violations)
                if violations.iter().any(|violation| violation.that == expectation.that));
            let mark = match &outcome.verdict {
                Verdict::Unusable(_) => "?",
                _ if broken => "✗",
                _ => "✓",
            };
            answer(&format!("{mark} {}", expectation.that));
        }
        answer("");
    }
}

fn summary(record: &Record, repetition: Option<usize>) -> String {
    let number = repetition.map(|number| format!(" #{number}")).unwrap_or_default();
    let times = match (&record.guest_seconds, &record.seconds) {
        (Some(guest), Some(seconds)) => format!(" in {guest:.3} s of guest time, {:.2} s here", seconds.total),
        _ => String::new(),
    };
    format!("{}: {}{number}{times}", record.verdict, record.scenario)
}
