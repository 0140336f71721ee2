//! Scenarios × images: each scenario run once on each image, with its status.

use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;

use crate::session::load::LoadError;
use crate::session::prepare::{PrepareError, Prepared, PreparedImage};
use crate::session::record::{LastVerdict, Record};
use crate::session::run::{GuestPayload, JudgedRun, Runner, Session};
use crate::session::status::RunStatus;
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
    /// The status.
    pub verdict: RunStatus,
    /// Why, one sentence each, where it did not pass.
    pub reasons: Vec<String>,
    /// The view, where there is a trace to look at.
    #[serde(skip)]
    pub view: Option<String>,
    /// SHA-256 of the view, where there is one.
    #[serde(skip)]
    pub view_sha256: Option<String>,
    /// Guest time at the end, in nanoseconds since power-on.
    pub guest_ns: Option<u64>,
}

impl Cell {
    fn without_view(scenario: &str, image: &str, verdict: RunStatus, reasons: Vec<String>) -> Self {
        let (scenario, image) = (scenario.to_owned(), image.to_owned());
        Self { scenario, image, verdict, reasons, view: None, view_sha256: None, guest_ns: None }
    }

    fn judged(scenario: &str, image: &str, judged: JudgedRun<'_>) -> Self {
        let JudgedRun { status, reasons, run } = judged;
        let outcome = run.map(|run| run.outcome);
        let view = outcome.as_ref().filter(|_| status.has_view()).map(|outcome| outcome.view.to_string());
        let view_sha256 = view.as_ref().and(outcome.as_ref()).map(|outcome| outcome.view_sha256.clone());
        let guest_ns = outcome.and_then(|outcome| outcome.guest_ns);
        Self { view, view_sha256, guest_ns, ..Self::without_view(scenario, image, status, reasons) }
    }
}

impl From<&Record> for Cell {
    /// The cell of a run that took place elsewhere.
    fn from(record: &Record) -> Self {
        let cell = Self::without_view(&record.scenario, &record.image, record.verdict, record.reasons.clone());
        // Guest time has nanoseconds, far below the precision that seconds keep.
        let guest_ns = record.guest_seconds.map(|seconds| Duration::from_secs_f64(seconds.max(0.0)).as_nanos());
        let guest_ns = guest_ns.and_then(|ns| u64::try_from(ns).ok());
        Self { view_sha256: record.view_sha256.clone(), guest_ns, ..cell }
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
}

/// Runs everything, image by image, and hands on each cell.
///
/// # Errors
/// A [`PrepareError`] of an image that cannot be opened or built, or an interruption.
pub fn matrix(
    session: &Session,
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
            let nothing = |verdict, reasons| Cell::without_view(&id, name, verdict, reasons);
            match prepared_image.scenario(file, on) {
                Ok(Prepared::Ready(scenario, payload)) => ready.push((scenario, payload)),
                Ok(Prepared::DoesNotApply(not)) => on_cell(nothing(RunStatus::DoesNotApply, not.lacking)),
                Err(PrepareError::Workspace(LoadError::Diagnostic(mistake))) => {
                    on_cell(nothing(RunStatus::Refused, vec![mistake.to_string()]));
                }
                Err(error) => return Err(error),
            }
        }
        let runner = Runner { limit: order.limit, ..Runner::new(session, &prepared_image.runtime) };
        let act = |(scenario, payload): &(Box<Scenario>, GuestPayload)| {
            let schedule = runner.runtime.machine.usual_schedule();
            let judged = runner.judge_once(scenario, payload, schedule)?;
            interrupt::check().map_err(ImageError::from)?;
            Ok(Cell::judged(&scenario.id, name, judged))
        };
        in_order(&ready, order.parallel, PrepareError::is_interruption, act, |_, cell: Result<Cell, PrepareError>| {
            let cell = cell?;
            LastVerdict::remember(images.store, name, &cell.scenario, cell.verdict, &prepared_image.runtime.image_key);
            on_cell(cell);
            Ok(())
        })?;
    }
    Ok(())
}
