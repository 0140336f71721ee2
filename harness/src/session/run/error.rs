//! Why a run has no verdict.

use std::io;
use std::path::PathBuf;

use crate::session::cache::CacheMismatch;
use kernsnap_host::exec::ToolError;
use kernsnap_host::store::StoreError;
use kernsnap_machine::BootError;
use kernsnap_yaml::Diagnostic;

/// Why a run has no verdict.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The machine did not come to its end.
    #[error(transparent)]
    Boot(#[from] BootError),
    /// The kernel does not take the scenario's trace settings, so there was no run to judge.
    #[error("{0}")]
    Refused(Box<Diagnostic>),
    /// A boot gave other bytes than the cache has of the same input.
    #[error(transparent)]
    CacheMismatch(#[from] CacheMismatch),
    /// The store does not take a directory for the run.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A file of the run's directory cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl RunError {
    /// True if a user asked the harness to stop.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        matches!(self, Self::Boot(BootError::Interrupted(_) | BootError::Tool(ToolError::Interrupted(_))))
    }
}
