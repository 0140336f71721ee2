//! Other programs: the only owner of `duct` and `std::process`.
//!
//! A call is a value ([`ToolCall`]) that prints as a shell line one can paste. Two ways to carry it out:
//! [`run`] follows a tool's output line by line until it ends (make, apt-get, dtc); [`Process`] holds on to a machine that
//! is watched by other means (QEMU). Both start the tool in a process group of its own, with nothing of the caller's
//! environment but `PATH` and `TMPDIR`, with `/dev/null` as its input, and under `setpriv --pdeathsig TERM`, so that
//! neither a signal nor a killed harness leaves a process behind. A machine with an interactive console has a terminal as
//! its input instead: [`in_foreground`], [`pty_command`].

mod call;
pub mod doctor;
mod error;
mod facts;
mod group;
mod native;
pub mod packages;
mod process;
mod run;
mod search;
mod terminal;
mod tool;

pub use call::{ToolCall, quoted};
pub use error::ToolError;
pub use facts::{ToolFacts, Versions, facts};
pub use native::native;
pub use process::{Outputs, Process};
pub use run::{ToolOutput, capture, run};
pub use terminal::{in_foreground, pty_command};
pub use tool::Tool;

use std::fmt;
use std::os::unix::process::ExitStatusExt;

/// The end of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// It exited with this status.
    Exit(i32),
    /// This signal ended it.
    Signal(i32),
}

impl Ended {
    /// True if it exited with status 0.
    #[must_use]
    pub fn is_success(self) -> bool {
        self == Ended::Exit(0)
    }

    /// The end that a status of wait(2) means.
    #[must_use]
    pub fn from_wait(status: i32) -> Ended {
        Self::from_status(std::process::ExitStatus::from_raw(status))
    }

    fn from_status(status: std::process::ExitStatus) -> Ended {
        match status.code() {
            Some(code) => Ended::Exit(code),
            None => Ended::Signal(status.signal().unwrap_or_default()),
        }
    }
}

impl fmt::Display for Ended {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Ended::Exit(code) => write!(f, "exit status {code}"),
            Ended::Signal(signal) => write!(f, "ended by signal {signal}"),
        }
    }
}
