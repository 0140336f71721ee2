//! Arguments of `kselftest`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{DEFAULT_IMAGE, OutputArguments, ParallelArguments, SourceArguments};

/// Arguments of `kselftest`.
#[derive(Debug, Args)]
pub struct KselftestArguments {
    /// The targets, `clone3` or `pidfd`; `ftrace` runs the scripts of `ftracetest`
    #[arg(value_name = "TARGET", required = true)]
    pub targets: Vec<String>,

    /// The image, which must be built from source
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Only tests whose name contains this text
    #[arg(long, value_name = "TEXT")]
    pub test: Option<String>,

    /// Runs each test N times and compares the bytes
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroUsize,

    /// Guests at a time.
    #[command(flatten)]
    pub parallel: ParallelArguments,

    /// Shows what each test that has a failure printed
    #[arg(long)]
    pub show: bool,

    /// Writes the results as XML of `JUnit`
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}
