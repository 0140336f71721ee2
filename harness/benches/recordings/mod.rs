//! Recordings to measure with: a flood of events that a guest wrote, and a text as long as one likes.

use std::error::Error;
use std::fs;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernsnap::cli::default_store;
use kernsnap::session::compile::{PlanContext, compile};
use kernsnap::session::prepare::PreparedImage;
use kernsnap::session::run::{Traced, boot_plan, recorded};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_trace::Cpu;
use kernsnap_trace::dat;
use kernsnap_trace::dat::TraceDat;

const LIMIT: Duration = Duration::from_secs(120);

/// Boots a guest that makes as many events as its buffer holds, and writes them to `directory` as a `trace.dat`.
pub(crate) fn flood(directory: &Path) -> Result<PathBuf, Box<dyn Error>> {
    let workspace = Workspace::at(env!("CARGO_MANIFEST_DIR"));
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let prepared_image = PreparedImage::open(images, "rpi3-6.1", &mut |_| ())?;
    let scenario = workspace.root.join("harness/benches/data/flood.yaml");
    let (scenario, payload) = prepared_image.scenario(&scenario, &mut |_| ())?.ready()?;
    let modules = payload.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect();
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let channel = prepared_image.runtime.machine.channel;
    let context = PlanContext {
        channel,
        schedule,
        functions: &prepared_image.runtime.facts.functions,
        modules: &modules,
        dependencies: &[],
        keep: None,
    };
    let plan = compile(&scenario, &context).text;
    let boot = boot_plan(&prepared_image.runtime, &payload, plan, schedule, directory, LIMIT)?;
    let header_page = &prepared_image.runtime.facts.header_page;
    let traced = Traced::new(boot.evidence.sections(), header_page, schedule.cpus);
    let (raw, symbols) = recorded(&traced, &scenario, &prepared_image.runtime, &modules, schedule);
    let kallsyms = symbols.to_kallsyms();
    let file = directory.join("trace.dat");
    fs::write(&file, dat::write(&TraceDat { kallsyms: &kallsyms, ..raw })?)?;
    Ok(file)
}

/// One line of a text: what stands before its time, the time in microseconds, and what stands after it.
type Line<'a> = (&'a str, Option<u64>, &'a str);

/// Writes the events of a kernel's text over and over, each time later, until there are `bytes` of them.
pub(crate) fn repeat(text: &str, bytes: u64, out: impl Write) -> io::Result<()> {
    let mut out = BufWriter::with_capacity(1 << 20, out);
    let lines: Vec<Line<'_>> = text.lines().filter(|line| !line.starts_with('#')).map(split).collect();
    let times = lines.iter().filter_map(|(_, time, _)| *time);
    let span = times.clone().max().unwrap_or(0) - times.min().unwrap_or(0) + 1000;
    writeln!(out, "# tracer: nop\n#")?;
    let (mut written, mut later) = (0, 0);
    while written < bytes {
        for (before, time, behind) in &lines {
            match time.map(|time| time + later) {
                Some(time) => writeln!(out, "{before}{}.{:06}{behind}", time / 1_000_000, time % 1_000_000)?,
                None => writeln!(out, "{before}")?,
            }
            written += (before.len() + behind.len() + 12) as u64;
        }
        later += span;
    }
    out.flush()
}

/// Writes a `trace.dat` of about `bytes` bytes: the longest buffer of another one, on as many CPUs.
pub(crate) fn widen(file: &[u8], bytes: u64, to: &Path) -> Result<(), Box<dyn Error>> {
    let dat = dat::read(file)?;
    let (longest, pages) = *dat.cpus.iter().max_by_key(|(_, pages)| pages.size()).ok_or("a recording without a CPU")?;
    let stats = dat.stats.iter().find(|(cpu, _)| *cpu == longest).map_or("", |(_, stats)| *stats);
    let cpus = || (0..u16::try_from(bytes / pages.size().max(1)).unwrap_or(u16::MAX)).map(Cpu);
    let wide = TraceDat {
        cpus: cpus().map(|cpu| (cpu, pages)).collect(),
        stats: cpus().map(|cpu| (cpu, stats)).collect(),
        ..dat.clone()
    };
    fs::write(to, dat::write(&wide)?)?;
    Ok(())
}

fn split(line: &str) -> Line<'_> {
    let parts = || {
        let bracket = line.find("] ")?;
        let colon = bracket + line[bracket..].find(": ")?;
        let begin = line[..colon].rfind(' ')? + 1;
        let (seconds, micros) = line[begin..colon].split_once('.')?;
        let time = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
        Some((&line[..begin], Some(time), &line[colon..]))
    };
    parts().unwrap_or((line, None, ""))
}
