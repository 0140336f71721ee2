//! How runs come by their evidence: from the cache, or by booting a machine.

use std::path::Path;
use std::time::{Duration, Instant};

use super::reading::read;
use super::{GuestPayload, ImageRuntime, Outcome, RunError, RunInput, evidence, write};
use crate::session::cache::{About, Cache};
use crate::session::status::JudgedRun;
use kernsnap_machine::{Evidence, Schedule};
use kernsnap_scenario::Scenario;

/// Whether what the cache knows means a boot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CachePolicy {
    /// It does. What it does not know is booted, and kept.
    Cached,
    /// A machine is booted each time. Where the cache knows the run, it must have been the same bytes.
    Fresh,
}

/// The part that all runs on an image share.
#[derive(Debug)]
pub struct Runner<'a> {
    /// The image's part.
    pub runtime: &'a ImageRuntime,
    /// The results of earlier runs.
    pub cache: Cache,
    /// Whether it is asked.
    pub freshness: CachePolicy,
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
        let key = self.cache.key(&input);
        let known = self.cache.find(&key);
        if self.freshness == CachePolicy::Cached
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
                Some(known) => self.cache.verify(&key, &known, &boot.evidence)?,
                None => self.cache.keep(&key, &About::new(scenario, self.runtime, schedule), &boot.evidence),
            }
        }
        let outcome = Outcome { times: Some(boot.times), ..read(scenario, &input, &boot.evidence)? };
        Ok(Run::with(input, boot.evidence, outcome, started))
    }

    /// Runs `scenario` and gives the run its status.
    ///
    /// # Errors
    /// As [`JudgedRun::new`].
    pub fn judge(
        &self,
        scenario: &Scenario,
        payload: &GuestPayload,
        schedule: Schedule,
        directory: &Path,
    ) -> Result<JudgedRun<'a>, RunError> {
        JudgedRun::new(self.run(scenario, payload, schedule, directory))
    }
}

impl<'a> Run<'a> {
    /// A run without a cache.
    pub(super) fn booted(
        scenario: &Scenario,
        runtime: &'a ImageRuntime,
        payload: &GuestPayload,
        schedule: Schedule,
        directory: &Path,
        limit: Duration,
    ) -> Result<Self, RunError> {
        let started = Instant::now();
        let input = RunInput::from_scenario(scenario, runtime, payload, schedule)?;
        let boot = input.boot(directory, limit)?;
        let outcome = Outcome { times: Some(boot.times), ..read(scenario, &input, &boot.evidence)? };
        Ok(Self::with(input, boot.evidence, outcome, started))
    }

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
