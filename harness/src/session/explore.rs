//! One scenario in many schedules.

use crate::session::run::{GuestPayload, RunError, Runner};
use crate::session::status::RunStatus;
use kernsnap_analysis::explore::ScheduleRun;
use kernsnap_analysis::verdict::Verdict;
use kernsnap_host::parallel::in_order;
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// Runs a scenario in each schedule, `parallel` at a time. The results have the order of the schedules.
///
/// # Errors
/// The first run that says nothing about the kernel, or an interruption.
pub fn explore(
    runner: &Runner<'_>,
    (scenario, payload): (&Scenario, &GuestPayload),
    schedules: &[Schedule],
    parallel: usize,
) -> Result<Vec<(ScheduleRun, RunStatus)>, RunError> {
    let mut runs = Vec::new();
    let act = |schedule: &Schedule| once(runner, scenario, payload, *schedule);
    in_order(schedules, parallel, RunError::is_interruption, act, |_, result| {
        runs.push(result?);
        Ok(())
    })?;
    Ok(runs)
}

fn once(
    runner: &Runner<'_>,
    scenario: &Scenario,
    payload: &GuestPayload,
    schedule: Schedule,
) -> Result<(ScheduleRun, RunStatus), RunError> {
    let judged = runner.judge_once(scenario, payload, schedule)?;
    let status = judged.status;
    let outcome = judged.run.map(|run| run.outcome);
    let view = outcome.as_ref().filter(|_| status.has_view()).map(|outcome| outcome.view.to_string());
    let broken = match outcome.map(|outcome| outcome.verdict) {
        Some(Verdict::Passed) => Vec::new(),
        Some(Verdict::Failed(violations)) => {
            violations.into_iter().map(|violation| violation.that.to_string()).collect()
        }
        Some(Verdict::Unusable(_)) | None => vec![format!("{status}: {}", judged.reasons.join("; "))],
    };
    let view = view.unwrap_or_default().lines().map(str::to_owned).collect();
    Ok((ScheduleRun { schedule: schedule.to_string(), view, broken }, status))
}
