//! Arguments of `record` and `init`.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use super::{DEFAULT_IMAGE, SourceArguments, view_kind};
use kernsnap_analysis::view::Kind;
use kernsnap_machine::Schedule;

/// A tracer, by the kernel's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "snake_case")]
pub enum Plugin {
    /// Events only.
    #[default]
    Nop,
    /// Each function that is entered.
    Function,
    /// Each function with its calls.
    FunctionGraph,
}

/// Arguments of `record`. The letters are those of `trace-cmd record`.
#[derive(Debug, Args)]
pub struct RecordArguments {
    /// A C file, an arm64 or arm program, a module (`.ko`, or a directory with a `Kbuild`), or a command of the guest's shell,
    /// with its arguments
    #[arg(value_name = "PROGRAM", required = true, trailing_var_arg = true, allow_hyphen_values = true)]
    pub program: Vec<String>,

    /// Events: a system, an event, a pattern such as `irq:*`, or `all` [default: sched, without a tracer]
    #[arg(short, long = "event", value_name = "EVENT")]
    pub events: Vec<String>,

    /// The tracer
    #[arg(short, long = "plugin", value_name = "TRACER", default_value = "nop")]
    pub plugin: Plugin,

    /// Only functions that match [default: all of the kernel]
    #[arg(short = 'l', long = "function", value_name = "PATTERN")]
    pub functions: Vec<String>,

    /// With `function_graph`, only what these functions call
    #[arg(short, long = "graph", value_name = "FUNCTION")]
    pub graph: Vec<String>,

    /// How deep a graph goes
    #[arg(long, value_name = "N", default_value = "32")]
    pub max_graph_depth: u32,

    /// Only the program and the tasks that it makes
    #[arg(short = 'F', long)]
    pub follow: bool,

    /// Records the stack of each function
    #[arg(long)]
    pub stack: bool,

    /// The buffer of each CPU
    #[arg(short, long, value_name = "KIB", default_value = "8192")]
    pub buffer_size: u32,

    /// The file that the recording goes to [default: trace.dat]
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Writes a report of the run, one HTML file
    #[arg(long, visible_alias = "report", value_name = "FILE")]
    pub html: Option<PathBuf>,

    /// Runs it N times and compares the bytes
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroUsize,

    /// Whether anything is judged.
    #[command(flatten)]
    pub looked: RecordLookArguments,

    /// Writes a scenario and its program into the workspace: `scenarios/recorded/NAME.yaml`
    #[arg(long, value_name = "NAME")]
    pub save: Option<String>,

    /// Debian's programs and C library in the guest. A program with shared libraries gets them anyway
    #[arg(long)]
    pub debian: bool,

    /// The image to run it on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// The pace, the number of CPUs, and the start, as for `run` [default: 1, all CPUs, 0]
    #[arg(long, value_name = "SHIFT:CPUS[:OFFSET]")]
    pub schedule: Option<Schedule>,

    /// Another look at the trace: events, tree, calls, stacks, timeline, or summary; several times for several looks [default:
    /// events]
    #[arg(long = "view", value_name = "KIND", value_parser = view_kind)]
    pub views: Vec<Kind>,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Whether a recorded run is judged.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct RecordLookArguments {
    /// Looks without judging, as for `run`: shows the trace, and the kernel's complaints do not fail
    #[arg(long)]
    pub look: bool,
}

/// Arguments of `init`.
#[derive(Debug, Args)]
pub struct InitArguments {
    /// The directory [default: the current one]
    #[arg(value_name = "DIR")]
    pub directory: Option<PathBuf>,

    /// Also writes a workflow for GitHub Actions, `.github/workflows/kernsnap.yml`
    #[arg(long)]
    pub github: bool,
}
