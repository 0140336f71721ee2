//! `kernsnap shell` against real guests: one command with an answer, a person at a terminal, and everybody who goes away.
#![expect(clippy::disallowed_methods, reason = "these tests start the program and sit at its terminal")]

use std::error::Error;
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use kernsnap_machine::qemu;
use rexpect::ReadUntil;
use rexpect::process::WaitStatus;
use rexpect::session::{PtySession, spawn_command};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{LocalModes, tcgetattr};

use crate::support::{Ended, Kernsnap, Outcome, program, root, until};

/// For a prompt that a guest boots for, on a busy machine, and perhaps for the first fetch of a busybox.
const PATIENCE_MS: u64 = 200_000;
const PROMPT: &str = "kernsnap# ";

fn ask(command: &str) -> Result<Ended, Box<dyn Error>> {
    Kernsnap::new(&root(), ["shell", "--command", command]).run()
}

fn check(command: &str, code: i32, stdout: &str) -> Outcome {
    let ended = ask(command)?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(code), stdout), "{command}: {ended:?}");
    Ok(())
}

#[test]
fn the_answer_is_on_stdout_and_nothing_else_is() -> Outcome {
    let ended = ask("uname -r; ls /sys/kernel/tracing/current_tracer")?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let lines: Vec<&str> = ended.stdout.lines().collect();
    assert!(
        matches!(lines[..], [release, "/sys/kernel/tracing/current_tracer"] if release.starts_with(char::is_numeric)),
        "{ended:?}"
    );
    Ok(())
}

#[test]
fn the_first_process_is_the_script() -> Outcome {
    check("cat /proc/1/comm", 0, "init\n")
}

#[test]
fn the_status_of_a_command_is_told() -> Outcome {
    let ended = ask("no-such-command")?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(1), "sh: no-such-command: not found\n"), "{ended:?}");
    assert!(ended.stderr.contains("the command ended with status 127 in the guest"), "{ended:?}");
    Ok(())
}

#[test]
fn bytes_and_quotes_go_both_ways_unchanged() -> Outcome {
    let text = "a'b\"c $x `y` \\ \t | é € !";
    check(&format!("printf '%s\\r\\n' \"$(cat <<'end'\n{text}\nend\n)\"; printf open"), 0, &format!("{text}\r\nopen"))
}

#[test]
fn programs_and_modules_of_a_scenario_are_there_and_work() -> Outcome {
    // The program tells by its status that its child ended with 7.
    let command = "exit-code 7 && insmod /lib/modules/kthread-steps.ko && cut -d' ' -f1 /proc/modules";
    let ended = Kernsnap::new(&root(), ["shell", "exit-code-encoding", "kernel-thread", "--command", command]).run()?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "kthread_steps\n"), "{ended:?}");
    Ok(())
}

#[test]
fn a_shell_waits_for_no_program_and_no_module_that_it_was_not_asked_for() -> Outcome {
    check(
        "ls /lib/modules /bin/exit-code",
        1,
        "ls: /lib/modules: No such file or directory\nls: /bin/exit-code: No such file or directory\n",
    )?;
    let misnamed = Kernsnap::new(&root(), ["shell", "kernel-thraed", "--command", "true"]).run()?;
    assert_eq!(misnamed.code, Some(2), "{misnamed:?}");
    assert!(misnamed.stderr.contains("did you mean `kernel-thread`?"), "{misnamed:?}");
    Ok(())
}

#[test]
fn files_go_into_a_guest_and_come_out_of_it() -> Outcome {
    let directory = tempfile::tempdir()?;
    let path = |name: &str| directory.path().join(name);
    fs::write(path("trace.sh"), "#!/bin/sh\necho from the guest >/out/text\nhead -c 200000 /dev/zero >/tmp/zeros\n")?;
    fs::set_permissions(path("trace.sh"), fs::Permissions::from_mode(0o755))?;
    fs::create_dir(path("out"))?;
    fs::write(path("out/text"), "mine")?;
    let (script, out) = (path("trace.sh"), path("out"));
    let tracefs = "/sys/kernel/tracing/available_tracers";
    let command = format!("/with/trace.sh && out /tmp/zeros {tracefs} && echo later >/out/later");
    let [script, to] = [&script, &out].map(|path| path.display().to_string());
    let ended = Kernsnap::new(&root(), ["shell", "--with", &script, "--out", &to, "--command", &command]).run()?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), ""), "{ended:?}");
    assert!(ended.stderr.contains("text.1") && !ended.stderr.contains("text,"), "{ended:?}");
    assert_eq!(fs::read_to_string(path("out/text"))?, "mine", "nothing is overwritten");
    assert_eq!(fs::read_to_string(path("out/text.1"))?, "from the guest\n");
    assert_eq!(fs::read(path("out/zeros"))?, vec![0; 200_000]);
    assert!(fs::read_to_string(path("out/available_tracers"))?.contains("function_graph"));
    assert_eq!(fs::read_to_string(path("out/later"))?, "later\n", "switching off sends the files again");
    Ok(())
}

#[test]
fn a_name_that_is_a_path_of_this_host_stays_in_the_guest() -> Outcome {
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("out").display().to_string();
    let ended =
        Kernsnap::new(&root(), ["shell", "--out", &out, "--command", "echo x >'/out/a b'; echo x >/out/up"]).run()?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert!(ended.stderr.contains("1 of the guest's files stayed in it, such as \"a b\""), "{ended:?}");
    assert_eq!(fs::read_dir(&out)?.count(), 1);
    Ok(())
}

#[test]
fn a_guest_without_a_directory_says_how_to_name_one() -> Outcome {
    let ended = ask("out /etc/profile")?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    assert_eq!(ended.stdout, "out: this shell was opened without --out DIR\n", "{ended:?}");
    let missing = Kernsnap::new(&root(), ["shell", "--with", "/nowhere/at/all", "--command", "true"]).run()?;
    assert_eq!(missing.code, Some(2), "{missing:?}");
    assert!(missing.stderr.contains("cannot put `/nowhere/at/all` into the guest"), "{missing:?}");
    Ok(())
}

#[test]
fn debians_bash_is_there_on_request() -> Outcome {
    let command = "readlink /proc/$PPID/exe; bash -c 'echo ${BASH_VERSINFO[0]}!'; busybox true && exit-code 0 && ls /lib/modules/kthread-steps.ko";
    let words = ["shell", "exit-code-encoding", "kernel-thread", "--debian", "--command", command];
    let ended = Kernsnap::new(&root(), words).run()?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    assert_eq!(ended.stdout, "/bin/bash\n5!\n/lib/modules/kthread-steps.ko\n", "{ended:?}");
    Ok(())
}

#[test]
fn a_panic_is_a_lost_machine() -> Outcome {
    let panics = root().join("harness/tests/data/fault-scenarios/panics.yaml").display().to_string();
    let words = ["shell", &panics, "--command", "insmod /lib/modules/panic-now.ko"];
    let ended = Kernsnap::new(&root(), words).run()?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(4), ""), "{ended:?}");
    assert!(ended.stderr.contains("Kernel panic - not syncing"), "{ended:?}");
    Ok(())
}

#[test]
fn a_command_without_end_is_given_up() -> Outcome {
    let ended =
        Kernsnap::new(&root(), ["shell", "--limit", "15", "--command", "echo begun; while :; do :; done"]).run()?;
    assert_eq!(ended.code, Some(4), "{ended:?}");
    assert!(ended.stderr.contains("waited for the end of the command for 15 s"), "{ended:?}");
    assert!(ended.stderr.contains("begun"), "{ended:?}");
    Ok(())
}

#[test]
fn what_is_no_busybox_for_the_guest_is_bad_input() -> Outcome {
    let ended = Kernsnap::new(&root(), ["shell", "--busybox", "/bin/sh", "--command", "true"]).run()?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("hint: give a busybox for arm64, statically linked"), "{ended:?}");
    Ok(())
}

#[test]
fn without_a_terminal_there_is_no_interactive_shell() -> Outcome {
    let ended = Kernsnap::new(&root(), ["shell"]).run()?;
    assert_eq!(ended.code, Some(2), "{ended:?}");
    assert!(ended.stderr.contains("a shell needs a terminal"), "{ended:?}");
    Ok(())
}

fn terminal() -> Result<PtySession, rexpect::error::Error> {
    let mut command = Command::new(program());
    command.arg("--root").arg(root()).arg("shell");
    let mut session = spawn_command(command, Some(PATIENCE_MS))?;
    session.exp_string("leaves; there is no network")?;
    session.exp_string(PROMPT)?;
    Ok(session)
}

fn end(mut session: PtySession) -> Outcome {
    session.exp_eof()?;
    assert!(matches!(session.process().wait()?, WaitStatus::Exited(_, 0)));
    Ok(())
}

#[test]
fn a_person_interrupts_what_runs_in_the_guest_and_switches_it_off() -> Outcome {
    let mut session = terminal()?;
    let device = session.process().get_file_handle()?;
    assert!(!tcgetattr(&device)?.local_modes.contains(LocalModes::ISIG), "Ctrl-C is a key of the guest");
    // The terminal echoes the input: quotes keep the echo from being taken for the answer.
    session.send_line("echo be''gun; sleep 1000")?;
    session.exp_string("begun")?;
    session.send_control('c')?;
    session.exp_string(PROMPT)?;
    session.send_line("poweroff")?;
    end(session)?;
    assert!(
        tcgetattr(&device)?.local_modes.contains(LocalModes::ISIG | LocalModes::ICANON),
        "the terminal is as before"
    );
    Ok(())
}

#[test]
fn a_person_leaves_with_the_key_of_the_emulator() -> Outcome {
    let mut session = terminal()?;
    session.send("\x01x")?;
    session.flush()?;
    session.exp_any(vec![ReadUntil::String("QEMU: Terminated".into())])?;
    end(session)
}

/// The emulator that this process started.
fn machine_of(parent: u32) -> Option<Pid> {
    let children = fs::read_to_string(format!("/proc/{parent}/task/{parent}/children")).ok()?;
    let children = children.split_whitespace().filter_map(|pid| pid.parse().ok());
    let is_machine = |pid: &i32| {
        let line = fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).next().is_some_and(|program| program.ends_with(qemu::PROGRAM.as_bytes()))
    };
    children.into_iter().find(is_machine).and_then(Pid::from_raw)
}

/// Ended, whether or not whoever inherits orphans has noticed.
fn is_gone(pid: Pid) -> bool {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).unwrap_or_default();
    stat.is_empty() || stat.contains(") Z ")
}

#[test]
fn no_signal_to_the_harness_leaves_a_machine() -> Outcome {
    for (signal, code) in [(Signal::INT, Some(130)), (Signal::TERM, Some(130)), (Signal::KILL, None)] {
        let mut harness = Command::new(program())
            .arg("--root")
            .arg(root())
            .args(["shell", "--command", "while :; do :; done"])
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        let machine = until("a machine", || machine_of(harness.id()))?;
        kill_process(Pid::from_raw(harness.id().try_into()?).ok_or("no process has the id 0")?, signal)?;
        assert_eq!(harness.wait()?.code(), code, "{signal:?}");
        until("the end of the machine", || is_gone(machine).then_some(()))?;
    }
    Ok(())
}

#[test]
fn the_books_path_is_there_and_a_name_of_another_kernel_gets_a_hint() -> Outcome {
    let ended = ask(
        "cd /sys/kernel/debug/tracing && . /etc/profile; echo _do_fork > set_ftrace_filter; cat set_ftrace_filter",
    )?;
    assert!(ended.stdout.contains("hint: _do_fork is kernel_clone here"), "{ended:?}");
    let ended =
        ask("cd /sys/kernel/debug/tracing && . /etc/profile; echo do_exit > set_ftrace_filter; cat set_ftrace_filter")?;
    assert_eq!((ended.code, ended.stdout.as_str()), (Some(0), "do_exit\n"), "{ended:?}");
    Ok(())
}
