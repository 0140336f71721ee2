//! `kernsnap cost`.

use serde::Serialize;

use super::args::CostArguments;
use super::{Context, Exit, Failure, Scenarios, answer, options};
use crate::session::run::Outcome;
use kernsnap_analysis::cost::{Clock, Figure, figures, table};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// What one scenario costs.
#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    image: &'a str,
    schedule: String,
    figures: Vec<Figure>,
}

pub(super) fn cost(context: &Context, arguments: &CostArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let files = context.scenario_files(&arguments.scenarios)?;
    let cache = context.cache()?;
    let prepared_image = context.prepared_image(&options, &arguments.image)?;
    let schedule = super::schedule(&prepared_image, arguments.schedule)?;
    let mut exit = Exit::Passed;
    for (scenario, payload) in Scenarios::prepare(&prepared_image, &files)?.ready {
        let run = context.run(&prepared_image.runtime, &cache, (&scenario, &payload), schedule)?;
        if let Verdict::Unusable(reasons) = &run.outcome.verdict {
            return Err(Failure {
                exit: Exit::TraceUnusable,
                text: format!("{}: {}", scenario.id, reasons.join("; ")),
            });
        }
        if run.outcome.verdict != Verdict::Passed {
            exit = exit.worst(Exit::Different);
        }
        let figures = figures_of_run(&scenario, &run.outcome);
        if arguments.json {
            let (scenario, image, schedule) = (&*scenario.id, &*prepared_image.runtime.image, schedule.to_string());
            let row = Row { scenario, image, schedule, figures };
            answer(&serde_json::to_string(&row).map_err(|error| Failure::internal("write JSON", &error))?);
        } else {
            let told =
                if figures.is_empty() { "nothing that is counted is in its trace\n".into() } else { table(&figures) };
            answer(&format!("{} on {}, schedule {schedule}\n\n{told}", scenario.id, prepared_image.runtime.image));
        }
    }
    Ok(exit)
}

/// The figures of a run.
pub(super) fn figures_of_run(scenario: &Scenario, outcome: &Outcome) -> Vec<Figure> {
    figures(scenario, &outcome.trace, &outcome.cast, clock(outcome.schedule))
}

fn clock(schedule: Schedule) -> Clock {
    Clock { ns_per_instruction: schedule.ns_per_instruction(), cpus: schedule.cpus }
}
