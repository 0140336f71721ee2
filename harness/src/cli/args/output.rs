//! The options that several commands share, each with one meaning and one default.

use std::num::NonZeroUsize;
use std::thread;

use clap::{Args, ValueEnum};

use crate::cli::kcidb::Origin;

/// How results are printed.
#[derive(Args, Clone, Copy, Debug)]
pub struct OutputArguments {
    /// The form of the results on the standard output
    #[arg(long, value_enum, value_name = "FORMAT", default_value_t = Format::Human)]
    format: Format,

    /// Short for `--format json`: one object for each result and line, by docs/schema/kernsnap-1.json
    #[arg(long, conflicts_with = "format")]
    json: bool,
}

impl Default for OutputArguments {
    fn default() -> Self {
        Self { format: Format::Human, json: false }
    }
}

/// A form of results.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For a terminal
    Human,
    /// One JSON object for each result and line
    Json,
    /// For a comment on a change; of `matrix`, `diff` and `regress`
    Markdown,
    /// Plain text for a reply to a mail; of `regress`
    Mail,
    /// The kernel's test format; of `run`
    Ktap,
    /// Annotations and a step summary of GitHub Actions; of `run`
    Github,
    /// The report format of KCIDB, version 5.3; of `run`, `cost` and `matrix --from`
    Kcidb,
}

impl OutputArguments {
    /// The form that was asked for.
    #[must_use]
    pub fn format(self) -> Format {
        if self.json { Format::Json } else { self.format }
    }

    /// True if JSON was asked for.
    #[must_use]
    pub fn is_json(self) -> bool {
        self.format() == Format::Json
    }
}

/// Whether views are explained.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ExplainArguments {
    /// Tells below a view the meaning of each event and function in it, in one sentence
    #[arg(long, conflicts_with_all = ["json", "format"])]
    pub explain: bool,
}

/// In whose name results are reported.
#[derive(Args, Clone, Debug, Default)]
pub struct OriginArguments {
    /// The name of the CI system for `--format kcidb`
    #[arg(long, value_name = "NAME", env = "KERNSNAP_ORIGIN", default_value = "kernsnap")]
    pub origin: Origin,
}

/// How many guests run at a time.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct ParallelArguments {
    /// Guests to run at a time [default: one for each processor]
    #[arg(long, value_name = "N")]
    parallel: Option<NonZeroUsize>,
}

impl ParallelArguments {
    /// The number.
    #[must_use]
    pub fn get(self) -> usize {
        let cores = || thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        self.parallel.unwrap_or_else(cores).get()
    }
}
