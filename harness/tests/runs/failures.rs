//! Faults injected into real guests and the real host: each case ends with its own exit code, says what was the
//! matter, keeps the evidence, and leaves no machine, no half-made file, and nothing that the next run would stumble over.

use std::error::Error;
use std::fs;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kernsnap::cli::{Exit, default_store};
use kernsnap::session::prepare::PreparedImage;
use kernsnap::session::run::{GuestPayload, boot_plan, evidence};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::Schedule;
use rustix::process::{Signal, kill_process};
use serde_json::Value;

use crate::support::{Checkout, Ended, Kernsnap, Outcome, OwnStore, data, machines, root, says, until};

/// A call of `kernsnap` whose runs boot. `templates` has the faults of forked runs.
fn booting<'a>(checkout: &Path, words: impl IntoIterator<Item = &'a str>) -> Kernsnap {
    Kernsnap::new(checkout, words).env("KERNSNAP_TEMPLATES", "off")
}

/// A checkout whose scenarios go wrong.
fn faults() -> Result<Checkout, Box<dyn Error>> {
    let files = fs::read_dir(data("fault-scenarios"))?;
    Ok(Checkout::with(&files.map(|file| Ok(file?.path())).collect::<Result<Vec<_>, std::io::Error>>()?)?)
}

fn reasons(record: &Value) -> Vec<&str> {
    record["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

/// Runs a scenario that goes wrong, and hands on the reasons it gives.
fn check(scenario: &str, exit: Exit, verdict: &str, expected: impl FnOnce(&[&str])) -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let ended = booting(checkout.path(), ["run", scenario, "--json"]).store(store.path()).run()?;
    let record = ended.record()?;
    assert_eq!((ended.code, record["verdict"].as_str()), (Some(exit as i32), Some(verdict)), "{ended:?}");
    expected(&reasons(&record));
    let kept = Path::new(record["evidence"].as_str().ok_or("no evidence")?);
    for file in [evidence::COMMAND, evidence::PLAN, evidence::INITRAMFS, evidence::CONSOLE_LOG, evidence::RESULT] {
        assert!(kept.join(file).is_file(), "{file} is not in {}", kept.display());
    }
    assert_nothing_left(&store);
    Ok(())
}

fn assert_nothing_left(store: &OwnStore) {
    assert_eq!(machines(store.path()), []);
    assert_eq!((store.list("scratch"), store.list("tmp")), (Vec::new(), Vec::new()));
}

/// Whatever happened before: a run in this store comes to its verdict.
fn assert_the_next_run_works(checkout: &Checkout, store: &OwnStore) -> Outcome {
    let ended = booting(checkout.path(), ["run", "crash", "--json"]).store(store.path()).run()?;
    assert_eq!(ended.record()?["verdict"], "failed", "{ended:?}");
    assert_nothing_left(store);
    Ok(())
}

fn assert_says(ended: &Ended, exit: Exit, words: &[&str]) {
    assert_eq!(ended.code, Some(exit as i32), "{ended:?}");
    for words in words {
        assert!(ended.stderr.contains(words), "not said: {words}\n{ended:?}");
    }
}

#[test]
fn a_crashing_program_is_told_with_its_signal() -> Outcome {
    check("crash", Exit::Different, "failed", |reasons| {
        assert_eq!(reasons, ["program `victim` ends with exit 0: it ended with signal 11"]);
    })
}

#[test]
fn a_program_that_sleeps_for_ever_meets_the_deadline_in_guest_time() -> Outcome {
    check("sleeps", Exit::Different, "failed", |reasons| {
        assert_eq!(reasons, ["the run ends within 60000 ms of guest time: still running: sleeper"]);
    })
}

#[test]
fn a_program_that_spins_for_ever_meets_the_deadline_in_guest_time() -> Outcome {
    check("spins", Exit::Different, "failed", |reasons| {
        assert_eq!(reasons, ["the run ends within 100 ms of guest time: still running: spinner"]);
    })
}

#[test]
fn a_step_that_the_kernel_refuses_is_told_with_its_error() -> Outcome {
    check("unloads", Exit::Different, "failed", |reasons| {
        let [only] = reasons else { panic!("{reasons:?}") };
        let told = "every step in the guest succeeds: `unload unloader any kthread_steps` failed with ENOENT (line";
        assert!(only.starts_with(told), "{only}");
    })
}

#[test]
fn a_filter_that_the_kernel_does_not_understand_is_shown_in_the_scenario() -> Outcome {
    check("filters", Exit::BadInput, "refused", |reasons| {
        let [only] = reasons else { panic!("{reasons:?}") };
        assert!(only.contains("the kernel of image `rpi3-6.1` refuses this: `put "), "{only}");
        assert!(only.contains("[scenarios/test/filters.yaml:9:37]"), "{only}");
    })
}

#[test]
fn a_probe_that_the_kernel_does_not_understand_is_shown_in_the_scenario() -> Outcome {
    check("probes", Exit::BadInput, "refused", |reasons| {
        let [only] = reasons else { panic!("{reasons:?}") };
        assert!(only.contains("[scenarios/test/probes.yaml:8:46]"), "{only}");
    })
}

#[test]
fn a_panic_is_told_with_the_kernels_own_words() -> Outcome {
    check("panics", Exit::MachineLost, "lost", |reasons| {
        let told = "the guest kernel panicked after it had reached phase `scenario`: \
                    Kernel panic - not syncing: kernsnap: on purpose";
        assert_eq!(reasons, [told]);
    })
}

#[test]
fn a_trace_that_wrapped_is_unusable_and_names_the_setting() -> Outcome {
    check("floods", Exit::TraceUnusable, "unusable", |reasons| {
        assert!(!reasons.is_empty());
        for reason in reasons {
            assert!(reason.starts_with("CPU 1: "), "{reason}");
            assert!(reason.ends_with("raise `trace.buffer-kib` above 16, or trace less"), "{reason}");
        }
    })
}

#[test]
fn of_several_runs_each_has_its_verdict_and_the_worst_decides() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let arguments = ["run", "panics", "floods", "crash", "--parallel", "2", "--json"];
    let ended = booting(checkout.path(), arguments).store(store.path()).run()?;
    let records = ended.records()?;
    let verdicts: Vec<_> = records.iter().map(|record| (&record["scenario"], &record["verdict"])).collect();
    let expected = [("panics", "lost"), ("floods", "unusable"), ("crash", "failed")].map(|(s, v)| (s.into(), v.into()));
    assert!(verdicts.into_iter().eq(expected.iter().map(|(s, v): &(Value, Value)| (s, v))), "{ended:?}");
    assert_says(&ended, Exit::TraceUnusable, &[]);
    Ok(())
}

/// The result of a boot with a plan that no scenario makes.
fn boot_with(plan: &str) -> Result<String, Box<dyn Error>> {
    let workspace = Workspace::at(root());
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let images = Images { workspace: &workspace, store: &store, options: &Options::default() };
    let prepared_image = PreparedImage::open(images, "rpi3-6.1", &mut |_| ())?;
    let directory = tempfile::tempdir()?;
    let (schedule, limit) = (Schedule::new(1, 4), Duration::from_secs(120));
    match boot_plan(&prepared_image.runtime, &GuestPayload::default(), plan.into(), schedule, directory.path(), limit) {
        Ok(boot) => Err(format!("it came to its end: {boot:?}").into()),
        Err(error) => Ok(error.to_string()),
    }
}

#[test]
fn an_init_that_cannot_open_its_channel_tells_the_step_that_failed() -> Outcome {
    assert_eq!(
        boot_with("kernsnap-plan 1\nmount nosuchfs /proc\nphase collect\nend\n")?,
        "the guest did not open its channel: the guest switched off after it had reached phase `collect`; \
         `mount nosuchfs /proc` failed with ENODEV (line 2 of the plan)"
    );
    Ok(())
}

#[test]
fn an_init_of_another_protocol_says_so() -> Outcome {
    assert_eq!(
        boot_with("kernsnap-plan 2\nend\n")?,
        "the guest did not open its channel: the guest switched off before its init was ready; \
         `/plan` failed with EPROTONOSUPPORT"
    );
    Ok(())
}

#[test]
fn a_guest_that_needs_too_long_is_given_up() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let arguments = ["run", "endless", "--limit", "1", "--json"];
    let ended = booting(checkout.path(), arguments).store(store.path()).run()?;
    assert_says(&ended, Exit::MachineLost, &[]);
    let record = ended.record()?;
    assert!(reasons(&record)[0].starts_with("the guest did not finish within 1 s of host time, "), "{ended:?}");
    assert_nothing_left(&store);
    Ok(())
}

#[test]
fn a_machine_that_is_killed_is_lost() -> Outcome {
    let (checkout, store, out) = (faults()?, OwnStore::whole()?, tempfile::tempdir()?);
    let run = booting(checkout.path(), ["run", "endless", "--json"]).store(store.path()).out(out.path()).start()?;
    let console = out.path().join("endless").join(evidence::CONSOLE_LOG);
    until("the guest runs", || says(&console, "phase scenario"))?;
    for machine in machines(out.path()) {
        kill_process(machine, Signal::KILL)?;
    }
    let ended = run.end()?;
    assert_says(&ended, Exit::MachineLost, &[]);
    let record = ended.record()?;
    assert_eq!(
        reasons(&record),
        ["QEMU stopped early (ended by signal 9) after it had reached phase `scenario`"],
        "{ended:?}"
    );
    assert_eq!(record["evidence"].as_str().map(PathBuf::from), Some(out.path().join("endless")));
    assert_the_next_run_works(&checkout, &store)
}

#[test]
fn ctrl_c_ends_every_machine_and_leaves_nothing() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let arguments = ["run", "endless", "--repeat", "4", "--parallel", "2"];
    let run = booting(checkout.path(), arguments).store(store.path()).start()?;
    until("two guests run", || {
        let consoles = store.list("scratch").into_iter().map(|run| run.join(evidence::CONSOLE_LOG));
        (consoles.filter_map(|console| says(&console, "phase scenario")).count() == 2).then_some(())
    })?;
    run.signal(Signal::INT)?;
    let ended = run.end()?;
    assert_says(&ended, Exit::Interrupted, &["error: interrupted"]);
    assert_nothing_left(&store);
    assert_the_next_run_works(&checkout, &store)
}

#[test]
fn stopping_while_the_kernel_is_asked_about_itself_publishes_nothing() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::lending(&["kernel", "program", "module"])?);
    let run = booting(checkout.path(), ["run", "crash"]).store(store.path()).start()?;
    until("the kernel is booted", || {
        let asked = |entry: &PathBuf| entry.join("boot").join(evidence::CONSOLE_LOG).is_file();
        store.list("scratch").iter().any(asked).then_some(())
    })?;
    run.signal(Signal::TERM)?;
    let ended = run.end()?;
    assert_says(&ended, Exit::Interrupted, &["interrupted"]);
    assert_nothing_left(&store);
    assert_eq!(store.list("facts"), Vec::<PathBuf>::new());
    assert_the_next_run_works(&checkout, &store)
}

#[test]
fn killing_the_harness_ends_its_machine() -> Outcome {
    let (checkout, store, out) = (faults()?, OwnStore::whole()?, tempfile::tempdir()?);
    let run = booting(checkout.path(), ["run", "endless"]).store(store.path()).out(out.path()).start()?;
    let console = out.path().join("endless").join(evidence::CONSOLE_LOG);
    until("the guest runs", || says(&console, "phase scenario"))?;
    assert_eq!(machines(out.path()).len(), 1);
    run.signal(Signal::KILL)?;
    assert_eq!(run.end()?.signal, Some(Signal::KILL.as_raw()));
    until("the machine ends", || machines(out.path()).is_empty().then_some(()))?;
    assert_the_next_run_works(&checkout, &store)
}

/// A directory with a program that goes by QEMU's name, and the `PATH` that finds it first.
fn another_qemu(script: &str) -> Result<(tempfile::TempDir, String), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join(kernsnap_machine::qemu::PROGRAM);
    fs::write(&file, format!("#!/bin/sh\n{script}\n"))?;
    fs::set_permissions(&file, fs::Permissions::from_mode(0o755))?;
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", directory.path().display());
    Ok((directory, path))
}

#[test]
fn a_missing_qemu_is_named_with_its_package() -> Outcome {
    let (checkout, store, nothing) = (faults()?, OwnStore::whole()?, tempfile::tempdir()?);
    let ended = booting(checkout.path(), ["run", "crash"]).store(store.path()).env("PATH", nothing.path()).run()?;
    let told = "error: `qemu-system-aarch64` is not on PATH: needed to run the machines; `qemu-system-aarch64` must be on PATH; \
                Debian has it in the package `qemu-system-arm`\n\nhint: `ci/setup` installs every tool the harness needs\n";
    assert_says(&ended, Exit::HostNotSetUp, &[told]);
    Ok(())
}

#[test]
fn a_qemu_that_is_too_old_is_refused() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let (_directory, path) = another_qemu("echo 'QEMU emulator version 6.2.0'")?;
    let ended = booting(checkout.path(), ["run", "crash"]).store(store.path()).env("PATH", path).run()?;
    let told = "error: `qemu-system-aarch64` is older than 7.2; it says `QEMU emulator version 6.2.0`: needed to run";
    assert_says(&ended, Exit::HostNotSetUp, &[told, "hint: `ci/setup` installs"]);
    Ok(())
}

#[test]
fn what_qemu_says_when_it_does_not_start_is_told() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let (_directory, path) =
        another_qemu("[ \"$1\" = --version ] && echo 'QEMU emulator version 10.0.2' && exit\necho no >&2; exit 1")?;
    let ended = booting(checkout.path(), ["run", "crash", "--json"]).store(store.path()).env("PATH", path).run()?;
    assert_says(&ended, Exit::MachineLost, &[]);
    let record = ended.record()?;
    assert_eq!(reasons(&record), ["QEMU stopped early (exit status 1) before its init was ready\n  | no"]);
    Ok(())
}

#[test]
fn a_qemu_whose_threads_are_not_in_order_is_not_trusted() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::whole()?);
    let (_directory, path) = another_qemu("unset LD_PRELOAD\nPATH=${PATH#*:}\nexec qemu-system-aarch64 \"$@\"\n")?;
    let ended = booting(checkout.path(), ["run", "crash", "--json"]).store(store.path()).env("PATH", path).run()?;
    let told = "QEMU ran without `lockstep.so`, which makes its threads take turns: nothing it gave can be trusted";
    assert_says(&ended, Exit::HostNotSetUp, &[told]);
    assert_nothing_left(&store);
    Ok(())
}

/// A space ends a name in the list of libraries that QEMU is to load.
#[test]
fn a_run_takes_a_store_whose_path_has_a_space() -> Outcome {
    let (store, directory) = (OwnStore::whole()?, tempfile::tempdir()?);
    let context = directory.path().join("a store");
    symlink(store.path(), &context)?;
    let ended = booting(&root(), ["run", "user-exit", "--fresh"]).store(&context).run()?;
    assert_says(&ended, Exit::Passed, &[]);
    Ok(())
}

#[test]
fn a_disk_that_is_full_during_a_run_is_told_with_the_file() -> Outcome {
    let (checkout, store, out) = (faults()?, OwnStore::whole()?, tempfile::tempdir()?);
    for file in [evidence::INITRAMFS, evidence::RAW, evidence::RESULT] {
        let directory = out.path().join(file).join("crash");
        fs::create_dir_all(&directory)?;
        // Writes there fail: the disk is full.
        symlink("/dev/full", directory.join(file))?;
        let run = booting(checkout.path(), ["run", "crash"]).store(store.path());
        let ended = run.out(&out.path().join(file)).run()?;
        let told = format!("error: cannot write `{}`: No space left on device", directory.join(file).display());
        assert_says(&ended, Exit::MachineLost, &[&told, "hint: make room"]);
        assert_nothing_left(&store);
    }
    assert_the_next_run_works(&checkout, &store)
}

#[test]
fn a_store_that_takes_no_more_publishes_nothing() -> Outcome {
    let (checkout, store) = (faults()?, OwnStore::lending(&["kernel", "facts", "module"])?);
    // No file may grow beyond this: enough for records and locks, not for a program. It needs no rights, as a small disk would.
    let limited = ["prlimit", "--fsize=100000", "env", "--ignore-signal=XFSZ"];
    let ended = Kernsnap::through(&limited, checkout.path(), ["run", "crash"]).store(store.path()).run()?;
    assert_says(&ended, Exit::BuildFailed, &["error: compile the guest program `init`", "File too large"]);
    assert_eq!(store.list("program"), Vec::<PathBuf>::new());
    assert_nothing_left(&store);
    assert_the_next_run_works(&checkout, &store)
}

#[test]
fn a_store_that_cannot_be_written_is_told_with_a_way_out() -> Outcome {
    let checkout = faults()?;
    // No user can make directories there, not even root.
    let ended = booting(checkout.path(), ["run", "crash"]).store(Path::new("/sys/kernsnap")).run()?;
    let told = ["error: the image store cannot be written: `/sys/kernsnap`", "hint: let `KERNSNAP_STORE` name"];
    assert_says(&ended, Exit::BuildFailed, &told);

    let file = tempfile::NamedTempFile::new()?;
    let ended = booting(checkout.path(), ["run", "crash"]).store(file.path()).run()?;
    assert_says(&ended, Exit::BadInput, &[&format!("error: `{}` is not a directory", file.path().display())]);
    Ok(())
}

#[test]
fn a_name_that_this_image_does_not_have_is_shown_before_anything_runs() -> Outcome {
    let checkout = Checkout::with(&[data("bad-scenarios/unknown-function.yaml")])?;
    let store = OwnStore::whole()?;
    let ended = booting(checkout.path(), ["run"]).store(store.path()).run()?;
    let context = "[scenarios/test/unknown-function.yaml:7:29]";
    let told = "error: image `rpi3-6.1` has no traceable function `shedule_tail`";
    assert_says(&ended, Exit::BadInput, &[told, context, "hint: did you mean `schedule_tail`?"]);
    assert_eq!((ended.stdout.as_str(), store.list("scratch")), ("", Vec::new()));
    Ok(())
}

#[test]
fn images_are_listed_on_a_host_without_compilers() -> Outcome {
    let empty = tempfile::tempdir()?;
    let listed = booting(&root(), ["image", "list"]).env("PATH", empty.path()).run()?;
    assert_eq!(listed.code, Some(0), "{listed:?}");
    assert!(
        listed.stdout.lines().any(|line| line.starts_with("rpi3-6.1 ") && line.contains("not built")),
        "{listed:?}"
    );
    Ok(())
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() -> Outcome {
    for words in [["list", "--json"].as_slice(), &["list"], &["image", "list"]] {
        let ended =
            Kernsnap::through(&["sh", "-c", "exec \"$0\" \"$@\" >/dev/full"], &root(), words.iter().copied()).run()?;
        assert_says(&ended, Exit::BadInput, &["cannot write the answer"]);
        assert_eq!(ended.stderr.lines().count(), 1, "{ended:?}");
    }
    Ok(())
}

/// In a mount namespace (`unshare`, util-linux), because root may write whatever the modes of files say.
#[test]
#[expect(clippy::print_stdout, reason = "a test that was not tried says so")]
fn a_store_that_cannot_be_written_shows_what_it_has() -> Outcome {
    const MOUNT: &str = "mount --bind \"$1\" \"$1\" && mount -o remount,bind,ro \"$1\" && shift && exec \"$@\"";
    let store = OwnStore::whole()?;
    let out = tempfile::tempdir()?;
    let recorded = Kernsnap::new(&root(), ["run", "user-fork"]).store(store.path()).out(out.path()).run()?;
    assert_eq!(recorded.code, Some(0), "{recorded:?}");
    let ended = Kernsnap::new(&root(), ["store", "templates", "--stop"]).store(store.path()).run()?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let run = out.path().join("user-fork").display().to_string();
    let path = store.path().display().to_string();
    let unshare = ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", MOUNT, "sh", &path];
    if Kernsnap::through(&unshare, &root(), ["list"]).run()?.stderr.contains("unshare: ") {
        println!("not tried: this host does not allow a user to mount");
        return Ok(());
    }
    for words in [
        ["run", "user-fork", "--json"].as_slice(),
        &["view", &run],
        &["store"],
        &["store", "verify"],
        &["image", "path", "rpi3-6.1"],
    ] {
        let call = Kernsnap::through(&unshare, &root(), words.iter().copied()).store(store.path());
        let ended = call.env("KERNSNAP_FRESH", "").env("KERNSNAP_TEMPLATES", "off").run()?;
        assert_eq!(ended.code, Some(0), "{words:?}: {ended:?}");
        assert!(!ended.stdout.is_empty(), "{words:?}: {ended:?}");
    }
    Ok(())
}
