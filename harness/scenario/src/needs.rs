//! The features that a scenario needs and not every kernel has. The scenario does not apply to a kernel that lacks one.

use super::raw::{RawNeed, RawStep, Version};
use super::{Draft, RootFileSystem, Target};
use kernsnap_trace::symbol::fold;

/// The features that `draft` needs and the kernel of `target` lacks, in words; empty where the scenario applies.
pub(super) fn lacking(draft: &Draft, target: &Target<'_>) -> Vec<String> {
    let needs = draft.raw.needs.iter().filter_map(|need| lacks(need, target));
    needs.chain(lacks_cpus(draft, target)).chain(lacks_root(draft, target)).collect()
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
    let cpus = target.cpus;
    (named >= cpus)
        .then(|| format!("it uses CPU {named}, and the board runs with {cpus} CPU{}", if cpus == 1 { "" } else { "s" }))
}

/// Debian's programs are those of arm64.
fn lacks_root(draft: &Draft, target: &Target<'_>) -> Option<String> {
    (draft.raw.root == RootFileSystem::Debian && !target.config.contains("CONFIG_64BIT"))
        .then(|| "its root file system is Debian's for arm64, and this kernel has 32 bits".to_owned())
}

/// True if the kernel of `target` has all of `needs`.
pub(super) fn met(needs: &[RawNeed], target: &Target<'_>) -> bool {
    needs.iter().all(|need| lacks(need, target).is_none())
}

/// The missing feature, in words.
fn lacks(need: &RawNeed, target: &Target<'_>) -> Option<String> {
    match need {
        RawNeed::Function(name) => {
            let known = |candidate: &str| target.functions.keys().any(|symbol| fold(symbol) == candidate);
            let of_a_module = |candidate: &str| target.modules.values().flatten().any(|symbol| symbol == candidate);
            let there = target.names.candidates(name).any(|candidate| known(candidate) || of_a_module(candidate));
            (!there).then(|| format!("the kernel has no traceable function `{name}`"))
        }
        RawNeed::Event(name) => {
            let there = target.events.keys().any(|full| full == name || full.ends_with(&format!(":{name}")));
            (!there).then(|| format!("the kernel has no event `{name}`"))
        }
        RawNeed::Field(path) => {
            let (of, field) = path.split_once('.').unwrap_or((path, ""));
            let there =
                |of: &str| target.names.candidates(field).any(|path| target.layouts.embedded(of, path).is_some());
            let there = target.names.candidates(of).any(there);
            (!there).then(|| format!("the kernel has no field `{path}`"))
        }
        RawNeed::Config(option) => {
            let there = target.config.contains(option);
            (!there).then(|| format!("the kernel is built without {option}"))
        }
        RawNeed::Kernel(version) => {
            let there = Version::leading(target.release).is_some_and(|found| found >= *version);
            (!there).then(|| format!("the kernel is older than {version}"))
        }
        RawNeed::Not(need) => lacks(need, target).is_none().then(|| format!("the kernel has {}", what(need))),
    }
}

/// The need, in words.
fn what(need: &RawNeed) -> String {
    match need {
        RawNeed::Function(name) => format!("a traceable function `{name}`"),
        RawNeed::Event(name) => format!("an event `{name}`"),
        RawNeed::Field(path) => format!("a field `{path}`"),
        RawNeed::Config(option) => option.clone(),
        RawNeed::Kernel(version) => format!("a version of {version} or later"),
        RawNeed::Not(need) => format!("not {}", what(need)),
    }
}
