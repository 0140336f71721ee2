//! Runs that are compared between kernels: what `regress` and `bisect` share.

use std::path::Path;

use super::{Failure, LIMIT, Place, chain, cost};
use crate::session::cache::Cache;
use crate::session::kit::{Bench, NotApplicable, Prepared};
use crate::session::run::{Freshness, Load, RunError, Runner};
use kernsnap_analysis::diff::Side;
use kernsnap_analysis::regress;
use kernsnap_analysis::regress::{Look, is_open};
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
    pub(super) bench: &'a Bench<'a>,
    runner: Runner<'a>,
}

impl<'a> Kernel<'a> {
    pub(super) fn of(bench: &'a Bench<'a>, cache: &Cache) -> Self {
        let runner = Runner { kit: &bench.kit, cache: cache.clone(), freshness: Freshness::Cached, limit: LIMIT };
        Self { bench, runner }
    }

    pub(super) fn usual_schedule(&self) -> Schedule {
        self.bench.kit.machine.usual_schedule()
    }

    pub(super) fn prepared(&self, file: &Path) -> Result<Prepared, Failure> {
        Ok(self.bench.scenario(file, &mut |_| ())?)
    }

    /// What a run shows. That a machine is lost, or a trace no basis, is something to see as well.
    pub(super) fn look(
        &self,
        place: &Place,
        (scenario, load): (&Scenario, &Load),
        schedule: Schedule,
    ) -> Result<Look, Failure> {
        self.look_with(place, (scenario, load), schedule, SAME_ADDRESSES)
    }

    fn look_with(
        &self,
        place: &Place,
        (scenario, load): (&Scenario, &Load),
        schedule: Schedule,
        parameters: &str,
    ) -> Result<Look, Failure> {
        let load = &Load { boot_parameters: format!("{} {parameters}", load.boot_parameters), ..load.clone() };
        let scratch = place.store.scratch().map_err(ImageError::from)?;
        let empty = Look { schedule: schedule.to_string(), ..Look::default() };
        match self.runner.run(scenario, load, schedule, scratch.path()) {
            Ok(run) => {
                let (broken, unusable) = match &run.outcome.verdict {
                    Verdict::Passed => (Vec::new(), Vec::new()),
                    Verdict::Failed(all) => {
                        (all.iter().map(|one| (one.that.clone(), one.found.clone())).collect(), Vec::new())
                    }
                    Verdict::Unusable(reasons) => (Vec::new(), reasons.clone()),
                };
                let side = Side::read(&run.outcome.view.to_string());
                Ok(Look { side, broken, unusable, figures: cost::of(scenario, &run.outcome), ..empty })
            }
            Err(RunError::Boot(error)) if !error.is_of_the_host() => {
                Ok(Look { unusable: vec![chain(&error)], ..empty })
            }
            Err(RunError::Refused(mistake)) => Ok(Look { unusable: vec![mistake.to_string()], ..empty }),
            Err(error) => Err(error.into()),
        }
    }

    /// Looks at the base kernel in so many schedules where there is something to explain; `base` holds the looks there are.
    pub(super) fn explain(
        &self,
        place: &Place,
        what: (&Scenario, &Load),
        schedules: usize,
        head: &Look,
        base: &mut Vec<Look>,
    ) -> Result<(), Failure> {
        let open = base.first().is_some_and(|first| is_open(first, head));
        if open {
            for schedule in Schedule::series(&[self.usual_schedule().cpus], schedules).into_iter().skip(base.len()) {
                base.push(self.look(place, what, schedule)?);
            }
        }
        Ok(())
    }
}

/// Measures both kernels in other circumstances for as long as a figure seems to differ.
pub(super) fn measure(
    place: &Place,
    scrutiny: Scrutiny,
    (base, base_runs, before): (&Kernel<'_>, (&Scenario, &Load), &mut Look),
    (head, head_runs, after): (&Kernel<'_>, (&Scenario, &Load), &mut Look),
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
            before.elsewhere.push(base.look_with(place, base_runs, schedule, &parameters)?.figures);
        }
        after.elsewhere.push(head.look_with(place, head_runs, schedule, &parameters)?.figures);
    }
    Ok(())
}

/// A look at a kernel that the scenario is not about.
pub(super) fn lacking(not: &NotApplicable) -> Look {
    Look { unusable: not.lacking.clone(), ..Look::default() }
}
