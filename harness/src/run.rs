//! One run of one scenario on one image: the only place that knows the whole way from a scenario to its verdict.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use sha2::{Digest as _, Sha256};

use crate::facts::Facts;
use crate::initramfs::Root;
use crate::module_file::ModuleFile;
use crate::plan::{self, Plan, PlanContext};
use crate::scenario::{Diagnostic, Scenario};
use crate::trace::dat::TraceDat;
use crate::trace::text::{dumped, parse};
use crate::trace::{Cpu, ParseIssue, Symbols, Trace, decode};
use crate::verdict::{GuestOutcome, Verdict, judge};
use crate::view::{Cast, View};
use crate::vm::boot::command;
use crate::vm::machine::PowerOff;
use crate::vm::report::{GuestReport, StepFailure};
use crate::vm::{Boot, BootError, BootRequest, Machine, Schedule, Times, boot, channel};

/// All that runs on one image are made of. Read once, used by many runs.
#[derive(Clone, Debug)]
pub struct Kit {
    /// The image's name.
    pub image: String,
    /// The content hash of everything the image is built from.
    pub image_key: String,
    /// The board.
    pub machine: Machine,
    /// The kernel's command line, without the console.
    pub command_line: String,
    /// The kernel's `Image`.
    pub kernel: PathBuf,
    /// The device tree blob.
    pub device_tree: PathBuf,
    /// The kernel's symbols.
    pub symbols: Symbols,
    /// What the kernel can trace.
    pub facts: Facts,
    /// The guest's init.
    pub init: Vec<u8>,
    /// Whether the kernel switches the board off by itself.
    pub powers_off: bool,
}

/// What one scenario adds to the [`Kit`].
#[derive(Clone, Debug, Default)]
pub struct Load {
    /// Guest programs by name.
    pub programs: BTreeMap<String, Vec<u8>>,
    /// Guest modules by name: the file, and what it says.
    pub modules: BTreeMap<String, (Vec<u8>, ModuleFile)>,
    /// What those modules depend on and the scenario does not load itself, in the order to load it.
    pub dependencies: Vec<(String, Vec<u8>)>,
    /// What stands behind the image's own on the kernel's command line.
    pub boot_parameters: String,
    /// Whether a panic is the end that is expected, and not the loss of the machine.
    pub may_panic: bool,
}

/// Names of the files that make up the evidence of a run.
pub mod evidence {
    pub use crate::vm::boot::{CONSOLE_LOG, QEMU_LOG};

    /// QEMU's command line.
    pub const COMMAND: &str = "command.txt";
    /// The guest's root file system.
    pub const INITRAMFS: &str = "initramfs.cpio";
    /// The plan, which is also in the initramfs.
    pub const PLAN: &str = "plan.txt";
    /// The sections of the channel: the raw trace and the guest's report.
    pub const RAW: &str = "trace.raw";
    /// The view.
    pub const VIEW: &str = "view.txt";
    /// The outcome, as `--json` prints it.
    pub const RESULT: &str = "result.json";
    /// What a report shows, as data. Only where evidence is kept.
    pub const REPORT: &str = "report.json";
}

/// A run that took place, and what it showed.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The judgement.
    pub verdict: Verdict,
    /// The behaviour.
    pub view: View,
    /// The typed trace.
    pub trace: Trace,
    /// Who is who in it.
    pub cast: Cast,
    /// What the guest's console said.
    pub console: String,
    /// SHA-256 of the channel's sections, in hexadecimal.
    pub raw_sha256: String,
    /// SHA-256 of the view's text, in hexadecimal.
    pub view_sha256: String,
    /// Guest time at the end, in nanoseconds since power-on; a panic does not tell it.
    pub guest_ns: Option<u64>,
    /// Guest time at each phase, in nanoseconds since power-on.
    pub phases: BTreeMap<String, u64>,
    /// Host time of QEMU's parts.
    pub times: Times,
    /// Host time from the first byte prepared to the verdict.
    pub total: Duration,
    /// The schedule.
    pub schedule: Schedule,
}

/// Why a run has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine did not come to its end.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The kernel does not take the scenario's trace settings, so there was no run to judge.
    #[error("{0}")]
    Refused(Box<Diagnostic>),
    /// A file of the run's directory cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// A file of the run's directory cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

/// Runs `scenario` once, leaving its evidence in `directory`, which exists.
///
/// # Errors
/// [`RunError`] where there is no verdict; the logs stand in `directory` all the same.
pub fn run(
    scenario: &Scenario,
    kit: &Kit,
    load: &Load,
    schedule: Schedule,
    directory: &Path,
    limit: Duration,
) -> Result<Outcome, RunError> {
    let started = Instant::now();
    let modules: BTreeMap<String, ModuleFile> =
        load.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
    let dependencies: Vec<String> = load.dependencies.iter().map(|(name, _)| name.clone()).collect();
    let context = PlanContext {
        channel: kit.machine.channel,
        schedule,
        functions: &kit.facts.functions,
        modules: &modules,
        dependencies: &dependencies,
        keep: None,
    };
    let plan = plan::compile(scenario, &context);
    write(directory, evidence::PLAN, plan.text.as_bytes())?;
    let boot = boot_plan(kit, load, plan.text.clone(), schedule, directory, limit)?;
    write(directory, evidence::RAW, &boot.body)?;
    if let Some(failure) = failures(&boot.report, Stage::Setup).next() {
        return Err(RunError::Refused(Box::new(refused(scenario, kit, &plan, failure))));
    }

    let console = read_console(directory)?;
    let sections = sections(&boot);
    let (trace, issues) = match &boot.panic {
        None => trace(&sections, scenario, kit, &modules, schedule),
        Some(_) => trace_of_panic(&console),
    };
    let cast = Cast::find(&trace, &scenario.roles, &boot.report.pids, &scenario.names);
    let view = View::frozen(scenario, &trace, &cast);
    let verdict = match unreadable(&issues, &boot.report) {
        Some(reasons) => Verdict::Unusable(reasons),
        None => judge(scenario, &trace, &cast, &guest_outcome(scenario, &boot, &console)),
    };
    let text = view.to_string();
    write(directory, evidence::VIEW, text.as_bytes())?;
    Ok(Outcome {
        verdict,
        raw_sha256: sha256(if boot.panic.is_some() { console.as_bytes() } else { &boot.body }),
        view_sha256: sha256(text.as_bytes()),
        view,
        trace,
        cast,
        console,
        guest_ns: boot.guest_ns,
        phases: boot.report.phases,
        times: boot.times,
        total: started.elapsed(),
        schedule,
    })
}

/// The root file system of a guest that runs `scenario` on a real board and writes what it leaves to `device`.
#[must_use]
pub fn for_card(scenario: &Scenario, kit: &Kit, load: &Load, schedule: Schedule, device: &str) -> Root {
    let modules: BTreeMap<String, ModuleFile> =
        load.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
    let dependencies: Vec<String> = load.dependencies.iter().map(|(name, _)| name.clone()).collect();
    let context = PlanContext {
        channel: kit.machine.channel,
        schedule,
        functions: &kit.facts.functions,
        modules: &modules,
        dependencies: &dependencies,
        keep: Some(device),
    };
    root(kit, load, plan::compile(scenario, &context).text)
}

/// The root file system of a guest that carries out `plan`.
#[must_use]
pub fn root(kit: &Kit, load: &Load, plan: String) -> Root {
    let mut root = Root::new();
    root.program("init", kit.init.clone());
    root.file("plan", plan.into_bytes());
    for (name, content) in &load.programs {
        root.program(&plan::program_path(name), content.clone());
    }
    let modules = load.modules.iter().map(|(name, (content, _))| (name, content));
    for (name, content) in modules.chain(load.dependencies.iter().map(|(name, content)| (name, content))) {
        root.file(&plan::module_path(name), content.clone());
    }
    root
}

/// Boots a guest that carries out `plan` with `load` in its root.
///
/// # Errors
/// As [`run`].
pub fn boot_plan(
    kit: &Kit,
    load: &Load,
    plan: String,
    schedule: Schedule,
    directory: &Path,
    limit: Duration,
) -> Result<Boot, RunError> {
    let initramfs = directory.join(evidence::INITRAMFS);
    let archive = root(kit, load, plan).to_cpio().map_err(|source| RunError::Write { path: initramfs.clone(), source })?;
    write(directory, evidence::INITRAMFS, &archive)?;
    let command_line = format!("{} {}", kit.command_line, load.boot_parameters);
    let request = BootRequest {
        machine: &kit.machine,
        schedule,
        command_line: command_line.trim_end(),
        kernel: &kit.kernel,
        device_tree: &kit.device_tree,
        initramfs: &initramfs,
        directory,
        limit,
        may_panic: load.may_panic,
        powers_off: kit.powers_off && kit.machine.power_off == PowerOff::EndsQemu,
        card: None,
    };
    let call = command(&request, "guest-memory".into()).map_err(BootError::Tool)?;
    write(directory, evidence::COMMAND, format!("{call}\n").as_bytes())?;
    Ok(boot(&request)?)
}

/// The sections of a boot that came to its end: they have been checked there.
#[must_use]
pub fn sections(boot: &Boot) -> BTreeMap<&str, &[u8]> {
    channel::sections(&boot.header, &boot.body).unwrap_or_default()
}

fn trace(
    sections: &BTreeMap<&str, &[u8]>,
    scenario: &Scenario,
    kit: &Kit,
    modules: &BTreeMap<String, ModuleFile>,
    schedule: Schedule,
) -> (Trace, Vec<ParseIssue>) {
    let (recorded, symbols) = recorded(sections, scenario, kit, modules, schedule);
    decode(&recorded.recording(), &symbols)
}

/// What the guest recorded, with what is needed to read it: the parts of a `trace.dat`, without its symbols, and the
/// symbols of kernel and modules.
#[must_use]
pub fn recorded<'a>(
    sections: &BTreeMap<&'a str, &'a [u8]>,
    scenario: &Scenario,
    kit: &'a Kit,
    modules: &BTreeMap<String, ModuleFile>,
    schedule: Schedule,
) -> (TraceDat<'a>, Symbols) {
    let text = |name: &str| std::str::from_utf8(sections.get(name).copied().unwrap_or_default()).unwrap_or_default();
    let mut symbols = kit.symbols.clone();
    for (module, file) in modules {
        let kernel_name = crate::scenario::kernel_module_name(module);
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
    let mut dat =
        TraceDat { header_page: &kit.facts.header_page, saved_cmdlines: text(plan::NAMES), ..TraceDat::default() };
    let mut formats: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let traced = |group: &str, name: &str| {
        scenario.trace.events.iter().any(|event| (event.group.as_str(), event.name.as_str()) == (group, name))
    };
    for (name, format) in &kit.facts.formats {
        match name.split_once(':') {
            Some(("ftrace", _)) => dat.own_formats.push(format),
            Some((group, name)) if traced(group, name) => formats.entry(group).or_default().push(format),
            _ => {}
        }
    }
    let probes = sections.keys().filter(|name| name.starts_with(plan::FORMAT));
    for probe in probes {
        formats.entry(plan::PROBE_GROUP).or_default().push(text(probe));
    }
    dat.formats = formats.into_iter().collect();
    for cpu in 0..schedule.cpus {
        dat.cpus.push((Cpu(cpu), sections.get(plan::pages(cpu).as_str()).copied().unwrap_or_default()));
        dat.stats.push((Cpu(cpu), text(&plan::stats(cpu))));
    }
    (dat, symbols)
}

/// The trace that a panic printed.
fn trace_of_panic(console: &str) -> (Trace, Vec<ParseIssue>) {
    if let Some(text) = dumped(console) {
        return parse(text.as_bytes());
    }
    let message = "the panic printed no whole trace".to_owned();
    (Trace::default(), vec![ParseIssue { place: "console".into(), message }])
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

fn refused(scenario: &Scenario, kit: &Kit, plan: &Plan, failure: &StepFailure) -> Diagnostic {
    let message = format!("the kernel of image `{}` refuses this: {failure}", kit.image);
    scenario.mistake(plan.origin(failure.line), message)
}

/// Bytes that are missing or cannot be understood are no basis for a judgement.
fn unreadable(issues: &[ParseIssue], report: &GuestReport) -> Option<Vec<String>> {
    let lost = failures(report, Stage::Collect).map(ToString::to_string);
    let told = report.unreadable.iter().map(|line| format!("the guest's report has an unknown line `{line}`"));
    let parsed = issues.iter().map(|issue| format!("{}: {}", issue.place, issue.message));
    let reasons: Vec<String> = lost.chain(told).chain(parsed).collect();
    (!reasons.is_empty()).then_some(reasons)
}

/// The console's log; bytes that are no text are replaced.
fn read_console(directory: &Path) -> Result<String, RunError> {
    let path = directory.join(evidence::CONSOLE_LOG);
    let bytes = fs::read(&path).map_err(|source| RunError::Read { path, source })?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn guest_outcome(scenario: &Scenario, boot: &Boot, console: &str) -> GuestOutcome {
    let report = &boot.report;
    let ends = report.pids.keys().map(|task| (task.clone(), report.ends.get(task).copied())).collect();
    let timeout = report.timeout.clone().map(|running| (scenario.deadline_ms, running));
    let failures = failures(report, Stage::Steps).map(ToString::to_string).collect();
    GuestOutcome { ends, failures, timeout, panic: boot.panic.clone(), console: console.to_owned() }
}

fn write(directory: &Path, name: &str, content: &[u8]) -> Result<(), RunError> {
    let path = directory.join(name);
    fs::write(&path, content).map_err(|source| RunError::Write { path, source })
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        // Writing to a String cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
