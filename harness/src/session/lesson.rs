//! The run that a lesson shows.

use crate::session::load;
use crate::session::prepare::{NotApplicable, PrepareError, Prepared, PreparedImage};
use crate::session::run::{JudgedRun, Runner};
use crate::session::snapshot::{self, SnapshotError};
use kernsnap_analysis::diff::lines_of_view;
use kernsnap_analysis::lesson::Lesson;
use kernsnap_host::progress::Events;
use kernsnap_host::workspace::Workspace;
use kernsnap_scenario::Scenario;

/// Why a lesson has no run.
#[derive(Debug, thiserror::Error)]
pub enum LessonError {
    /// Its scenario does not apply to the image.
    #[error("{lesson}: {}", not.to_string().trim_end())]
    DoesNotApply {
        /// The lesson's id.
        lesson: String,
        /// The reason.
        not: NotApplicable,
    },
    /// It names a task or an expectation that its scenario does not have.
    #[error("{0}")]
    Mistake(String),
    /// The scenario cannot be prepared, or its run says nothing about the kernel.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// The images of the book's kernel. The book has the one with 32 bits; some scenarios need 64.
const BOOK_KERNELS: [&str; 2] = ["rpi2-rpi-4.19", "rpi3-rpi-4.19"];

/// The image of the book's kernel that has lines for a scenario, and its reviewed view; `None` where none has, or where `image` is that
/// one. The kernel need not be built.
///
/// # Errors
/// If a snapshot cannot be read.
pub fn on_book_kernel(
    workspace: &Workspace,
    image: &str,
    scenario: &str,
) -> Result<Option<(&'static str, String)>, SnapshotError> {
    for book in BOOK_KERNELS {
        let path = workspace.find(format!("scenarios/snapshots/{book}/{scenario}.snap"));
        if !path.is_file() {
            continue;
        }
        let text = snapshot::text(&path)?;
        // Another view, or the reason why the scenario does not apply, has no lines to pair.
        if lines_of_view(&text).is_some() {
            return Ok((book != image).then_some((book, text)));
        }
    }
    Ok(None)
}

/// Runs the scenario of `lesson` in the usual schedule of its board.
///
/// # Errors
/// A [`LessonError`].
pub fn run<'a>(
    workspace: &Workspace,
    prepared_image: &'a PreparedImage<'_>,
    runner: &Runner<'a>,
    lesson: &Lesson,
    on: Events<'_>,
) -> Result<(Scenario, JudgedRun<'a>), LessonError> {
    let file = load::scenario_file(workspace, &lesson.content.scenario).map_err(PrepareError::from)?;
    let (scenario, payload) = match prepared_image.scenario(&file, on)? {
        Prepared::Ready(scenario, payload) => (*scenario, payload),
        Prepared::DoesNotApply(not) => return Err(LessonError::DoesNotApply { lesson: lesson.id.clone(), not }),
    };
    lesson.check(&scenario).map_err(|mistake| LessonError::Mistake(mistake.to_string()))?;
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let judged = runner.judge_once(&scenario, &payload, schedule).map_err(PrepareError::from)?;
    Ok((scenario, judged))
}
