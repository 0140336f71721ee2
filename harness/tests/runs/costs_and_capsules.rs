//! Consequences of runs that repeat: costs without noise, schedules that break a claim, and capsules.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;

use kernsnap::cli::Exit;
use kernsnap_host::archive::{Effort, pack, unpack};
use serde_json::Value;

use crate::support::{Ended, Kernsnap, Outcome, OwnStore, root};

fn call(store: &OwnStore, arguments: &[&str]) -> Result<Ended, Box<dyn Error>> {
    Kernsnap::new(&root(), arguments.iter().copied()).store(store.path()).run()
}

#[track_caller]
fn ends(ended: &Ended, exit: Exit) {
    assert_eq!(ended.code, Some(exit as i32), "{ended:?}");
}

#[test]
fn a_cost_is_the_same_each_time_it_is_measured() -> Outcome {
    let measured = || -> Result<Value, Box<dyn Error>> {
        let ended = call(&OwnStore::whole()?, &["cost", "user-fork", "--json"])?;
        ends(&ended, Exit::Passed);
        ended.record()
    };
    let first = measured()?;
    let figures = first["figures"].as_array().ok_or("no figures")?;
    let named = |name: &str| figures.iter().find(|figure| figure["name"] == name).ok_or(format!("no {name}: {first}"));
    let woken = named("fork → the child is woken")?["instructions"].as_u64();
    let begins = named("fork → the child begins")?["instructions"].as_u64();
    assert!(woken > Some(0) && begins > woken, "{first}");
    assert_eq!(measured()?, first);
    Ok(())
}

/// The usual schedule is the first of the series.
#[test]
fn exploring_checks_the_expectations_in_each_schedule_and_labels_each_line() -> Outcome {
    let ended = call(&OwnStore::whole()?, &["explore", "user-fork", "--schedules", "3", "--json"])?;
    ends(&ended, Exit::Passed);
    let record = ended.record()?;
    assert_eq!(record["schedules"], 3);
    let schedules = record["interleavings"].as_array().ok_or("no interleavings")?;
    assert_eq!(schedules[0]["schedules"][0], "1:4");
    let lines = record["lines"].as_array().ok_or("no lines")?;
    assert!(lines.iter().any(|line| line["label"] == "invariant"), "{record}");
    Ok(())
}

/// The module's mistake shows in few schedules, and not in the usual one.
#[test]
fn exploring_finds_the_lost_wakeup_and_its_schedule_shows_it_every_time() -> Outcome {
    let store = OwnStore::whole()?;
    ends(&call(&store, &["run", "lost-wakeup"])?, Exit::Passed);
    let ended = call(&store, &["explore", "lost-wakeup", "--schedules", "32", "--json"])?;
    ends(&ended, Exit::Different);
    let record = ended.record()?;
    let broken = &record["broken"]["the consumer does not sleep on when its item is there"];
    let schedule = broken[0].as_str().ok_or(format!("nothing broke: {record}"))?;
    let ended = call(&store, &["run", "lost-wakeup", "--schedule", schedule, "--repeat", "2", "--json"])?;
    ends(&ended, Exit::Different);
    let records = ended.records()?;
    assert_eq!((&records[0]["verdict"], &records[0]["raw_sha256"]), (&"failed".into(), &records[1]["raw_sha256"]));
    Ok(())
}

#[test]
fn a_capsule_gives_the_same_bytes_and_tells_where_it_does_not() -> Outcome {
    let (store, directory) = (OwnStore::whole()?, tempfile::tempdir()?);
    let file = directory.path().join("user-exit.capsule");
    let name = file.display().to_string();
    ends(&call(&store, &["run", "user-exit", "--capsule", &name])?, Exit::Passed);
    // A replay needs no checkout and no image: an empty store will do.
    let empty = tempfile::tempdir()?;
    let replay = |file: &str| Kernsnap::new(empty.path(), ["replay", file, "--json"]).store(empty.path()).run();
    let ended = replay(&name)?;
    ends(&ended, Exit::Passed);
    let told = ended.record()?;
    assert_eq!((&told["same"], &told["claimed_verdict"]), (&true.into(), &"passed".into()));

    let mut parts = unpack(&fs::read(&file)?)?;
    parts.insert("console.log".into(), b"something else\n".to_vec());
    let parts: BTreeMap<&str, &[u8]> = parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    fs::write(&file, pack(&parts, Effort::Quick)?)?;
    let ended = replay(&name)?;
    ends(&ended, Exit::NotRepeatable);
    assert_eq!(ended.record()?["differences"][0], "the console differs from line 1 on");

    fs::write(&file, "no capsule")?;
    ends(&replay(&name)?, Exit::BadInput);
    Ok(())
}

#[test]
fn a_capsule_is_viewed_reported_and_debugged_without_its_image() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    let (capsule, page) = (path("user-exit.capsule"), path("user-exit.html"));
    ends(&call(&OwnStore::whole()?, &["run", "user-exit", "--capsule", &capsule])?, Exit::Passed);

    // No kernel, no program and no scenario here: the capsule has all that a reader needs.
    let empty = tempfile::tempdir()?;
    let elsewhere = |words: &[&str]| -> Result<Ended, Box<dyn Error>> {
        Kernsnap::new(directory.path(), words.iter().copied()).env("KERNSNAP_STORE", empty.path()).run()
    };
    let ended = elsewhere(&["view", &capsule, "--view", "events"])?;
    ends(&ended, Exit::Passed);
    assert!(ended.stdout.contains("exit-code        sched_process_exit"), "{ended:?}");
    ends(&elsewhere(&["report", &capsule, "--output", &page])?, Exit::Passed);
    assert!(fs::read_to_string(&page)?.contains("sched_process_exit"));
    let ended = elsewhere(&["gdb", &capsule, "--at", "do_exit", "--", "-batch", "-ex", "info symbol $pc"])?;
    ends(&ended, Exit::Passed);
    assert!(ended.stdout.contains("do_exit in section .text"), "{ended:?}");
    let ended = elsewhere(&["gdb", &capsule, "--at", "no_such_function", "--print"])?;
    ends(&ended, Exit::BadInput);
    Ok(())
}

#[test]
fn a_runs_directory_is_read_without_its_image_and_its_scenario() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name).display().to_string();
    let file = path("of-my-own.yaml");
    fs::copy(root().join("scenarios/user/user-exit.yaml"), &file)?;
    ends(&call(&OwnStore::whole()?, &["run", &file, "--out", &path("out")])?, Exit::Passed);

    let empty = tempfile::tempdir()?;
    let elsewhere = |words: &[&str]| -> Result<Ended, Box<dyn Error>> {
        Kernsnap::new(empty.path(), words.iter().copied()).env("KERNSNAP_STORE", empty.path()).run()
    };
    let of_recording = elsewhere(&["view", &path("out/of-my-own"), "--view", "events"])?;
    ends(&of_recording, Exit::Passed);
    assert!(of_recording.stdout.contains("exit-code        sched_process_exit"), "{of_recording:?}");
    ends(&elsewhere(&["view", &path("out/of-my-own/trace.raw"), "--view", "events"])?, Exit::BadInput);
    Ok(())
}

#[test]
fn the_recording_of_a_run_before_is_not_taken_for_that_of_a_panic() -> Outcome {
    let out = tempfile::tempdir()?;
    let recording = out.path().join("init-exit-panic/trace.dat");
    fs::create_dir_all(recording.parent().ok_or("no parent")?)?;
    fs::write(&recording, "of a run before")?;
    let words = ["run", "init-exit-panic", "--out", &out.path().display().to_string()];
    ends(&call(&OwnStore::whole()?, &words)?, Exit::Passed);
    assert!(!recording.exists());
    Ok(())
}

#[test]
fn a_kernel_against_itself_needs_no_run() -> Outcome {
    let store = OwnStore::whole()?;
    let ended = call(&store, &["regress", "--base", "rpi3-6.1", "--head", "rpi3-6.1", "--json"])?;
    ends(&ended, Exit::Passed);
    assert_eq!(ended.record()?["identical"], true);
    assert!(store.list("result").is_empty());
    Ok(())
}

#[test]
fn a_debugger_stops_where_it_is_told_and_knows_the_kernels_names() -> Outcome {
    let arguments = ["gdb", "user-exit", "--at", "do_exit", "--", "-batch", "-ex", "info symbol $pc"];
    let store = OwnStore::whole()?;
    // The arguments after `--` are gdb's.
    let ended = Kernsnap::new(&root(), arguments).env("KERNSNAP_STORE", store.path()).run()?;
    ends(&ended, Exit::Passed);
    assert!(ended.stdout.contains("do_exit in section .text"), "{ended:?}");
    Ok(())
}

#[test]
fn a_debugger_stops_in_a_module_and_where_a_role_runs() -> Outcome {
    let store = OwnStore::whole()?;
    let stopped = |words: &[&str]| -> Result<Ended, Box<dyn Error>> {
        let asked = ["--", "-batch", "-ex", "info symbol $pc"];
        // The arguments after `--` are gdb's.
        Kernsnap::new(&root(), words.iter().chain(&asked).copied()).env("KERNSNAP_STORE", store.path()).run()
    };
    let ended = stopped(&["gdb", "kthread-stop-return", "--at", "steps_thread"])?;
    ends(&ended, Exit::Passed);
    assert!(ended.stdout.contains("steps_thread in section .text of"), "{ended:?}");

    let ended = stopped(&["gdb", "user-fork", "--at", "do_exit", "--role", "child"])?;
    ends(&ended, Exit::Passed);
    assert!(ended.stdout.contains("do_exit in section .text"), "{ended:?}");

    let ended = stopped(&["gdb", "user-fork", "--at", "do_exit", "--role", "nobody"])?;
    ends(&ended, Exit::BadInput);
    assert!(ended.stderr.contains("has the role `nobody`") && ended.stderr.contains("child"), "{ended:?}");
    Ok(())
}

#[test]
fn a_role_is_the_condition_of_the_breakpoint() -> Outcome {
    let store = OwnStore::whole()?;
    let condition = |role: &str| -> Result<String, Box<dyn Error>> {
        let ended = call(&store, &["gdb", "user-fork", "--at", "do_exit", "--role", role, "--print"])?;
        ends(&ended, Exit::Passed);
        let (_, condition) = ended.stdout.split_once(" if ").ok_or("no condition")?;
        Ok(condition.split('\'').next().unwrap_or_default().to_owned())
    };
    let (parent, child) = (condition("parent")?, condition("child")?);
    assert!(child.starts_with("*(int *)($SP_EL0 + "), "{child}");
    assert_ne!(parent, child);
    Ok(())
}

#[test]
fn a_debugger_needs_no_scenario() -> Outcome {
    let arguments = ["gdb", "--at", "start_kernel", "--", "-batch", "-ex", "info symbol $pc"];
    let store = OwnStore::whole()?;
    let ended = Kernsnap::new(&root(), arguments).env("KERNSNAP_STORE", store.path()).run()?;
    ends(&ended, Exit::Passed);
    assert!(ended.stdout.contains("start_kernel in section"), "{ended:?}");
    Ok(())
}

#[test]
fn a_threshold_for_a_figure_that_is_nowhere_is_a_mistake() -> Outcome {
    let words = ["regress", "user-fork", "--base", "rpi3-6.1", "--head", "rpi3-6.1", "--fail-above", "fork -> wokn>5%"];
    let ended = Kernsnap::new(&root(), words).run()?;
    assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
    assert!(ended.stderr.contains("no scenario here has a figure `fork -> wokn`"), "{ended:?}");
    Ok(())
}
