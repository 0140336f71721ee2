//! Judgement: does a trace show what the scenario says must hold? Pure.

mod evaluate;
pub mod mutation;
mod supporting;

use std::collections::BTreeMap;
use std::fmt;

use crate::complaints::complaints;
use crate::language::Language;
use crate::phrase::Phrase;
use crate::view::{Matcher, RoleMap};
use evaluate::RuleEvaluator;
use kernsnap_scenario::{End, MachineEnd, Scenario};
use kernsnap_trace::{IntegrityError, Trace};
pub use supporting::{SupportingEvents, witnesses};

/// The outcome of a run that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that must hold holds.
    Passed,
    /// The kernel, or a guest program, behaved differently.
    Failed(Vec<Violation>),
    /// The trace is incomplete, so nothing can be said.
    Unusable(Vec<String>),
}

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The claim, as the scenario words it.
    pub that: Phrase,
    /// The observation that contradicts it.
    pub found: Phrase,
}

impl Violation {
    /// Both, in a language. A claim of a scenario that has no translation stays as it is worded there.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        format!("{}: {}", self.that.say(language), self.found.say(language))
    }
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Language::En))
    }
}

impl Verdict {
    /// One word, for machines: `passed`, `failed`, `unusable`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Unusable(_) => "unusable",
        }
    }
}

/// How the guest's steps ended, as far as it could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestOutcome {
    /// The end of each task that was started; `None` where it was still running when the deadline passed.
    pub ends: BTreeMap<String, Option<End>>,
    /// Steps that failed, in words.
    pub failures: Vec<String>,
    /// The kernel's panic message.
    pub panic: Option<String>,
    /// The console output.
    pub console: String,
    /// The kernel's log, as /proc/kmsg hands it out.
    pub kmsg: String,
    /// Set when the deadline in guest time passed: its milliseconds and the tasks still running.
    pub timeout: Option<(u32, Vec<String>)>,
}

/// Judges one run.
#[must_use]
pub fn judge(scenario: &Scenario, trace: &Trace, role_map: &RoleMap, guest: &GuestOutcome) -> Verdict {
    if !trace.defects.is_empty() {
        return Verdict::Unusable(trace.defects.iter().map(|defect| explain(defect, scenario)).collect());
    }
    let mut violations = guest_violations(scenario, guest);
    let matcher = Matcher { role_map, names: &scenario.names };
    let evaluator = RuleEvaluator { events: &trace.events, console: &guest.console, matcher };
    for expectation in &scenario.expectations {
        if let Err(found) = evaluator.check(expectation) {
            violations.push(Violation { that: Phrase::written(&expectation.that), found });
        }
    }
    if violations.is_empty() { Verdict::Passed } else { Verdict::Failed(violations) }
}

fn guest_violations(scenario: &Scenario, guest: &GuestOutcome) -> Vec<Violation> {
    let mut violations = Vec::new();
    if scenario.end == MachineEnd::Panic && guest.panic.is_none() {
        violations.push(Violation { that: Phrase::new("machine-panics"), found: Phrase::new("switched-off") });
    }
    for failure in &guest.failures {
        violations.push(Violation { that: Phrase::new("steps-succeed"), found: failure.as_str().into() });
    }
    if let Some((ms, running)) = &guest.timeout {
        let who = if running.is_empty() { Phrase::new("nothing") } else { running.join(", ").into() };
        let that = Phrase::new("ends-in-time").with_text("ms", ms);
        violations.push(Violation { that, found: Phrase::new("still-running").with("tasks", who) });
    }
    for (task, wanted) in scenario.ends() {
        let that = Phrase::new("program-ends").with_text("task", task).with_text("end", wanted);
        match guest.ends.get(task) {
            Some(Some(end)) if *end == wanted => {}
            Some(Some(end)) => {
                violations.push(Violation { that, found: Phrase::new("ended-with").with_text("end", end) });
            }
            // Reported above already: it was still running, or a step before it failed.
            Some(None) | None if guest.timeout.is_some() || !guest.failures.is_empty() => {}
            Some(None) | None => {
                violations.push(Violation { that, found: Phrase::new("never-ended") });
            }
        }
    }
    for complaint in complaints(&guest.kmsg, &scenario.allow_complaints) {
        violations.push(Violation { that: Phrase::new("kernel-silent"), found: complaint.text.into() });
    }
    violations
}

fn explain(defect: &IntegrityError, scenario: &Scenario) -> String {
    let larger = format!("raise `trace.buffer-kib` above {}, or trace less", scenario.trace.buffer_kib);
    if defect.is_loss() { format!("{defect}; {larger}") } else { defect.to_string() }
}
