//! What a scenario needs of a kernel, beside what every kernel has. A scenario is not about a kernel that lacks it, and says so.

use super::raw::RawNeed;
use super::{Draft, Target};
use crate::trace::symbol::fold;

/// What the kernel of `target` lacks of what `draft` needs, in words; empty where the scenario applies.
pub(super) fn lacking(draft: &Draft, target: &Target<'_>) -> Vec<String> {
    draft.raw.needs.iter().filter_map(|need| lacks(need, target)).collect()
}

fn lacks(need: &RawNeed, target: &Target<'_>) -> Option<String> {
    let image = target.image;
    match need {
        RawNeed::Function(name) => {
            let known = |candidate: &str| target.functions.keys().any(|symbol| fold(symbol) == candidate);
            let there = target.names.candidates(name).any(known);
            (!there).then(|| format!("the kernel of {image} has no traceable function `{name}`"))
        }
        RawNeed::Event(name) => {
            let there = target.events.keys().any(|full| full == name || full.ends_with(&format!(":{name}")));
            (!there).then(|| format!("the kernel of {image} has no event `{name}`"))
        }
        RawNeed::Field(path) => {
            let (of, field) = path.split_once('.').unwrap_or((path, ""));
            let mut structs = target.names.candidates(of);
            let there =
                structs.any(|of| target.names.candidates(field).any(|field| target.layouts.field(of, field).is_some()));
            (!there).then(|| format!("the kernel of {image} has no field `{path}`"))
        }
        RawNeed::Config(option) => {
            let there = target.config.contains(option);
            (!there).then(|| format!("the kernel of {image} is built without {option}"))
        }
    }
}
