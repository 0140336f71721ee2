//! How quickly recordings become events, beside `trace-cmd report` on the same ones: `cargo bench --bench parse`.
//!
//! Medians of a few passes over one flood of events, each pass a second or so: what differs by factors needs no statistics.
#![expect(clippy::print_stdout, reason = "a benchmark's answer is its output")]
#![expect(clippy::disallowed_methods, reason = "trace-cmd is asked as anybody would")]

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use kernsnap::cli::default_store;
use kernsnap::image::{Images, Options, Store};
use kernsnap::kit::Bench;
use kernsnap::plan::{PlanContext, compile};
use kernsnap::run::{boot_plan, recorded};
use kernsnap::trace::dat::{self, TraceDat};
use kernsnap::trace::decode;
use kernsnap::trace::text::{TextReader, write};
use kernsnap::workspace::Workspace;

const PASSES: usize = 5;
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> Result<(), Box<dyn Error>> {
    let workspace = Workspace { root: PathBuf::from(env!("CARGO_MANIFEST_DIR")) };
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let bench = Bench::open(images, "rpi3-6.1", &mut |_| ())?;
    let directory = store.scratch()?;
    let file = workspace.root.join("harness/benches/data/flood.yaml");
    let (scenario, load) = bench.scenario(&file, &mut |_| ())?.ready()?;
    let modules = load.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
    let schedule = bench.kit.machine.usual_schedule();
    let channel = bench.kit.machine.channel;
    let context = PlanContext {
        channel,
        schedule,
        functions: &bench.kit.facts.functions,
        modules: &modules,
        dependencies: &[],
        keep: None,
    };
    let plan = compile(&scenario, &context).text;
    let boot = boot_plan(&bench.kit, &load, plan, schedule, directory.path(), LIMIT)?;
    let sections = boot.evidence.sections();
    let (raw, symbols) = recorded(&sections, &scenario, &bench.kit, &modules, schedule);
    let (trace, _) = decode(&raw.recording(), &symbols);
    let (events, text) = (trace.events.len(), write(&trace));
    let pages: usize = raw.cpus.iter().map(|(_, pages)| pages.len()).sum();
    let kallsyms = symbols.to_kallsyms();
    let file = directory.path().join("trace.dat");
    fs::write(&file, dat::write(&TraceDat { kallsyms: &kallsyms, ..raw.clone() }))?;
    drop(trace);

    println!("{events} events\n\n| what | bytes | time | MB/s | events/s |\n|---|---|---|---|---|");
    row("raw pages, decoded", pages, events, || drop(black_box(decode(&raw.recording(), &symbols))));
    row("text, streamed", text.len(), events, || {
        let read = TextReader::new(text.as_bytes()).filter_map(Result::ok).map(black_box);
        assert_eq!(read.count(), events);
    });
    let report = || Command::new("trace-cmd").args(["report", "-i"]).arg(&file).stdout(Stdio::null()).status();
    if !report()?.success() {
        return Err("`trace-cmd report` does not read our file".into());
    }
    row("`trace-cmd report`, to nowhere", pages, events, || drop(black_box(report())));
    Ok(())
}

fn row(what: &str, bytes: usize, events: usize, mut pass: impl FnMut()) {
    let mut times: Vec<Duration> = (0..PASSES)
        .map(|_| {
            let begun = Instant::now();
            pass();
            begun.elapsed()
        })
        .collect();
    times.sort();
    let seconds = times[PASSES / 2].as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "figures for people")]
    let rate = |count: usize| count as f64 / seconds;
    println!("| {what} | {bytes} | {seconds:.3} s | {:.0} | {:.0} |", rate(bytes) / 1e6, rate(events));
}
