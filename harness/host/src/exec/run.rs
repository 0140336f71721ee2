//! Runs a tool to its end and follows what it says.

use std::collections::VecDeque;
use std::fs::{File, OpenOptions};
use std::io::{self, BufRead, BufReader, Write};
use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, SyncSender};
use std::thread;
use std::time::{Duration, Instant};

use super::group::{Group, expression};
use super::{Ended, ToolCall, ToolError};
use crate::interrupt;
use crate::interrupt::Interrupted;

/// The number of last lines of a failed tool that are quoted.
const TAIL_LINES: usize = 40;
/// The interval at which the caller of a silent tool checks for an interruption.
const LOOK_UP: Duration = Duration::from_millis(50);
/// The time that an interrupted tool may take to clean up before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// The result of a finished tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ToolOutput {
    /// Everything it printed, both streams in the order they arrived, with `\n` line ends.
    pub text: String,
}

/// Runs a tool, handing each line it prints (both streams) to `on_line` as it comes.
///
/// # Errors
///
/// [`ToolError::Failed`] with the tail of the output when it does not exit with 0; [`ToolError::Interrupted`] when a signal
/// asked the harness to stop, after the tool's whole process group has been ended.
pub fn run(call: &ToolCall, on_line: &mut dyn FnMut(&str)) -> Result<ToolOutput, ToolError> {
    let start_error = |source| ToolError::Start { call: call.to_string(), source };
    let mut log = open_log(call).map_err(start_error)?;
    let handle = Arc::new(expression(call, None)?.stderr_to_stdout().reader().map_err(start_error)?);
    let group = Group::led_by(&handle.pids());
    let (lines, received) = mpsc::sync_channel(1024);
    let reader = thread::spawn({
        let handle = Arc::clone(&handle);
        move || read_lines(BufReader::new(&*handle), &lines)
    });

    let mut text = String::new();
    let mut tail = VecDeque::new();
    let outcome = receive(&received, &mut |line| {
        on_line(line);
        text.push_str(line);
        text.push('\n');
        if tail.len() == TAIL_LINES {
            tail.pop_front();
        }
        tail.push_back(line.to_owned());
        log.as_mut().map_or(Ok(()), |log| writeln!(log, "{line}"))
    });
    if let (Err(_), Some(group)) = (&outcome, group) {
        end(group, &received);
    }
    drop(received);
    let read = reader.join().unwrap_or_else(|_| Err(io::Error::other("the reader of its output panicked")));
    match outcome {
        Err(Stopped::Interrupted) => return Err(Interrupted.into()),
        Err(Stopped::Log(source)) => return Err(start_error(source)),
        Ok(()) => read.map_err(start_error)?,
    }
    match handle.try_wait().map_err(start_error)?.map(|output| Ended::from_status(output.status)) {
        Some(Ended::Exit(0)) => Ok(ToolOutput { text }),
        ended => Err(ToolError::Failed {
            call: call.to_string(),
            ended: ended.unwrap_or(Ended::Exit(-1)),
            tail: tail.into(),
        }),
    }
}

/// [`run`] for a tool whose output is its answer and is not shown.
///
/// # Errors
///
/// Those of [`run`].
pub fn capture(call: &ToolCall) -> Result<String, ToolError> {
    run(call, &mut |_| ()).map(|output| output.text)
}

enum Stopped {
    Interrupted,
    Log(io::Error),
}

/// Hands lines on until the tool closes its output.
fn receive(lines: &Receiver<String>, keep: &mut dyn FnMut(&str) -> io::Result<()>) -> Result<(), Stopped> {
    loop {
        if interrupt::requested() {
            return Err(Stopped::Interrupted);
        }
        match lines.recv_timeout(LOOK_UP) {
            Ok(line) => keep(&line).map_err(Stopped::Log)?,
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => return Ok(()),
        }
    }
}

/// Asks the group to end, waits until its output closes, and kills what has not ended by then.
fn end(group: Group, lines: &Receiver<String>) {
    group.terminate();
    let deadline = Instant::now() + GRACE;
    while let Some(left) = deadline.checked_duration_since(Instant::now()) {
        if let Err(RecvTimeoutError::Disconnected) = lines.recv_timeout(left) {
            return;
        }
    }
    group.kill();
}

/// Sends each line; the tool's text is not always UTF-8, and only people read it.
fn read_lines(mut from: impl BufRead, to: &SyncSender<String>) -> io::Result<()> {
    let mut line = Vec::new();
    while from.read_until(b'\n', &mut line)? != 0 {
        let text = String::from_utf8_lossy(&line);
        // A receiver that is gone has ended the tool; the rest is read so that the tool is waited for.
        let _gone = to.send(text.trim_end_matches(['\n', '\r']).to_owned());
        line.clear();
    }
    Ok(())
}

fn open_log(call: &ToolCall) -> io::Result<Option<File>> {
    let Some(path) = call.log_file() else { return Ok(None) };
    let mut log = OpenOptions::new().create(true).append(true).open(path)?;
    writeln!(log, "$ {call}")?;
    Ok(Some(log))
}

#[cfg(test)]
mod tests {
    use super::super::Tool;
    use super::*;

    fn sh(script: &str) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::new(Tool::resolve("sh")?).args(["-c", script]))
    }

    #[test]
    fn lines_of_both_streams_come_in_order() -> Result<(), ToolError> {
        let mut seen = Vec::new();
        let output = run(&sh("echo one; echo two >&2; printf three")?, &mut |line| seen.push(line.to_owned()))?;
        assert_eq!(seen, ["one", "two", "three"]);
        assert_eq!(output.text, "one\ntwo\nthree\n");
        Ok(())
    }

    #[test]
    fn a_failure_quotes_the_last_lines() -> Result<(), ToolError> {
        let error = capture(&sh("seq 100; exit 3")?).expect_err("it exits with 3");
        let ToolError::Failed { ended, tail, .. } = &error else { panic!("{error}") };
        assert_eq!((*ended, tail.len()), (Ended::Exit(3), TAIL_LINES));
        assert!(error.to_string().ends_with("\n  | 100"), "{error}");
        Ok(())
    }

    #[test]
    fn the_environment_is_cleared_and_the_input_empty() -> Result<(), ToolError> {
        let text = capture(&sh("cat; env | sort | cut -d= -f1")?.env("ONLY", "this"))?;
        let names: Vec<&str> =
            text.lines().filter(|name| !["PWD", "SHLVL", "_", "TMPDIR", "OLDPWD"].contains(name)).collect();
        assert_eq!(names, ["LC_ALL", "ONLY", "PATH"]);
        Ok(())
    }

    #[test]
    fn a_log_keeps_the_command_line_and_everything_said() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let log = dir.path().join("log");
        capture(&sh("echo said")?.log(&log))?;
        assert_eq!(std::fs::read_to_string(log)?, "$ LC_ALL=C sh -c 'echo said'\nsaid\n");
        Ok(())
    }
}
