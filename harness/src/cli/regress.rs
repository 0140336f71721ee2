//! `kernsnap regress`.

use std::borrow::Cow;
use std::path::{Path, PathBuf};

use super::args::{Format, RegressArguments};
use super::parallel::in_order;
use super::{Context, Exit, Failure, absolute, answer, answer_json, placed, terminal, write_file};
use crate::session::measure::{Kernel, Scrutiny, lacking, measure};
use crate::session::prepare::Prepared;
use kernsnap_analysis::regress::{Class, Finding, Measurement, Report, classify};
use kernsnap_image::{Options, SourceSpec};

/// Scenarios with other costs up to this many are looked at more closely.
const FEW: usize = 4;

/// The two kernels, and what is asked of them.
struct Setting<'a> {
    context: &'a Context,
    arguments: &'a RegressArguments,
    base: Kernel<'a>,
    head: Kernel<'a>,
}

/// A kernel that was asked for.
struct Asked {
    /// Its display name.
    name: String,
    image: String,
    options: Options,
}

impl Asked {
    /// `what` is an image where there is one of that name, or else a source.
    fn new(context: &Context, arguments: &RegressArguments, what: &str, patches: &[PathBuf]) -> Result<Self, Failure> {
        let patches = patches.iter().map(|path| absolute(path)).collect::<Result<Vec<_>, _>>()?;
        let is_image = context.workspace.image_file(what).is_file();
        let source = if is_image { None } else { Some(SourceSpec::from_argument(what).map_err(Failure::input)?) };
        let kernel_source = source.map(|source| placed(&source)).transpose()?;
        let image = if is_image { what.to_owned() } else { arguments.image.clone() };
        let name = match patches.as_slice() {
            [] => what.to_owned(),
            [patch] => format!("{what} with {}", patch.file_name().unwrap_or_default().to_string_lossy()),
            several => format!("{what} with {} patches", several.len()),
        };
        Ok(Self { name, image, options: Options { kernel_source, patches, ..Options::default() } })
    }
}

pub(super) fn regress(context: &Context, arguments: &RegressArguments) -> Result<Exit, Failure> {
    let before = Asked::new(context, arguments, &arguments.base, &[])?;
    let after = Asked::new(context, arguments, arguments.head.as_ref().unwrap_or(&arguments.base), &arguments.patches)?;
    let files = context.scenario_files(&arguments.scenarios)?;
    let cache = context.cache()?;
    let (base, head) = (
        context.prepared_image(&before.options, &before.image)?,
        context.prepared_image(&after.options, &after.image)?,
    );
    let identical = base.runtime.command_line == head.runtime.command_line
        && (base.runtime.content == head.runtime.content || base.runs_the_same(&head)?);
    let mut findings = Vec::new();
    if !identical {
        let (base, head) = (Kernel::new(&base, &cache), Kernel::new(&head, &cache));
        let setting = Setting { context, arguments, base, head };
        findings = all(&setting, Scrutiny::Some, &files)?;
        let dearer = |file: &&PathBuf| findings.iter().any(|one| one.scenario == id(file) && !one.cost.is_empty());
        let few: Vec<PathBuf> = files.iter().filter(dearer).cloned().collect();
        if few.len() <= FEW {
            for again in all(&setting, Scrutiny::Most, &few)? {
                findings.iter_mut().filter(|one| one.scenario == again.scenario).for_each(|one| *one = again.clone());
            }
        }
    }
    let report = Report { base: before.name, head: after.name, identical, findings };
    if let Some(file) = &arguments.html {
        write_file(file, report.html().as_bytes())?;
    }
    if arguments.output.is_json() {
        answer_json(&report)?;
    } else if arguments.output.format() == Format::Markdown {
        answer(&report.markdown());
    } else if arguments.output.format() == Format::Mail {
        answer(&report.mail());
    } else {
        answer(&report.show(&terminal::style()));
    }
    Ok(match report.worst() {
        Class::Unusable => Exit::TraceUnusable,
        Class::BehaviourChanged | Class::ExpectationBroken => Exit::Different,
        Class::Same | Class::ScheduleOnly | Class::CostChanged if report.costs_too_much() => Exit::Different,
        Class::Same | Class::ScheduleOnly | Class::CostChanged => Exit::Passed,
    })
}

/// A scenario's id.
fn id(file: &Path) -> Cow<'_, str> {
    file.file_stem().unwrap_or_default().to_string_lossy()
}

/// The findings of these scenarios, in order.
fn all(setting: &Setting<'_>, scrutiny: Scrutiny, files: &[PathBuf]) -> Result<Vec<Finding>, Failure> {
    let mut findings = Vec::new();
    in_order(
        files,
        setting.arguments.parallel.get(),
        |file| one(setting, scrutiny, file),
        |_, found| {
            findings.extend(found?);
            Ok(())
        },
    )?;
    Ok(findings)
}

/// The finding of one scenario; `None` where it applies to neither kernel.
fn one(setting: &Setting<'_>, scrutiny: Scrutiny, file: &Path) -> Result<Option<Finding>, Failure> {
    let Setting { context, arguments, base, head } = setting;
    let (mut before, mut after) = (Vec::new(), Vec::new());
    match (base.prepared(file)?, head.prepared(file)?) {
        (Prepared::DoesNotApply(_), Prepared::DoesNotApply(_)) => return Ok(None),
        (Prepared::Ready(one, payload), Prepared::Ready(other, other_payload)) => {
            let usual = base.usual_schedule();
            before.push(base.measure(&context.store, (&one, &payload), usual)?);
            after.push(head.measure(&context.store, (&other, &other_payload), usual)?);
            let (before_runs, after_runs) = ((&*one, &payload), (&*other, &other_payload));
            measure(&context.store, scrutiny, (base, before_runs, &mut before[0]), (head, after_runs, &mut after[0]))?;
            base.explain(&context.store, before_runs, arguments.base_schedules.get(), &after[0], &mut before)?;
        }
        (Prepared::DoesNotApply(not), Prepared::Ready(..)) => before.push(lacking(&not)),
        (Prepared::Ready(..), Prepared::DoesNotApply(not)) => after.push(lacking(&not)),
    }
    before.extend(before.is_empty().then(Measurement::default));
    after.extend(after.is_empty().then(Measurement::default));
    Ok(classify(&id(file), &before, &after, &arguments.fail_above))
}
