//! Exit codes: one an outcome. "The kernel behaved differently" and "we could not find out" never share one.

use crate::session::bisect::SkipKind;
use crate::session::status::RunStatus;

/// The exit code of the program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Exit {
    /// Everything that must hold holds.
    Passed = 0,
    /// The kernel, or a guest program, behaved differently.
    Different = 1,
    /// A file or an argument is wrong, or the kernel refuses a trace setting of a scenario.
    BadInput = 2,
    /// An image, a program or a module could not be built.
    BuildFailed = 3,
    /// The machine did not boot, or was lost.
    MachineLost = 4,
    /// The trace is incomplete.
    TraceUnusable = 5,
    /// Repeated runs gave different bytes.
    NotRepeatable = 6,
    /// A kept result is not what the same input gives now.
    CacheMismatch = 7,
    /// This host lacks a tool that kernsnap needs, or has one that is too old.
    HostNotSetUp = 8,
    /// An error of kernsnap itself.
    Internal = 70,
    /// A user stopped it.
    Interrupted = 130,
}

/// The codes, for `--help`.
pub(super) const HELP: &str = "Exit codes:
    0  passed
    1  the kernel, or a guest program, behaved differently; `diff` found differences
    2  bad input: a file or an argument is wrong, or the kernel refuses a trace setting
    3  an image, a program or a module could not be built
    4  the machine did not boot, or was lost
    5  the trace is unusable: events were lost
    6  repeated runs gave different bytes
    7  a kept result does not repeat: the same input gave other bytes than before
    8  this host is not set up: a tool is missing or too old (`kernsnap doctor` lists them)
   70  an error of kernsnap itself
  130  interrupted";

impl Exit {
    /// The outcome of several runs: what keeps us from knowing weighs more than what we know.
    #[must_use]
    pub fn worst(self, other: Self) -> Self {
        self.max(other)
    }
}

impl From<RunStatus> for Exit {
    fn from(status: RunStatus) -> Self {
        match status {
            RunStatus::Passed | RunStatus::DoesNotApply => Self::Passed,
            RunStatus::Failed => Self::Different,
            RunStatus::Refused => Self::BadInput,
            RunStatus::Lost => Self::MachineLost,
            RunStatus::Unusable => Self::TraceUnusable,
            RunStatus::CacheMismatch => Self::CacheMismatch,
        }
    }
}

impl From<SkipKind> for Exit {
    fn from(kind: SkipKind) -> Self {
        match kind {
            SkipKind::Build => Self::BuildFailed,
            SkipKind::Machine => Self::MachineLost,
            SkipKind::Name => Self::BadInput,
            SkipKind::Trace => Self::TraceUnusable,
            SkipKind::NoComparison => Self::Internal,
        }
    }
}

impl From<Exit> for std::process::ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_tells_every_code() {
        use Exit::{
            BadInput, BuildFailed, CacheMismatch, Different, HostNotSetUp, Internal, Interrupted, MachineLost,
            NotRepeatable, Passed, TraceUnusable,
        };
        let all = [
            Passed,
            Different,
            BadInput,
            BuildFailed,
            MachineLost,
            TraceUnusable,
            NotRepeatable,
            CacheMismatch,
            HostNotSetUp,
            Internal,
            Interrupted,
        ];
        let told = HELP.lines().skip(1).filter_map(|line| line.split_whitespace().next()?.parse::<u8>().ok());
        assert!(told.eq(all.map(|exit| exit as u8)), "{HELP}");
    }
}
