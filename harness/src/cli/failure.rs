//! Why a command came to nothing, and the exit code that says so.

use std::io::ErrorKind;

use super::Exit;
use super::language::said;
use crate::session::bisect::BisectError;
use crate::session::debug::DebugError;
use crate::session::lesson::LessonError;
use crate::session::load::LoadError;
use crate::session::prepare::{FailedBoot, NotApplicable, PrepareError};
use crate::session::run::RunError;
use crate::session::status::RunStatus;
pub(super) use crate::session::status::with_causes as chain;
use kernsnap_host::exec::ToolError;
use kernsnap_host::git::GitError;
use kernsnap_host::store::StoreError;
use kernsnap_image::{ImageError, ImageErrorKind};
use kernsnap_machine::BootError;
use kernsnap_machine::emulator::LockstepError;

/// Why a command came to nothing.
#[derive(Debug)]
pub(super) struct Failure {
    pub(super) exit: Exit,
    /// One or several lines, without `error: `.
    pub(super) text: String,
}

impl Failure {
    pub(super) fn input(text: String) -> Self {
        Self { exit: Exit::BadInput, text }
    }

    /// A run that a command cannot go on with.
    pub(super) fn from_status(scenario: &str, status: RunStatus, reasons: &[String]) -> Self {
        Self { exit: status.into(), text: format!("{scenario}: {status}: {}", reasons.join("; ")) }
    }

    pub(super) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        Self { exit: Exit::Internal, text: format!("failed to {what}: {}", chain(error)) }
    }
}

pub(super) fn with_hint(text: String, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{text}\n\nhint: {hint}"),
        None => text,
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        if let LoadError::Unknown { message, hint } = &error {
            return Self::input(with_hint(said(message), Some(said(hint))));
        }
        Self::input(chain(&error))
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let exit = match error.kind() {
            ImageErrorKind::BadInput => Exit::BadInput,
            ImageErrorKind::BuildFailed => Exit::BuildFailed,
            ImageErrorKind::HostNotSetUp => Exit::HostNotSetUp,
            ImageErrorKind::Interrupted => Exit::Interrupted,
        };
        // A diagnostic shows its hint itself.
        let hint = if matches!(error, ImageError::Spec(_)) { None } else { error.hint() };
        Self { exit, text: with_hint(chain(&error), hint) }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        ImageError::from(error).into()
    }
}

impl From<LockstepError> for Failure {
    fn from(error: LockstepError) -> Self {
        match error {
            LockstepError::Store(error) => error.into(),
            LockstepError::Compile(ToolError::Interrupted(interrupted)) => ImageError::from(interrupted).into(),
            LockstepError::Compile(ref tool) => {
                let exit = if tool.is_not_set_up() { Exit::HostNotSetUp } else { Exit::BuildFailed };
                let hint = tool.hint().map(str::to_owned);
                Self { exit, text: with_hint(chain(&error), hint) }
            }
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Tool(ToolError::Interrupted(interrupted)) => ImageError::from(interrupted).into(),
            GitError::NoRepository { .. } | GitError::NoCommit { .. } => Self::input(chain(&error)),
            GitError::Tool(tool) if tool.is_not_set_up() => {
                Self { exit: Exit::HostNotSetUp, text: with_hint(chain(&tool), tool.hint().map(str::to_owned)) }
            }
            GitError::Tool(_) | GitError::Write { .. } => Self { exit: Exit::BuildFailed, text: chain(&error) },
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        if let RunError::Store(error) = error {
            return error.into();
        }
        let exit = match &error {
            RunError::Boot(BootError::Interrupted(_) | BootError::Tool(ToolError::Interrupted(_))) => Exit::Interrupted,
            RunError::Boot(BootError::Tool(error)) if error.is_not_set_up() => Exit::HostNotSetUp,
            RunError::Boot(BootError::Unordered { .. }) => Exit::HostNotSetUp,
            RunError::Refused(_) => Exit::BadInput,
            // Without its files there is no machine.
            RunError::Boot(_) | RunError::Store(_) | RunError::Write { .. } => Exit::MachineLost,
            RunError::CacheMismatch(_) => Exit::CacheMismatch,
        };
        let hint = match &error {
            RunError::Boot(BootError::Tool(error)) => error.hint(),
            RunError::Write { source, .. } if source.kind() == ErrorKind::StorageFull => Some("make room on its disk"),
            _ => None,
        };
        Self { exit, text: with_hint(chain(&error), hint.map(str::to_owned)) }
    }
}

impl From<NotApplicable> for Failure {
    fn from(not: NotApplicable) -> Self {
        Self::input(format!("{}: {not}", not.id).trim_end().to_owned())
    }
}

impl From<BisectError> for Failure {
    fn from(error: BisectError) -> Self {
        match error {
            BisectError::Input(text) => Self::input(text),
            BisectError::End { kind, .. } => Self { exit: kind.into(), text: error.to_string() },
            BisectError::NotApplicable(error) => error.into(),
            BisectError::Git(error) => error.into(),
            BisectError::Prepare(error) => error.into(),
        }
    }
}

impl From<DebugError> for Failure {
    fn from(error: DebugError) -> Self {
        match error {
            DebugError::Input(text) => Self::input(text),
            DebugError::NotApplicable(error) => error.into(),
            DebugError::NoRun { status, .. } => Self { exit: status.into(), text: error.to_string() },
            DebugError::Prepare(error) => error.into(),
        }
    }
}

impl From<LessonError> for Failure {
    fn from(error: LessonError) -> Self {
        match error {
            LessonError::Prepare(error) => error.into(),
            error @ (LessonError::DoesNotApply { .. } | LessonError::Mistake(_)) => Self::input(error.to_string()),
        }
    }
}

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Image(error) => error.into(),
            PrepareError::Lockstep(error) => error.into(),
            PrepareError::Workspace(error) => error.into(),
            PrepareError::TraceCapabilities { image, source, console } => {
                let Self { exit, text } = source.into();
                let hint = if *console == FailedBoot::default() {
                    String::new()
                } else {
                    "\n\nhint: `kernsnap gdb --image IMAGE`, without a scenario, stops it at power-on or `--at` a function, and `kernsnap bisect \
                     --when boots` finds the commit"
                        .to_owned()
                };
                Self { exit, text: format!("the kernel of image `{image}` does not boot: {text}{console}{hint}") }
            }
            PrepareError::Run(error) => error.into(),
            error @ PrepareError::OldQemu { .. } => Self { exit: Exit::HostNotSetUp, text: chain(&error) },
            error @ (PrepareError::Read { .. } | PrepareError::Module { .. } | PrepareError::Layouts { .. }) => {
                Self { exit: Exit::BuildFailed, text: chain(&error) }
            }
        }
    }
}
