//! One test per file in `data/bad-scenarios/`: each is `data/good-scenario.yaml` with one mistake. What a person is told of
//! it stands beside the file, as `NAME.snap`: line, column, a mark under the place, and a hint. The command line says the
//! same and ends with the exit code of bad input.
#![expect(clippy::print_stderr, reason = "a test tells what it saw on stderr")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;
use std::process::ExitCode;

use kernsnap::cli::Exit;
use kernsnap_scenario::layouts::Layouts;
use kernsnap_scenario::{Draft, Names, Target};
use kernsnap_yaml::Diagnostic;
use libtest_mimic::{Arguments, Failed, Trial};

use self::support::{Checkout, Kernsnap, Outcome, data};

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = vec![
        trial("the-good-scenario-is-accepted".into(), the_good_scenario_is_accepted),
        trial("what-a-kernel-lacks-is-listed".into(), what_a_kernel_lacks_is_listed),
    ];
    let entries = fs::read_dir(data("bad-scenarios")).into_iter().flatten().flatten();
    for file in entries.map(|entry| entry.path()).filter(|path| path.extension().is_some_and(|end| end == "yaml")) {
        let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        trials.push(trial(name.clone(), move || the_mistake_is_explained(&name, &file)));
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trial(name: String, check: impl FnOnce() -> Outcome + Send + 'static) -> Trial {
    Trial::test(name, move || {
        check().map_err(|error| {
            // nextest takes a failure's message from a line like this one.
            eprintln!("Error: {error}");
            Failed::without_message()
        })
    })
}

fn the_good_scenario_is_accepted() -> Outcome {
    let draft = Draft::read(Path::new("good.yaml"), fs::read_to_string(data("good-scenario.yaml"))?)?;
    resolve(&draft)?;
    Ok(())
}

fn the_mistake_is_explained(name: &str, file: &Path) -> Outcome {
    let checkout = Checkout::with(&[file.into()])?;
    // As the command line names it: relative to the checkout.
    let shown = Path::new("scenarios/test").join(file.file_name().unwrap_or_default());
    let (diagnostic, needs_image) = match Draft::read(&shown, fs::read_to_string(file)?) {
        Err(diagnostic) => (diagnostic, false),
        Ok(draft) => (resolve(&draft).err().ok_or("nothing wrong was found")?, true),
    };
    let told = format!("error: {diagnostic}\n");
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(data("bad-scenarios"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(file);
    settings.bind(|| insta::assert_snapshot!(name, told));

    // Every command that reads scenarios reports an error that exists on every image.
    if !needs_image {
        let ended = Kernsnap::new(checkout.path(), ["list"]).run()?;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(Exit::BadInput as i32), ""), "{ended:?}");
        assert_eq!(ended.stderr, told);
    }
    Ok(())
}

fn what_a_kernel_lacks_is_listed() -> Outcome {
    let needs = "needs:
  - function: fork_core
  - function: user_mode_thread
  - event: sched_switch
  - event: sched:sched_process_hang
  - field: task.rcu_users
  - config: CONFIG_SMP
  - config: CONFIG_NUMA
  - function: steps_thread
  - kernel: \"6.1\"
  - kernel: \"6.12\"
  - not: { kernel: \"6.2\" }
  - not: { function: copy_process }
";
    let draft = Draft::read(Path::new("x.yaml"), fs::read_to_string(data("good-scenario.yaml"))? + needs)?;
    let expected = [
        "the kernel has no traceable function `user_mode_thread`",
        "the kernel has no event `sched:sched_process_hang`",
        "the kernel has no field `task.rcu_users`",
        "the kernel is built without CONFIG_NUMA",
        "the kernel is older than 6.12",
        "the kernel has a traceable function `copy_process`",
    ];
    assert_eq!(on_small_image(|target| Ok(draft.lacking(target)))?, expected);
    Ok(())
}

fn resolve(draft: &Draft) -> Result<(), Diagnostic> {
    on_small_image(|target| draft.resolve(target).map(drop))
}

/// Gives names the meaning they have on a small image.
fn on_small_image<T>(act: impl FnOnce(&Target<'_>) -> Result<T, Diagnostic>) -> Result<T, Diagnostic> {
    let set = |words: &str| words.split_whitespace().map(str::to_owned).collect::<BTreeSet<_>>();
    let list = |words: &str| words.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
    let functions = "copy_process finish_task_switch.isra.0 kernel_clone schedule_tail wake_up_new_task";
    let events = [
        ("raw_syscalls:sys_enter", "id args"),
        ("sched:sched_process_fork", "parent_comm parent_pid child_comm child_pid"),
        ("sched:sched_switch", "prev_comm prev_pid prev_prio prev_state next_comm next_pid next_prio"),
        ("sched:sched_wakeup", "comm pid prio target_cpu"),
    ];
    act(&Target {
        image: "small",
        release: "6.1.0-rpi",
        functions: &set(functions).into_iter().zip(1..).map(|(name, number)| (name, vec![number])).collect(),
        events: &events.map(|(name, fields)| (name.to_owned(), list(fields))).into(),
        programs: &set("exit-code fork-one trace-flood"),
        modules: &BTreeMap::from([("kthread-steps".to_owned(), list("steps_init steps_thread"))]),
        names: &Names::read(Path::new("names.yaml"), "fork_core: [kernel_clone, _do_fork]\n")?.with_syscalls(
            Path::new("syscalls.yaml"),
            "arm64: { clone: 220, clone3: 435, exit: 93 }\n",
            "arm64",
        )?,
        layouts: &Layouts::EMPTY,
        config: &set("CONFIG_SMP"),
        cpus: 4,
        registers: None,
    })
}
