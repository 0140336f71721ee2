//! `kernsnap regress`.

use std::path::Path;

use super::args::RegressArguments;
use super::parallel::in_order;
use super::{Exit, Failure, LIMIT, Place, answer, chain, cost, options, paper};
use crate::cache::Cache;
use crate::diff::Side;
use crate::image::ImageError;
use crate::kit::{Bench, Prepared};
use crate::regress::{Class, Finding, Look, Report, classify, is_open};
use crate::run::{Freshness, Load, RunError, Runner};
use crate::scenario::Scenario;
use crate::verdict::Verdict;
use crate::vm::{BootError, Schedule};

/// The two kernels, and what is asked of them.
struct Setting<'a> {
    place: &'a Place,
    arguments: &'a RegressArguments,
    base: Kernel<'a>,
    head: Kernel<'a>,
}

/// One kernel, ready to run.
struct Kernel<'a> {
    bench: &'a Bench<'a>,
    runner: Runner<'a>,
}

impl<'a> Kernel<'a> {
    fn of(bench: &'a Bench<'a>, cache: &Cache) -> Self {
        let runner = Runner { kit: &bench.kit, cache: cache.clone(), freshness: Freshness::Cached, limit: LIMIT };
        Self { bench, runner }
    }
}

pub(super) fn regress(place: &Place, arguments: &RegressArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let files = place.scenario_files(&arguments.scenarios)?;
    let cache = place.cache()?;
    let (base, head) = (place.bench(&options, &arguments.base)?, place.bench(&options, &arguments.head)?);
    let identical = base.kit.content == head.kit.content && base.kit.command_line == head.kit.command_line;
    let mut findings = Vec::new();
    if !identical {
        let (base, head) = (Kernel::of(&base, &cache), Kernel::of(&head, &cache));
        let setting = Setting { place, arguments, base, head };
        in_order(
            &files,
            arguments.parallel.get(),
            |file| one(&setting, file),
            |_, found| {
                findings.extend(found?);
                Ok(())
            },
        )?;
    }
    let report = Report { base: base.kit.image.clone(), head: head.kit.image.clone(), identical, findings };
    if arguments.json {
        answer(&serde_json::to_string(&report).map_err(|error| Failure::internal("write JSON", &error))?);
    } else if arguments.markdown {
        answer(&report.markdown());
    } else if arguments.mail {
        answer(&report.mail());
    } else {
        answer(&report.show(&paper::style()));
    }
    Ok(match report.worst() {
        Class::Unusable => Exit::TraceUnusable,
        Class::BehaviourChanged | Class::ExpectationBroken => Exit::Different,
        Class::Same | Class::ScheduleOnly | Class::CostChanged if report.costs_too_much() => Exit::Different,
        Class::Same | Class::ScheduleOnly | Class::CostChanged => Exit::Passed,
    })
}

/// What becomes of one scenario; `None` where it is about neither kernel.
fn one(setting: &Setting<'_>, file: &Path) -> Result<Option<Finding>, Failure> {
    let (base, head) = (prepared(&setting.base, file)?, prepared(&setting.head, file)?);
    let id = file.file_stem().unwrap_or_default().to_string_lossy();
    let (mut before, mut after) = (Vec::new(), Vec::new());
    match (&base, &head) {
        (Prepared::DoesNotApply(_), Prepared::DoesNotApply(_)) => return Ok(None),
        (Prepared::Ready(one, load), Prepared::Ready(other, other_load)) => {
            let usual = setting.base.bench.kit.machine.usual_schedule();
            before.push(look(setting, &setting.base, (one, load), usual)?);
            after.push(look(setting, &setting.head, (other, other_load), usual)?);
            // Other schedules are asked only where there is something to explain.
            if is_open(&before[0], &after[0]) {
                for schedule in Schedule::series(&[usual.cpus], setting.arguments.schedules.get()).into_iter().skip(1) {
                    before.push(look(setting, &setting.base, (one, load), schedule)?);
                }
            }
        }
        (Prepared::DoesNotApply(not), Prepared::Ready(..)) => before.push(lacking(not)),
        (Prepared::Ready(..), Prepared::DoesNotApply(not)) => after.push(lacking(not)),
    }
    before.extend(before.is_empty().then(Look::default));
    after.extend(after.is_empty().then(Look::default));
    Ok(classify(&id, &before, &after, &setting.arguments.fail_above))
}

fn lacking(not: &crate::kit::NotApplicable) -> Look {
    Look { unusable: not.lacking.clone(), ..Look::default() }
}

fn prepared(kernel: &Kernel<'_>, file: &Path) -> Result<Prepared, Failure> {
    Ok(kernel.bench.scenario(file, &mut |_| ())?)
}

fn look(
    setting: &Setting<'_>,
    kernel: &Kernel<'_>,
    (scenario, load): (&Scenario, &Load),
    schedule: Schedule,
) -> Result<Look, Failure> {
    let scratch = setting.place.store.scratch().map_err(ImageError::from)?;
    let empty = Look { schedule: schedule.to_string(), ..Look::default() };
    match kernel.runner.run(scenario, load, schedule, scratch.path()) {
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
        Err(RunError::Boot(error)) if !matches!(error, BootError::Interrupted(_) | BootError::Tool(_)) => {
            Ok(Look { unusable: vec![chain(&error)], ..empty })
        }
        Err(RunError::Refused(mistake)) => Ok(Look { unusable: vec![mistake.to_string()], ..empty }),
        Err(error) => Err(error.into()),
    }
}
