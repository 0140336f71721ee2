//! `kernsnap cost`.

use serde::Serialize;

use super::args::CostArguments;
use super::{Exit, Failure, Place, Scenarios, answer, options};
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

pub(super) fn cost(place: &Place, arguments: &CostArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let files = place.scenario_files(&arguments.scenarios)?;
    let cache = place.cache()?;
    let bench = place.bench(&options, &arguments.image)?;
    let schedule = super::schedule(&bench, arguments.schedule)?;
    let mut exit = Exit::Passed;
    for (scenario, load) in Scenarios::prepare(&bench, &files)?.ready {
        let run = place.run(&bench.kit, &cache, (&scenario, &load), schedule)?;
        if let Verdict::Unusable(reasons) = &run.outcome.verdict {
            return Err(Failure {
                exit: Exit::TraceUnusable,
                text: format!("{}: {}", scenario.id, reasons.join("; ")),
            });
        }
        if run.outcome.verdict != Verdict::Passed {
            exit = exit.worst(Exit::Different);
        }
        let figures = of(&scenario, &run.outcome);
        if arguments.json {
            let (scenario, image, schedule) = (&*scenario.id, &*bench.kit.image, schedule.to_string());
            let row = Row { scenario, image, schedule, figures };
            answer(&serde_json::to_string(&row).map_err(|error| Failure::internal("write JSON", &error))?);
        } else {
            let told =
                if figures.is_empty() { "nothing that is counted is in its trace\n".into() } else { table(&figures) };
            answer(&format!("{} on {}, schedule {schedule}\n\n{told}", scenario.id, bench.kit.image));
        }
    }
    Ok(exit)
}

/// The figures of a run.
pub(super) fn of(scenario: &Scenario, outcome: &Outcome) -> Vec<Figure> {
    figures(scenario, &outcome.trace, &outcome.cast, clock(outcome.schedule))
}

fn clock(schedule: Schedule) -> Clock {
    Clock { ns_per_instruction: schedule.ns_per_instruction(), cpus: schedule.cpus }
}
