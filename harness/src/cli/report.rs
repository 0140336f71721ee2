//! `kernsnap report`, and the reports of `run`.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::ReportArguments;
use super::diff::Given as Compared;
use super::language::language;
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, answer, options, write_file};
use crate::session::capsule::Capsule;
use crate::session::load;
use crate::session::prepare::PreparedImage;
use crate::session::recording::is_capsule;
use crate::session::run::{RunError, Runner, evidence};
use kernsnap_analysis::diff::{Diff, TaskLines};
use kernsnap_analysis::report::{Report, page};
use kernsnap_analysis::verdict::Verdict;

pub(super) fn report(context: &Context, arguments: &ReportArguments) -> Result<Exit, Failure> {
    let directory = Path::new(&arguments.what);
    let report = match directory {
        directory if directory.is_dir() => kept(directory)?,
        file if is_capsule(file) => of_capsule(file)?,
        _ => made(context, arguments)?,
    };
    let file = match &arguments.output {
        Some(file) => absolute(file)?,
        None => absolute(&PathBuf::from(format!("{}.html", report.scenario)))?,
    };
    write_page(&report, context, arguments.against.as_deref(), &file)?;
    answer(&file.display().to_string());
    Ok(Exit::Passed)
}

/// The report that a run left.
fn kept(directory: &Path) -> Result<Report, Failure> {
    let file = directory.join(evidence::REPORT);
    let text = fs::read_to_string(&file)
        .map_err(|error| Failure::input(format!("`{}` has no report: {error}", directory.display())))?;
    serde_json::from_str(&text)
        .map_err(|error| Failure::input(format!("`{}` is not a report: {error}", file.display())))
}

/// The report in a capsule.
fn of_capsule(file: &Path) -> Result<Report, Failure> {
    let shown = file.display();
    let bytes = fs::read(file).map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}")))?;
    let capsule =
        Capsule::unpack(&bytes).map_err(|error| Failure::input(format!("`{shown}` is not a capsule: {error}")))?;
    let data = capsule.report().ok_or_else(|| Failure::input(format!("the capsule `{shown}` holds no report")))?;
    serde_json::from_slice(data)
        .map_err(|error| Failure::input(format!("the report in `{shown}` cannot be read: {error}")))
}

/// The report of a run that takes place now.
fn made(context: &Context, arguments: &ReportArguments) -> Result<Report, Failure> {
    let options = options(&arguments.source)?;
    let file = load::chosen(&context.workspace, &arguments.what)?;
    let session = context.session()?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(event);
    let prepared_image = PreparedImage::open(context.images(&options), &arguments.image, &mut show)?;
    let (scenario, payload) = prepared_image.scenario(&file, &mut show)?.ready()?;
    drop(progress);
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let judged = Runner::new(&session, &prepared_image.runtime).judge_once(&scenario, &payload, schedule)?;
    let Some(run) = judged.run else {
        return Err(Failure::from_status(&scenario.id, judged.status, &judged.reasons));
    };
    Ok(run.outcome.report(&scenario, &prepared_image.runtime.image, &load::sources(&context.workspace)?))
}

/// A report's data.
pub(super) fn to_json(report: &Report) -> Result<String, Failure> {
    let text = serde_json::to_string(report).map_err(|error| Failure::internal("write JSON", &error))?;
    Ok(text + "\n")
}

/// Keeps a report's data.
pub(super) fn keep(report: &Report, file: &Path) -> Result<(), Failure> {
    let text = to_json(report)?;
    fs::write(file, text).map_err(|source| RunError::Write { path: file.into(), source }.into())
}

/// Writes the page of a report, compared with `against`, or else with the reviewed snapshot, where there is one.
pub(super) fn write_page(
    report: &Report,
    context: &Context,
    against: Option<&Path>,
    file: &Path,
) -> Result<(), Failure> {
    let snapshot = context.workspace.snapshots(&report.image).join(&report.scenario).with_extension("snap");
    let before = against.or_else(|| snapshot.is_file().then_some(snapshot.as_path()));
    // A trace with holes does not show what happened.
    let usable = report.verdict == Verdict::Passed.word() || report.verdict == Verdict::Failed(Vec::new()).word();
    let difference = match before.filter(|_| usable) {
        None => None,
        Some(path) => {
            let before = Compared::at(path)?.read()?;
            let after = TaskLines { verdict: Some(report.verdict.clone()), ..TaskLines::read(&report.view) };
            Some((context.workspace.relative(path).display().to_string(), Diff::new(&before, &after)))
        }
    };
    let difference = difference.as_ref().map(|(name, diff)| (name.as_str(), diff));
    write_file(file, page(report, difference, language()).as_bytes())
}
