//! The start and the end of every child: a process group of its own, tied to the life of the harness.
#![expect(clippy::disallowed_methods, reason = "this module owns `duct`")]

use std::ffi::OsString;
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt;

use rustix::process::{Pid, Signal, kill_process_group};

use super::tool::inherited;
use super::{Tool, ToolCall, ToolError};

/// The call under `setpriv`, which has the system send this signal to the tool when the harness ends.
pub(super) fn tied(call: &ToolCall, signal: &str) -> Result<(Tool, Vec<OsString>), ToolError> {
    let setpriv = Tool::resolve("setpriv")?;
    let mut args: Vec<OsString> =
        ["--pdeathsig", signal, "--"].iter().map(OsString::from).chain([call.tool().path().into()]).collect();
    args.extend(call.arguments().iter().cloned());
    Ok((setpriv, args))
}

/// The call as duct wants it, with `input`, the call's file, or nothing as its standard input. Its exit status is data, not an error.
///
/// `setpriv` replaces itself by the tool, so the process started is the tool. `--pdeathsig` is tied to the *thread* that
/// starts it: whoever starts a tool must outlive it.
pub(super) fn expression(call: &ToolCall, input: Option<OwnedFd>) -> Result<duct::Expression, ToolError> {
    let (setpriv, args) = tied(call, "TERM")?;
    let expression =
        duct::cmd(setpriv.path(), args).full_env(inherited(call.goes_abroad()).into_iter().chain(call.environment()));
    let expression = match (input, call.input_file()) {
        (Some(input), _) => expression.stdin_file(input),
        (None, Some(path)) => expression.stdin_path(path),
        (None, None) => expression.stdin_null(),
    };
    let mut expression = expression.unchecked().before_spawn(|command| {
        // Ctrl-C must reach the harness alone; it then ends the whole group, make's children included.
        command.process_group(0);
        Ok(())
    });
    if let Some(dir) = call.directory() {
        expression = expression.dir(dir);
    }
    Ok(expression)
}

/// A process group, by the id of its first process.
#[derive(Debug, Clone, Copy)]
pub(super) struct Group(Pid);

impl Group {
    /// The group of the first of these processes.
    pub(super) fn led_by(pids: &[u32]) -> Option<Group> {
        pids.first().and_then(|pid| i32::try_from(*pid).ok()).and_then(Pid::from_raw).map(Group)
    }

    /// Asks every process of the group to end. A group that is gone already is not an error.
    pub(super) fn terminate(self) {
        let _gone = kill_process_group(self.0, Signal::TERM);
    }

    /// Ends every process of the group. A group that is gone already is not an error.
    pub(super) fn kill(self) {
        let _gone = kill_process_group(self.0, Signal::KILL);
    }
}
