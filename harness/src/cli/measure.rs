//! Runs that are compared between kernels: what `regress` and `bisect` share.

use std::path::Path;

use super::{Context, Failure, LIMIT, chain, cost};
use crate::session::cache::Cache;
use crate::session::prepare::{NotApplicable, Prepared, PreparedImage};
use crate::session::run::{CachePolicy, GuestPayload, RunError, Runner};
use kernsnap_analysis::diff::TaskLines;
use kernsnap_analysis::regress;
use kernsnap_analysis::regress::{Measurement, is_open};
use kernsnap_analysis::verdict::Verdict;
use kernsnap_image::ImageError;
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// What both kernels are told besides. Programs would find their memory at random addresses, which a kernel takes from a state that
/// depends on all it did before: another kernel has others, and needs more or fewer page tables for them.
const SAME_ADDRESSES: &str = "norandmaps";

/// Circumstances other than the usual ones: what makes a kernel keep its objects otherwise, so that a list of free ones runs empty
/// elsewhere; and nanoseconds before each step, so that timers and other CPUs come in at other places.
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

/// How closely figures are looked at that seem to differ: in so many other circumstances.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scrutiny {
    /// Enough where much differs.
    Some,
    /// Where few differ, chance is the likelier reason: that a figure without a cause differs in one direction in all of them has
    /// one chance in 2048.
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
pub(super) struct Kernel<'a> {
    pub(super) prepared_image: &'a PreparedImage<'a>,
    runner: Runner<'a>,
}

impl<'a> Kernel<'a> {
    pub(super) fn new(prepared_image: &'a PreparedImage<'a>, cache: &Cache) -> Self {
        let runner = Runner {
            runtime: &prepared_image.runtime,
            cache: cache.clone(),
            freshness: CachePolicy::Cached,
            limit: LIMIT,
        };
        Self { prepared_image, runner }
    }

    pub(super) fn usual_schedule(&self) -> Schedule {
        self.prepared_image.runtime.machine.usual_schedule()
    }

    pub(super) fn prepared(&self, file: &Path) -> Result<Prepared, Failure> {
        Ok(self.prepared_image.scenario(file, &mut |_| ())?)
    }

    /// What a run shows. That a machine is lost, or a trace no basis, is something to see as well.
    pub(super) fn look(
        &self,
        context: &Context,
        (scenario, payload): (&Scenario, &GuestPayload),
        schedule: Schedule,
    ) -> Result<Measurement, Failure> {
        self.look_with(context, (scenario, payload), schedule, SAME_ADDRESSES)
    }

    fn look_with(
        &self,
        context: &Context,
        (scenario, payload): (&Scenario, &GuestPayload),
        schedule: Schedule,
        parameters: &str,
    ) -> Result<Measurement, Failure> {
        let payload =
            &GuestPayload { boot_parameters: format!("{} {parameters}", payload.boot_parameters), ..payload.clone() };
        let scratch = context.store.scratch().map_err(ImageError::from)?;
        let empty = Measurement { schedule: schedule.to_string(), ..Measurement::default() };
        match self.runner.run(scenario, payload, schedule, scratch.path()) {
            Ok(run) => {
                let (broken, unusable) = match &run.outcome.verdict {
                    Verdict::Passed => (Vec::new(), Vec::new()),
                    Verdict::Failed(all) => {
                        (all.iter().map(|one| (one.that.clone(), one.found.clone())).collect(), Vec::new())
                    }
                    Verdict::Unusable(reasons) => (Vec::new(), reasons.clone()),
                };
                let side = TaskLines::read(&run.outcome.view.to_string());
                Ok(Measurement {
                    side,
                    broken,
                    unusable,
                    figures: cost::figures_of_run(scenario, &run.outcome),
                    ..empty
                })
            }
            Err(RunError::Boot(error)) if !error.is_of_the_host() => {
                Ok(Measurement { unusable: vec![chain(&error)], ..empty })
            }
            Err(RunError::Refused(mistake)) => Ok(Measurement { unusable: vec![mistake.to_string()], ..empty }),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at the base kernel in so many schedules where there is something to explain; `base` holds the looks there are.
    pub(super) fn explain(
        &self,
        context: &Context,
        what: (&Scenario, &GuestPayload),
        schedules: usize,
        head: &Measurement,
        base: &mut Vec<Measurement>,
    ) -> Result<(), Failure> {
        let open = base.first().is_some_and(|first| is_open(first, head));
        if open {
            for schedule in Schedule::series(&[self.usual_schedule().cpus], schedules).into_iter().skip(base.len()) {
                base.push(self.look(context, what, schedule)?);
            }
        }
        Ok(())
    }
}

/// Measures both kernels in other circumstances for as long as a figure seems to differ.
pub(super) fn measure(
    context: &Context,
    scrutiny: Scrutiny,
    (base, base_runs, before): (&Kernel<'_>, (&Scenario, &GuestPayload), &mut Measurement),
    (head, head_runs, after): (&Kernel<'_>, (&Scenario, &GuestPayload), &mut Measurement),
) -> Result<(), Failure> {
    let usual = base.usual_schedule();
    for (at, (parameters, offset_ns)) in scrutiny.circumstances().iter().enumerate() {
        if regress::cost(before, after).is_empty() {
            break;
        }
        let parameters = format!("{SAME_ADDRESSES} {parameters}");
        let schedule = Schedule { offset_ns: *offset_ns, ..usual };
        // The base may have been measured for another head.
        if before.elsewhere.len() == at {
            before.elsewhere.push(base.look_with(context, base_runs, schedule, &parameters)?.figures);
        }
        after.elsewhere.push(head.look_with(context, head_runs, schedule, &parameters)?.figures);
    }
    Ok(())
}

/// A look at a kernel that the scenario is not about.
pub(super) fn lacking(not: &NotApplicable) -> Measurement {
    Measurement { unusable: not.lacking.clone(), ..Measurement::default() }
}
