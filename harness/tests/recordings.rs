//! One test per scenario: what the kernel prints of a run, what `trace-cmd` reads from our file of it, and the raw pages
//! themselves are the same trace.
#![expect(clippy::print_stderr, reason = "a test tells what it saw on stderr")]
#![expect(clippy::disallowed_methods, reason = "trace-cmd is asked as anybody would")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, ExitCode};
use std::time::Duration;

use kernsnap::cli::args::DEFAULT_IMAGE;
use kernsnap::cli::default_store;
use kernsnap::session::compile::{PlanContext, compile};
use kernsnap::session::prepare::{Prepared, PreparedImage};
use kernsnap::session::run::{Traced, boot_plan, recorded};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::plan::tracefs;
use kernsnap_scenario::{MachineEnd, Step, Tracer};
use kernsnap_trace::dat;
use kernsnap_trace::dat::TraceDat;
use kernsnap_trace::text::{Style, as_printed, parse};
use kernsnap_trace::{Event, EventKind, Symbol, Symbols, Trace, decode};
use libtest_mimic::{Arguments, Failed, Trial};

type Outcome = Result<(), Box<dyn Error>>;

/// The backstop in host time.
const LIMIT: Duration = Duration::from_secs(120);
/// The section that the kernel's own text is saved in.
const TEXT: &str = "text";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let workspace = Workspace::at(kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR")));
    let trials = workspace.scenario_files().unwrap_or_default().into_iter().map(|file| {
        let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let workspace = workspace.clone();
        Trial::test(id, move || {
            check(&workspace, &file).map_err(|error| {
                eprintln!("Error: {error}");
                Failed::without_message()
            })
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The plan of a scenario, with the kernel's text saved before the pages are taken out of the buffer. Tracing is off by
/// then, and reading `trace` takes nothing out.
fn with_text(plan: &str) -> String {
    let mut lines: Vec<String> = plan.lines().map(str::to_owned).collect();
    let drain = lines.iter().position(|line| line.starts_with("drain ")).unwrap_or(lines.len());
    let options = ["sym-offset", "funcgraph-abstime", "funcgraph-proc", "funcgraph-tail"];
    let options = options.map(|option| format!("put {} 1", tracefs(&format!("options/{option}"))));
    let save = format!("save {TEXT} {}", tracefs("trace"));
    lines.splice(drain..drain, options.into_iter().chain([save]));
    lines.join("\n") + "\n"
}

fn check(workspace: &Workspace, file: &Path) -> Outcome {
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace, store: &store, options: &options };
    let mut on = |event| eprintln!("{event:?}");
    let prepared_image = PreparedImage::open(images, DEFAULT_IMAGE, &mut on)?;
    let Prepared::Ready(scenario, payload) = prepared_image.scenario(file, &mut on)? else { return Ok(()) };
    // A panic leaves text alone.
    if scenario.end == MachineEnd::Panic {
        return Ok(());
    }
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let modules = payload.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
    let context = PlanContext {
        dependencies: &[],
        keep: None,
        channel: prepared_image.runtime.machine.channel,
        schedule,
        functions: &prepared_image.runtime.facts.functions,
        modules: &modules,
    };
    let plan = with_text(&compile(&scenario, &context).text);
    let directory = store.scratch()?;
    let boot = boot_plan(&prepared_image.runtime, &payload, plan, schedule, directory.path(), LIMIT)?;
    let report = boot.evidence.report();
    assert!(report.failures.is_empty(), "{:?}", report.failures);
    let sections = boot.evidence.sections();
    let whole = Traced::whole(sections.clone());
    let (dat, symbols) = recorded(&whole, &scenario, &prepared_image.runtime, &modules, schedule);
    let (raw, issues) = decode(&dat.recording(), &symbols);
    assert_eq!((issues, &raw.defects), (vec![], &vec![]));
    assert!(!raw.events.is_empty(), "nothing was recorded");

    let style = match scenario.trace.tracer {
        Tracer::FunctionGraph => Style::Graph,
        Tracer::Nop | Tracer::Function => Style::Lines,
    };
    let (text, issues) = parse(sections.get(TEXT).ok_or("the guest saved no text")?);
    assert_eq!((issues, &text.defects), (vec![], &vec![]), "the kernel's text");
    let unloads = scenario.steps.iter().any(|step| matches!(step, Step::Unload { .. }));
    let mut as_seen = raw.clone();
    if unloads {
        as_seen.events.iter_mut().for_each(without_modules);
    }
    same(&printed(&as_seen, style), &printed(&text, style));
    // The file that people get is without init's marks.
    let header_page = &prepared_image.runtime.facts.header_page;
    let traced = Traced::new(sections, header_page, schedule.cpus);
    let (dat, symbols) = recorded(&traced, &scenario, &prepared_image.runtime, &modules, schedule);
    let (raw, issues) = decode(&dat.recording(), &symbols);
    assert_eq!((issues, &raw.defects), (vec![], &vec![]), "between the marks");
    trace_cmd(&dat, &symbols, &raw, directory.path())
}

/// A module that is gone when the text is made has left only addresses behind.
fn without_modules(event: &mut Event) {
    let nameless = |symbol: &mut Symbol| {
        if let Symbol::Function { place, address: Some(address) } = symbol
            && place.module.is_some()
        {
            *symbol = Symbol::Address(*address);
        }
    };
    match &mut event.kind {
        EventKind::Function { function, caller } => [function, caller].into_iter().for_each(nameless),
        EventKind::GraphEntry { function, .. } | EventKind::GraphExit { function, .. } => nameless(function),
        EventKind::Marker { .. } | EventKind::Tracepoint(_) => {}
    }
    event.stack.iter_mut().flatten().for_each(nameless);
}

/// The events as text carries them, CPU by CPU: a graph's text has a return where its call stands.
fn printed(trace: &Trace, style: Style) -> Vec<Event> {
    let mut events: Vec<_> = trace.events.iter().map(|event| as_printed(event, style)).collect();
    events.sort_by_key(|event| event.cpu);
    events
}

#[track_caller]
fn same<T: PartialEq + std::fmt::Debug>(raw: &[T], other: &[T]) {
    for (number, (raw, other)) in raw.iter().zip(other).enumerate() {
        assert_eq!(raw, other, "event {number}");
    }
    assert_eq!(raw.len(), other.len(), "events");
}

/// What `trace-cmd` and the raw pages must agree on: CPU, time, task, kind. It shows a short call on one line, without the
/// time of its return.
fn essence(event: &Event) -> (u16, Option<u64>, i32, String) {
    let kind = match &event.kind {
        EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => function.to_string(),
        EventKind::GraphExit { .. } => "return".into(),
        EventKind::Marker { .. } => "marker".into(),
        EventKind::Tracepoint(point) => point.name().to_string(),
    };
    let own = !matches!(event.kind, EventKind::GraphExit { .. });
    (event.cpu.0, own.then_some(event.time.0), event.pid.0, kind)
}

/// `trace-cmd report` reads our file, and so do we.
fn trace_cmd(dat: &TraceDat<'_>, symbols: &Symbols, raw: &Trace, directory: &Path) -> Outcome {
    let kallsyms = symbols.to_kallsyms();
    let bytes = dat::write(&TraceDat { kallsyms: &kallsyms, ..dat.clone() })?;
    let again = dat::read(&bytes)?;
    let (known, _) = Symbols::from_system_map(again.kallsyms);
    assert_eq!(decode(&again.recording(), &known), (raw.clone(), vec![]), "our own file");

    let file = directory.join("trace.dat");
    fs::write(&file, bytes)?;
    let report = Command::new("trace-cmd").args(["report", "-t", "-i"]).arg(&file).output();
    let report = report.map_err(|error| format!("`trace-cmd` cannot be started ({error}): `ci/setup` installs it"))?;
    assert!(report.status.success(), "{report:?}");
    let (trace, issues) = parse(&report.stdout);
    assert_eq!(issues, [], "trace-cmd's text");
    let by_cpu = |trace: &Trace| {
        let mut events: Vec<_> = trace.events.iter().map(essence).collect();
        events.sort_by_key(|(cpu, ..)| *cpu);
        events
    };
    same(&by_cpu(raw), &by_cpu(&trace));
    Ok(())
}
