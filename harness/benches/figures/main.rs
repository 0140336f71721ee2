//! The figures that the README quotes, as a table of medians: `cargo bench --bench figures`.
//!
//! Not criterion: one sample is a whole boot, what is compared is compared in pairs, and guest time has no noise at all.
#![expect(clippy::print_stdout, reason = "a benchmark's answer is its output")]
#![expect(clippy::disallowed_methods, reason = "the harness is started and looked at as a program")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kernsnap::cli::{default_store, templates};
use kernsnap::session::prepare::{Prepared, PreparedImage};
use kernsnap::session::run::{GuestPayload, Outcome, RunPolicy, Runner, Session, evidence};
use kernsnap::session::templates::become_broker_if_asked;
use kernsnap_host::exec::{Outputs, Process};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::Schedule;
use kernsnap_machine::boot::{BootRequest, command};
use kernsnap_scenario::Scenario;

mod forks;

/// Pairs of runs; odd, so that the median is one of them.
const PAIRS: usize = 11;
const LIMIT: Duration = Duration::from_secs(120);
const SCHEDULE: Schedule = Schedule::new(1, 4);

fn main() -> Result<(), Box<dyn Error>> {
    if become_broker_if_asked() {
        return Ok(());
    }
    let workspace = Workspace::at(env!("CARGO_MANIFEST_DIR"));
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let prepared_image = PreparedImage::open(images, "rpi3-6.1", &mut |_| ())?;
    let session = Session::open(&store, templates(&store))?;
    let directory = store.scratch()?;

    println!("| what | median | from … to |\n|---|---|---|");
    let Prepared::Ready(scenario, payload) =
        prepared_image.scenario(&kernsnap::session::load::scenario_file(&workspace, "user-fork")?, &mut |_| ())?
    else {
        return Err("user-fork does not apply".into());
    };
    let (mut whole, mut own, mut bare) = (Vec::new(), Vec::new(), Vec::new());
    let mut last = None;
    for _ in 0..PAIRS {
        let outcome = once(&session, &prepared_image, &scenario, &payload, directory.path())?;
        whole.push(outcome.total);
        own.push(outcome.total.saturating_sub(outcome.times.unwrap_or_default().total));
        bare.push(bare_qemu(&prepared_image, directory.path())?);
        last = Some(outcome);
    }
    row("`user-fork`, power-on to verdict", &mut whole);
    row("QEMU alone with the same files, in turn with it", &mut bare);
    row("of the first, the harness before and after QEMU", &mut own);
    if let Some(outcome) = last {
        for (phase, ns) in &outcome.phases {
            row(&format!("guest time at `{phase}`"), &mut [Duration::from_nanos(*ns)]);
        }
        row("guest time at power-off", &mut [Duration::from_nanos(outcome.guest_ns.unwrap_or_default())]);
    }

    let file = workspace.root.join("harness/benches/data/flood.yaml");
    let Prepared::Ready(scenario, payload) = prepared_image.scenario(&file, &mut |_| ())? else {
        return Err("the flood does not apply".into());
    };
    let mut collect = Vec::new();
    let mut bytes = 0;
    for _ in 0..3 {
        collect.push(
            once(&session, &prepared_image, &scenario, &payload, directory.path())?.times.unwrap_or_default().collect,
        );
        bytes = fs::metadata(directory.path().join(evidence::RAW))?.len();
    }
    row(
        &format!("{:.1} MiB of trace out of the guest", f64::from(u32::try_from(bytes)?) / f64::from(1 << 20)),
        &mut collect,
    );
    println!("| memory of the harness and QEMU, one run of `user-fork` | {} MiB | |", memory()? >> 10);
    forks::figures(&workspace)
}

/// KiB of memory that a run and its QEMU have at most, pages that they share counted once. Looked at every few milliseconds.
fn memory() -> Result<u64, Box<dyn Error>> {
    let mut run = Command::new(env!("CARGO_BIN_EXE_kernsnap"))
        .args(["run", "user-fork", "--fresh"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()?;
    let mut most = 0;
    while run.try_wait()?.is_none() {
        let threads = fs::read_dir(format!("/proc/{}/task", run.id()))?;
        let children = threads.flatten().filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
        let children: String = children.collect();
        let processes = children.split_whitespace().filter_map(|pid| pid.parse().ok()).chain([run.id()]);
        most = most.max(processes.map(share).sum());
        thread::sleep(Duration::from_millis(3));
    }
    Ok(most)
}

/// KiB of a process's proportional share of memory; 0 for one that has ended.
fn share(pid: u32) -> u64 {
    let told = fs::read_to_string(format!("/proc/{pid}/smaps_rollup")).unwrap_or_default();
    let line = told.lines().find_map(|line| line.strip_prefix("Pss:"));
    line.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or_default()
}

fn once(
    session: &Session,
    prepared_image: &PreparedImage<'_>,
    scenario: &Scenario,
    payload: &GuestPayload,
    directory: &Path,
) -> Result<Outcome, Box<dyn Error>> {
    let runner = Runner { policy: RunPolicy::Boot, limit: LIMIT, ..Runner::new(session, &prepared_image.runtime) };
    Ok(runner.run(scenario, payload, SCHEDULE, directory)?.outcome)
}

/// QEMU alone, with the files of the run before.
fn bare_qemu(prepared_image: &PreparedImage<'_>, directory: &Path) -> Result<Duration, Box<dyn Error>> {
    let payload = fs::read(directory.join(evidence::PAYLOAD))?;
    let request = BootRequest {
        machine: &prepared_image.runtime.machine,
        lockstep: &prepared_image.runtime.lockstep,
        schedule: SCHEDULE,
        command_line: &prepared_image.runtime.command_line,
        kernel: &prepared_image.runtime.kernel,
        device_tree: &prepared_image.runtime.device_tree,
        initramfs: &directory.join(evidence::INITRAMFS),
        payload: &payload,
        directory,
        limit: LIMIT,
        may_panic: false,
        powers_off: true,
        card: None,
    };
    let memory = request.memory()?;
    let call = command(&request, memory.path())?;
    let log = directory.join(evidence::QEMU_LOG);
    let started = Instant::now();
    let process = Process::start(&call, Outputs { stdout: &log, stderr: &log })?;
    process.wait_timeout(LIMIT)?;
    Ok(started.elapsed())
}

fn row(what: &str, times: &mut [Duration]) {
    times.sort();
    let seconds = |time: Option<&Duration>| time.copied().unwrap_or_default().as_secs_f64();
    let (median, least, most) = (times.get(times.len() / 2), times.first(), times.last());
    println!("| {what} | {:.3} s | {:.3} … {:.3} s |", seconds(median), seconds(least), seconds(most));
}
