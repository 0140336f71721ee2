//! The outcome of one run as data: what `run --json` prints, and `result.json` keeps.

use serde::{Deserialize, Serialize};

use crate::session::prepare::NotApplicable;
use crate::session::run::{ImageRuntime, Outcome};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::view::View;
use kernsnap_host::store::Store;
use kernsnap_machine::{Schedule, Times};
use kernsnap_scenario::Scenario;

/// One run. Fields that only a finished run has are absent for one that was lost.
#[derive(Clone, Debug, Serialize)]
pub struct Record {
    /// The scenario's id.
    pub scenario: String,
    /// The image's name.
    pub image: String,
    /// `passed`, `failed`, `unusable`, `lost`, `refused`, `unsound`, or `does not apply`.
    pub verdict: &'static str,
    /// `SHIFT:CPUS`, or `SHIFT:CPUS:OFFSET`.
    pub schedule: String,
    /// What must hold and does not, why the trace is unusable, why the machine was lost, what the
    /// kernel refused, or what does not repeat.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// With `--mutate`: changes of the trace that an expectation did not notice.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub unnoticed: Vec<String>,
    /// SHA-256 of the raw trace and the guest's report.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub raw_sha256: Option<String>,
    /// SHA-256 of the view.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub view_sha256: Option<String>,
    /// Guest time at the end, since power-on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub guest_seconds: Option<f64>,
    /// Host time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seconds: Option<Seconds>,
    /// Whether the cache stood for a boot.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cached: Option<bool>,
    /// Events in the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Events that the view does not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_not_shown: Option<usize>,
    /// The views that were asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<View>,
    /// Where the evidence of a run that did not pass is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<std::path::PathBuf>,
    /// The hash of everything the image is made from.
    pub image_key: String,
    /// What QEMU says of itself.
    pub qemu_version: String,
}

/// What the last run of a scenario on an image said. Kept in the store, for tables over many runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerdict {
    /// As in [`Record`].
    pub verdict: String,
    /// The hash of everything the image was made from.
    pub image_key: String,
}

impl LastVerdict {
    fn name(image: &str, scenario: &str) -> String {
        format!("verdict-{image}-{scenario}")
    }

    /// The last verdict; `None` where there was no run yet.
    #[must_use]
    pub fn find(store: &Store, image: &str, scenario: &str) -> Option<Self> {
        store.record(&Self::name(image, scenario))
    }

    /// Remembers the verdict of a run. A store that cannot be written forgets it: the run has told it already.
    pub fn remember(store: &Store, image: &str, scenario: &str, verdict: &str, image_key: &str) {
        let last = Self { verdict: verdict.to_owned(), image_key: image_key.to_owned() };
        let _ = store.set_record(&Self::name(image, scenario), &last);
    }
}

/// Host seconds of a run's parts.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Seconds {
    /// From the first byte prepared to the verdict.
    pub total: f64,
    /// The machine's part, where one was booted.
    #[serde(flatten)]
    pub machine: Option<MachineSeconds>,
}

/// Host seconds of a boot.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct MachineSeconds {
    /// QEMU's process alone.
    pub qemu: f64,
    /// Until the guest's init was ready.
    pub boot: f64,
    /// Setting up the trace and running the steps.
    pub scenario: f64,
    /// Moving the evidence out, and power-off.
    pub collect: f64,
}

impl From<Times> for MachineSeconds {
    fn from(Times { total, boot, scenario, collect }: Times) -> Self {
        let [qemu, boot, scenario, collect] = [total, boot, scenario, collect].map(|time| time.as_secs_f64());
        Self { qemu, boot, scenario, collect }
    }
}

impl Record {
    /// A run that was finished.
    #[must_use]
    pub fn finished(scenario: &Scenario, runtime: &ImageRuntime, outcome: &Outcome, qemu_version: &str) -> Self {
        let reasons = match &outcome.verdict {
            Verdict::Passed => Vec::new(),
            Verdict::Failed(violations) => violations.iter().map(ToString::to_string).collect(),
            Verdict::Unusable(reasons) => reasons.clone(),
        };
        let machine = outcome.times.map(MachineSeconds::from);
        Self {
            verdict: outcome.verdict.word(),
            reasons,
            raw_sha256: Some(outcome.raw_sha256.clone()),
            view_sha256: Some(outcome.view_sha256.clone()),
            guest_seconds: outcome.guest_ns.map(|ns| std::time::Duration::from_nanos(ns).as_secs_f64()),
            seconds: Some(Seconds { total: outcome.total.as_secs_f64(), machine }),
            cached: Some(machine.is_none()),
            events: Some(outcome.trace.events.len()),
            events_not_shown: Some(outcome.view.dropped),
            ..Self::without_verdict(&scenario.id, runtime, outcome.schedule, "", String::new(), qemu_version)
        }
    }

    /// A scenario that is not about this kernel.
    #[must_use]
    pub fn not_applicable(not: &NotApplicable, runtime: &ImageRuntime, schedule: Schedule, qemu_version: &str) -> Self {
        let reasons = not.lacking.clone();
        Self {
            reasons,
            ..Self::without_verdict(&not.id, runtime, schedule, "does not apply", String::new(), qemu_version)
        }
    }

    /// A run that nothing can be said of: its machine was `lost`, its settings were `refused`, or the cache is `unsound`.
    #[must_use]
    pub fn without_verdict(
        scenario: &str,
        runtime: &ImageRuntime,
        schedule: Schedule,
        word: &'static str,
        why: String,
        qemu_version: &str,
    ) -> Self {
        Self {
            scenario: scenario.to_owned(),
            image: runtime.image.clone(),
            verdict: word,
            schedule: schedule.to_string(),
            reasons: vec![why],
            unnoticed: Vec::new(),
            raw_sha256: None,
            view_sha256: None,
            guest_seconds: None,
            seconds: None,
            cached: None,
            events: None,
            events_not_shown: None,
            views: Vec::new(),
            evidence: None,
            image_key: runtime.image_key.clone(),
            qemu_version: qemu_version.into(),
        }
    }
}
