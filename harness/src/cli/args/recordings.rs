//! Arguments of the commands that work on recordings.

use std::path::PathBuf;

use clap::Args;

use super::{ExplainArguments, OutputArguments, view_kind};
use kernsnap_analysis::view::Kind;

/// Arguments of `view`.
#[derive(Debug, Args)]
pub struct ViewArguments {
    /// The recording; `-` for the standard input. What it is, is seen from its beginning. Events of several recordings are shown in
    /// the order of time; their clocks must be one
    #[arg(value_name = "FILE", required = true)]
    pub files: Vec<PathBuf>,

    /// Only the buffer of this instance (`trace-cmd record -B`)
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,

    /// Only what these tasks do and what is done to them, by pid or name
    #[arg(long, value_name = "PID|NAME", value_delimiter = ',')]
    pub follow: Vec<String>,

    /// Another view than all events as they are: `events`, `tree`, `calls`, `stacks`, `timeline`, `summary`, by the names of
    /// the tasks. Several may be asked for
    #[arg(long, value_name = "KIND", value_parser = view_kind)]
    pub view: Vec<Kind>,

    /// Whether views are explained.
    #[command(flatten)]
    pub explained: ExplainArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// The first thing to compare: a reviewed snapshot (`.snap`), a `view.txt`, a directory that `run --out` left for a scenario, or any
    /// recording; or an image, on which scenarios are run
    #[arg(value_name = "BEFORE")]
    pub before: PathBuf,

    /// The second thing to compare, as for BEFORE
    #[arg(value_name = "AFTER")]
    pub after: PathBuf,

    /// The scenarios to run on two images, as for `run`
    #[arg(long = "scenario", value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// Writes a page with both sides side by side, one HTML file; not for images
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The recording; a directory of `run --out` means its raw trace, `-` for the standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only the buffer of this instance (`trace-cmd record -B`)
    #[arg(long, value_name = "NAME")]
    pub instance: Option<String>,

    /// The format to write
    #[arg(long = "to", value_enum, value_name = "FORMAT")]
    pub format: ExportFormat,

    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// The formats that `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// For `trace-cmd` and `KernelShark`; needs a raw trace
    TraceDat,
    /// For ui.perfetto.dev
    Perfetto,
    /// As the kernel prints it
    Text,
    /// Comma-separated values, one event for each row
    Csv,
}
