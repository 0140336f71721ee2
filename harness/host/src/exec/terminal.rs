//! A tool at a terminal: the caller's own, or a pseudo-terminal whose other end is held elsewhere.
#![expect(clippy::disallowed_methods, reason = "this module is part of the owner of `duct` and `std::process`")]

use std::io::{Stdin, stdin};
use std::process::Command;
use std::time::{Duration, Instant};

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::process::{Pid, Signal, kill_process};
use rustix::termios::{OptionalActions, Termios, tcgetattr, tcsetattr};

use super::group::tied;
use super::tool::inherited;
use super::{Ended, ToolCall, ToolError};
use crate::interrupt;

/// The interval at which a waiting caller checks for an interruption.
const LOOK_UP: Duration = Duration::from_millis(50);
/// The time that an interrupted tool may take to put the terminal in order before it is killed.
const GRACE: Duration = Duration::from_secs(2);

/// Runs a tool with the caller's input, output and process group, so that it owns the terminal, until it ends. What it changes
/// of the terminal is undone, however it ends.
///
/// A signal to the harness alone is passed on; a key such as Ctrl-C is the tool's own business. A killed harness takes the
/// tool with it by TERM, not KILL: the tool is then the last one that can put the terminal in order.
///
/// # Errors
///
/// [`ToolError::Start`] when the system refuses to start it, [`ToolError::Interrupted`] when a signal ended it.
pub fn in_foreground(call: &ToolCall) -> Result<Ended, ToolError> {
    let error = |source| ToolError::Start { call: call.to_string(), source };
    let (setpriv, args) = tied(call, "TERM")?;
    let _terminal = TerminalState::save();
    let handle = duct::cmd(setpriv.path(), args)
        .full_env(inherited(call.goes_abroad()).into_iter().chain(call.environment()))
        .unchecked()
        .start()
        .map_err(error)?;
    let mut asked = None;
    loop {
        if let Some(output) = handle.wait_timeout(LOOK_UP).map_err(error)? {
            return match asked {
                Some(_) => Err(interrupt::Interrupted.into()),
                None => Ok(Ended::from_status(output.status)),
            };
        }
        match asked {
            None if interrupt::requested() => {
                asked = Some(Instant::now());
                let pid = handle.pids().first().and_then(|pid| i32::try_from(*pid).ok()).and_then(Pid::from_raw);
                // One that is gone already is not an error: the next look sees its end.
                let _gone = pid.map(|pid| kill_process(pid, Signal::TERM));
            }
            Some(at) if at.elapsed() > GRACE => handle.kill().map_err(error)?,
            _ => {}
        }
    }
}

/// The call as a command whose terminal its starter provides. The tool dies with the thread that starts it, at once: nothing
/// it could still do to its terminal matters to anybody.
///
/// # Errors
///
/// [`ToolError::Missing`] where `setpriv` is not on this host.
pub fn pty_command(call: &ToolCall) -> Result<Command, ToolError> {
    let (setpriv, args) = tied(call, "KILL")?;
    let mut command = Command::new(setpriv.path());
    command.args(args).env_clear().envs(inherited(call.goes_abroad())).envs(call.environment());
    if let Some(dir) = call.directory() {
        command.current_dir(dir);
    }
    Ok(command)
}

/// The terminal state that a tool may leave changed when it is killed: its modes, and whether reading blocks.
struct TerminalState {
    terminal: Stdin,
    modes: Option<Termios>,
    flags: Option<OFlags>,
}

impl TerminalState {
    /// Of the standard input; of one that is not a terminal there is nothing to save but the flags.
    fn save() -> Self {
        let terminal = stdin();
        Self { modes: tcgetattr(&terminal).ok(), flags: fcntl_getfl(&terminal).ok(), terminal }
    }
}

impl Drop for TerminalState {
    fn drop(&mut self) {
        // A terminal that is gone needs no order.
        if let Some(modes) = &self.modes {
            let _gone = tcsetattr(&self.terminal, OptionalActions::Drain, modes);
        }
        if let Some(flags) = self.flags {
            let _gone = fcntl_setfl(&self.terminal, flags);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::Tool;
    use super::*;

    #[test]
    fn a_command_for_a_terminal_dies_with_its_starter_and_keeps_its_words_apart() -> Result<(), ToolError> {
        let call = ToolCall::new(Tool::resolve("sh")?).args(["-c", "exit 3"]).env("A", "1 2");
        let command = pty_command(&call)?;
        let words: Vec<_> = command.get_args().map(|word| word.to_string_lossy().into_owned()).collect();
        assert_eq!(words[..3], ["--pdeathsig", "KILL", "--"]);
        assert_eq!(words[4..], ["-c", "exit 3"]);
        assert!(command.get_envs().any(|(name, value)| name == "A" && value.is_some_and(|value| value == "1 2")));
        Ok(())
    }

    #[test]
    fn a_tool_in_the_foreground_is_waited_for() -> Result<(), ToolError> {
        let call = ToolCall::new(Tool::resolve("sh")?).args(["-c", "exit 3"]);
        assert_eq!(in_foreground(&call)?, Ended::Exit(3));
        Ok(())
    }
}
