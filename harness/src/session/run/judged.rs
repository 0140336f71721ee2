//! Runs with their status.

use std::path::Path;

use super::{GuestPayload, Run, RunError, Runner};
use crate::session::status::{RunStatus, reasons, with_causes};
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// A run with its status.
#[derive(Debug)]
pub struct JudgedRun<'a> {
    /// The status.
    pub status: RunStatus,
    /// The reasons of a run that did not pass, one each.
    pub reasons: Vec<String>,
    /// The run, where the machine came to its end.
    pub run: Option<Run<'a>>,
}

impl<'a> JudgedRun<'a> {
    /// Gives a run, or the reason that there is none, its status.
    ///
    /// # Errors
    /// [`RunError`] where the host, and not the machine, is the reason: the run says nothing about the kernel.
    pub fn new(result: Result<Run<'a>, RunError>) -> Result<Self, RunError> {
        let without_run = |status, reason| Ok(Self { status, reasons: vec![reason], run: None });
        match result {
            Ok(run) => {
                let verdict = &run.outcome.verdict;
                Ok(Self { status: verdict.into(), reasons: reasons(verdict), run: Some(run) })
            }
            Err(RunError::Boot(error)) if !error.is_of_the_host() => without_run(RunStatus::Lost, with_causes(&error)),
            Err(RunError::Refused(mistake)) => without_run(RunStatus::Refused, mistake.to_string()),
            Err(RunError::CacheMismatch(mismatch)) => without_run(RunStatus::CacheMismatch, mismatch.to_string()),
            Err(error @ (RunError::Boot(_) | RunError::Store(_) | RunError::Write { .. })) => Err(error),
        }
    }
}

impl<'a> Runner<'a> {
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

    /// The same in a directory of its own, which goes away.
    ///
    /// # Errors
    /// As [`JudgedRun::new`].
    pub fn judge_once(
        &self,
        scenario: &Scenario,
        payload: &GuestPayload,
        schedule: Schedule,
    ) -> Result<JudgedRun<'a>, RunError> {
        let scratch = self.session.scratch()?;
        self.judge(scenario, payload, schedule, scratch.path())
    }
}
