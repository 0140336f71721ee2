//! The outcome of one run as data: what `run --json` prints, and `result.json` keeps.

use serde::{Deserialize, Serialize};

use crate::session::prepare::NotApplicable;
use crate::session::run::{ImageRuntime, JudgedRun, Run, Started};
use crate::session::snapshot::Comparison;
use crate::session::status::RunStatus;
use kernsnap_analysis::view::View;
use kernsnap_host::store::Store;
use kernsnap_machine::{Schedule, Times};
use kernsnap_scenario::Scenario;

/// One run. Fields that only a finished run has are absent for one that was lost.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record {
    /// The scenario's id.
    pub scenario: String,
    /// The image's name.
    pub image: String,
    /// The status.
    pub verdict: RunStatus,
    /// `SHIFT:CPUS`, or `SHIFT:CPUS:OFFSET`.
    pub schedule: String,
    /// The broken expectations, the reasons that the trace is unusable or the machine was lost, what the
    /// kernel refused, or what does not repeat.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
    /// With `--mutate`: changes of the trace that an expectation did not notice.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
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
    /// How the run came by its evidence.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub started: Option<Started>,
    /// Events in the trace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events: Option<usize>,
    /// Events that the view does not show.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub events_not_shown: Option<usize>,
    /// The comparison with the reviewed snapshot, where it was compared.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot: Option<SnapshotState>,
    /// The snapshot that waits for a review now.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub snapshot_pending: Option<std::path::PathBuf>,
    /// The views that were asked for. They are not read back.
    #[serde(default, skip_deserializing, skip_serializing_if = "Vec::is_empty")]
    pub views: Vec<View>,
    /// Where the evidence of a run that did not pass is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub evidence: Option<std::path::PathBuf>,
    /// The hash of everything the image is made from.
    pub image_key: String,
    /// QEMU's version line.
    pub qemu_version: String,
}

/// The status of the last run of a scenario on an image. It is kept in the store, for tables over many runs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LastVerdict {
    /// As in [`Record`].
    pub verdict: RunStatus,
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
    pub fn remember(store: &Store, image: &str, scenario: &str, verdict: RunStatus, image_key: &str) {
        let last = Self { verdict, image_key: image_key.to_owned() };
        let _ = store.set_record(&Self::name(image, scenario), &last);
    }
}

/// The comparison of a run with its reviewed snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SnapshotState {
    /// The view is the reviewed one.
    Same,
    /// Nobody reviewed a view of this scenario on this image.
    Missing,
    /// The view is another than the reviewed one, or the snapshot repeats that of another image.
    Differs,
}

/// Host seconds of a run's parts.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub struct Seconds {
    /// From the first byte prepared to the verdict.
    pub total: f64,
    /// The machine's part, where one was booted.
    #[serde(flatten)]
    pub machine: Option<MachineSeconds>,
}

/// Host seconds of a boot.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
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
    /// The record of a run.
    #[must_use]
    pub fn new(
        scenario: &Scenario,
        runtime: &ImageRuntime,
        schedule: Schedule,
        judged: &JudgedRun<'_>,
        qemu_version: &str,
    ) -> Self {
        let reasons = judged.reasons.clone();
        let record = Self::without_run(&scenario.id, runtime, schedule, judged.status, reasons, qemu_version);
        let Some(Run { outcome, .. }) = &judged.run else { return record };
        let machine = outcome.times.map(MachineSeconds::from);
        Self {
            raw_sha256: Some(outcome.raw_sha256.clone()),
            view_sha256: Some(outcome.view_sha256.clone()),
            guest_seconds: outcome.guest_ns.map(|ns| std::time::Duration::from_nanos(ns).as_secs_f64()),
            seconds: Some(Seconds { total: outcome.total.as_secs_f64(), machine }),
            started: Some(outcome.started),
            events: Some(outcome.trace.events.len()),
            events_not_shown: Some(outcome.view.dropped),
            ..record
        }
    }

    /// The record of a scenario that does not apply to this kernel.
    #[must_use]
    pub fn not_applicable(not: &NotApplicable, runtime: &ImageRuntime, schedule: Schedule, qemu_version: &str) -> Self {
        Self::without_run(&not.id, runtime, schedule, RunStatus::DoesNotApply, not.lacking.clone(), qemu_version)
    }

    /// Takes the comparison with the reviewed snapshot. A difference makes a run that passed one that failed.
    pub fn set_snapshot(&mut self, comparison: &Comparison, pending: Option<std::path::PathBuf>) {
        let (state, reason) = match comparison {
            Comparison::Same => (SnapshotState::Same, None),
            Comparison::Missing => (SnapshotState::Missing, None),
            Comparison::Differs { reviewed, diff } => {
                let told = format!("the view is not the reviewed one, `{}`:\n{}", reviewed.display(), diff.trim_end());
                (SnapshotState::Differs, Some(told))
            }
            Comparison::Redundant { own, like } => {
                let told = format!("the snapshot `{}` repeats that of {like}: remove it", own.display());
                (SnapshotState::Differs, Some(told))
            }
        };
        self.snapshot = Some(state);
        self.snapshot_pending = pending;
        if let Some(reason) = reason {
            self.reasons.push(reason);
            if self.verdict.is_good() {
                self.verdict = RunStatus::Failed;
            }
        }
    }

    fn without_run(
        scenario: &str,
        runtime: &ImageRuntime,
        schedule: Schedule,
        verdict: RunStatus,
        reasons: Vec<String>,
        qemu_version: &str,
    ) -> Self {
        Self {
            scenario: scenario.to_owned(),
            image: runtime.image.clone(),
            verdict,
            schedule: schedule.to_string(),
            reasons,
            unnoticed: Vec::new(),
            raw_sha256: None,
            view_sha256: None,
            guest_seconds: None,
            seconds: None,
            started: None,
            events: None,
            events_not_shown: None,
            snapshot: None,
            snapshot_pending: None,
            views: Vec::new(),
            evidence: None,
            image_key: runtime.image_key.clone(),
            qemu_version: qemu_version.into(),
        }
    }
}
