//! One run of one scenario on one image: the only place that knows the whole way from a scenario to its verdict.
//!
//! ```text
//! Scenario, ImageRuntime, GuestPayload, Schedule ─▶ RunInput ─▶ Evidence ──read──▶ Outcome ─▶ JudgedRun
//!                                                            from the cache, a template or a boot
//! ```

mod error;
pub mod evidence;
mod guard;
mod input;
mod judged;
mod outcome;
mod reading;
mod runner;
mod runtime;
mod session;
mod source;
mod traced;

pub use error::RunError;
pub(crate) use guard::forged;
pub use input::{RunInput, for_card};
pub use judged::JudgedRun;
pub use outcome::{Outcome, sha256};
pub use reading::recorded;
pub use runner::{Found, Run, Runner};
pub use runtime::{GuestPayload, ImageRuntime};
pub use session::Session;
pub use source::{RunPolicy, Started};
pub use traced::Traced;

use std::path::Path;
use std::time::Duration;

use kernsnap_machine::plan::Plan;
use kernsnap_machine::{Boot, Schedule};

/// The backstop of a boot in host time, where no argument sets it.
pub const LIMIT: Duration = Duration::from_secs(120);

/// Boots a guest that carries out `plan` with `load` in its root.
///
/// # Errors
/// As [`Runner::run`].
pub fn boot_plan(
    runtime: &ImageRuntime,
    payload: &GuestPayload,
    plan: String,
    schedule: Schedule,
    directory: &Path,
    limit: Duration,
) -> Result<Boot, RunError> {
    RunInput::new(runtime, payload, Plan::from_text(plan), schedule)?.boot(directory, limit)
}
