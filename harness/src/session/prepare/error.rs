//! Why a run cannot be prepared.

use std::fmt;
use std::path::PathBuf;

use crate::session::load::LoadError;
use crate::session::run::RunError;
use kernsnap_host::store::StoreError;
use kernsnap_image::ImageError;
use kernsnap_machine::emulator::LockstepError;
use kernsnap_scenario::layouts::LayoutError;
use kernsnap_yaml::Diagnostic;

/// Why a run cannot be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PrepareError {
    /// An image, program or module cannot be built.
    #[error(transparent)]
    Image(#[from] ImageError),
    /// QEMU's threads cannot be ordered.
    #[error(transparent)]
    Lockstep(#[from] LockstepError),
    /// A file of the checkout is missing or wrong.
    #[error(transparent)]
    Workspace(#[from] LoadError),
    /// A built file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: std::io::Error,
    },
    /// A file is not a kernel module.
    #[error("module `{name}` cannot be read: {source}")]
    Module {
        /// Its name.
        name: String,
        /// The error in the file.
        source: object::Error,
    },
    /// The kernel's types tell no layouts.
    #[error("cannot learn the layouts of the structures of image `{image}`: {source}")]
    Layouts {
        /// The image.
        image: String,
        /// The error in the object that has them.
        source: LayoutError,
    },
    /// The board needs a newer QEMU.
    #[error("the board `{machine}` needs QEMU {needs} or newer; this is {version}")]
    OldQemu {
        /// The board.
        machine: String,
        /// The oldest version that will do.
        needs: String,
        /// QEMU's version line.
        version: String,
    },
    /// A run came to nothing because of this host.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The kernel could not be asked what it can trace.
    #[error("the kernel of image `{image}` does not boot: {source}{console}")]
    TraceCapabilities {
        /// The image.
        image: String,
        /// Why.
        source: RunError,
        /// What it says when it is asked for all.
        console: Box<LoudBoot>,
    },
}

/// A second boot of a kernel that does not boot, with all messages on an early console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoudBoot {
    /// The end of the console's log.
    pub tail: Vec<String>,
    /// Where the logs are kept.
    pub evidence: Option<PathBuf>,
}

impl fmt::Display for LoudBoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tail.as_slice() {
            [] => {}
            tail => {
                write!(f, "\nbooted again with all messages, it ends with:")?;
                tail.iter().try_for_each(|line| write!(f, "\n  | {line}"))?;
            }
        }
        match &self.evidence {
            Some(evidence) => write!(f, "\nevidence: {}", evidence.display()),
            None => Ok(()),
        }
    }
}

impl PrepareError {
    /// True if a user asked the harness to stop.
    #[must_use]
    pub fn is_interruption(&self) -> bool {
        match self {
            Self::Image(ImageError::Interrupted(_)) => true,
            Self::Run(error) => error.is_interruption(),
            _ => false,
        }
    }
}

impl From<StoreError> for PrepareError {
    fn from(error: StoreError) -> Self {
        Self::Image(error.into())
    }
}

impl From<Diagnostic> for PrepareError {
    fn from(diagnostic: Diagnostic) -> Self {
        Self::Workspace(diagnostic.into())
    }
}
