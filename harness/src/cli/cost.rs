//! `kernsnap cost`.

use serde::Serialize;

use super::args::{CostArguments, Format};
use super::{Context, Exit, Failure, Scenarios, answer, answer_json, kcidb, options};
use crate::session::run::Runner;
use kernsnap_analysis::cost::{Figure, table};

/// The costs of one scenario.
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
    let session = context.session()?;
    let prepared_image = context.prepared_image(&options, &arguments.image)?;
    let schedule = super::schedule(&prepared_image, arguments.schedule)?;
    let mut exit = Exit::Passed;
    let mut report = kcidb::Report::default();
    for (scenario, payload) in Scenarios::prepare(&prepared_image, &files)?.ready {
        let judged = Runner::new(&session, &prepared_image.runtime).judge_once(&scenario, &payload, schedule)?;
        let Some(run) = judged.run.filter(|_| judged.status.has_view()) else {
            return Err(Failure::from_status(&scenario.id, judged.status, &judged.reasons));
        };
        exit = exit.worst(judged.status.into());
        let figures = run.outcome.figures(&scenario);
        if arguments.output.format() == Format::Kcidb {
            let kernel = (&*prepared_image.runtime.image, &*prepared_image.runtime.image_key);
            let run = (&*scenario.id, &*schedule.to_string());
            let arch = |_: &str| Some(prepared_image.arch().as_str().to_owned());
            report.add_costs(&arguments.origin.origin, kernel, run, &figures, &arch);
        } else if arguments.output.is_json() {
            let (scenario, image, schedule) = (&*scenario.id, &*prepared_image.runtime.image, schedule.to_string());
            let row = Row { scenario, image, schedule, figures };
            answer_json(&row)?;
        } else {
            let told =
                if figures.is_empty() { "nothing that is counted is in its trace\n".into() } else { table(&figures) };
            answer(&format!("{} on {}, schedule {schedule}\n\n{told}", scenario.id, prepared_image.runtime.image));
        }
    }
    if arguments.output.format() == Format::Kcidb {
        answer(&report.to_json().to_string());
    }
    Ok(exit)
}
