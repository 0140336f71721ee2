//! Why a run cannot be prepared.

use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};

use crate::session::load::LoadError;
use crate::session::run::{ImageRuntime, RunError};
use kernsnap_host::store::StoreError;
use kernsnap_image::{ImageError, Images};
use kernsnap_machine::boot::CONSOLE_LOG;
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
        /// The console of that boot.
        console: Box<FailedBoot>,
    },
}

/// The boot of a kernel that does not boot, with all messages on an early console.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FailedBoot {
    /// The end of the console's log.
    pub tail: Vec<String>,
    /// Where the logs are kept.
    pub evidence: Option<PathBuf>,
}

/// As many of the console's last lines as tell what went wrong, with a backtrace.
const LINES: usize = 40;

impl FailedBoot {
    /// Reads the end of the console in `directory` and keeps the logs. The reason why the kernel does not boot is known without them,
    /// so files that cannot be kept are left out.
    pub(super) fn keep(images: &Images<'_>, runtime: &ImageRuntime, directory: &Path) -> Self {
        let text = fs::read(directory.join(CONSOLE_LOG)).unwrap_or_default();
        let text = String::from_utf8_lossy(&text);
        let lines: Vec<&str> = text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect();
        let tail = lines[lines.len().saturating_sub(LINES)..].iter().map(|line| (*line).to_owned()).collect();
        Self { tail, evidence: images.store.keep_evidence(directory, &[&runtime.image, "boot"]).ok() }
    }
}

impl fmt::Display for FailedBoot {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tail.as_slice() {
            [] => {}
            tail => {
                write!(f, "\nits console ends with:")?;
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
