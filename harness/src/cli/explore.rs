//! `kernsnap explore`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::args::ExploreArguments;
use super::parallel::in_order;
use super::{Context, Exit, Failure, LIMIT, Scenarios, answer, answer_json, options, talk, terminal};
use crate::session::run::{CachePolicy, GuestPayload, Runner};
use crate::session::status::JudgedRun;
use kernsnap_analysis::explore::{Explored, ScheduleRun};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_image::ImageError;
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// The result of one scenario.
#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    image: &'a str,
    schedules: usize,
    #[serde(flatten)]
    explored: Explored,
}

pub(super) fn explore(context: &Context, arguments: &ExploreArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let files = context.scenario_files(&arguments.scenarios)?;
    let cache = context.cache()?;
    let prepared_image = context.prepared_image(&options, &arguments.image)?;
    let (board, usual) = (prepared_image.runtime.machine.cpus, prepared_image.runtime.machine.usual_schedule().cpus);
    if let Some(cpus) = arguments.cpus.iter().find(|cpus| !(1..=board).contains(*cpus)) {
        return Err(Failure::input(format!("{} has {board} CPUs, not {cpus}", arguments.image)));
    }
    let runner = Runner { runtime: &prepared_image.runtime, cache, freshness: CachePolicy::Cached, limit: LIMIT };
    let mut exit = Exit::Passed;
    for (scenario, payload) in Scenarios::prepare(&prepared_image, &files)?.ready {
        let least = scenario.least_cpus();
        let cpus: Vec<u16> = match &arguments.cpus[..] {
            [] => vec![usual],
            asked => asked.iter().copied().filter(|cpus| *cpus >= least).collect(),
        };
        let schedules = Schedule::series(&cpus, arguments.schedules.get());
        if schedules.is_empty() {
            talk(&format!("{} needs {least} CPUs", scenario.id));
            continue;
        }
        let seen = all(context, &runner, (&scenario, &payload), &schedules, arguments.parallel.get(), &mut exit)?;
        let row = Row {
            scenario: &scenario.id,
            image: &prepared_image.runtime.image,
            schedules: seen.len(),
            explored: Explored::new(&seen),
        };
        if arguments.output.is_json() {
            answer_json(&row)?;
        } else {
            tell(&row);
        }
    }
    Ok(exit)
}

/// Runs a scenario in each schedule.
pub(super) fn all(
    context: &Context,
    runner: &Runner<'_>,
    (scenario, payload): (&Scenario, &GuestPayload),
    schedules: &[Schedule],
    parallel: usize,
    exit: &mut Exit,
) -> Result<Vec<ScheduleRun>, Failure> {
    let mut seen = Vec::new();
    let act = |schedule: &Schedule| once(context, runner, (scenario, payload), *schedule);
    in_order(schedules, parallel, act, |_, result| {
        let (one, ended) = result?;
        *exit = exit.worst(ended);
        seen.push(one);
        Ok(())
    })?;
    Ok(seen)
}

fn once(
    context: &Context,
    runner: &Runner<'_>,
    (scenario, payload): (&Scenario, &GuestPayload),
    schedule: Schedule,
) -> Result<(ScheduleRun, Exit), Failure> {
    let scratch = context.store.scratch().map_err(ImageError::from)?;
    let JudgedRun { status, reasons, run } = runner.judge(scenario, payload, schedule, scratch.path())?;
    let text = run.as_ref().filter(|_| status.has_view()).map(|run| run.outcome.view.to_string()).unwrap_or_default();
    let broken = match run.map(|run| run.outcome.verdict) {
        Some(Verdict::Passed) => Vec::new(),
        Some(Verdict::Failed(violations)) => violations.into_iter().map(|violation| violation.that).collect(),
        Some(Verdict::Unusable(_)) | None => vec![format!("{status}: {}", reasons.join("; "))],
    };
    let view = text.lines().map(str::to_owned).collect();
    Ok((ScheduleRun { schedule: schedule.to_string(), view, broken }, status.into()))
}

fn tell(row: &Row<'_>) {
    let Row { scenario, image, schedules, explored } = row;
    let views = match explored.interleavings.len() {
        1 => "one view".to_owned(),
        many => format!("{many} different views"),
    };
    answer(&format!("{scenario} on {image}: {schedules} schedules, {views}\n\n{}", explored.show(&terminal::style())));
    let shown: BTreeSet<&String> = explored.broken.values().filter_map(|schedules| schedules.first()).collect();
    for schedule in shown {
        answer(&format!("  kernsnap run {scenario} --image {image} --schedule {schedule}"));
    }
}
