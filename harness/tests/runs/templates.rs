//! Runs that are forked from templates, across commands, and what is left when a part of that is killed.
#![expect(clippy::disallowed_methods, reason = "a test looks QEMU up as a shell does")]

use std::error::Error;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::Path;

use kernsnap::cli::Exit;
use kernsnap::session::run::evidence;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

use crate::support::{Checkout, Kernsnap, Outcome, OwnStore, Running, data, machines, root, says, until};

/// A call of `kernsnap` in the real checkout, with a store of its own.
fn kernsnap(store: &OwnStore, words: &[&str]) -> Kernsnap {
    Kernsnap::new(&root(), words.iter().copied()).store(store.path()).env("KERNSNAP_FRESH", "")
}

fn run(store: &OwnStore, words: &[&str]) -> Result<Value, Box<dyn Error>> {
    kernsnap(store, &[&["run", "--json"], words].concat()).run()?.record()
}

/// The process ids of the templates that are kept.
fn templates(store: &OwnStore) -> Result<Vec<Pid>, Box<dyn Error>> {
    let listed = kernsnap(store, &["store", "templates", "--json"]).run()?.records()?;
    Ok(listed.iter().filter_map(|row| Pid::from_raw(i32::try_from(row["pid"].as_i64()?).ok()?)).collect())
}

/// The process that keeps the templates of a store.
fn broker(store: &OwnStore) -> Option<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let is_broker = |pid: &i32| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        let environment = read("environ");
        let store = format!("KERNSNAP_TEMPLATE_BROKER={}", store.path().display());
        read("cmdline").starts_with(b"kernsnap-templates")
            && environment.split(|byte| *byte == 0).any(|one| one == store.as_bytes())
    };
    let mut pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok());
    pids.find(is_broker).and_then(Pid::from_raw)
}

fn assert_nothing_left(store: &OwnStore) -> Outcome {
    assert_eq!(kernsnap(store, &["store", "templates", "--stop"]).run()?.code, Some(0));
    assert_eq!(machines(store.path()), []);
    until("the broker ends", || broker(store).is_none().then_some(()))?;
    assert_eq!((store.list("scratch"), store.list("tmp")), (Vec::new(), Vec::new()));
    Ok(())
}

#[test]
fn the_template_of_one_command_serves_the_next() -> Outcome {
    let store = OwnStore::whole()?;
    let first = run(&store, &["user-fork"])?;
    let kept = templates(&store)?;
    assert_eq!((&first["started"], kept.len()), (&"fork".into(), 1), "{first}");
    let second = run(&store, &["user-exit"])?;
    assert_eq!((&second["started"], templates(&store)?), (&"fork".into(), kept), "{second}");
    // Another schedule is another machine.
    let third = run(&store, &["user-exit", "--schedule", "0:4"])?;
    assert_eq!((&third["started"], templates(&store)?.len()), (&"fork".into(), 2), "{third}");
    assert_nothing_left(&store)
}

/// A template that does not end, and a command that stops it and waits for it.
fn stopping(store: &OwnStore) -> Result<(Pid, Running), Box<dyn Error>> {
    run(store, &["user-fork"])?;
    let [template] = templates(store)?[..] else { return Err("there is not one template".into()) };
    kill_process(template, Signal::STOP)?;
    let stop = kernsnap(store, &["store", "templates", "--stop"]).start()?;
    let fds = format!("/proc/{}/fd", stop.pid()?.as_raw_pid());
    let is_pidfd = |fd: &Path| fs::read_link(fd).is_ok_and(|link| link.to_string_lossy().contains("pidfd"));
    let waits = until("it waits for the template", || {
        fs::read_dir(&fds).ok()?.flatten().any(|fd| is_pidfd(&fd.path())).then_some(())
    });
    if waits.is_err() {
        // A machine that is stopped would stay behind.
        kill_process(template, Signal::CONT)?;
    }
    waits.map(|()| (template, stop))
}

#[test]
fn who_stops_the_templates_waits_until_they_are_gone() -> Outcome {
    let store = OwnStore::whole()?;
    let (template, stop) = stopping(&store)?;
    kill_process(template, Signal::CONT)?;
    assert_eq!(stop.end()?.code, Some(0));
    assert_eq!(machines(store.path()), []);
    Ok(())
}

#[test]
fn who_stops_the_templates_can_be_interrupted() -> Outcome {
    let store = OwnStore::whole()?;
    let (template, stop) = stopping(&store)?;
    stop.signal(Signal::INT)?;
    assert_eq!(stop.end()?.code, Some(Exit::Interrupted as i32));
    kill_process(template, Signal::CONT)?;
    until("the template ends", || machines(store.path()).is_empty().then_some(()))
}

#[test]
fn without_templates_each_run_boots_and_gives_the_same_bytes() -> Outcome {
    let store = OwnStore::whole()?;
    let booted = kernsnap(&store, &["run", "user-fork", "--json"]).env("KERNSNAP_TEMPLATES", "off").run()?.record()?;
    assert_eq!((&booted["started"], broker(&store)), (&"boot".into(), None), "{booted}");
    let other = OwnStore::whole()?;
    let forked = run(&other, &["user-fork"])?;
    assert_eq!((&forked["started"], &forked["raw_sha256"]), (&"fork".into(), &booted["raw_sha256"]), "{forked}");
    assert_nothing_left(&other)
}

#[test]
fn processes_that_start_at_once_share_one_template() -> Outcome {
    let store = OwnStore::whole()?;
    let names = ["user-fork", "user-exit", "fork-copy-tree", "zombie-and-autoreap"];
    let runs = names.map(|name| kernsnap(&store, &["run", "--json", name]).start());
    for run in runs {
        let record = run?.end()?.record()?;
        assert_eq!((&record["started"], &record["verdict"]), (&"fork".into(), &"passed".into()), "{record}");
    }
    assert_eq!(templates(&store)?.len(), 1);
    assert_nothing_left(&store)
}

#[test]
fn a_scenario_with_kernel_parameters_of_its_own_boots() -> Outcome {
    let store = OwnStore::whole()?;
    let record = run(&store, &["init-exit-panic"])?;
    assert_eq!((&record["started"], &record["verdict"]), (&"boot".into(), &"passed".into()), "{record}");
    assert_nothing_left(&store)
}

#[test]
fn a_killed_broker_or_template_costs_a_boot_and_no_verdict() -> Outcome {
    let store = OwnStore::whole()?;
    let first = run(&store, &["user-fork"])?;
    let again = |what: &str| -> Outcome {
        let record = run(&store, &["user-fork", "--adverse"])?;
        let same = record["verdict"] == "passed" && record["raw_sha256"] == first["raw_sha256"];
        assert!(same && record["started"] == "fork", "{what}: {record}");
        Ok(())
    };
    for signal in [Signal::KILL, Signal::TERM] {
        let killed = broker(&store).ok_or("there is no broker")?;
        kill_process(killed, signal)?;
        until("the broker ends", || (broker(&store) != Some(killed)).then_some(()))?;
        until("its templates end", || machines(store.path()).is_empty().then_some(()))?;
        again("after the broker")?;
        for template in templates(&store)? {
            kill_process(template, signal)?;
        }
        again("after the template")?;
    }
    assert_nothing_left(&store)
}

#[test]
fn a_killed_harness_takes_its_run_along_and_leaves_the_template() -> Outcome {
    let checkout = Checkout::with(&[data("fault-scenarios/endless.yaml"), data("fault-scenarios/crash.yaml")])?;
    let (store, out) = (OwnStore::whole()?, tempfile::tempdir()?);
    let endless = |directory: &Path| {
        let run = Kernsnap::new(checkout.path(), ["run", "endless"]).store(store.path()).out(directory).start()?;
        let console = directory.join("endless").join(evidence::CONSOLE_LOG);
        until("the guest runs", || says(&console, "phase scenario"))?;
        Ok::<_, Box<dyn Error>>(run)
    };
    for (number, signal) in [Signal::KILL, Signal::TERM, Signal::INT].into_iter().enumerate() {
        let run = endless(&out.path().join(number.to_string()))?;
        let template = templates(&store)?;
        assert_eq!((template.len(), machines(store.path()).len()), (1, 2), "a template and a run");
        run.signal(signal)?;
        let ended = run.end()?;
        assert!(ended.signal.is_some() || ended.code == Some(Exit::Interrupted as i32), "{ended:?}");
        until("the run ends", || (machines(store.path()) == template).then_some(()))?;
        assert_eq!(templates(&store)?, template);
    }
    let ended = Kernsnap::new(checkout.path(), ["run", "crash", "--json"]).store(store.path()).run()?;
    let record = ended.record()?;
    assert_eq!((&record["verdict"], &record["started"]), (&"failed".into(), &"fork".into()), "{ended:?}");
    assert_nothing_left(&store)
}

#[test]
fn a_broker_ends_with_its_store() -> Outcome {
    let store = OwnStore::whole()?;
    run(&store, &["user-fork"])?;
    let path = store.path().to_owned();
    let pid = broker(&store).ok_or("there is no broker")?;
    drop(store);
    until("the broker ends", || (!Path::new(&format!("/proc/{}", pid.as_raw_nonzero())).exists()).then_some(()))?;
    until("its templates end", || machines(&path).is_empty().then_some(()))
}

#[test]
fn a_qemu_that_cannot_be_forked_boots() -> Outcome {
    // The library becomes a template in a program of QEMU's name only.
    let directory = tempfile::tempdir()?;
    let qemu = kernsnap_machine::qemu::PROGRAM;
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut real = std::env::split_paths(&path).map(|path| path.join(qemu));
    let real = real.find(|path| path.is_file()).ok_or("QEMU is not on PATH")?;
    symlink(&real, directory.path().join("emulator"))?;
    let script = directory.path().join(qemu);
    fs::write(&script, format!("#!/bin/sh\nexec {}/emulator \"$@\"\n", directory.path().display()))?;
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", directory.path().display());

    let store = OwnStore::whole()?;
    for _ in 0..2 {
        let ended = kernsnap(&store, &["run", "--json", "--repeat", "2", "user-fork"]).env("PATH", &path).run()?;
        let records = ended.records()?;
        assert_eq!((ended.code, records.len()), (Some(0), 2), "{ended:?}");
        for record in records {
            assert_eq!((&record["verdict"], &record["started"]), (&"passed".into(), &"boot".into()), "{record}");
        }
    }
    assert_eq!(templates(&store)?, []);
    let doctor = kernsnap(&store, &["doctor"]).env("PATH", &path).run()?;
    assert!(doctor.stdout.contains("not used templates: each run boots"), "{doctor:?}");
    assert_nothing_left(&store)
}
