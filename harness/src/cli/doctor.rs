//! `kernsnap doctor`.

use serde::Serialize;

use super::args::DoctorArguments;
use super::messages::told;
use super::{Exit, Failure, answer, answer_json, talk};
use crate::session::templates;
use kernsnap_analysis::view::Style;
use kernsnap_host::exec::Tool;
use kernsnap_host::exec::doctor::{Finding, Found, ToolReport, inspect};
use kernsnap_host::exec::packages::{PackageManager, how_to_install};
use kernsnap_host::store::Store;
use kernsnap_machine::emulator::Emulator;
use kernsnap_machine::{landlock, lockstep, qemu};

#[derive(Serialize)]
struct Row<'a> {
    tool: &'a str,
    usable: bool,
    optional: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    version: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    path: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    weakness: Option<&'a str>,
    purpose: &'a str,
    package: &'a str,
}

impl<'a> Row<'a> {
    fn from_report(report: &'a ToolReport) -> Self {
        let (found, weakness): (Option<&Found>, Option<&str>) = match &report.finding {
            Finding::Good(found) => (Some(found), None),
            Finding::Usable(found, why) | Finding::Unusable(found, why) => (Some(found), Some(why)),
            Finding::Missing => (None, None),
        };
        Self {
            tool: report.facts.name,
            usable: report.is_usable(),
            optional: report.facts.optional,
            version: found.map(|found| found.version.as_str()),
            path: found.map(|found| found.path.display().to_string()),
            weakness,
            purpose: report.facts.purpose,
            package: report.facts.package,
        }
    }
}

pub(super) fn doctor(store: Option<&Store>, arguments: &DoctorArguments) -> Result<Exit, Failure> {
    let reports = inspect();
    let manager = PackageManager::of_host();
    let rows: Vec<Row<'_>> = reports.iter().map(Row::from_report).collect();
    let width = rows.iter().map(|row| row.tool.len()).max().unwrap_or(0);
    for row in &rows {
        if arguments.output.is_json() {
            answer_json(row)?;
            continue;
        }
        let state = match (row.usable, row.version) {
            (true, _) => "ok",
            (false, Some(_)) => "too old",
            (false, None) if row.optional => "not yet",
            (false, None) => "missing",
        };
        let state = Style::left(&told(state), 7);
        answer(&format!("{state}  {:width$}  {}", row.tool, row.version.unwrap_or("-")));
        if !row.usable || row.weakness.is_some() {
            answer(&format!("         {:width$}  {}", "", told(&format!("needed to {}", row.purpose))));
            if let Some(weakness) = row.weakness {
                answer(&format!("         {:width$}  {}", "", told(weakness)));
            }
            let how = how_to_install(manager, row.tool, row.package);
            answer(&format!("         {:width$}  {}", "", told(&how)));
        }
    }
    report_confinement(store, arguments)?;
    report_templates(store, arguments)?;
    if !reports.iter().any(ToolReport::is_wanting) {
        return Ok(Exit::Passed);
    }
    if matches!(manager, Some(PackageManager::Apt)) {
        talk("\nhint: `ci/setup` installs every tool the harness needs");
    }
    Ok(Exit::HostNotSetUp)
}

/// Reports what this host denies a QEMU that a guest has taken over.
fn report_confinement(store: Option<&Store>, arguments: &DoctorArguments) -> Result<(), Failure> {
    let Some(found) = store.and_then(|store| Emulator::find(store).ok()) else { return Ok(()) };
    let filter = (found.confined, "this QEMU is built without seccomp: its system calls are not filtered");
    let files = (landlock::is_in_force(), "this kernel has no Landlock: QEMU can open your files");
    let weakness = [filter, files].iter().filter(|(good, _)| !good).map(|(_, why)| *why).collect::<Vec<_>>().join("; ");
    let row = Row {
        tool: "confinement",
        usable: weakness.is_empty(),
        optional: true,
        version: weakness.is_empty().then_some("seccomp, Landlock"),
        path: None,
        weakness: (!weakness.is_empty()).then_some(&weakness),
        purpose: "confine QEMU",
        package: "qemu-system-arm",
    };
    if arguments.output.is_json() {
        return answer_json(&row);
    }
    answer(&told(&match row.weakness {
        None => {
            "ok       confinement: QEMU's system calls are filtered, and it opens no file once a guest runs".to_owned()
        }
        Some(weakness) => format!("partly   confinement: {weakness}"),
    }));
    Ok(())
}

/// Reports whether runs can be forked from booted machines, and the number of booted machines.
fn report_templates(store: Option<&Store>, arguments: &DoctorArguments) -> Result<(), Failure> {
    let Ok(tool) = Tool::resolve(qemu::PROGRAM) else { return Ok(()) };
    let weakness = match lockstep::missing_function(tool.path()) {
        Ok(None) => None,
        Ok(Some(name)) => Some(format!("each run boots: this QEMU does not export `{name}`")),
        Err(error) => Some(format!("each run boots if QEMU does not export its functions: {error}")),
    };
    let kept = store.and_then(|store| templates::list(store).ok().flatten()).unwrap_or_default();
    let version = format!("{} booted", kept.len());
    let row = Row {
        tool: "templates",
        usable: weakness.is_none(),
        optional: true,
        version: weakness.is_none().then_some(&version),
        path: Some(tool.path().display().to_string()),
        weakness: weakness.as_deref(),
        purpose: "start runs from a machine that has booted",
        package: "qemu-system-arm",
    };
    if arguments.output.is_json() {
        return answer_json(&row);
    }
    answer(&told(&match weakness {
        None => format!("ok       templates: runs are forked from booted machines; {version}"),
        Some(weakness) => format!("not used templates: {weakness}"),
    }));
    Ok(())
}
