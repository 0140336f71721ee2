//! From the evidence of a run to what it shows. Pure but for the clock it is given.

use std::collections::BTreeMap;
use std::io;

use super::guard::faults;
use super::{ImageRuntime, Outcome, RunError, RunInput, Started, Traced, sha256};
use crate::session::compile::PROBE_GROUP;
use kernsnap_analysis::verdict::{GuestOutcome, Verdict, judge};
use kernsnap_analysis::view::{RoleMap, View};
use kernsnap_image::module_file::ModuleFile;
use kernsnap_machine::plan;
use kernsnap_machine::plan::Plan;
use kernsnap_machine::report::{GuestReport, StepFailure};
use kernsnap_machine::{Evidence, Schedule};
use kernsnap_scenario::{End, Scenario};
use kernsnap_trace::dat::{self, TraceDat};
use kernsnap_trace::text::{dumped, parse};
use kernsnap_trace::{Cpu, IssueKind, IssuePlace, ParseIssue, Symbols, Trace, decode};
use kernsnap_yaml::Diagnostic;

/// The outcome that the evidence shows, without the times of the host.
///
/// # Errors
/// [`RunError::Refused`] where the kernel did not take the scenario's settings.
pub(super) fn read(scenario: &Scenario, input: &RunInput<'_>, evidence: &Evidence) -> Result<Outcome, RunError> {
    let (runtime, schedule) = (input.runtime, input.schedule);
    let report = evidence.report();
    if let Some(failure) = failures(&report, Stage::Setup).next() {
        return Err(RunError::Refused(Box::new(refused(scenario, runtime, &input.plan, failure))));
    }
    let console = evidence.console_text();
    let (trace, issues) = match &evidence.panic {
        None => trace(evidence.sections(), scenario, runtime, &input.modules, schedule),
        Some(_) => trace_of_panic(&console),
    };
    let role_map = RoleMap::find(&trace, &scenario.roles, &report.pids, &scenario.names);
    let view = View::frozen(scenario, &trace, &role_map);
    let faults = match &evidence.panic {
        None => faults(scenario, input, &evidence.sections(), &report, &trace),
        // The console is all that there is.
        Some(_) => Vec::new(),
    };
    let verdict = match unreadable(&issues, &report, faults) {
        Some(reasons) => Verdict::Unusable(reasons),
        None => judge(scenario, &trace, &role_map, &guest_outcome(scenario, &report, evidence, &console)),
    };
    Ok(Outcome {
        verdict,
        raw_sha256: sha256(if evidence.panic.is_some() { console.as_bytes() } else { &evidence.body }),
        view_sha256: sha256(view.to_string().as_bytes()),
        view,
        trace,
        role_map,
        console,
        guest_ns: evidence.guest_ns,
        phases: report.phases,
        started: Started::Cache,
        times: None,
        total: std::time::Duration::ZERO,
        schedule,
    })
}

fn trace(
    sections: BTreeMap<&str, &[u8]>,
    scenario: &Scenario,
    runtime: &ImageRuntime,
    modules: &BTreeMap<String, ModuleFile>,
    schedule: Schedule,
) -> (Trace, Vec<ParseIssue>) {
    let traced = Traced::new(sections, &runtime.facts.header_page, schedule.cpus);
    let (recorded, symbols) = recorded(&traced, scenario, runtime, modules, schedule);
    decode(&recorded.recording(), &symbols)
}

/// The recording of a run as a file that brings its formats and symbols along.
///
/// # Errors
/// If the recording is too large for the file's format.
pub(super) fn to_trace_dat(
    scenario: &Scenario,
    input: &RunInput<'_>,
    evidence: &Evidence,
    schedule: Schedule,
) -> io::Result<Vec<u8>> {
    let traced = Traced::new(evidence.sections(), &input.runtime.facts.header_page, schedule.cpus);
    let (dat, symbols) = recorded(&traced, scenario, input.runtime, &input.modules, schedule);
    let kallsyms = symbols.to_kallsyms();
    dat::write(&TraceDat { kallsyms: &kallsyms, ..dat })
}

/// The guest's recording, with what is needed to read it: the parts of a `trace.dat`, without its symbols, and the
/// symbols of kernel and modules.
#[must_use]
pub fn recorded<'a>(
    sections: &'a Traced<'_>,
    scenario: &Scenario,
    runtime: &'a ImageRuntime,
    modules: &BTreeMap<String, ModuleFile>,
    schedule: Schedule,
) -> (TraceDat<'a>, Symbols) {
    let text = |name: &str| std::str::from_utf8(sections.get(name)).unwrap_or_default();
    let mut symbols = runtime.symbols.clone();
    for (module, file) in modules {
        let kernel_name = kernsnap_scenario::kernel_module_name(module);
        for section in file.sections() {
            let said = text(&plan::module_section(module, section)).trim();
            if let Ok(base) = u64::from_str_radix(said.trim_start_matches("0x"), 16) {
                let functions = file.functions(section);
                let end = functions.iter().map(|f| f.offset + f.size).max().unwrap_or(0);
                let names = functions.iter().map(|f| (f.offset, f.name.as_str()));
                symbols.add_module(&kernel_name, base..base + end, names);
            }
        }
    }
    // A run that loads modules tells those of the modules, too.
    let printk_formats = Some(text(plan::PRINTK_FORMATS)).filter(|formats| !formats.is_empty());
    let mut dat = TraceDat {
        header_page: &runtime.facts.header_page,
        printk_formats: printk_formats.unwrap_or(&runtime.facts.printk_formats),
        saved_cmdlines: sections.get(plan::NAMES),
        ..TraceDat::default()
    };
    let mut formats: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let traced = |group: &str, name: &str| {
        scenario.trace.events.iter().any(|event| (event.group.as_str(), event.name.as_str()) == (group, name))
    };
    for (name, format) in &runtime.facts.formats {
        match name.split_once(':') {
            Some(("ftrace", _)) => dat.own_formats.push(format),
            Some((group, name)) if traced(group, name) => formats.entry(group).or_default().push(format),
            _ => {}
        }
    }
    let probes = sections.names().filter(|name| name.starts_with(plan::FORMAT));
    for probe in probes {
        formats.entry(PROBE_GROUP).or_default().push(text(probe));
    }
    dat.formats = formats.into_iter().collect();
    for cpu in 0..schedule.cpus {
        dat.cpus.push((Cpu(cpu), sections.get(&plan::pages(cpu)).into()));
        dat.stats.push((Cpu(cpu), text(&plan::stats(cpu))));
    }
    (dat, symbols)
}

/// The trace that a panic printed.
fn trace_of_panic(console: &str) -> (Trace, Vec<ParseIssue>) {
    if let Some(text) = dumped(console) {
        return parse(text.as_bytes());
    }
    let kind = IssueKind::Unreadable("the panic did not print a whole trace".to_owned());
    (Trace::default(), vec![ParseIssue { place: IssuePlace::Console, kind }])
}

/// Where in its plan a guest was when a step failed. What that means differs: a setting the scenario should not have, a
/// kernel that behaves differently, evidence that is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Setup,
    Steps,
    Collect,
}

fn failures(report: &GuestReport, stage: Stage) -> impl Iterator<Item = &StepFailure> {
    report.failures.iter().filter(move |failure| {
        let happened = match failure.after.as_deref() {
            Some(plan::SCENARIO) => Stage::Steps,
            Some(plan::COLLECT) => Stage::Collect,
            _ => Stage::Setup,
        };
        happened == stage
    })
}

fn refused(scenario: &Scenario, runtime: &ImageRuntime, plan: &Plan, failure: &StepFailure) -> Diagnostic {
    let message = format!("the kernel of image `{}` refuses this: {failure}", runtime.image);
    scenario.mistake(plan.origin(failure.line), message)
}

/// Bytes that are missing or cannot be understood are not a basis for a judgement.
fn unreadable(issues: &[ParseIssue], report: &GuestReport, faults: Vec<String>) -> Option<Vec<String>> {
    let lost = failures(report, Stage::Collect).map(ToString::to_string);
    let told = report.unreadable.iter().map(|line| format!("the guest's report has an unknown line `{line}`"));
    let parsed = issues.iter().map(|issue| format!("{}: {}", issue.place, issue.kind));
    let reasons: Vec<String> = faults.into_iter().chain(lost).chain(told).chain(parsed).collect();
    (!reasons.is_empty()).then_some(reasons)
}

/// The kernel's log; empty where the kernel panicked before it was read.
pub(super) fn kmsg(evidence: &Evidence) -> String {
    let sections = evidence.sections();
    sections.get(plan::KMSG).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

fn guest_outcome(scenario: &Scenario, report: &GuestReport, evidence: &Evidence, console: &str) -> GuestOutcome {
    let ends = report
        .pids
        .keys()
        .map(|task| (task.clone(), report.ends.get(task).and_then(|status| End::from_wait_status(*status))))
        .collect();
    let timeout = report.timeout.clone().map(|running| (scenario.deadline_ms, running));
    let failures = failures(report, Stage::Steps).map(ToString::to_string).collect();
    GuestOutcome {
        ends,
        failures,
        timeout,
        panic: evidence.panic.clone(),
        console: console.to_owned(),
        kmsg: kmsg(evidence),
    }
}
