//! `kernsnap list --claims`.

use serde::Serialize;

use super::args::ListArguments;
use super::language::said;
use super::{Context, Exit, Failure, answer, answer_json};
use crate::session::load;
use crate::session::record::LastVerdict;
use crate::session::status::RunStatus;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_scenario::claims::Shown;

#[derive(Serialize)]
struct Row<'a> {
    claim: &'a str,
    says: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    instead: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    not_shown: Option<&'a str>,
    shown_by: Vec<Cell<'a>>,
}

/// A scenario on an image.
#[derive(Serialize)]
struct Cell<'a> {
    scenario: &'a str,
    image: &'a str,
    /// Of the last run; absent where there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    verdict: Option<RunStatus>,
}

pub(super) fn claims(context: &Context, arguments: &ListArguments) -> Result<Exit, Failure> {
    let claims = load::claims(&context.workspace)?;
    let drafts = load::drafts(&context.workspace)?;
    let images = context.workspace.image_names();
    let shown = claims.shown_by(&drafts).map_err(load::LoadError::from)?;
    let mut exit = Exit::Passed;
    for claim in &shown {
        let row = row(context, claim, &images);
        if arguments.output.is_json() {
            answer_json(&row)?;
        } else {
            show(&row);
        }
        if let Some(gap) = claim.gap() {
            super::talk(&format!("{}: {gap}", claim.id));
            exit = Exit::BadInput;
        }
    }
    Ok(exit)
}

fn row<'a>(context: &Context, shown: &Shown<'a>, images: &'a [String]) -> Row<'a> {
    let cells = shown.scenarios.iter().flat_map(|scenario| images.iter().map(move |image| (*scenario, image.as_str())));
    let cell = |(scenario, image)| {
        let last = LastVerdict::find(&context.store, image, scenario);
        Cell { scenario, image, verdict: last.map(|last| last.verdict) }
    };
    Row {
        claim: shown.id,
        says: &shown.claim.says,
        instead: shown.claim.instead.as_deref(),
        not_shown: shown.claim.not_shown.as_deref(),
        shown_by: cells.map(cell).collect(),
    }
}

fn show(row: &Row<'_>) {
    answer(&format!("{:5} {}", row.claim, said(&Phrase::written(row.says))));
    if let Some(instead) = row.instead {
        answer(&format!("      {}", said(&Phrase::new("claim-instead").with("text", Phrase::written(instead)))));
    }
    if let Some(why) = row.not_shown {
        answer(&format!("      {}", said(&Phrase::new("claim-not-shown").with("text", Phrase::written(why)))));
    }
    for Cell { scenario, image, verdict } in &row.shown_by {
        let verdict = Phrase::new(verdict.map_or("claim-not-run", RunStatus::sentence));
        let run = Phrase::new("claim-run").with("scenario", *scenario).with("image", *image).with("verdict", verdict);
        answer(&format!("      {}", said(&run)));
    }
}
