//! Why a command came to nothing, and the exit code that says so.

use std::fmt::Write as _;
use std::io::ErrorKind;

use super::Exit;
use crate::session::load::LoadError;
use crate::session::prepare::{NotApplicable, PrepareError};
use crate::session::run::RunError;
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

    pub(super) fn internal(what: &str, error: &dyn std::error::Error) -> Self {
        Self { exit: Exit::Internal, text: format!("failed to {what}: {}", chain(error)) }
    }
}

/// An error with its causes, on one line as long as they are.
pub(super) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        // Writing to a String cannot fail.
        let _ = write!(text, ": {error}");
        cause = error.source();
    }
    text
}

pub(super) fn with_hint(text: String, hint: Option<String>) -> String {
    match hint {
        Some(hint) => format!("{text}\n\nhint: {hint}"),
        None => text,
    }
}

impl From<LoadError> for Failure {
    fn from(error: LoadError) -> Self {
        Self::input(chain(&error))
    }
}

impl From<ImageError> for Failure {
    fn from(error: ImageError) -> Self {
        let exit = match error.kind() {
            ImageErrorKind::BadInput => Exit::BadInput,
            ImageErrorKind::BuildFailed => Exit::BuildFailed,
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
            LockstepError::Compile(_) => Self { exit: Exit::BuildFailed, text: chain(&error) },
        }
    }
}

impl From<GitError> for Failure {
    fn from(error: GitError) -> Self {
        match error {
            GitError::Tool(ToolError::Interrupted(interrupted)) => ImageError::from(interrupted).into(),
            GitError::NoRepository { .. } | GitError::NoCommit { .. } => Self::input(chain(&error)),
            GitError::Tool(_) | GitError::Write { .. } => Self { exit: Exit::BuildFailed, text: chain(&error) },
        }
    }
}

impl From<RunError> for Failure {
    fn from(error: RunError) -> Self {
        let exit = match &error {
            RunError::Boot(BootError::Interrupted(_)) => Exit::Interrupted,
            RunError::Refused(_) => Exit::BadInput,
            // Without its files there is no machine.
            RunError::Boot(_) | RunError::Write { .. } => Exit::MachineLost,
            RunError::CacheMismatch(_) => Exit::CacheUnsound,
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

impl From<PrepareError> for Failure {
    fn from(error: PrepareError) -> Self {
        match error {
            PrepareError::Image(error) => error.into(),
            PrepareError::Lockstep(error) => error.into(),
            PrepareError::Workspace(error) => error.into(),
            PrepareError::TraceCapabilities { image, source } => {
                let Self { exit, text } = source.into();
                Self { exit, text: format!("cannot ask the kernel of image `{image}` what it can trace: {text}") }
            }
            error @ PrepareError::OldQemu { .. } => Self { exit: Exit::MachineLost, text: chain(&error) },
            error @ (PrepareError::Read { .. } | PrepareError::Module { .. } | PrepareError::Layouts { .. }) => {
                Self { exit: Exit::BuildFailed, text: chain(&error) }
            }
        }
    }
}
