//! What forking a booted machine saves: pairs of the same run, forked and booted, and whole commands with and without templates.

use std::error::Error;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use kernsnap::cli::{default_store, templates};
use kernsnap::session::prepare::PreparedImage;
use kernsnap::session::run::{RunPolicy, Runner, Session, Started};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use tempfile::TempDir;

use crate::{PAIRS, row, share};

type Outcome = Result<(), Box<dyn Error>>;

const KERNSNAP: &str = env!("CARGO_BIN_EXE_kernsnap");

/// All rows.
pub(crate) fn figures(workspace: &Workspace) -> Outcome {
    for image in ["rpi3-6.1", "rpi3-6.1-debian"] {
        pairs(workspace, image)?;
    }
    for (what, words) in [
        (
            "all scenarios of rpi3-6.1, no result known, no template, two at a time",
            &["run", "--parallel", "2"] as &[&str],
        ),
        ("`explore`, 64 schedules of `user-fork`", &["explore", "user-fork", "--schedules", "64", "--parallel", "2"]),
        ("100 runs of `user-fork`, two at a time", &["run", "user-fork", "--repeat", "100", "--parallel", "2"]),
    ] {
        command(what, words)?;
    }
    memory()
}

/// `user-fork` on an image: a booted and a forked run in turn, whole and by the processor time of QEMU.
fn pairs(workspace: &Workspace, image: &str) -> Outcome {
    let store = lent_store()?;
    let store = Store::at(store.path());
    let options = Options::default();
    let images = Images { workspace, store: &store, options: &options };
    let prepared_image = PreparedImage::open(images, image, &mut |_| ())?;
    let file = kernsnap::session::load::scenario_file(workspace, "user-fork")?;
    let (scenario, payload) = prepared_image.scenario(&file, &mut |_| ())?.ready()?;
    let session = Session::open(&store, templates(&store))?;
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let (mut boots, mut forks) = ((Vec::new(), Vec::new()), (Vec::new(), Vec::new()));
    for pair in 0..=PAIRS {
        for policy in [RunPolicy::Boot, RunPolicy::Rerun] {
            let runner = Runner { policy, ..Runner::new(&session, &prepared_image.runtime) };
            let directory = session.scratch()?;
            let before = processor_time()?;
            let outcome = runner.run(&scenario, &payload, schedule, directory.path())?.outcome;
            let spent = processor_time()?.saturating_sub(before);
            let (whole, processor) = match outcome.started {
                Started::Fork => &mut forks,
                _ => &mut boots,
            };
            // The first pair boots the template and brings files into memory.
            if pair > 0 {
                whole.push(outcome.total);
                processor.push(spent);
            }
        }
    }
    row(&format!("`user-fork` on {image}, booted, request to verdict"), &mut boots.0);
    row("the same, forked", &mut forks.0);
    row("the same, booted, processor time of QEMU", &mut boots.1);
    row("the same, forked", &mut forks.1);
    Ok(())
}

/// Processor time of all children that have ended, this process's and those of its templates (`proc_pid_stat(5)`).
fn processor_time() -> Result<Duration, Box<dyn Error>> {
    let mut ticks = 0;
    for pid in children(std::process::id()).into_iter().chain([std::process::id()]) {
        let stat = fs::read_to_string(format!("/proc/{pid}/stat"))?;
        let fields = stat.rsplit_once(") ").ok_or("a line without a name")?.1;
        ticks += fields.split_whitespace().skip(13).take(2).filter_map(|field| field.parse::<u64>().ok()).sum::<u64>();
    }
    // USER_HZ is 100 on every architecture that kernsnap runs on.
    Ok(Duration::from_millis(ticks * 10))
}

fn children(pid: u32) -> Vec<u32> {
    let threads = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let lists = threads.filter_map(|thread| fs::read_to_string(thread.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<u32>>()).collect()
}

/// A command of many runs in a store without results, with templates and without.
fn command(what: &str, words: &[&str]) -> Outcome {
    let time = |mode: &str| -> Result<Duration, Box<dyn Error>> {
        let store = lent_store()?;
        let begun = Instant::now();
        let mut command = Command::new(KERNSNAP);
        command.env("KERNSNAP_TEMPLATES", mode).arg("--store").arg(store.path()).args(words);
        if command.stdout(Stdio::null()).stderr(Stdio::null()).status()?.success() {
            Ok(begun.elapsed())
        } else {
            Err(format!("{words:?} failed").into())
        }
    };
    row(&format!("{what}: each run boots"), &mut [time("off")?]);
    row("the same, forked", &mut [time("on")?]);
    Ok(())
}

/// The most memory that a template and two runs have together, pages that they share counted once.
fn memory() -> Outcome {
    let store = lent_store()?;
    let words = ["run", "lost-wakeup", "--repeat", "40", "--parallel", "2"];
    let mut run = Command::new(KERNSNAP);
    let mut run =
        run.arg("--store").arg(store.path()).args(words).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?;
    let mut most = 0;
    while run.try_wait()?.is_none() {
        for template in children(run.id()) {
            let forks = children(template);
            if forks.len() == 2 {
                most = most.max(forks.into_iter().chain([template]).map(share).sum());
            }
        }
        thread::sleep(Duration::from_millis(3));
    }
    println!("| memory of a template and two forked runs of `lost-wakeup` | {} MiB | |", most >> 10);
    Ok(())
}

/// A store with all that is built, and without results.
fn lent_store() -> Result<TempDir, Box<dyn Error>> {
    let store = tempfile::tempdir()?;
    let lender = default_store().ok_or("there is no home directory for the image store")?;
    let records = Store::at(store.path()).sub("records")?;
    for kind in
        ["kernel", "device-tree", "facts", "program", "module", "lockstep", "toolchain", "busybox", "root", "source"]
    {
        if lender.join(kind).is_dir() {
            let own = Store::at(store.path()).sub(kind)?;
            for entry in fs::read_dir(lender.join(kind))? {
                let entry = entry?;
                symlink(entry.path(), own.join(entry.file_name()))?;
            }
        }
    }
    copy_files(&lender.join("records"), &records)?;
    Ok(store)
}

fn copy_files(from: &Path, to: &Path) -> std::io::Result<()> {
    for file in fs::read_dir(from)? {
        let file = file?;
        fs::copy(file.path(), to.join(file.file_name()))?;
    }
    Ok(())
}
