//! The outcome of a run.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::time::Duration;

use sha2::{Digest as _, Sha256};

use super::Started;
use kernsnap_analysis::cost::{Clock, Figure, figures};
use kernsnap_analysis::report::{Given, Report, Sources};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::view::{RoleMap, View};
use kernsnap_machine::{Schedule, Times};
use kernsnap_scenario::Scenario;
use kernsnap_trace::Trace;

/// A run that took place, and what it showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The judgement.
    pub verdict: Verdict,
    /// The behaviour.
    pub view: View,
    /// The typed trace.
    pub trace: Trace,
    /// The roles of its tasks.
    pub role_map: RoleMap,
    /// The guest's console output.
    pub console: String,
    /// SHA-256 of the channel's sections, in hexadecimal.
    pub raw_sha256: String,
    /// SHA-256 of the view's text, in hexadecimal.
    pub view_sha256: String,
    /// Guest time at the end, in nanoseconds since power-on; a panic does not tell it.
    pub guest_ns: Option<u64>,
    /// Guest time at each phase, in nanoseconds since power-on.
    pub phases: BTreeMap<String, u64>,
    /// How the evidence came about.
    pub started: Started,
    /// Host time of QEMU's parts; `None` where the evidence is from the cache.
    pub times: Option<Times>,
    /// Host time from the first byte prepared to the verdict.
    pub total: Duration,
    /// The schedule.
    pub schedule: Schedule,
}

impl Outcome {
    /// The costs that the scenario asks for, in instructions.
    #[must_use]
    pub fn figures(&self, scenario: &Scenario) -> Vec<Figure> {
        let clock = Clock { ns_per_instruction: self.schedule.ns_per_instruction(), cpus: self.schedule.cpus };
        figures(scenario, &self.trace, &self.role_map, clock)
    }

    /// The report of the run.
    #[must_use]
    pub fn report(&self, scenario: &Scenario, image: &str, sources: &Sources) -> Report {
        let Self { trace, role_map, console, view, verdict, schedule, .. } = self;
        let schedule = &schedule.to_string();
        Report::new(&Given { scenario, image, schedule, trace, role_map, console, view, verdict, sources })
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
