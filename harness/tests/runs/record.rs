//! `record`, `init` and scenarios outside of any checkout: in a directory that has nothing of kernsnap's.

use std::error::Error;
use std::fs;
use std::path::Path;

use kernsnap::cli::Exit;

use crate::support::{Ended, Kernsnap, Outcome, root};

/// Two generations, and an exit code of its own. The parameters are not used, of which a compiler warns.
const EXERCISE: &str = r#"
#include <sys/wait.h>
#include <unistd.h>
#include "mine.h"
int main(int argc, char **argv)
{
	if (fork() == 0) {
		if (fork() == 0)
			_exit(0);
		wait(0);
		_exit(0);
	}
	wait(0);
	return CODE;
}
"#;

/// Calls `kernsnap` in `directory`, which is not a workspace.
fn call(directory: &Path, arguments: &[&str]) -> Result<Ended, Box<dyn Error>> {
    Kernsnap::new(directory, arguments.iter().copied()).run()
}

fn write_exercise(directory: &Path) -> Result<String, Box<dyn Error>> {
    fs::write(directory.join("mine.h"), "#define CODE 3\n")?;
    let file = directory.join("exercise.c");
    fs::write(&file, EXERCISE)?;
    Ok(file.display().to_string())
}

/// The lines of the view, without the expectations.
fn lines(ended: &Ended) -> Vec<&str> {
    let all = ended.stdout.lines().skip(2);
    all.take_while(|line| !line.starts_with(['✓', '✗', '?'])).filter(|line| !line.is_empty()).collect()
}

const FAMILY: [&str; 4] = ["-e", "sched_process_fork", "-e", "sched:sched_process_exit"];

#[test]
fn a_c_file_is_recorded_in_a_directory_that_has_nothing() -> Outcome {
    let directory = tempfile::tempdir()?;
    let (file, out) = (write_exercise(directory.path())?, directory.path().join("trace.dat").display().to_string());
    let record = || call(directory.path(), &[&["record"], &FAMILY[..], &["-o", &out, &file]].concat());
    let ended = record()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert_eq!(
        lines(&ended),
        [
            "init       sched_process_fork child_pid=exercise",
            "exercise   sched_process_fork child_pid=child-1",
            "child-1    sched_process_fork child_pid=child-1-1",
            "child-1-1  sched_process_exit",
            "child-1    sched_process_exit",
            "exercise   sched_process_exit",
        ]
    );
    assert!(ended.stderr.contains("`exercise` ended with exit 3"), "{ended:?}");
    let (first, again) = (fs::read(&out)?, record()?);
    assert_eq!(again.stdout, ended.stdout);
    assert!(fs::read(&out)? == first, "the recordings differ");
    let view = call(directory.path(), &["view", &out])?;
    assert_eq!((view.code, view.stdout.matches("sched_process_exit").count()), (Some(0), 3), "{view:?}");
    Ok(())
}

#[test]
fn functions_of_a_shell_line_are_recorded() -> Outcome {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("shell.dat").display().to_string();
    let words = ["record", "-p", "function", "-l", "do_exi?", "-F", "-o", &out, "--", "sh", "-c", "(exit 5); exit 0"];
    let ended = call(directory.path(), &words)?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert_eq!(
        lines(&ended),
        ["child-1  do_exit() <-do_group_exit", "shell    do_exit() <-do_group_exit"],
        "{ended:?}"
    );
    Ok(())
}

#[test]
fn a_module_is_recorded_from_load_to_unload() -> Outcome {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("module.dat").display().to_string();
    let module = root().join("guest-programs/modules/kthread-steps").display().to_string();
    let words = ["record", "-p", "function", "-l", "kthread_stop", "-l", "kthread_create_on_node", "-o", &out, &module];
    let ended = call(directory.path(), &words)?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    let named = ["kthread-steps  kthread_create_on_node() <-steps_init", "unload         kthread_stop() <-steps_exit"];
    assert!(named.iter().all(|line| lines(&ended).contains(line)), "{ended:?}");
    Ok(())
}

/// A program with names that are no text, and with the words of a panic in a line of its own.
const HOSTILE: &str = r#"
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
int main(void)
{
	const char *names[] = { "two\nlines", "\xff\xfe", "\x1b[31mred" };
	printf("a log says: Kernel panic - not syncing: not here\n");
	for (int i = 0; i < 3; i++)
		if (fork() == 0) {
			prctl(PR_SET_NAME, names[i]);
			_exit(0);
		}
	for (int i = 0; i < 3; i++)
		wait(0);
	return 0;
}
"#;

#[test]
fn names_that_are_no_text_and_words_of_a_panic_do_no_harm() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = directory.path().join("hostile.c");
    fs::write(&file, HOSTILE)?;
    let out = directory.path().join("trace.dat").display().to_string();
    let ended = call(directory.path(), &["record", "-e", "sched", "-o", &out, &file.display().to_string()])?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    let view = call(directory.path(), &["view", &out])?;
    assert_eq!(view.code, Some(Exit::Passed as i32), "{view:?}");
    // The names of all other tasks are there.
    assert!(["init-1 ", "hostile-", "two"].iter().all(|name| view.stdout.contains(name)), "{view:?}");
    for ended in [ended, view] {
        let all = ended.stdout + &ended.stderr;
        assert!(!all.contains(|c: char| c.is_control() && c != '\n'), "{all:?}");
        assert!(!all.lines().any(|line| line.starts_with("lines")), "{all}");
    }
    Ok(())
}

/// A module in a directory of another name, with a file for `make` as most have it. A variable is not used, of which the compiler warns.
const TALKING_MODULE: [(&str, &str); 2] = [
    ("Makefile", "obj-m += my-talk.o\nall:\n\tmake -C /lib/modules/$(shell uname -r)/build M=$(PWD) modules\n"),
    (
        "my-talk.c",
        "#include <linux/module.h>\n\
         static int __init talk_init(void) { int unused; trace_printk(\"loaded %d\\n\", 7); return 0; }\n\
         static void __exit talk_exit(void) { trace_printk(\"gone\\n\"); }\n\
         module_init(talk_init);\nmodule_exit(talk_exit);\nMODULE_LICENSE(\"GPL\");\n",
    ),
];

#[test]
fn a_module_of_a_users_own_is_recorded_with_what_it_says() -> Outcome {
    let directory = tempfile::tempdir()?;
    let module = directory.path().join("exercise");
    fs::create_dir(&module)?;
    for (name, text) in TALKING_MODULE {
        // A module that the store has is not compiled, and warns of nothing.
        let comment = if name == "Makefile" { "#" } else { "//" };
        fs::write(module.join(name), format!("{text}{comment} {}\n", directory.path().display()))?;
    }
    let out = directory.path().join("trace.dat").display().to_string();
    let ended = call(directory.path(), &["record", "-o", &out, &module.display().to_string()])?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    for line in ["exercise bprint text=talk_init: loaded 7", "unload bputs text=talk_exit: gone"] {
        let said = lines(&ended).iter().any(|shown| shown.split_whitespace().eq(line.split_whitespace()));
        assert!(said, "{line}: {ended:?}");
    }
    assert!(ended.stderr.contains("unused variable"), "{ended:?}");
    let view = call(directory.path(), &["view", &out])?;
    assert!(view.stdout.contains("bprint talk_init: loaded 7"), "{view:?}");
    Ok(())
}

#[test]
fn a_workspace_runs_its_own_scenarios_unless_others_are_named() -> Outcome {
    let directory = tempfile::tempdir()?;
    Kernsnap::new(directory.path(), ["init", &directory.path().display().to_string()]).run()?;
    let run = |words: &[&str]| call(directory.path(), &[&["run"], words].concat());
    let names = |ended: &Ended| -> Vec<String> {
        ended.stdout.lines().filter_map(|line| Some(line.split_once(" on rpi3-6.1: ")?.0.to_owned())).collect()
    };
    assert_eq!(names(&run(&[])?), ["first-fork"]);
    let path = directory.path().join("scenarios/user/first-fork.yaml").display().to_string();
    assert_eq!(names(&run(&[&path])?), ["first-fork"]);
    assert_eq!(names(&run(&["user-f*", "user-fo*", "user-fork"])?), ["user-fork"]);
    let unknown = run(&["nothing-*"])?;
    assert_eq!(unknown.code, Some(Exit::BadInput as i32));
    assert!(unknown.stderr.contains("there is no scenario `nothing-*`"), "{unknown:?}");
    Ok(())
}

#[test]
fn a_recording_becomes_a_scenario() -> Outcome {
    let directory = tempfile::tempdir()?;
    let (file, out) = (write_exercise(directory.path())?, directory.path().join("trace.dat").display().to_string());
    let words = [&["record"], &FAMILY[..], &["--save", "generations", "-o", &out, &file]].concat();
    let ended = call(directory.path(), &words)?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    for file in
        ["scenarios/recorded/generations.yaml", "guest-programs/user/generations.c", "guest-programs/user/mine.h"]
    {
        assert!(directory.path().join(file).is_file(), "{file}: {ended:?}");
    }
    let run = call(directory.path(), &["run", "generations", "--mutate", "--json"])?;
    assert_eq!((run.code, run.record()?["verdict"].as_str()), (Some(0), Some("passed")), "{run:?}");
    let again = call(directory.path(), &words)?;
    assert!(again.stderr.contains("is there already; nothing was saved"), "{again:?}");
    assert_eq!(again.code, Some(Exit::BadInput as i32));
    Ok(())
}

#[test]
fn what_cannot_be_recorded_is_refused_and_leaves_no_file() -> Outcome {
    let directory = tempfile::tempdir()?;
    let (file, out) = (write_exercise(directory.path())?, directory.path().join("trace.dat"));
    let to = out.display().to_string();
    let check = |words: &[&str], message: &str| -> Outcome {
        let ended = call(directory.path(), &[&["record", "-o", &to], words].concat())?;
        assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
        assert!(ended.stderr.contains(message), "{message}: {ended:?}");
        assert!(!out.exists());
        Ok(())
    };
    check(&["-e", "sched_swich", &file], "did you mean `sched_switch`?")?;
    check(&["-l", "no_such_*", &file], "has no traceable function `no_such_*`")?;
    check(&["./nothing-here"], "there is no program `./nothing-here`")?;
    let of_this_host = std::env::current_exe()?.display().to_string();
    check(&[&of_this_host], "or a program of arm64 or arm")
}

#[test]
fn a_new_workspace_runs_its_scenario_and_those_that_come_along() -> Outcome {
    let parent = tempfile::tempdir()?;
    let directory = parent.path().join("kernel/tools/testing/fork");
    let made = Kernsnap::new(parent.path(), ["init", "--github", &directory.display().to_string()]).run()?;
    assert_eq!(made.code, Some(0), "{made:?}");
    assert_eq!(
        made.stdout.lines().collect::<Vec<_>>(),
        [
            "kernsnap.toml",
            "scenarios/user/first-fork.yaml",
            "guest-programs/user/first-fork.c",
            ".github/workflows/kernsnap.yml",
        ]
    );
    let run = call(&directory.join("scenarios"), &["run", "first-fork", "hello", "--json"])?;
    let verdicts: Vec<_> = run.records()?.iter().map(|record| record["verdict"].clone()).collect();
    assert_eq!((run.code, verdicts), (Some(0), vec!["passed".into(), "passed".into()]), "{run:?}");
    let again = call(&directory, &["init"])?;
    assert_eq!(again.code, Some(Exit::BadInput as i32), "{again:?}");
    Ok(())
}

/// A module that warns when it is loaded.
const COMPLAINING: &str = r#"
#include <linux/module.h>
static int __init complain_init(void)
{
	WARN(1, "this is meant");
	return 0;
}
static void __exit complain_exit(void)
{
}
module_init(complain_init);
module_exit(complain_exit);
MODULE_DESCRIPTION("Complains");
MODULE_LICENSE("GPL");
"#;

#[test]
fn a_kernel_that_complains_fails_the_run_unless_that_is_allowed() -> Outcome {
    let directory = tempfile::tempdir()?;
    let module = directory.path().join("guest-programs/modules/complain");
    fs::create_dir_all(&module)?;
    fs::write(module.join("Kbuild"), "obj-m := complain.o\n")?;
    fs::write(module.join("complain.c"), COMPLAINING)?;
    let scenario = |allowed: &str| {
        let text = format!(
            "title: a module warns\nrun:\n  - load: {{ task: loader, module: complain }}\ntrace: {{ tracer: nop, events: \
             [sched_process_exit] }}\nallow-complaints: [{allowed}]\nexpect:\n  - that: the loader ends\n    present: \"loader: \
             sched_process_exit\"\n"
        );
        fs::create_dir_all(directory.path().join("scenarios/test"))?;
        fs::write(directory.path().join("scenarios/test/complaint.yaml"), text)
    };
    let out = directory.path().join("out").display().to_string();
    scenario("")?;
    let ended = call(directory.path(), &["run", "complaint", "--out", &out])?;
    assert_eq!(ended.code, Some(Exit::Different as i32), "{ended:?}");
    assert!(ended.stdout.contains("the kernel does not complain: WARNING: "), "{ended:?}");
    let log = fs::read_to_string(directory.path().join("out/complaint/dmesg.txt"))?;
    assert!(log.contains("] this is meant") && log.contains("] Booting Linux"), "{log}");
    scenario("\"WARNING: CPU\"")?;
    let ended = call(directory.path(), &["run", "complaint"])?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    Ok(())
}

#[test]
fn a_program_that_does_not_turn_tracing_on_gets_a_hint() -> Outcome {
    let directory = tempfile::tempdir()?;
    for (file, text) in [
        ("guest-programs/user/silent.c", "int main(void) { return 0; }\n"),
        (
            "scenarios/test/silent.yaml",
            "title: nothing is recorded\nrun:\n  - start: { task: silent, program: silent }\n  - wait: silent\n\
             trace: { tracer: nop, events: [sched_process_exit] }\nexpect:\n  - that: it ends\n    present: \"silent: \
             sched_process_exit\"\n",
        ),
    ] {
        let path = directory.path().join(file);
        fs::create_dir_all(path.parent().ok_or("it has one")?)?;
        fs::write(path, text)?;
    }
    let ended = call(directory.path(), &["run", "silent"])?;
    assert_eq!(ended.code, Some(Exit::Different as i32), "{ended:?}");
    assert!(
        ended.stdout.contains("hint: nothing was recorded; programs turn tracing on with `trace_on()`"),
        "{ended:?}"
    );
    Ok(())
}
