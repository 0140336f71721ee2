//! Scenarios × images: each scenario run once on each image, and what came of it.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::session::cache::Cache;
use crate::session::load::LoadError;
use crate::session::prepare::{PrepareError, Prepared, PreparedImage};
use crate::session::record::LastVerdict;
use crate::session::run::{CachePolicy, GuestPayload, Outcome, RunError, Runner};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_host::interrupt;
use kernsnap_host::parallel::in_order;
use kernsnap_host::progress::Events;
use kernsnap_image::{ImageError, Images};
use kernsnap_scenario::Scenario;

/// One scenario on one image.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Cell {
    /// The scenario.
    pub scenario: String,
    /// The image.
    pub image: String,
    /// What came of it.
    pub outcome: Came,
    /// Why, one sentence each, where it did not pass.
    pub reasons: Vec<String>,
    /// The view, where there is a trace to look at.
    #[serde(skip)]
    pub view: Option<String>,
    /// Guest time at the end, in nanoseconds since power-on.
    pub guest_ns: Option<u64>,
}

/// What can come of a scenario on an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Came {
    /// Everything that must hold holds.
    Passed,
    /// The kernel behaved differently.
    Failed,
    /// The trace is incomplete.
    Unusable,
    /// The scenario is not about this kernel, and says so.
    DoesNotApply,
    /// The scenario names what this kernel does not have, or the kernel refuses one of its settings.
    Refused,
    /// The machine did not boot, or was lost.
    Lost,
}

impl Cell {
    fn without_view(scenario: &str, image: &str, outcome: Came, reasons: Vec<String>) -> Self {
        let (scenario, image) = (scenario.to_owned(), image.to_owned());
        Self { scenario, image, outcome, reasons, view: None, guest_ns: None }
    }
}

impl Came {
    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Unusable => "unusable",
            Self::DoesNotApply => "n/a",
            Self::Refused => "refused",
            Self::Lost => "lost",
        }
    }
}

/// How a matrix is run.
#[derive(Clone, Debug)]
pub struct Order {
    /// The images, opened or built one after the other.
    pub images: Vec<String>,
    /// The scenarios' files.
    pub files: Vec<PathBuf>,
    /// Guests at a time.
    pub parallel: usize,
    /// The backstop of each run in host time.
    pub limit: Duration,
    /// What is known of earlier runs.
    pub cache: Cache,
}

/// Runs everything, image by image, and hands on each cell.
///
/// # Errors
/// A [`PrepareError`] of an image that cannot be opened or built, or an interruption.
pub fn matrix(
    images: Images<'_>,
    order: &Order,
    on: Events<'_>,
    on_cell: &mut dyn FnMut(Cell),
) -> Result<(), PrepareError> {
    for name in &order.images {
        let prepared_image = PreparedImage::open(images, name, on)?;
        let mut ready = Vec::new();
        for file in &order.files {
            let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let nothing = |outcome, reasons| Cell::without_view(&id, name, outcome, reasons);
            match prepared_image.scenario(file, on) {
                Ok(Prepared::Ready(scenario, payload)) => ready.push((scenario, payload)),
                Ok(Prepared::DoesNotApply(not)) => on_cell(nothing(Came::DoesNotApply, not.lacking)),
                Err(PrepareError::Workspace(LoadError::Diagnostic(mistake))) => {
                    on_cell(nothing(Came::Refused, vec![mistake.to_string()]));
                }
                Err(error) => return Err(error),
            }
        }
        let (cache, limit) = (order.cache.clone(), order.limit);
        let runner = Runner { runtime: &prepared_image.runtime, cache, freshness: CachePolicy::Cached, limit };
        let is_interruption = |error: &PrepareError| matches!(error, PrepareError::Image(ImageError::Interrupted(_)));
        let act = |(scenario, payload): &(Box<Scenario>, GuestPayload)| {
            let directory = images.store.scratch().map_err(ImageError::from)?;
            let schedule = runner.runtime.machine.usual_schedule();
            let outcome = runner.run(scenario, payload, schedule, directory.path());
            interrupt::check().map_err(ImageError::from)?;
            Ok(judged(&scenario.id, name, outcome.map(|run| run.outcome)))
        };
        in_order(&ready, order.parallel, is_interruption, act, |_, cell: Result<Cell, PrepareError>| {
            let cell = cell?;
            LastVerdict::remember(
                images.store,
                name,
                &cell.scenario,
                cell.outcome.word(),
                &prepared_image.runtime.image_key,
            );
            on_cell(cell);
            Ok(())
        })?;
    }
    Ok(())
}

fn judged(scenario: &str, image: &str, outcome: Result<Outcome, RunError>) -> Cell {
    let cell = |outcome, reasons| Cell::without_view(scenario, image, outcome, reasons);
    match outcome {
        Ok(outcome) => {
            let (came, reasons) = match &outcome.verdict {
                Verdict::Passed => (Came::Passed, Vec::new()),
                Verdict::Failed(violations) => (Came::Failed, violations.iter().map(ToString::to_string).collect()),
                Verdict::Unusable(reasons) => (Came::Unusable, reasons.clone()),
            };
            let view = (came != Came::Unusable).then(|| outcome.view.to_string());
            Cell { view, guest_ns: outcome.guest_ns, ..cell(came, reasons) }
        }
        Err(RunError::Refused(mistake)) => cell(Came::Refused, vec![mistake.to_string()]),
        Err(error) => cell(Came::Lost, vec![error.to_string()]),
    }
}
