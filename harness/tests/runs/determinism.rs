//! A run is a pure function: the same input gives the same bytes, on a busy machine too, and in every schedule. What a run is
//! made of is the same wherever it is built.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::fs;
use std::hint;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

use kernsnap::cli::{Exit, default_store};
use kernsnap::session::run::evidence;

use crate::support::{Checkout, Kernsnap, Outcome, OwnStore, root};

/// One busy thread a processor, as long as this lives.
struct Hogs {
    stop: Arc<AtomicBool>,
    threads: Vec<JoinHandle<()>>,
}

impl Hogs {
    fn start() -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let hog = || {
            let stop = Arc::clone(&stop);
            thread::spawn(move || {
                while !stop.load(Ordering::Relaxed) {
                    hint::spin_loop();
                }
            })
        };
        let processors = thread::available_parallelism().map_or(1, usize::from);
        Self { threads: (0..processors).map(|_| hog()).collect(), stop }
    }
}

impl Drop for Hogs {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for thread in self.threads.drain(..) {
            // A hog has nothing to say.
            let _ = thread.join();
        }
    }
}

/// One scenario of each kind that could differ in its own way: the tracers, a module, tasks on several CPUs, seconds of idle
/// time, a shell, a trace from the first instruction on, an oops, a panic. `kernsnap run --repeat 10 --parallel 2` does the
/// same for all.
const SAMPLE: [&str; 9] = [
    "book-raspbian-proc",
    "boot-first-three",
    "exit-recursive-fault",
    "init-exit-panic",
    "kernel-thread",
    "sigkill-return-paths",
    "user-exit",
    "user-fork",
    "wake-up-new-task-cpu",
];

/// Runs the sample several times, two at a time: all bytes must be the same.
fn check(repeat: usize, schedule: &str) -> Outcome {
    let (store, out) = (OwnStore::whole()?, tempfile::tempdir()?);
    let times = repeat.to_string();
    let arguments = ["run", "--repeat", &times, "--parallel", "2", "--schedule", schedule, "--json"];
    let arguments = arguments.into_iter().chain(SAMPLE);
    let ended = Kernsnap::new(&root(), arguments).store(store.path()).out(out.path()).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");

    let mut hashes: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for record in ended.records()? {
        let text = |key: &str| record[key].as_str().map(str::to_owned).ok_or(format!("no {key}: {ended:?}"));
        assert_eq!(text("schedule")?, schedule);
        hashes.entry(text("scenario")?).or_default().push(text("raw_sha256")?);
    }
    assert!(hashes.keys().map(String::as_str).eq(SAMPLE));
    for (scenario, hashes) in hashes {
        assert_eq!(hashes.len(), repeat, "{scenario}");
        assert_eq!(hashes.iter().collect::<BTreeSet<_>>().len(), 1, "{scenario}: {hashes:?}");
        for file in [evidence::CONSOLE_LOG, evidence::INITRAMFS, evidence::RAW, evidence::VIEW] {
            let read = |run: usize| fs::read(out.path().join(&scenario).join(run.to_string()).join(file));
            let first = read(1)?;
            for run in 2..=repeat {
                assert!(read(run)? == first, "{scenario}: {file} of run {run} differs from the first");
            }
        }
    }
    Ok(())
}

#[test]
fn every_kind_of_run_repeats_its_bytes_on_a_busy_machine() -> Outcome {
    let _hogs = Hogs::start();
    check(4, "1:4")
}

#[test]
fn a_quicker_guest_repeats_its_bytes() -> Outcome {
    check(2, "0:4")
}

#[test]
fn a_slower_guest_with_fewer_processors_repeats_its_bytes() -> Outcome {
    check(2, "2:2")
}

/// Without `lockstep/order.c` about nine of ten of these runs differ: the main loop runs while a processor goes idle, and moves the
/// guest's clock too far.
#[test]
fn what_delays_the_threads_of_qemu_reaches_no_guest() -> Outcome {
    let store = OwnStore::whole()?;
    let run = |arguments: &[&str]| -> Result<BTreeSet<String>, Box<dyn Error>> {
        let arguments = ["run", "lost-wakeup", "--schedule", "1:4:3500000", "--json"].iter().chain(arguments).copied();
        let ended = Kernsnap::new(&root(), arguments).store(store.path()).run()?;
        // With this schedule the module's mistake shows, or does not: that depends on the compiler.
        let verdicts = [Exit::Passed, Exit::Different].map(|exit| Some(exit as i32));
        assert!(verdicts.contains(&ended.code), "{ended:?}");
        Ok(ended.records()?.iter().map(|record| record["raw_sha256"].to_string()).collect())
    };
    let undisturbed = run(&[])?;
    assert_eq!(run(&["--adverse", "--repeat", "4"])?, undisturbed);
    Ok(())
}

/// Every file of the entries of one kind, by its path in the store.
fn files(store: &Path, directory: &Path) -> Result<BTreeMap<PathBuf, Vec<u8>>, Box<dyn Error>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(store.join(directory))? {
        let entry = entry?;
        let path = directory.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            found.append(&mut files(store, &path)?);
        } else {
            found.insert(path, fs::read(entry.path())?);
        }
    }
    Ok(found)
}

/// The user's store was filled from this checkout; another store is filled from a checkout elsewhere.
#[test]
fn programs_and_modules_are_the_same_bytes_wherever_they_are_built() -> Outcome {
    let (elsewhere, store) = (Checkout::with(&[])?, OwnStore::lending(&["kernel", "facts"])?);
    let ended = Kernsnap::new(elsewhere.path(), ["image", "build"]).store(store.path()).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    let here = default_store().ok_or("there is no home directory for the image store")?;
    for kind in ["program", "module"] {
        let (built, known) = (files(store.path(), Path::new(kind))?, files(&here, Path::new(kind))?);
        assert!(built.len() > 1);
        // Under the same name, which tells what it was made from; the user's store may have older ones, too.
        let differ = built.iter().filter(|(path, bytes)| known.get(*path) != Some(*bytes));
        assert_eq!(differ.map(|(path, _)| path).collect::<Vec<_>>(), Vec::<&PathBuf>::new());
    }
    Ok(())
}
