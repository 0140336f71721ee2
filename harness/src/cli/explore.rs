//! `kernsnap explore`.

use std::collections::BTreeSet;

use serde::Serialize;

use super::args::ExploreArguments;
use super::{Context, Exit, Failure, Scenarios, answer, answer_json, answer_painted, options, talk, terminal};
use crate::session::explore;
use crate::session::run::Runner;
use kernsnap_analysis::explore::{Explored, ScheduleRun};
use kernsnap_machine::Schedule;

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
    let session = context.session()?;
    let prepared_image = context.prepared_image(&options, &arguments.image)?;
    let (board, usual) = (prepared_image.runtime.machine.cpus, prepared_image.runtime.machine.usual_schedule().cpus);
    if let Some(cpus) = arguments.cpus.iter().find(|cpus| !(1..=board).contains(*cpus)) {
        return Err(Failure::input(format!("{} has {board} CPUs, not {cpus}", arguments.image)));
    }
    let runner = Runner::new(&session, &prepared_image.runtime);
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
        let runs = explore::explore(&runner, (&scenario, &payload), &schedules, arguments.parallel.get())?;
        exit = runs.iter().fold(exit, |exit, (_, status)| exit.worst((*status).into()));
        let runs: Vec<ScheduleRun> = runs.into_iter().map(|(run, _)| run).collect();
        let row = Row {
            scenario: &scenario.id,
            image: &prepared_image.runtime.image,
            schedules: runs.len(),
            explored: Explored::new(&runs),
        };
        if arguments.output.is_json() {
            answer_json(&row)?;
        } else {
            tell(&row);
        }
    }
    Ok(exit)
}

fn tell(row: &Row<'_>) {
    let Row { scenario, image, schedules, explored } = row;
    let views = match explored.interleavings.len() {
        1 => "one view".to_owned(),
        many => format!("{many} different views"),
    };
    let style = terminal::style();
    let text = format!("{scenario} on {image}: {schedules} schedules, {views}\n\n{}", explored.show(&style));
    answer_painted(&text, &style);
    let shown: BTreeSet<&String> = explored.broken.values().filter_map(|schedules| schedules.first()).collect();
    for schedule in shown {
        answer(&format!("  kernsnap run {scenario} --image {image} --schedule {schedule}"));
    }
}
