//! Judgement: does a trace show what the scenario says must hold? Pure.

mod evaluate;
pub mod mutation;
mod supporting;

use std::collections::BTreeMap;
use std::fmt;

use crate::complaints::{SILENT, complaints};
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
    pub that: String,
    /// The observation that contradicts it.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.that, self.found)
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
            violations.push(Violation { that: expectation.that.clone(), found });
        }
    }
    if violations.is_empty() { Verdict::Passed } else { Verdict::Failed(violations) }
}

fn guest_violations(scenario: &Scenario, guest: &GuestOutcome) -> Vec<Violation> {
    let mut violations = Vec::new();
    if scenario.end == MachineEnd::Panic && guest.panic.is_none() {
        let that = "the machine ends with a panic".into();
        violations.push(Violation { that, found: "its init switched it off".into() });
    }
    for failure in &guest.failures {
        violations.push(Violation { that: "every step in the guest succeeds".into(), found: failure.clone() });
    }
    if let Some((ms, running)) = &guest.timeout {
        let who = if running.is_empty() { "nothing".to_owned() } else { running.join(", ") };
        let that = format!("the run ends within {ms} ms of guest time");
        violations.push(Violation { that, found: format!("still running: {who}") });
    }
    for (task, wanted) in scenario.ends() {
        match guest.ends.get(task) {
            Some(Some(end)) if *end == wanted => {}
            Some(Some(end)) => {
                let that = format!("program `{task}` ends with {wanted}");
                violations.push(Violation { that, found: format!("it ended with {end}") });
            }
            // Reported above already: it was still running, or a step before it failed.
            Some(None) | None if guest.timeout.is_some() || !guest.failures.is_empty() => {}
            Some(None) | None => {
                let that = format!("program `{task}` ends with {wanted}");
                violations.push(Violation { that, found: "it never ended".into() });
            }
        }
    }
    for complaint in complaints(&guest.kmsg, &scenario.allow_complaints) {
        violations.push(Violation { that: SILENT.into(), found: complaint.text.to_owned() });
    }
    violations
}

fn explain(defect: &IntegrityError, scenario: &Scenario) -> String {
    let larger = format!("raise `trace.buffer-kib` above {}, or trace less", scenario.trace.buffer_kib);
    if defect.is_loss() { format!("{defect}; {larger}") } else { defect.to_string() }
}
