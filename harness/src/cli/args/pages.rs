//! Arguments of the commands that make pages for readers.

use std::path::PathBuf;

use clap::Args;

use super::{DEFAULT_IMAGE, ExplainArguments, LookArguments, OutputArguments, SourceArguments};

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A scenario, which is run; a directory that `run --out` left for one; or a capsule
    #[arg(value_name = "SCENARIO|DIR|CAPSULE")]
    pub what: String,

    /// The file to write [default: SCENARIO.html]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// The thing to compare the run with, as for `diff` [default: the reviewed snapshot]
    #[arg(long, value_name = "BEFORE")]
    pub against: Option<PathBuf>,

    /// The image to run the scenario on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Arguments of `lesson`.
#[derive(Debug, Args)]
pub struct LessonArguments {
    /// The lesson, or a chapter or section of the book (4, 4.6.1)
    #[arg(value_name = "ID")]
    pub lesson: Option<String>,

    /// The image to run it on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Whether the lines are explained.
    #[command(flatten)]
    pub explained: ExplainArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// Whether anything is judged.
    #[command(flatten)]
    pub looked: LookArguments,

    /// Writes the pages in docs/lessons: of the lesson, or of all
    #[arg(long, conflicts_with_all = ["json", "format", "look"])]
    pub write_docs: bool,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}
