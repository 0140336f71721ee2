//! `kernsnap list`.

use serde::Serialize;

use super::args::ListArguments;
use super::language::said;
use super::{Context, Exit, Failure, answer, answer_json};
use crate::session::load;
use kernsnap_analysis::phrase::Phrase;

#[derive(Serialize)]
struct Row<'a> {
    scenario: &'a str,
    title: &'a str,
    file: String,
}

pub(super) fn scenarios(context: &Context, arguments: &ListArguments) -> Result<Exit, Failure> {
    let drafts = load::drafts(&context.workspace)?;
    let width = drafts.iter().map(|draft| draft.id.len()).max().unwrap_or(0);
    for draft in &drafts {
        if arguments.output.is_json() {
            let row = Row { scenario: &draft.id, title: draft.title(), file: draft.path.display().to_string() };
            answer_json(&row)?;
        } else {
            answer(&format!("{:width$}  {}", draft.id, said(&Phrase::written(draft.title()))));
        }
    }
    Ok(Exit::Passed)
}
