//! How runs come by their evidence: from the cache, or by booting a machine.

use std::path::Path;
use std::time::{Duration, Instant};

use super::evidence::write;
use super::reading::read;
use super::{GuestPayload, ImageRuntime, Outcome, RunError, RunInput, Session, evidence};
use crate::session::cache::About;
use kernsnap_machine::{Evidence, Schedule};
use kernsnap_scenario::Scenario;

/// Where the evidence of a run may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPolicy {
    /// The cache, if it has the result. Otherwise the machine runs, and the result is kept.
    Cached,
    /// A machine that boots for this run. If the cache has the result, both must have the same bytes.
    Boot,
}

/// Runs scenarios on one image.
#[derive(Clone, Copy, Debug)]
pub struct Runner<'a> {
    /// What all runs of the process share.
    pub session: &'a Session,
    /// The image's part.
    pub runtime: &'a ImageRuntime,
    /// Where the evidence may come from.
    pub policy: RunPolicy,
    /// The backstop of a boot in host time.
    pub limit: Duration,
}

/// A run: what went in, what came out, and what it shows.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The inputs of the guest.
    pub input: RunInput<'a>,
    /// The evidence of the machine.
    pub evidence: Evidence,
    /// The outcome.
    pub outcome: Outcome,
}

impl<'a> Runner<'a> {
    /// Runs `scenario`. A machine that is booted uses `directory`, which exists; [`Run::leave`] leaves a run's files wherever
    /// its evidence came from.
    ///
    /// # Errors
    /// [`RunError`] where there is no verdict.
    pub fn run(
        &self,
        scenario: &Scenario,
        payload: &GuestPayload,
        schedule: Schedule,
        directory: &Path,
    ) -> Result<Run<'a>, RunError> {
        let started = Instant::now();
        let input = RunInput::from_scenario(scenario, self.runtime, payload, schedule)?;
        let key = input.key(self.session.cache.qemu());
        let known = self.session.cache.find(&key);
        if self.policy == RunPolicy::Cached
            && let Some(evidence) = known
        {
            return match read(scenario, &input, &evidence) {
                Ok(outcome) => Ok(Run::with(input, evidence, outcome, started)),
                Err(error) => {
                    leave(&input, &evidence, directory)?;
                    Err(error)
                }
            };
        }
        let boot = input.boot(directory, self.limit)?;
        if boot.settled {
            match known {
                Some(known) => self.session.cache.verify(&key, &known, &boot.evidence)?,
                None => self.session.cache.keep(
                    &key,
                    &About::new(&self.runtime.image, &scenario.id, schedule),
                    &boot.evidence,
                ),
            }
        }
        let outcome = Outcome { times: Some(boot.times), ..read(scenario, &input, &boot.evidence)? };
        Ok(Run::with(input, boot.evidence, outcome, started))
    }
}

impl<'a> Run<'a> {
    fn with(input: RunInput<'a>, evidence: Evidence, outcome: Outcome, started: Instant) -> Self {
        let outcome = Outcome { total: started.elapsed(), ..outcome };
        Self { input, evidence, outcome }
    }

    /// Leaves all files of the run in `directory`, which exists, but for what QEMU itself said.
    ///
    /// # Errors
    /// [`RunError::Write`].
    pub fn leave(&self, directory: &Path) -> Result<(), RunError> {
        leave(&self.input, &self.evidence, directory)?;
        write(directory, evidence::VIEW, self.outcome.view.to_string().as_bytes())
    }
}

fn leave(input: &RunInput<'_>, evidence: &Evidence, directory: &Path) -> Result<(), RunError> {
    input.leave(directory)?;
    write(directory, evidence::CONSOLE_LOG, &evidence.console)?;
    write(directory, evidence::RAW, &evidence.body)
}
