//! Errors of images, distinguished by who can fix them.

use super::kconfig::{ConfigError, ConfigStage};
use kernsnap_host::exec::ToolError;
use kernsnap_host::interrupt::Interrupted;
use kernsnap_host::store::StoreError;
use kernsnap_yaml::Diagnostic;

/// Why an image, a program or a module is not there. The texts continue "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum ImageError {
    /// A mistake in an image file.
    #[error(transparent)]
    Spec(#[from] Diagnostic),
    /// A mistake in what was asked for.
    #[error("{message}")]
    Input {
        /// The error.
        message: String,
        /// How to mend it.
        hint: String,
    },
    /// The kernel's tree has no tests of that name.
    #[error("the kernel has no tests `{target}`")]
    NoTests {
        /// The name that was looked up below `tools/testing/selftests`.
        target: String,
        /// The names that are near, or all.
        hint: String,
    },
    /// A mistake in configuration fragments, or a kernel that does not take them.
    #[error(transparent)]
    Config(#[from] ConfigError),
    /// The kernel's source cannot be had.
    #[error("cannot get the kernel source `{what}`: {why}")]
    Source {
        /// The name that was looked up.
        what: String,
        /// Why it is not there.
        why: String,
        /// How to supply it.
        hint: String,
    },
    /// There is no busybox for the root file system of a shell.
    #[error("cannot get a static busybox for {architecture}: {why}")]
    Busybox {
        /// The distribution's name of the guest's architecture.
        architecture: &'static str,
        /// Why it is not there.
        why: String,
    },
    /// A step of a build failed.
    #[error("{step}: {source}")]
    Step {
        /// The step that failed, with the log of all output when there is one.
        step: String,
        /// The tool's error.
        source: ToolError,
    },
    /// A disk is full. What the step had written is gone again.
    #[error("{step}: no room left on the disk that `{call}` writes to")]
    Full {
        /// The step that failed.
        step: String,
        /// The command line.
        call: String,
    },
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A signal asked the harness to stop. Nothing half-built was kept.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

/// Who can mend an [`ImageError`]; one exit code each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ImageErrorKind {
    /// Whoever wrote the file or the command line.
    BadInput,
    /// Whoever owns the host, the sources, or the store.
    BuildFailed,
    /// The host lacks a tool.
    HostNotSetUp,
    /// A person asked to stop.
    Interrupted,
}

impl ImageError {
    pub(super) fn input(message: impl Into<String>, hint: impl Into<String>) -> ImageError {
        ImageError::Input { message: message.into(), hint: hint.into() }
    }

    /// For `map_err` after a tool call; an interruption stays one.
    pub(crate) fn step(step: impl Into<String>) -> impl FnOnce(ToolError) -> ImageError {
        let step = step.into();
        move |source| match source {
            ToolError::Interrupted(interrupted) => ImageError::Interrupted(interrupted),
            // The tail would say so forty times.
            ToolError::Failed { ref call, .. } if source.is_disk_full() => {
                ImageError::Full { step, call: call.clone() }
            }
            source => ImageError::Step { step, source },
        }
    }

    /// Who can mend it.
    #[must_use]
    pub fn kind(&self) -> ImageErrorKind {
        match self {
            ImageError::Spec(_) | ImageError::Input { .. } | ImageError::NoTests { .. } => ImageErrorKind::BadInput,
            ImageError::Config(error) if error.stage == ConfigStage::Fragments => ImageErrorKind::BadInput,
            ImageError::Interrupted(_) | ImageError::Store(StoreError::Interrupted(_)) => ImageErrorKind::Interrupted,
            ImageError::Step { source, .. } if source.is_not_set_up() => ImageErrorKind::HostNotSetUp,
            ImageError::Config(_)
            | ImageError::Source { .. }
            | ImageError::Busybox { .. }
            | ImageError::Step { .. }
            | ImageError::Full { .. }
            | ImageError::Store(_) => ImageErrorKind::BuildFailed,
        }
    }

    /// A hint for the user.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match self {
            ImageError::Spec(diagnostic) => diagnostic.hint.clone(),
            ImageError::Input { hint, .. } | ImageError::Source { hint, .. } | ImageError::NoTests { hint, .. } => {
                Some(hint.clone())
            }
            ImageError::Busybox { architecture, .. } => {
                Some(format!("supply one with `--busybox PATH`: the package busybox-static of {architecture} holds it"))
            }
            ImageError::Store(error) => error.hint().map(str::to_owned),
            ImageError::Step { source: ToolError::Missing { .. }, .. } => {
                Some("`ci/setup` installs every tool the harness needs".to_owned())
            }
            ImageError::Full { .. } => {
                Some("make room, or let `KERNSNAP_STORE` name a directory on another disk".to_owned())
            }
            ImageError::Config(_) | ImageError::Step { .. } | ImageError::Interrupted(_) => None,
        }
    }
}
