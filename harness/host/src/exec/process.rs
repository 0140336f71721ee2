//! A program that runs beside the harness: a machine.

use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::group::{Group, expression};
use super::{Ended, ToolCall, ToolError};

/// The files for the output of a process.
#[derive(Debug, Clone, Copy)]
pub struct Outputs<'a> {
    /// The file for its standard output; created or emptied.
    pub stdout: &'a Path,
    /// The file for its standard error; created or emptied.
    pub stderr: &'a Path,
}

/// A running program. Dropping it ends it, with its whole process group.
///
/// The thread that starts it must outlive it: the tie that ends it with the harness is to that thread.
#[derive(Debug)]
pub struct Process {
    handle: duct::Handle,
    pid: u32,
    call: String,
}

impl Process {
    /// Starts a tool and returns at once.
    ///
    /// # Errors
    ///
    /// [`ToolError::Start`] when the system refuses it; a tool that starts and then refuses its arguments is seen by
    /// [`Process::wait_timeout`] instead.
    pub fn start(call: &ToolCall, outputs: Outputs<'_>) -> Result<Process, ToolError> {
        Self::start_on(call, None, outputs)
    }

    /// The same with a standard input.
    ///
    /// # Errors
    ///
    /// As [`Process::start`].
    pub fn start_with_input(call: &ToolCall, input: OwnedFd, outputs: Outputs<'_>) -> Result<Process, ToolError> {
        Self::start_on(call, Some(input), outputs)
    }

    fn start_on(call: &ToolCall, input: Option<OwnedFd>, outputs: Outputs<'_>) -> Result<Process, ToolError> {
        let expression = expression(call, input)?
            .stdout_path(PathBuf::from(outputs.stdout))
            .stderr_path(PathBuf::from(outputs.stderr));
        let handle = expression.start().map_err(|source| ToolError::Start { call: call.to_string(), source })?;
        let pid = handle.pids().first().copied().unwrap_or_default();
        Ok(Process { handle, pid, call: call.to_string() })
    }

    /// Its process id, which is also its group's.
    #[must_use]
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Waits at most `timeout` for its end; `None` while it runs. Wakes at once when it ends.
    ///
    /// # Errors
    ///
    /// [`ToolError::Start`] with the system's error when it cannot be waited for.
    pub fn wait_timeout(&self, timeout: Duration) -> Result<Option<Ended>, ToolError> {
        match self.handle.wait_timeout(timeout) {
            Ok(output) => Ok(output.map(|output| Ended::from_status(output.status))),
            Err(source) => Err(ToolError::Start { call: self.call.clone(), source }),
        }
    }

    /// Asks it to end, as Ctrl-C would.
    pub fn terminate(&self) {
        self.signal(Group::terminate);
    }

    /// Ends it now and waits until it is gone. Ending it twice is not an error.
    pub fn kill(&self) {
        self.signal(Group::kill);
        let _waited = self.handle.wait();
    }

    /// Signals the group, unless the process has been waited for: its id may be another's by then.
    fn signal(&self, signal: fn(Group)) {
        if let (Ok(None), Some(group)) = (self.handle.try_wait(), Group::led_by(&[self.pid])) {
            signal(group);
        }
    }
}

impl Process {
    /// Waits for its end without ending it.
    pub fn leave(self) {
        let _waited = self.handle.wait();
        // Its process id may be another one's by now, so it is not killed.
        std::mem::forget(self);
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::time::Instant;

    use super::super::Tool;
    use super::*;

    fn start(dir: &Path, script: &str) -> Result<Process, ToolError> {
        let call = ToolCall::new(Tool::resolve("sh")?).args(["-c", script]);
        Process::start(&call, Outputs { stdout: &dir.join("out"), stderr: &dir.join("err") })
    }

    #[test]
    fn the_end_of_a_process_is_seen_with_its_words() -> Result<(), Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let process = start(dir.path(), "echo out; echo err >&2; exit 7")?;
        assert_eq!(process.wait_timeout(Duration::from_secs(10))?, Some(Ended::Exit(7)));
        assert_eq!(std::fs::read_to_string(dir.path().join("out"))?, "out\n");
        assert_eq!(std::fs::read_to_string(dir.path().join("err"))?, "err\n");
        process.kill();
        Ok(())
    }

    #[test]
    fn dropping_a_process_ends_its_children_too() -> Result<(), Box<dyn Error>> {
        let dir = tempfile::tempdir()?;
        let begun = Instant::now();
        let process = start(dir.path(), "trap '' TERM; sleep 60 & echo $!; wait")?;
        let child = loop {
            let text = std::fs::read_to_string(dir.path().join("out"))?;
            if let Ok(pid) = text.trim().parse::<u32>() {
                break pid;
            }
            assert_eq!(process.wait_timeout(Duration::from_millis(5))?, None);
        };
        drop(process);
        // The signal is sent; a child of a child takes a moment to go, and this test does not wait for it.
        let runs = || {
            let stat = std::fs::read_to_string(format!("/proc/{child}/stat")).unwrap_or_default();
            !stat.is_empty() && !stat.contains(") Z ")
        };
        while runs() && begun.elapsed() < Duration::from_secs(30) {
            std::thread::yield_now();
        }
        assert!(!runs(), "the child still runs");
        Ok(())
    }
}
