//! `kernsnap report`, and the reports of `run`.

use std::fs;
use std::path::{Path, PathBuf};

use super::args::ReportArguments;
use super::diff::Given as Compared;
use super::progress::Progress;
use super::{Exit, Failure, Place, absolute, answer, options};
use crate::session::kit::Bench;
use crate::session::load;
use crate::session::run::{Outcome, RunError, evidence};
use kernsnap_analysis::diff::{Diff, Side};
use kernsnap_analysis::report::{Given, Report, Sources, page};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_scenario::Scenario;

pub(super) fn report(place: &Place, arguments: &ReportArguments) -> Result<Exit, Failure> {
    let directory = Path::new(&arguments.what);
    let report = if directory.is_dir() { kept(directory)? } else { made(place, arguments)? };
    let file = match &arguments.output {
        Some(file) => absolute(file)?,
        None => absolute(&PathBuf::from(format!("{}.html", report.scenario)))?,
    };
    write_page(&report, place, arguments.against.as_deref(), &file)?;
    answer(&file.display().to_string());
    Ok(Exit::Passed)
}

/// The report that a run left.
fn kept(directory: &Path) -> Result<Report, Failure> {
    let file = directory.join(evidence::REPORT);
    let text = fs::read_to_string(&file)
        .map_err(|error| Failure::input(format!("`{}` has no report: {error}", directory.display())))?;
    serde_json::from_str(&text).map_err(|error| Failure::input(format!("`{}` is no report: {error}", file.display())))
}

/// The report of a run that takes place now.
fn made(place: &Place, arguments: &ReportArguments) -> Result<Report, Failure> {
    let options = options(&arguments.source)?;
    let file = load::scenario_file(&place.workspace, &arguments.what)?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(event);
    let bench = Bench::open(place.images(&options), &arguments.image, &mut show)?;
    let (scenario, load) = bench.scenario(&file, &mut show)?.ready()?;
    drop(progress);
    let schedule = bench.kit.machine.usual_schedule();
    let outcome = place.run(&bench.kit, &place.cache()?, (&scenario, &load), schedule)?.outcome;
    Ok(of(&scenario, &bench.kit.image, &outcome, &load::sources(&place.workspace)?))
}

/// The report of a run.
pub(super) fn of(scenario: &Scenario, image: &str, outcome: &Outcome, sources: &Sources) -> Report {
    let Outcome { trace, cast, console, view, verdict, schedule, .. } = outcome;
    Report::of(&Given {
        scenario,
        image,
        schedule: &schedule.to_string(),
        trace,
        cast,
        console,
        view,
        verdict,
        sources,
    })
}

/// Keeps a report's data.
pub(super) fn keep(report: &Report, file: &Path) -> Result<(), Failure> {
    let text = serde_json::to_string(report).map_err(|error| Failure::internal("write JSON", &error))?;
    fs::write(file, text + "\n").map_err(|source| RunError::Write { path: file.into(), source }.into())
}

/// Writes the page of a report, compared with `against`, or else with the reviewed snapshot, where there is one.
pub(super) fn write_page(report: &Report, place: &Place, against: Option<&Path>, file: &Path) -> Result<(), Failure> {
    let snapshot = place.workspace.snapshots(&report.image).join(&report.scenario).with_extension("snap");
    let before = against.or_else(|| snapshot.is_file().then_some(snapshot.as_path()));
    // What a trace with holes shows is not what happened.
    let usable = report.verdict == Verdict::Passed.word() || report.verdict == Verdict::Failed(Vec::new()).word();
    let difference = match before.filter(|_| usable) {
        None => None,
        Some(path) => {
            let before = Compared::at(path)?.read()?;
            let after = Side { verdict: Some(report.verdict.clone()), ..Side::read(&report.view) };
            Some((place.workspace.relative(path).display().to_string(), Diff::of(&before, &after)))
        }
    };
    let difference = difference.as_ref().map(|(name, diff)| (name.as_str(), diff));
    fs::write(file, page(report, difference))
        .map_err(|error| Failure::input(format!("cannot write `{}`: {error}", file.display())))
}
