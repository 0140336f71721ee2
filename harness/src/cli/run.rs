//! `kernsnap run`.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kernsnap_host::files;
use kernsnap_host::store::Scratch;

use super::args::{Format, RunArguments, Snapshots};
use super::language::said;
use super::parallel::in_order;
use super::told_run::{Reading, ShownRun, does_not_apply, reasons, show_views, summary};
use super::{
    Context, Exit, Failure, Scenarios, absolute, answer, answer_json, architecture, kcidb, options, report, results,
    schedule, snapshot, talk, terminal, write_file,
};
use crate::session::capsule::{Capsule, Derived};
use crate::session::load;
use crate::session::prepare::NotApplicable;
use crate::session::record::{LastVerdict, Record};
use crate::session::run::{GuestPayload, Outcome, Run, RunError, RunInput, RunPolicy, Runner, Started, evidence};
use crate::session::status::RunStatus;
use kernsnap_analysis::model::Model;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_analysis::report::Sources;
use kernsnap_analysis::verdict::mutation::mutate;
use kernsnap_analysis::view::{Kind, Style, View, ViewInput};
use kernsnap_image::ImageError;
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// One run to do.
struct Job<'a> {
    scenario: &'a Scenario,
    payload: &'a GuestPayload,
    /// From 1.
    repetition: usize,
}

/// The settings that all runs share.
struct Setting<'a> {
    runner: Runner<'a>,
    schedule: Schedule,
    out: Option<PathBuf>,
    mutate: bool,
    /// True if the kernel is another than the image's.
    own_kernel: bool,
    repeat: usize,
    context: &'a Context,
    /// The files of the scenarios, by id.
    files: BTreeMap<String, PathBuf>,
    snapshots: Snapshots,
    views: Vec<Kind>,
    reading: Reading,
    sources: Sources,
    html: Option<PathBuf>,
    capsule: Option<PathBuf>,
}

pub(super) fn run(context: &Context, arguments: &RunArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let mut files = context.scenario_files(&arguments.scenarios)?;
    if arguments.failed {
        files.retain(|file| did_not_pass(context, &arguments.image, file));
    }
    if let Some(shard) = arguments.shard {
        files = shard.of(files);
    }
    let session = context.session()?;
    let mut prepared_image = context.prepared_image(&options, &arguments.image)?;
    prepared_image.runtime.lockstep.adverse = arguments.boot.adverse;
    let Scenarios { ready: scenarios, not_applicable } = Scenarios::prepare(&prepared_image, &files)?;
    let schedule = schedule(&prepared_image, arguments.schedule)?;
    // A repetition that is read from the cache repeats nothing, and tries nothing.
    let policy = match &arguments.boot {
        boot if boot.fresh => RunPolicy::Boot,
        boot if boot.adverse || arguments.repeat.get() > 1 => RunPolicy::Rerun,
        _ => RunPolicy::Cached,
    };
    let runner = Runner {
        policy,
        limit: Duration::from_secs(arguments.limit),
        ..Runner::new(&session, &prepared_image.runtime)
    };
    let own_kernel = options.kernel_source.is_some()
        || options.config.is_some()
        || !options.patches.is_empty()
        || !options.fragments.is_empty();
    // The reviewed snapshots are those of the image's kernel in its usual schedule.
    let is_usual = !own_kernel && schedule == prepared_image.runtime.machine.usual_schedule();
    let setting = Setting {
        runner,
        snapshots: snapshots(arguments, is_usual),
        schedule,
        out: arguments.out.as_deref().map(absolute).transpose()?,
        mutate: arguments.mutate,
        own_kernel,
        repeat: arguments.repeat.get(),
        context,
        files: files.into_iter().map(|file| (id_of(&file), file)).collect(),
        views: arguments.views.clone(),
        reading: Reading { explain: arguments.explained.explain, look: arguments.looked.look },
        sources: load::sources(&context.workspace)?,
        html: arguments.html.as_deref().map(absolute).transpose()?,
        capsule: arguments.capsule.as_deref().map(absolute).transpose()?,
    };
    for (given, option) in [(&setting.html, "--html"), (&setting.capsule, "--capsule")] {
        if given.is_some() && scenarios.len() != 1 {
            return Err(Failure::input(format!("`{option}` writes one file: name one scenario")));
        }
    }
    let jobs: Vec<Job<'_>> = scenarios
        .iter()
        .flat_map(|(scenario, payload)| {
            (1..=setting.repeat).map(move |repetition| Job { scenario, payload, repetition })
        })
        .collect();
    let mut reporter = Reporter {
        format: arguments.output.format(),
        style: terminal::style(),
        exit: Exit::Passed,
        hashes: BTreeMap::new(),
        records: Vec::new(),
    };
    for not in &not_applicable {
        reporter.report_not_applicable(not, &setting)?;
    }
    let stop = AtomicBool::new(false);
    in_order(
        &jobs,
        arguments.parallel.get(),
        |job| {
            if stop.load(Ordering::Relaxed) {
                return Ok(None);
            }
            let ran = do_job(job, &setting)?;
            stop.fetch_or(arguments.fail_fast && ran.2 != Exit::Passed, Ordering::Relaxed);
            Ok(Some(ran))
        },
        |job, result| match result? {
            Some(ran) => reporter.report(job, &setting, ran),
            None => Ok(()),
        },
    )?;
    reporter.finish(setting.repeat);
    reporter.records.sort_by(|a, b| a.scenario.cmp(&b.scenario));
    tell(&setting, arguments, &reporter.records)?;
    Ok(reporter.exit)
}

/// Whether views are compared with the reviewed ones, which are those of the usual kernel, schedule and program.
fn snapshots(arguments: &RunArguments, is_usual: bool) -> Snapshots {
    let usual = if is_usual && !arguments.looked.look { Snapshots::Check } else { Snapshots::Off };
    arguments.snapshots.unwrap_or(usual)
}

impl Setting<'_> {
    fn file(&self, id: &str) -> &Path {
        self.files.get(id).map_or(Path::new(""), PathBuf::as_path)
    }
}

fn id_of(file: &Path) -> String {
    file.file_stem().unwrap_or_default().to_string_lossy().into_owned()
}

/// True if the last run of a scenario on an image was not good.
fn did_not_pass(context: &Context, image: &str, file: &Path) -> bool {
    LastVerdict::find(&context.store, image, &id_of(file)).is_some_and(|last| !last.verdict.is_good())
}

/// The results of all runs, in the formats that were asked for.
fn tell(setting: &Setting<'_>, arguments: &RunArguments, records: &[Record]) -> Result<(), Failure> {
    let context = setting.context;
    if let Some(file) = &arguments.junit {
        let text = results::junit(records).map_err(|error| Failure::internal("write JUnit's XML", &error))?;
        write_file(file, text.as_bytes())?;
    }
    match arguments.output.format() {
        Format::Ktap => answer(results::ktap(records).trim_end()),
        Format::Kcidb => {
            let mut report = kcidb::Report::default();
            report.add_runs(&arguments.origin.origin, records, &|image| architecture(context, image));
            answer(&report.to_json().to_string());
        }
        Format::Github => {
            let file = |id: &str| context.workspace.relative(setting.file(id)).display().to_string();
            answer(results::github(records, &file).trim_end());
            append_summary(&results::summary(records))?;
        }
        Format::Human | Format::Markdown | Format::Mail if records.len() > 1 && !arguments.looked.look => {
            answer(&format!("\n{}", results::tally(records)));
        }
        Format::Human | Format::Markdown | Format::Mail | Format::Json => {}
    }
    Ok(())
}

/// Adds to the step summary of GitHub Actions, where there is one.
fn append_summary(text: &str) -> Result<(), Failure> {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here")]
    let Some(file) = std::env::var_os("GITHUB_STEP_SUMMARY") else { return Ok(()) };
    let append = || fs::OpenOptions::new().append(true).create(true).open(&file)?.write_all(text.as_bytes());
    append().map_err(|error: io::Error| Failure::input(format!("cannot write the step summary: {error}")))
}

type Ran = (Record, Option<Outcome>, Exit);

fn do_job(job: &Job<'_>, setting: &Setting<'_>) -> Result<Ran, Failure> {
    let (directory, _scratch) = directory(job, setting)?;
    let Setting { runner, schedule, .. } = setting;
    let emulator = &runner.session.emulator;
    let qemu_version = &*emulator.version;
    // One boot, for the others to be compared with.
    let policy = if setting.repeat > 1 && job.repetition == 1 { RunPolicy::Boot } else { runner.policy };
    let judged = Runner { policy, ..*runner }.judge(job.scenario, job.payload, *schedule, &directory)?;
    let mut record = Record::new(job.scenario, runner.runtime, *schedule, &judged, qemu_version);
    let run = judged.run;
    if let Some(run) = &run {
        let Scenario { id, title, .. } = job.scenario;
        let text = snapshot::Viewed { file: setting.file(id), title, text: &run.outcome.view.to_string() };
        snapshot::check(setting.context, setting.snapshots, &mut record, text)?;
    }
    let is_look = setting.reading.look && record.verdict == RunStatus::Failed;
    let mut exit = if is_look { Exit::Passed } else { Exit::from(record.verdict) };
    if let Some(run) = &run {
        record.views = views(job, setting, &run.outcome);
    }
    if let Some(run) = run.as_ref().filter(|_| setting.out.is_some() || exit != Exit::Passed) {
        run.leave(job.scenario, &directory)?;
    }
    if let Some(file) = &setting.capsule {
        let input = RunInput::from_scenario(job.scenario, runner.runtime, job.payload, *schedule)?;
        let evidence = run.as_ref().map(|run| &run.evidence);
        let failed = |source| RunError::Write { path: file.clone(), source };
        let derived = run.as_ref().map(|run| derived(job, setting, run)).transpose()?.unwrap_or_default();
        let verdict = (record.verdict, &*record.reasons);
        let capsule = Capsule::from_run(&job.scenario.id, &input, emulator, verdict, evidence, derived);
        let bytes = capsule.and_then(|capsule| capsule.pack()).map_err(failed)?;
        write_file(file, &bytes)?;
    }
    let outcome = run.map(|run| run.outcome);
    if let Some(outcome) = outcome.as_ref().filter(|_| setting.mutate && exit == Exit::Passed) {
        let survived = mutate(job.scenario, &outcome.trace, &outcome.role_map, &outcome.console).survived;
        record.unnoticed = survived.iter().map(|(that, change)| format!("{that}: {change}")).collect();
        if !survived.is_empty() {
            exit = Exit::BadInput;
        }
    }
    let text = serde_json::to_string(&record).map_err(|error| Failure::internal("write JSON", &error))?;
    let result = directory.join(evidence::RESULT);
    fs::write(&result, text + "\n").map_err(|source| RunError::Write { path: result, source })?;
    let Record { scenario, image, verdict, image_key, .. } = &record;
    // A run that was only looked at leaves no verdict.
    if !setting.reading.look {
        LastVerdict::remember(&setting.context.store, image, scenario, *verdict, image_key);
    }
    if let Some(outcome) = &outcome {
        reports(job, setting, outcome, &directory, exit)?;
    }
    if exit != Exit::Passed {
        record.evidence = keep(&directory, setting, job);
    }
    Ok((record, outcome, exit))
}

/// The parts of a capsule that a reader without the image needs.
fn derived(job: &Job<'_>, setting: &Setting<'_>, run: &Run<'_>) -> Result<Derived, Failure> {
    let report = run.outcome.report(job.scenario, &setting.runner.runtime.image, &setting.sources);
    let recording = run.recording(job.scenario)?;
    Ok(Derived { recording, report: Some(report::to_json(&report)?.into_bytes()) })
}

/// Leaves the report's data beside evidence that is kept, and the page where it was asked for.
fn reports(job: &Job<'_>, setting: &Setting<'_>, outcome: &Outcome, to: &Path, exit: Exit) -> Result<(), Failure> {
    let kept = setting.out.is_some() || exit != Exit::Passed;
    if !kept && setting.html.is_none() {
        return Ok(());
    }
    let report = outcome.report(job.scenario, &setting.runner.runtime.image, &setting.sources);
    if kept {
        report::keep(&report, &to.join(evidence::REPORT))?;
    }
    match &setting.html {
        Some(file) => report::write_page(&report, setting.context, None, file),
        None => Ok(()),
    }
}

/// The looks at a trace that were asked for.
fn views(job: &Job<'_>, setting: &Setting<'_>, outcome: &Outcome) -> Vec<View> {
    if setting.views.is_empty() {
        return Vec::new();
    }
    let model = Model::from_events(&outcome.trace.events);
    let subject = ViewInput::new(job.scenario, &outcome.trace, &model, &outcome.role_map);
    setting.views.iter().map(|kind| View::new(*kind, &subject)).collect()
}

/// Where a run's files go: below `--out`, or into a directory that goes away with its guard.
fn directory(job: &Job<'_>, setting: &Setting<'_>) -> Result<(PathBuf, Option<Scratch>), Failure> {
    let Some(out) = &setting.out else {
        let scratch = setting.context.store.scratch().map_err(ImageError::from)?;
        return Ok((scratch.path().to_owned(), Some(scratch)));
    };
    let directory = numbered(out.join(&job.scenario.id), setting, job);
    let error = |error| Failure::input(format!("cannot make `{}`: {error}", directory.display()));
    // A recording of a run before would be taken for that of a machine that leaves none.
    let make =
        || fs::create_dir_all(&directory).and_then(|()| files::remove_file(&directory.join(evidence::RECORDING)));
    make().map_err(error)?;
    Ok((directory, None))
}

/// The evidence of a run that did not pass outlives it: where it was asked for, or else in the store. `None` where it cannot
/// be kept, and that does not hide the outcome.
fn keep(directory: &Path, setting: &Setting<'_>, job: &Job<'_>) -> Option<PathBuf> {
    if setting.out.is_some() {
        return Some(directory.to_owned());
    }
    let repetition = job.repetition.to_string();
    let runtime = setting.runner.runtime;
    // Two kernels do not take each other's place.
    let key = runtime.image_key.get(..12).unwrap_or(&runtime.image_key);
    let image = if setting.own_kernel { format!("{}-{key}", runtime.image) } else { runtime.image.clone() };
    let mut parts = vec![&*image, &*job.scenario.id];
    if setting.repeat > 1 {
        parts.push(&repetition);
    }
    setting.context.store.keep_evidence(directory, &parts).ok()
}

/// A directory of its own for each repetition.
fn numbered(directory: PathBuf, setting: &Setting<'_>, job: &Job<'_>) -> PathBuf {
    if setting.repeat > 1 { directory.join(job.repetition.to_string()) } else { directory }
}

/// How often a trace came.
#[derive(Clone, Copy, Default)]
struct Times {
    boots: usize,
    forks: usize,
}

/// Tells people or machines of each run, and remembers what the exit code depends on.
struct Reporter {
    format: Format,
    /// All results.
    records: Vec<Record>,
    style: Style,
    exit: Exit,
    /// By scenario: raw hashes, with the numbers of boots and forks that gave them.
    hashes: BTreeMap<String, BTreeMap<String, Times>>,
}

impl Reporter {
    /// Tells that a scenario does not apply, and why.
    fn report_not_applicable(&mut self, not: &NotApplicable, setting: &Setting<'_>) -> Result<(), Failure> {
        let Runner { runtime, session, .. } = setting.runner;
        let mut record = Record::not_applicable(not, runtime, setting.schedule, &session.emulator.version);
        let text = snapshot::Viewed { file: setting.file(&not.id), title: &not.title, text: &not.to_string() };
        snapshot::check(setting.context, setting.snapshots, &mut record, text)?;
        self.exit = self.exit.worst(record.verdict.into());
        LastVerdict::remember(&setting.context.store, &runtime.image, &not.id, record.verdict, &record.image_key);
        match self.format {
            Format::Json => answer_json(&record)?,
            Format::Ktap | Format::Github | Format::Kcidb => {}
            _ => answer(&does_not_apply(not, &runtime.image)),
        }
        self.records.push(record);
        Ok(())
    }

    fn report(&mut self, job: &Job<'_>, setting: &Setting<'_>, (record, outcome, exit): Ran) -> Result<(), Failure> {
        self.exit = self.exit.worst(exit);
        if let Some(hash) = &record.raw_sha256 {
            let times = self.hashes.entry(record.scenario.clone()).or_default().entry(hash.clone()).or_default();
            match record.started {
                Some(Started::Fork) => times.forks += 1,
                _ => times.boots += 1,
            }
        }
        if matches!(self.format, Format::Json | Format::Ktap | Format::Github | Format::Kcidb) {
            if self.format == Format::Json {
                answer_json(&record)?;
            }
            self.records.push(record);
            return Ok(());
        }
        if job.repetition == 1 {
            let shown = ShownRun {
                scenario: job.scenario,
                image: &setting.runner.runtime.image,
                outcome: outcome.as_ref(),
                views: &record.views,
                reading: setting.reading,
            };
            show_views(&shown, &self.style);
        }
        if setting.reading.look && record.verdict.has_view() {
            answer(&said(&Phrase::new("looked").with("scenario", record.scenario.as_str())));
            self.records.push(record);
            return Ok(());
        }
        answer(&summary(&record, (setting.repeat > 1).then_some(job.repetition)));
        for reason in reasons(&record, outcome.as_ref()) {
            answer(&format!("  {reason}"));
        }
        if record.verdict == RunStatus::Failed && record.events == Some(0) {
            answer(&format!("  {}", said(&Phrase::new("nothing-recorded"))));
        }
        if let Some(pending) = &record.snapshot_pending {
            let pending = setting.context.workspace.relative(pending);
            let waits = Phrase::new("waits-for-review").with_text("file", pending.display());
            talk(&format!("  {}", said(&waits)));
        }
        for change in &record.unnoticed {
            answer(&format!("  {}", said(&Phrase::new("cannot-fail").with_text("change", change))));
        }
        if let Some(kept) = &record.evidence {
            talk(&format!("  {}", said(&Phrase::new("evidence-kept").with_text("directory", kept.display()))));
        }
        self.records.push(record);
        Ok(())
    }

    /// Tells of repetitions that differ.
    fn finish(&mut self, repeat: usize) {
        for (scenario, hashes) in self.hashes.iter().filter(|_| repeat > 1) {
            if hashes.len() == 1 {
                talk(&format!("{scenario}: {repeat} runs, one raw_sha256"));
            } else {
                let kinds = |count: fn(&Times) -> usize| hashes.values().filter(|times| count(times) > 0).count();
                // All boots agree and all forks agree, but not with each other: the templates are wrong, not the guest.
                let is_alarm = kinds(|times| times.boots) == 1 && kinds(|times| times.forks) == 1;
                self.exit = self.exit.worst(if is_alarm { Exit::CacheMismatch } else { Exit::NotRepeatable });
                talk(&format!("{scenario}: {repeat} runs gave {} different traces:", hashes.len()));
                for (hash, Times { boots, forks }) in hashes {
                    talk(&format!("  {hash} × {} ({boots} booted, {forks} forked)", boots + forks));
                }
            }
        }
    }
}
