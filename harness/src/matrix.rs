//! Scenarios × images: each scenario run once on each image, and what came of it.

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use crate::cache::Cache;
use crate::image::{Events, ImageError, Images};
use crate::interrupt;
use crate::kit::{Bench, KitError, Prepared};
use crate::record::LastVerdict;
use crate::run::{Freshness, Outcome, RunError, Runner};
use crate::verdict::Verdict;
use crate::vm::BootError;
use crate::workspace::WorkspaceError;

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

/// Runs everything, image by image, and hands on each cell when it is there, in no order.
///
/// # Errors
/// A [`KitError`] of an image that cannot be opened or built, or an interruption.
pub fn matrix(
    images: Images<'_>,
    order: &Order,
    on: Events<'_>,
    on_cell: &mut dyn FnMut(Cell),
) -> Result<(), KitError> {
    for name in &order.images {
        let bench = Bench::open(images, name, on)?;
        let mut ready = Vec::new();
        for file in &order.files {
            let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let nothing = |outcome, reasons| Cell {
                scenario: id.clone(),
                image: name.clone(),
                outcome,
                reasons,
                view: None,
                guest_ns: None,
            };
            match bench.scenario(file, on) {
                Ok(Prepared::Ready(scenario, load)) => ready.push((scenario, load)),
                Ok(Prepared::DoesNotApply(not)) => on_cell(nothing(Came::DoesNotApply, not.lacking)),
                Err(KitError::Workspace(WorkspaceError::Diagnostic(mistake))) => {
                    on_cell(nothing(Came::Refused, vec![mistake.to_string()]));
                }
                Err(error) => return Err(error),
            }
        }
        let (cache, limit) = (order.cache.clone(), order.limit);
        let runner = Runner { kit: &bench.kit, cache, freshness: Freshness::Cached, limit };
        let next = AtomicUsize::new(0);
        let (cells, received) = mpsc::channel();
        thread::scope(|scope| {
            for _ in 0..order.parallel.min(ready.len()) {
                let (cells, next, ready, runner) = (cells.clone(), &next, &ready, &runner);
                // QEMU is tied to the life of the thread that started it; this one waits for it.
                scope.spawn(move || {
                    while let Some((scenario, load)) = ready.get(next.fetch_add(1, Ordering::Relaxed)) {
                        let cell = images.store.scratch().map_err(|error| KitError::Image(ImageError::Store(error)));
                        let cell = cell.map(|directory| {
                            let schedule = runner.kit.machine.usual_schedule();
                            let outcome = runner.run(scenario, load, schedule, directory.path());
                            judged(&scenario.id, name, outcome.map(|run| run.outcome))
                        });
                        if cells.send(cell).is_err() || interrupt::requested() {
                            break;
                        }
                    }
                });
            }
            drop(cells);
            for cell in received {
                let cell = cell?;
                LastVerdict::remember(images.store, name, &cell.scenario, cell.outcome.word(), &bench.kit.image_key);
                on_cell(cell);
            }
            interrupt::check().map_err(|interrupted| KitError::Image(interrupted.into()))
        })?;
    }
    Ok(())
}

fn judged(scenario: &str, image: &str, outcome: Result<Outcome, RunError>) -> Cell {
    let cell = |outcome, reasons| Cell {
        scenario: scenario.to_owned(),
        image: image.to_owned(),
        outcome,
        reasons,
        view: None,
        guest_ns: None,
    };
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
        Err(RunError::Boot(error @ BootError::Interrupted(_))) => cell(Came::Lost, vec![error.to_string()]),
        Err(error) => cell(Came::Lost, vec![error.to_string()]),
    }
}
