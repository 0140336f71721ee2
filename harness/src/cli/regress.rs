//! `kernsnap regress`.

use std::path::PathBuf;

use super::args::{Format, RegressArguments};
use super::{Context, Exit, Failure, absolute, answer, answer_json, placed, terminal, write_file};
use crate::session::regress::{self, RegressOrder};
use kernsnap_analysis::regress::{Class, Report};
use kernsnap_image::{Options, SourceSpec};

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
    let session = context.session()?;
    let (base, head) = (
        context.prepared_image(&before.options, &before.image)?,
        context.prepared_image(&after.options, &after.image)?,
    );
    let order = RegressOrder {
        files,
        parallel: arguments.parallel.get(),
        base_schedules: arguments.base_schedules.get(),
        fail_above: arguments.fail_above.clone(),
    };
    let findings = regress::regress(&session, &base, &head, &order)?;
    let identical = findings.is_none();
    let findings = findings.unwrap_or_default();
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
