//! How runs come by their evidence: from the cache, or by booting a machine.

use std::path::Path;
use std::time::{Duration, Instant};

use super::evidence::write;
use super::reading::{kmsg, read, to_trace_dat};
use super::source::{RunPolicy, Started};
use super::{GuestPayload, ImageRuntime, LIMIT, Outcome, RunError, RunInput, Session, evidence};
use crate::session::cache::About;
use kernsnap_analysis::complaints::dmesg;
use kernsnap_machine::{Boot, BootError, Evidence, Schedule, Times};
use kernsnap_scenario::Scenario;

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

/// The evidence of an input, and where it comes from.
#[derive(Clone, Debug)]
pub struct Found {
    /// The evidence.
    pub evidence: Evidence,
    /// Its origin.
    pub started: Started,
    /// The host's times of a machine that ran.
    pub times: Option<Times>,
}

impl<'a> Runner<'a> {
    /// A runner of scenarios on an image that takes a known result and stops a machine after [`LIMIT`].
    #[must_use]
    pub fn new(session: &'a Session, runtime: &'a ImageRuntime) -> Self {
        Self { session, runtime, policy: RunPolicy::Cached, limit: LIMIT }
    }

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
        let begun = Instant::now();
        let input = RunInput::from_scenario(scenario, self.runtime, payload, schedule)?;
        let about = About::new(&self.runtime.image, &scenario.id, schedule);
        let Found { evidence, started, times } = self.evidence(&input, &about, directory)?;
        match read(scenario, &input, &evidence) {
            Ok(outcome) => {
                let outcome = Outcome { started, times, ..outcome };
                Ok(Run::with(input, evidence, outcome, begun))
            }
            Err(error) => {
                // A machine that was booted leaves its files itself.
                if started != Started::Boot {
                    leave(&input, &evidence, directory)?;
                }
                Err(error)
            }
        }
    }

    /// The evidence of an input: a known one, or that of a machine, which is compared with a known one and kept.
    ///
    /// # Errors
    /// As [`Runner::run`].
    pub fn evidence(&self, input: &RunInput<'_>, about: &About, directory: &Path) -> Result<Found, RunError> {
        let key = input.key(self.session.cache.qemu());
        let known = self.session.cache.find(&key);
        if self.policy == RunPolicy::Cached
            && let Some(evidence) = known
        {
            return Ok(Found { evidence, started: Started::Cache, times: None });
        }
        let (boot, started) = self.machine(input, directory)?;
        if boot.settled {
            match known {
                Some(known) => self.session.cache.verify(&key, &known, &boot.evidence)?,
                None => self.session.cache.keep(&key, about, &boot.evidence),
            }
        }
        Ok(Found { evidence: boot.evidence, started, times: Some(boot.times) })
    }

    /// Runs the machine of an input: forked where that can be, or else booted.
    fn machine(&self, input: &RunInput<'_>, directory: &Path) -> Result<(Boot, Started), RunError> {
        if self.policy != RunPolicy::Boot && input.shares_boot {
            let key = input.template_key(&self.session.emulator.hash);
            if let Some(held) = self.session.templates.get(&key, || input.template(self.limit))? {
                match input.fork(&held.template, directory, self.limit) {
                    // The template is gone, or the host has no room for another process. A boot says which.
                    Err(RunError::Boot(BootError::Template(_))) => self.session.templates.forget(&key),
                    other => return Ok((other?, Started::Fork)),
                }
            }
        }
        Ok((input.boot(directory, self.limit)?, Started::Boot))
    }
}

impl<'a> Run<'a> {
    fn with(input: RunInput<'a>, evidence: Evidence, outcome: Outcome, begun: Instant) -> Self {
        let outcome = Outcome { total: begun.elapsed(), ..outcome };
        Self { input, evidence, outcome }
    }

    /// The trace with its formats and symbols. A panic leaves its events on the console, and so nothing to record.
    ///
    /// # Errors
    /// [`RunError::Write`], if the recording is too large for the file's format.
    pub fn recording(&self, scenario: &Scenario) -> Result<Option<Vec<u8>>, RunError> {
        let Self { input, evidence, outcome } = self;
        let recording = evidence.panic.is_none().then(|| to_trace_dat(scenario, input, evidence, outcome.schedule));
        recording.transpose().map_err(|source| RunError::Write { path: evidence::RECORDING.into(), source })
    }

    /// Leaves all files of the run in `directory`, which exists, but for what QEMU itself said.
    ///
    /// # Errors
    /// [`RunError::Write`].
    pub fn leave(&self, scenario: &Scenario, directory: &Path) -> Result<(), RunError> {
        leave(&self.input, &self.evidence, directory)?;
        if let Some(recording) = self.recording(scenario)? {
            write(directory, evidence::RECORDING, &recording)?;
        }
        write(directory, evidence::VIEW, self.outcome.view.to_string().as_bytes())
    }
}

fn leave(input: &RunInput<'_>, evidence: &Evidence, directory: &Path) -> Result<(), RunError> {
    input.leave(directory)?;
    write(directory, evidence::CONSOLE_LOG, &evidence.console)?;
    write(directory, evidence::DMESG, dmesg(&kmsg(evidence)).as_bytes())?;
    write(directory, evidence::RAW, &evidence.body)
}
