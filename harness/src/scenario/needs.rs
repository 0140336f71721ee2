//! What a scenario needs of a kernel, beside what every kernel has. A scenario is not about a kernel that lacks it, and says so.

use super::raw::{RawNeed, RawStep};
use super::{Draft, Target};
use crate::trace::symbol::fold;

/// What the kernel of `target` lacks of what `draft` needs, in words; empty where the scenario applies.
pub(super) fn lacking(draft: &Draft, target: &Target<'_>) -> Vec<String> {
    let needs = draft.raw.needs.iter().filter_map(|need| lacks(need, target));
    needs.chain(lacks_cpus(draft, target)).collect()
}

/// Scenarios are written for boards with four CPUs. On one that runs with fewer they do not apply if they name another CPU.
const USUAL_CPUS: u16 = 4;

fn lacks_cpus(draft: &Draft, target: &Target<'_>) -> Option<String> {
    let cpu = |step: &RawStep| match step {
        RawStep::Start { cpu, .. }
        | RawStep::Load { cpu, .. }
        | RawStep::Unload { cpu, .. }
        | RawStep::Become { cpu, .. } => *cpu,
        RawStep::Wait(_) | RawStep::SleepMs(_) | RawStep::Write { .. } => None,
    };
    let named = draft.raw.run.iter().filter_map(cpu).filter(|cpu| *cpu < USUAL_CPUS).max()?;
    let (image, cpus) = (target.image, target.cpus);
    (named >= cpus)
        .then(|| format!("it uses CPU {named}, and {image} runs with {cpus} CPU{}", if cpus == 1 { "" } else { "s" }))
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
