//! A run that is forked from a template gives the bytes of a run that boots.
#![expect(clippy::print_stderr, reason = "a test tells what it saw on stderr")]

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::error::Error;
use std::fs;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::thread;
use std::time::Duration;

use kernsnap::cli::args::DEFAULT_IMAGE;
use kernsnap::cli::default_store;
use kernsnap::session::prepare::{Prepared, PreparedImage};
use kernsnap::session::run::{RunError, RunInput};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::lockstep::FILES_KEPT_AWAY;
use kernsnap_machine::{BootError, landlock};
use rustix::process::{Pid, Signal, kill_process};

type Outcome = Result<(), Box<dyn Error>>;

/// The backstop in host time.
const LIMIT: Duration = Duration::from_secs(120);

/// Gives `check` the input of every scenario whose machine boots like all others, in the order of their names.
fn with_inputs(check: impl FnOnce(&Store, &[(String, RunInput<'_>)]) -> Outcome) -> Outcome {
    let workspace = Workspace::at(kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR")));
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let mut on = |event| eprintln!("{event:?}");
    let image = PreparedImage::open(images, DEFAULT_IMAGE, &mut on)?;
    let schedule = image.runtime.machine.usual_schedule();
    let mut inputs = Vec::new();
    for file in workspace.scenario_files()? {
        if let Prepared::Ready(scenario, payload) = image.scenario(&file, &mut on)?
            && payload.boot_parameters.is_empty()
        {
            let input = RunInput::from_scenario(&scenario, &image.runtime, &payload, schedule)?;
            inputs.push((scenario.id.clone(), input));
        }
    }
    check(&store, &inputs)
}

#[test]
fn every_scenario_gives_the_bytes_of_its_boot() -> Outcome {
    with_inputs(|store, inputs| {
        let mut templates = BTreeMap::new();
        let mut different = Vec::new();
        for (id, input) in inputs {
            let key = input.template_key("");
            let template = match templates.entry(key) {
                Entry::Occupied(known) => known.into_mut(),
                Entry::Vacant(open) => open.insert(input.template(LIMIT)?),
            };
            let forked = input.fork(template, store.scratch()?.path(), LIMIT)?;
            let booted = input.boot(store.scratch()?.path(), LIMIT)?;
            if forked.evidence != booted.evidence || forked.settled != booted.settled {
                different.push((id, booted.evidence.differences(&forked.evidence)));
            }
        }
        assert!(different.is_empty(), "{different:#?}");
        // One for each root file system.
        assert_eq!(templates.len(), 2);
        Ok(())
    })
}

/// The processes whose parent is `parent`.
fn children(parent: u32) -> Vec<u32> {
    let tasks = format!("/proc/{parent}/task");
    let tasks = fs::read_dir(tasks).into_iter().flatten().flatten();
    let lists = tasks.filter_map(|task| fs::read_to_string(task.path().join("children")).ok());
    lists.flat_map(|list| list.split_whitespace().filter_map(|pid| pid.parse().ok()).collect::<Vec<_>>()).collect()
}

#[test]
fn a_run_has_files_of_its_own_whatever_still_writes_to_those_before() -> Outcome {
    with_inputs(|store, inputs| {
        let (_, input) = inputs.iter().find(|(id, _)| id == "hello").ok_or("there is no `hello`")?;
        let template = input.template(LIMIT)?;
        let directory = store.scratch()?;
        let path = directory.path().join("console.log");
        let inode = || Ok::<_, std::io::Error>(fs::metadata(&path)?.ino());
        // Open, as a run has it that was given up: its number is not used again.
        let mut held = vec![fs::File::create(&path)?];
        for run in [true, false, true] {
            let before = inode()?;
            if run {
                input.fork(&template, directory.path(), LIMIT)?
            } else {
                input.boot(directory.path(), LIMIT)?
            };
            assert_ne!(inode()?, before);
            held.push(fs::File::open(&path)?);
        }
        Ok(())
    })
}

/// The tasks of a process that a filter of system calls does not hold, or that could gain a privilege (proc(5)).
fn unfiltered(pid: u32) -> Vec<String> {
    let tasks = fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
    let status = tasks.filter_map(|task| fs::read_to_string(task.path().join("status")).ok());
    // One that ends has nothing to be kept from.
    let alive = status.filter(|text| text.contains("\nVmSize:"));
    alive.filter(|text| !text.contains("\nSeccomp:\t2\n") || !text.contains("\nNoNewPrivs:\t1\n")).collect()
}

#[test]
fn qemu_is_confined_wherever_a_guest_runs() -> Outcome {
    with_inputs(|store, inputs| {
        let (_, input) = inputs.iter().find(|(id, _)| id == "hello").ok_or("there is no `hello`")?;
        assert!(input.runtime.lockstep.confined, "QEMU is built without seccomp");
        let kept_away = |log: &Path| {
            let lines = fs::read_to_string(log).unwrap_or_default();
            lines.lines().filter(|line| *line == FILES_KEPT_AWAY).count()
        };
        let most = usize::from(landlock::is_in_force());

        // A machine that boots.
        let directory = store.scratch()?;
        let held = thread::scope(|scope| {
            let run = scope.spawn(|| input.boot(directory.path(), LIMIT));
            let mut seen = 0;
            while !run.is_finished() {
                for pid in children(std::process::id()) {
                    let name = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
                    // The guest runs: QEMU has put its filter on.
                    if name.starts_with("qemu-system") && kept_away(&directory.path().join("qemu.log")) >= most {
                        let free = unfiltered(pid);
                        assert_eq!(free, Vec::<String>::new());
                        seen += 1;
                    }
                }
                thread::yield_now();
            }
            run.join().map(|run| run.map(|_| seen))
        });
        assert!(held.map_err(|_| "the run's thread failed")?? > 0, "the machine was not seen");
        // The threads of the CPUs and of the main loop.
        assert!(kept_away(&directory.path().join("qemu.log")) >= 2 * most);

        // A template, and a run that it forks.
        let template = input.template(LIMIT)?;
        assert_eq!(unfiltered(template.pid()), Vec::<String>::new());
        let directory = store.scratch()?;
        let held = thread::scope(|scope| {
            let run = scope.spawn(|| input.fork(&template, directory.path(), LIMIT));
            let mut seen = 0;
            while !run.is_finished() {
                for pid in children(template.pid()) {
                    assert_eq!(unfiltered(pid), Vec::<String>::new());
                    seen += 1;
                }
                thread::yield_now();
            }
            run.join().map(|run| run.map(|_| seen))
        });
        assert!(held.map_err(|_| "the run's thread failed")?? > 0, "the forked run was not seen");
        assert!(kept_away(&directory.path().join("qemu.log")) >= most);
        Ok(())
    })
}

#[test]
fn a_lost_template_and_a_lost_run_are_seen_and_leave_nothing() -> Outcome {
    with_inputs(|store, inputs| {
        let (_, input) = inputs.iter().find(|(id, _)| id == "lost-wakeup").ok_or("there is no `lost-wakeup`")?;
        let template = input.template(LIMIT)?;
        let [qemu] = *children(std::process::id()) else { return Err("not one machine runs".into()) };
        let end_while_running = |of: fn(u32) -> Option<u32>| {
            let directory = store.scratch()?;
            let found = thread::scope(|scope| {
                let run = scope.spawn(|| input.fork(&template, directory.path(), LIMIT));
                while children(qemu).is_empty() && !run.is_finished() {
                    thread::yield_now();
                }
                let pid = of(qemu).and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
                let ended = pid.map(|pid| kill_process(pid, Signal::KILL));
                (run.join(), ended)
            });
            match found {
                (Ok(Err(RunError::Boot(error))), Some(Ok(()))) => Ok::<_, Box<dyn Error>>(error),
                found => Err(format!("{found:?}").into()),
            }
        };
        let error = end_while_running(|qemu| children(qemu).first().copied())?;
        assert!(matches!(error, BootError::Died { .. }), "{error:?}");
        let directory = store.scratch()?;
        assert!(input.fork(&template, directory.path(), LIMIT).is_ok(), "the template goes on");
        let error = end_while_running(Some)?;
        assert!(matches!(error, BootError::Template(_)), "{error:?}");
        drop(template);
        assert_eq!(children(std::process::id()), Vec::<u32>::new());
        Ok(())
    })
}
