//! Runs that are compared between two kernels, by `regress` and `bisect`.

use std::path::Path;

use crate::session::kselftest::{self, Circumstances};
use crate::session::prepare::{NotApplicable, PrepareError, Prepared, PreparedImage};
use crate::session::run::{GuestPayload, JudgedRun, Runner, Session};
use kernsnap_analysis::diff::TaskLines;
use kernsnap_analysis::ktap::{Case, CaseStatus};
use kernsnap_analysis::regress;
use kernsnap_analysis::regress::{Measurement, is_open};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::view::Line;
use kernsnap_image::SelfTests;
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// A kernel parameter for both kernels. A kernel takes the random addresses of a program's memory from a state that depends on
/// everything it did before, so two kernels would use different addresses and need more or fewer page tables for them.
const SAME_ADDRESSES: &str = "norandmaps";

/// Other circumstances to measure in. The SLUB parameters change how a kernel keeps its objects, so a list of free objects runs
/// empty elsewhere. The nanoseconds delay each step, so timers and other CPUs interfere at other places.
const ELSEWHERE: [(&str, u32); 11] = [
    ("slab_nomerge", 0),
    ("slub_max_order=1", 0),
    ("slub_min_objects=32", 0),
    ("slub_max_order=0", 1_300_000),
    ("slab_nomerge slub_max_order=2", 2_700_000),
    ("slub_min_objects=64", 500_000),
    ("slab_nomerge slub_min_objects=48", 3_100_000),
    ("slub_min_objects=24", 1_900_000),
    ("slub_max_order=1 slub_min_objects=64", 700_000),
    ("slab_nomerge slub_max_order=1", 2_100_000),
    ("slub_min_objects=32 slub_max_order=2", 3_500_000),
];

/// The number of other circumstances in which a figure that differs is measured again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scrutiny {
    /// A few: enough where many figures differ.
    Some,
    /// All of them. Where few figures differ, chance is the likelier reason: a figure without a cause differs in one direction in
    /// all of them with a probability of 1 in 2048.
    Most,
}

impl Scrutiny {
    fn circumstances(self) -> &'static [(&'static str, u32)] {
        match self {
            Self::Some => &ELSEWHERE[..3],
            Self::Most => &ELSEWHERE,
        }
    }
}

/// One kernel, ready to run.
#[derive(Debug)]
pub struct Kernel<'a> {
    /// The image with the kernel.
    pub prepared_image: &'a PreparedImage<'a>,
    runner: Runner<'a>,
}

impl<'a> Kernel<'a> {
    /// A kernel whose runs are cached.
    #[must_use]
    pub fn new(prepared_image: &'a PreparedImage<'a>, session: &'a Session) -> Self {
        Self { prepared_image, runner: Runner::new(session, &prepared_image.runtime) }
    }

    /// The usual schedule of its board.
    #[must_use]
    pub fn usual_schedule(&self) -> Schedule {
        self.prepared_image.runtime.machine.usual_schedule()
    }

    /// The scenario in this file, on this kernel.
    ///
    /// # Errors
    /// Those of [`PreparedImage::scenario`].
    pub fn prepared(&self, file: &Path) -> Result<Prepared, PrepareError> {
        self.prepared_image.scenario(file, &mut |_| ())
    }

    /// Measures a run. A machine that is lost and an unusable trace are measurements too.
    ///
    /// # Errors
    /// If the host, and not the machine, is the reason that there is none.
    pub fn measure(&self, runs: (&Scenario, &GuestPayload), schedule: Schedule) -> Result<Measurement, PrepareError> {
        self.measure_with(runs, schedule, SAME_ADDRESSES)
    }

    fn measure_with(
        &self,
        (scenario, payload): (&Scenario, &GuestPayload),
        schedule: Schedule,
        parameters: &str,
    ) -> Result<Measurement, PrepareError> {
        let payload = &GuestPayload { common_parameters: parameters.to_owned(), ..payload.clone() };
        let empty = Measurement { schedule: schedule.to_string(), ..Measurement::default() };
        let JudgedRun { reasons, run, .. } = self.runner.judge_once(scenario, payload, schedule)?;
        let Some(run) = run else { return Ok(Measurement { unusable: reasons, ..empty }) };
        let outcome = run.outcome;
        let side = TaskLines::read(&outcome.view.to_string());
        let figures = outcome.figures(scenario);
        let (broken, unusable) = match outcome.verdict {
            Verdict::Passed => (Vec::new(), Vec::new()),
            Verdict::Failed(all) => {
                (all.into_iter().map(|one| (one.that.to_string(), one.found.to_string())).collect(), Vec::new())
            }
            Verdict::Unusable(reasons) => (Vec::new(), reasons),
        };
        Ok(Measurement { side, broken, unusable, figures, ..empty })
    }

    /// Measures one of the kernel's own tests: a task is a case, its status is all that it does, and a case that fails is broken.
    ///
    /// # Errors
    /// If the host, and not the machine, is the reason that there is no result.
    pub fn measure_test(&self, tests: &SelfTests, test: &str, schedule: Schedule) -> Result<Measurement, PrepareError> {
        let circumstances = Circumstances { schedule, parameters: SAME_ADDRESSES };
        let run = kselftest::run(&self.runner, self.prepared_image, (tests, test), circumstances, &mut |_| ())?;
        let (mut side, mut broken) = (TaskLines::default(), Vec::new());
        for Case { name, status, reason } in run.cases {
            let name = without_pids(&name);
            let line = Line { text: status.word().to_owned(), ..Line::default() };
            if status == CaseStatus::Failed {
                let found = if reason.is_empty() { "it failed" } else { &reason };
                broken.push((format!("the case `{name}` passes"), found.to_owned()));
            }
            side.tasks.entry(name).or_default().push(line);
        }
        Ok(Measurement { schedule: schedule.to_string(), side, broken, ..Measurement::default() })
    }

    /// Measures the base kernel in so many schedules where there is a difference to explain; `base` holds the measurements so far.
    ///
    /// # Errors
    /// As [`Kernel::measure`].
    pub fn explain(
        &self,
        what: (&Scenario, &GuestPayload),
        schedules: usize,
        head: &Measurement,
        base: &mut Vec<Measurement>,
    ) -> Result<(), PrepareError> {
        let open = base.first().is_some_and(|first| is_open(first, head));
        if open {
            for schedule in Schedule::series(&[self.usual_schedule().cpus], schedules).into_iter().skip(base.len()) {
                base.push(self.measure(what, schedule)?);
            }
        }
        Ok(())
    }
}

/// A case's name with `[pid]` for a number in brackets: some tests begin with their pid, and a kernel with another thread gives another.
fn without_pids(name: &str) -> String {
    let mut parts = name.split('[');
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| match part.split_once(']') {
        Some((pid, rest)) if !pid.is_empty() && pid.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{text}[pid]{rest}")
        }
        _ => format!("{text}[{part}"),
    })
}

/// Measures both kernels in other circumstances for as long as a figure differs.
///
/// # Errors
/// As [`Kernel::measure`].
pub fn measure(
    scrutiny: Scrutiny,
    (base, base_runs, before): (&Kernel<'_>, (&Scenario, &GuestPayload), &mut Measurement),
    (head, head_runs, after): (&Kernel<'_>, (&Scenario, &GuestPayload), &mut Measurement),
) -> Result<(), PrepareError> {
    let usual = base.usual_schedule();
    for (at, (parameters, offset_ns)) in scrutiny.circumstances().iter().enumerate() {
        if regress::cost(before, after).is_empty() {
            break;
        }
        let parameters = format!("{SAME_ADDRESSES} {parameters}");
        let schedule = Schedule { offset_ns: *offset_ns, ..usual };
        // The base may have been measured for another head.
        if before.elsewhere.len() == at {
            before.elsewhere.push(base.measure_with(base_runs, schedule, &parameters)?.figures);
        }
        after.elsewhere.push(head.measure_with(head_runs, schedule, &parameters)?.figures);
    }
    Ok(())
}

/// The measurement of a kernel to which the scenario does not apply.
#[must_use]
pub fn lacking(not: &NotApplicable) -> Measurement {
    Measurement { unusable: not.lacking.clone(), ..Measurement::default() }
}

#[cfg(test)]
mod tests {
    use super::without_pids;

    #[test]
    fn a_cases_name_does_not_depend_on_a_pid() {
        assert_eq!(without_pids("[53] Result (-22) of [7] and a[i]"), "[pid] Result (-22) of [pid] and a[i]");
        assert_eq!(without_pids("global.wait_simple"), "global.wait_simple");
    }
}
