//! The kernel's own tests, each in a guest of its own: from a target's programs to results that are the same every time.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;

use crate::session::cache::About;
use crate::session::prepare::{PrepareError, PreparedImage};
use crate::session::run::{Found, GuestPayload, RunError, RunInput, Runner, Started, forged, sha256};
use kernsnap_analysis::ktap::{Case, CaseStatus, cases};
use kernsnap_host::progress::Events;
use kernsnap_image::SelfTests;
use kernsnap_image::kselftest::FTRACE;
use kernsnap_machine::plan::{COLLECT, Plan, SCENARIO};
use kernsnap_machine::{BootError, Schedule};
use kernsnap_scenario::End;

/// Guest time for one test; the kernel's own runner allows 45 s of real time.
const DEADLINE_MS: u32 = 120_000;
/// The task of a test, and the script that it runs.
const TASK: &str = "kselftest";
const SCRIPT: &str = "/kselftest";
/// Where the files of a test stand in the guest.
const DIRECTORY: &str = "/selftests";
/// The lines around what a test prints.
const BEGIN: &str = "kselftest: begin";
const END: &str = "kselftest: end";

/// One test that ran.
#[derive(Clone, Debug)]
pub struct TestRun {
    /// The target.
    pub target: String,
    /// The program, or the script of `ftracetest`.
    pub test: String,
    /// The results.
    pub cases: Vec<Case>,
    /// SHA-256 of the console and the guest's report.
    pub sha256: String,
    /// How the run came by its evidence; `None` where the machine was lost.
    pub started: Option<Started>,
    /// The text that the test printed.
    pub text: String,
}

/// The circumstances of a test's run.
#[derive(Clone, Copy, Debug)]
pub struct Circumstances {
    /// CPUs and their pace.
    pub schedule: Schedule,
    /// Parameters of the kernel besides the image's.
    pub parameters: &'static str,
}

/// Runs a test.
///
/// # Errors
/// [`RunError`] where the host is the reason, and not the kernel or the test.
pub fn run(
    runner: &Runner<'_>,
    image: &PreparedImage<'_>,
    (tests, test): (&SelfTests, &str),
    Circumstances { schedule, parameters }: Circumstances,
    on: Events<'_>,
) -> Result<TestRun, PrepareError> {
    let runtime = &image.runtime;
    let read =
        |path: &std::path::Path| fs::read(path).map_err(|source| PrepareError::Read { path: path.to_owned(), source });
    let mut programs = BTreeMap::from([
        (SCRIPT.to_owned(), script(tests, test).into_bytes()),
        ("busybox".to_owned(), read(&image.busybox(on)?)?),
    ]);
    for (name, path) in &tests.files {
        // Each script of `ftracetest` needs the functions of its own directory at most.
        let is_other_test = tests.tests.contains(name) && name != test;
        if !is_other_test {
            programs.insert(format!("{DIRECTORY}/{name}"), read(path)?);
        }
    }
    let payload = GuestPayload { programs, common_parameters: parameters.to_owned(), ..GuestPayload::default() };
    let mut plan = Plan::new(runtime.machine.channel, true);
    plan.line(format_args!("deadline {DEADLINE_MS}"));
    plan.line(format_args!("phase {SCENARIO}"));
    plan.line(format_args!("start {TASK} any {SCRIPT}"));
    plan.line(format_args!("wait {TASK}"));
    plan.line(format_args!("phase {COLLECT}"));
    plan.line(format_args!("end"));
    let input = RunInput::new(runtime, &payload, plan, schedule)?;
    let scratch = runner.session.scratch()?;
    let about = About::new(&runtime.image, &format!("kselftest-{}", tests.target), schedule);
    let run = |cases, text: String, sha256, started| TestRun {
        target: tests.target.clone(),
        test: test.to_owned(),
        cases,
        sha256,
        started,
        text,
    };
    let Found { evidence, started, .. } = match runner.evidence(&input, &about, scratch.path()) {
        Ok(found) => found,
        // A test that takes the machine down failed; a host that cannot run it says nothing.
        Err(RunError::Boot(error)) if !error.is_of_the_host() => return Ok(lost(&error, test, run)),
        Err(error) => return Err(error.into()),
    };
    let console = evidence.console_text();
    let said = printed(&console);
    let report = evidence.report();
    if let Some(reason) = forged(&report, &input) {
        let case = Case { name: test.to_owned(), status: CaseStatus::Failed, reason };
        return Ok(run(vec![case], said, String::new(), Some(started)));
    }
    let ends = report.ends;
    let exit = ends.get(TASK).and_then(|status| match End::from_wait_status(*status) {
        Some(End::Exit(code)) => Some(code.into()),
        _ => None,
    });
    let hash = sha256(&[evidence.console.as_slice(), &evidence.body].concat());
    Ok(run(cases(test, &said, exit), said, hash, Some(started)))
}

fn lost(
    error: &BootError,
    test: &str,
    run: impl FnOnce(Vec<Case>, String, String, Option<Started>) -> TestRun,
) -> TestRun {
    let reason = format!("the machine was lost: {error}");
    let case = Case { name: test.to_owned(), status: CaseStatus::Failed, reason };
    run(vec![case], String::new(), String::new(), None)
}

/// The script that sets a test's surroundings up and starts it. A test expects what a distribution has: `/dev`, `/tmp`, a shell's tools.
fn script(tests: &SelfTests, test: &str) -> String {
    let mut script = "#!/bin/busybox sh\n".to_owned();
    let mut line = |words: &str| {
        // Writing to a String cannot fail.
        let _ = writeln!(script, "{words}");
    };
    line("/bin/busybox --install -s /bin 2>/dev/null");
    line("export PATH=/bin HOME=/ TERM=dumb");
    line("mkdir -p /tmp /run /dev/shm /dev/pts /sys/fs/cgroup");
    line("mount -t tmpfs tmpfs /tmp; mount -t tmpfs tmpfs /dev/shm; mount -t devpts devpts /dev/pts 2>/dev/null");
    line("mount -t cgroup2 cgroup2 /sys/fs/cgroup 2>/dev/null");
    line("ln -s /proc/self/fd /dev/fd 2>/dev/null");
    line("echo 1 > /sys/kernel/tracing/tracing_on");
    line(&format!("cd {DIRECTORY}"));
    line(&format!("echo '{BEGIN}'"));
    if tests.target == FTRACE {
        line(&format!("sh ./ftracetest -v {test}"));
    } else {
        line(&format!("./{test} 2>&1"));
    }
    line("status=$?");
    line(&format!("echo '{END}'"));
    line("exit $status");
    script
}

/// The text that a test printed, of a console.
fn printed(console: &str) -> String {
    let lines = console.lines().map(|line| line.trim_end_matches('\r'));
    let lines = lines.skip_while(|line| *line != BEGIN).skip(1).take_while(|line| *line != END);
    lines.fold(String::new(), |text, line| text + line + "\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tests_text_stands_between_two_lines() {
        let console = "kernsnap: phase scenario\r\nkselftest: begin\r\nok 1 a\r\nkselftest: end\r\nkernsnap: end\r\n";
        assert_eq!(printed(console), "ok 1 a\n");
        assert_eq!(printed("nothing\n"), "");
    }
}
