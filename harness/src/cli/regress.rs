//! `kernsnap regress`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use serde::Serialize;

use super::args::{DEFAULT_IMAGE, Format, RegressArguments};
use super::progress::Progress;
use super::{Context, Exit, Failure, Scenarios, absolute, answer_json, answer_painted, placed, terminal, write_file};
use crate::session::prepare::{PrepareError, PreparedImage};
use crate::session::regress::{self, Compared, RegressOrder, TargetPair};
use crate::session::run::Session;
use kernsnap_analysis::cost::{self, Threshold};
use kernsnap_analysis::regress::{Class, Report};
use kernsnap_host::git::{Commit, History};
use kernsnap_host::progress::ImageEvent;
use kernsnap_image::{GitSpec, ImageError, Options, SourceSpec};
use kernsnap_yaml::did_you_mean;

/// The word for the files of a repository as they are.
const WORK_TREE: &str = "worktree";

/// A kernel that was asked for.
struct Asked {
    /// Its display name.
    name: String,
    image: String,
    options: Options,
}

impl Asked {
    /// The base and the head.
    fn both(context: &Context, arguments: &RegressArguments) -> Result<(Self, Self), Failure> {
        let patches = arguments.patches.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
        let (base, head) = (arguments.base.as_deref(), arguments.head.as_deref());
        let Some(repository) = &arguments.repo else {
            let base = base.unwrap_or(DEFAULT_IMAGE);
            let asked = |what, patches| Self::new(context, &arguments.image, what, patches);
            return Ok((asked(base, Vec::new())?, asked(head.unwrap_or(base), patches)?));
        };
        let repository = absolute(repository)?;
        let base = base.unwrap_or("HEAD");
        let head = head.unwrap_or(if patches.is_empty() { WORK_TREE } else { base });
        let asked = |name, patches| Self::version(&repository, &arguments.image, name, patches);
        Ok((asked(base, Vec::new()), asked(head, patches)))
    }

    /// `what` is an image where there is one of that name, or else a source.
    fn new(context: &Context, image: &str, what: &str, patches: Vec<PathBuf>) -> Result<Self, Failure> {
        let is_image = context.workspace.image_file(what).is_file();
        let source = if is_image { None } else { Some(SourceSpec::from_argument(what).map_err(Failure::input)?) };
        let kernel_source = source.map(|source| placed(&source)).transpose()?;
        let image = if is_image { what } else { image }.to_owned();
        Ok(Self { name: with_patches(what, &patches), image, options: options(kernel_source, patches) })
    }

    /// A commit of a repository, or its work tree.
    fn version(repository: &Path, image: &str, name: &str, patches: Vec<PathBuf>) -> Self {
        let source = if name == WORK_TREE {
            SourceSpec::Path(repository.to_owned())
        } else {
            SourceSpec::Git(GitSpec { url: repository.display().to_string(), name: name.to_owned() })
        };
        let name = with_patches(name, &patches);
        Self { name, image: image.to_owned(), options: options(Some(source), patches) }
    }
}

fn options(kernel_source: Option<SourceSpec>, patches: Vec<PathBuf>) -> Options {
    Options { kernel_source, patches, ..Options::default() }
}

/// A kernel's name with those of its patches.
fn with_patches(name: &str, patches: &[PathBuf]) -> String {
    match patches {
        [] => name.to_owned(),
        [patch] => format!("{name} with {}", patch.file_name().unwrap_or_default().to_string_lossy()),
        several => format!("{name} with {} patches", several.len()),
    }
}

/// The comparisons of a range of commits as `--json` prints them.
#[derive(Serialize)]
struct Range {
    commits: Vec<Report>,
}

pub(super) fn regress(context: &Context, arguments: &RegressArguments) -> Result<Exit, Failure> {
    let (context, _copies) = &context.frozen()?;
    let session = context.session()?;
    let order = RegressOrder {
        files: context.scenario_files(&arguments.scenarios)?,
        parallel: arguments.parallel.get(),
        base_schedules: arguments.base_schedules.get(),
        fail_above: arguments.fail_above.clone(),
    };
    if arguments.each_commit {
        return each_commit(context, arguments, &session, &order);
    }
    let (base, head) = Asked::both(context, arguments)?;
    let report = compare(context, &session, &order, &arguments.kselftest, (&base, &head))?;
    if let Some(file) = &arguments.html {
        write_file(file, report.html().as_bytes())?;
    }
    if arguments.output.is_json() {
        answer_json(&report)?;
    } else {
        answer_painted(&shown(&report, arguments.output.format()), &terminal::style());
    }
    Ok(exit(&report))
}

/// Each commit of the range, compared with the one before it.
fn each_commit(
    context: &Context,
    arguments: &RegressArguments,
    session: &Session,
    order: &RegressOrder,
) -> Result<Exit, Failure> {
    let repository = absolute(arguments.repo.as_deref().unwrap_or(Path::new(".")))?;
    let head = arguments.head.as_deref().unwrap_or("HEAD");
    if head == WORK_TREE {
        return Err(Failure::input("`--each-commit` compares commits; the work tree is none".into()));
    }
    let history = History::open(&repository)?;
    let commits = history.range(arguments.base.as_deref().unwrap_or("HEAD"), head)?;
    let asked = |commit: &Commit| Asked {
        name: format!("{} (\"{}\")", commit.short(), commit.subject),
        ..Asked::version(&repository, &arguments.image, &commit.hash, Vec::new())
    };
    let (mut reports, mut worst) = (Vec::new(), Exit::Passed);
    for (before, after) in commits.iter().zip(commits.iter().skip(1)) {
        let report = compare(context, session, order, &arguments.kselftest, (&asked(before), &asked(after)))?;
        worst = worst.worst(exit(&report));
        if !arguments.output.is_json() {
            answer_painted(&shown(&report, arguments.output.format()), &terminal::style());
        }
        reports.push(report);
    }
    if arguments.output.is_json() {
        answer_json(&Range { commits: reports })?;
    }
    Ok(worst)
}

fn compare(
    context: &Context,
    session: &Session,
    order: &RegressOrder,
    targets: &[String],
    (base, head): (&Asked, &Asked),
) -> Result<Report, Failure> {
    let before = context.prepared_image(&base.options, &base.image)?;
    let after = context.prepared_image(&head.options, &head.image)?;
    check_figures(&order.fail_above, &before, &order.files)?;
    let targets = targets.iter().map(|target| target_pair(&before, &after, target)).collect::<Result<Vec<_>, _>>()?;
    let Compared { identical, findings } = regress::regress(session, &before, &after, order, &targets)?;
    let (base, head) = (base.name.clone(), head.name.clone());
    Ok(Report { base, head, identical, findings })
}

/// The tests of a target, which a change may add or take away, from both kernels' sources.
fn target_pair(
    before: &PreparedImage<'_>,
    after: &PreparedImage<'_>,
    target: &str,
) -> Result<TargetPair, PrepareError> {
    let mut progress = Progress::new();
    // The kernels were named when they were built.
    let mut told = |event| {
        if !matches!(event, ImageEvent::Note(_)) {
            progress.show(event);
        }
    };
    let mut tests = |image: &PreparedImage<'_>| image.kselftests(target, &mut told);
    match (tests(before), tests(after)) {
        (Err(error), Err(_)) => Err(error),
        (Err(PrepareError::Image(ImageError::NoTests { .. })), head) => {
            Ok(TargetPair { base: None, head: Some(head?) })
        }
        (base, Err(PrepareError::Image(ImageError::NoTests { .. }))) => {
            Ok(TargetPair { base: Some(base?), head: None })
        }
        (base, head) => Ok(TargetPair { base: Some(base?), head: Some(head?) }),
    }
}

/// A threshold for a figure that no scenario has would never fail.
fn check_figures(thresholds: &[Threshold], image: &PreparedImage<'_>, files: &[PathBuf]) -> Result<(), Failure> {
    let named: Vec<&str> = thresholds.iter().map(|one| one.name.as_str()).filter(|name| !name.is_empty()).collect();
    if named.is_empty() {
        return Ok(());
    }
    let scenarios = Scenarios::prepare(image, files)?;
    let known: BTreeSet<String> =
        scenarios.ready.iter().flat_map(|(scenario, _)| cost::figure_names(scenario)).collect();
    match named.iter().find(|name| !known.contains(**name)) {
        None => Ok(()),
        Some(name) => {
            let near = did_you_mean(name, known.iter().map(String::as_str));
            let hint = near.unwrap_or_else(|| "`kernsnap cost SCENARIO` shows the figures of a scenario".to_owned());
            Err(Failure::input(format!("no scenario here has a figure `{name}`\n\nhint: {hint}")))
        }
    }
}

fn shown(report: &Report, format: Format) -> String {
    match format {
        Format::Markdown => report.markdown(),
        Format::Mail => report.mail(),
        _ => report.show(&terminal::style()),
    }
}

fn exit(report: &Report) -> Exit {
    match report.worst() {
        Class::Unusable => Exit::TraceUnusable,
        Class::BehaviourChanged | Class::ExpectationBroken => Exit::Different,
        Class::Same | Class::ScheduleOnly | Class::CostChanged if report.costs_too_much() => Exit::Different,
        Class::Same | Class::ScheduleOnly | Class::CostChanged => Exit::Passed,
    }
}
