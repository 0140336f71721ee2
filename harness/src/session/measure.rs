//! Runs that are compared between two kernels, by `regress` and `bisect`.

use std::path::Path;

use crate::session::prepare::{NotApplicable, PrepareError, Prepared, PreparedImage};
use crate::session::run::{GuestPayload, JudgedRun, Runner, Session};
use kernsnap_analysis::diff::TaskLines;
use kernsnap_analysis::regress;
use kernsnap_analysis::regress::{Measurement, is_open};
use kernsnap_analysis::verdict::Verdict;
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
            Verdict::Failed(all) => (all.into_iter().map(|one| (one.that, one.found)).collect(), Vec::new()),
            Verdict::Unusable(reasons) => (Vec::new(), reasons),
        };
        Ok(Measurement { side, broken, unusable, figures, ..empty })
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
