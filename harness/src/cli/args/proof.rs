//! Arguments of the commands that ask more of a run than to take place.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::Args;

use super::{DEFAULT_IMAGE, OriginArguments, OutputArguments, ParallelArguments, SourceArguments};
use kernsnap_analysis::bisect::When;
use kernsnap_analysis::cost::Threshold;
use kernsnap_machine::Schedule;

/// Arguments of `store verify`.
#[derive(Debug, Args)]
pub struct VerifyArguments {
    /// How many results to try; each call goes on where the last one stopped
    #[arg(long, value_name = "N", default_value = "8")]
    pub sample: NonZeroUsize,

    /// Guests at a time.
    #[command(flatten)]
    pub parallel: ParallelArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `cost`.
#[derive(Debug, Args)]
pub struct CostArguments {
    /// In whose name results are reported.
    #[command(flatten)]
    pub origin: OriginArguments,

    /// The scenarios: names, files, or patterns such as `fork-*` [default: the workspace's own, or all if it has none]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The image to run them on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// The schedule. The counter has steps of 16 ns: 8 instructions at a shift of 1, and one at a shift of 4 [default: as `run`]
    #[arg(long, value_name = "SHIFT:CPUS[:OFFSET]")]
    pub schedule: Option<Schedule>,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Arguments of `explore`.
#[derive(Debug, Args)]
pub struct ExploreArguments {
    /// The scenarios: names, files, or patterns such as `fork-*` [default: the workspace's own, or all if it has none]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The image to run them on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// How many schedules to try: the first of a fixed series, which begins with the usual one
    #[arg(long, value_name = "N", default_value = "64")]
    pub schedules: NonZeroUsize,

    /// How many CPUs there may be. A program that asks for a CPU that is not there fails [default: all of the board]
    #[arg(long, value_name = "N", value_delimiter = ',')]
    pub cpus: Vec<u16>,

    /// Guests at a time.
    #[command(flatten)]
    pub parallel: ParallelArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Arguments of `replay`.
#[derive(Debug, Args)]
pub struct ReplayArguments {
    /// A file that `run --capsule` wrote
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Keeps the files of the capsule, and what the machine says now, in DIR
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `regress`.
#[derive(Debug, Args)]
pub struct RegressArguments {
    /// The scenarios: names, files, or patterns such as `fork-*` [default: the workspace's own, or all if it has none]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The kernel's git repository: the base and the head are commits of it, by any name that `git rev-parse` knows, or
    /// `worktree` for the files as they are. Only read: its work tree, index and references stay as they are
    #[arg(long, value_name = "PATH")]
    pub repo: Option<PathBuf>,

    /// The base: an image, or a kernel source (as for `--kernel-source`) to build `--image` from; with `--repo` a commit
    /// [default: rpi3-6.1, with `--repo` HEAD]
    #[arg(long, value_name = "IMAGE|SOURCE|REF")]
    pub base: Option<String>,

    /// The head [default: the base with the patches, with `--repo` the work tree]
    #[arg(long, value_name = "IMAGE|SOURCE|REF", required_unless_present_any = ["patches", "repo"])]
    pub head: Option<String>,

    /// Compares each commit after the base, up to the head, with the one before it
    #[arg(long, requires = "repo", conflicts_with_all = ["patches", "html"])]
    pub each_commit: bool,

    /// A change to the head's source; several in the order given. Only what they touch is compiled
    #[arg(long = "patch", value_name = "FILE")]
    pub patches: Vec<PathBuf>,

    /// The image that is built from a source
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Compares the kernels' own tests as well: a target below `tools/testing/selftests`, such as `clone3`; several may be given
    #[arg(long, value_name = "TARGET")]
    pub kselftest: Vec<String>,

    /// Schedules of the base to run where the usual one differs, to tell a change from another interleaving
    #[arg(long, value_name = "N", default_value = "4")]
    pub base_schedules: NonZeroUsize,

    /// Fails where a figure costs more: `NAME>PERCENT%`, or `>PERCENT%` for all
    #[arg(long, value_name = "NAME>PERCENT%")]
    pub fail_above: Vec<Threshold>,

    /// Guests at a time.
    #[command(flatten)]
    pub parallel: ParallelArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// Writes the report as one HTML file besides
    #[arg(long, value_name = "FILE")]
    pub html: Option<PathBuf>,
}

/// Arguments of `bisect`.
#[derive(Debug, Args)]
pub struct BisectArguments {
    /// The scenario. `--when builds` and `--when boots` need none
    #[arg(value_name = "SCENARIO")]
    pub scenario: Option<String>,

    /// The kernel's git repository. Only read: its work tree, index and references stay as they are
    #[arg(long, value_name = "PATH")]
    pub repo: PathBuf,

    /// A commit that is right, in the past of the bad one
    #[arg(long, value_name = "REF")]
    pub good: String,

    /// A commit that is not
    #[arg(long, value_name = "REF")]
    pub bad: String,

    /// The image that is built from each commit
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// The criterion of a bad commit, compared with the good one: a broken `expectation`, another `view`, a figure that costs
    /// more (`cost>5%`, `cost NAME>5%`), a kernel that `complains` (a warning, a lock, a fault), or a commit that no longer `builds` or
    /// `boots`
    #[arg(long, value_name = "expectation|view|cost>5%|complains|builds|boots", default_value = "expectation")]
    pub when: When,

    /// Schedules of the good commit to run where the usual one differs, to tell a change from another interleaving
    #[arg(long, value_name = "N", default_value = "4")]
    pub base_schedules: NonZeroUsize,

    /// Compilers to run at a time [default: one a processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `gdb`.
#[derive(Debug, Args)]
pub struct GdbArguments {
    /// The scenario, or a capsule. Without one, the kernel boots and no more; it may be one that does not come that far
    #[arg(value_name = "SCENARIO|CAPSULE")]
    pub scenario: Option<String>,

    /// Where to stop first: a function of the kernel or of a module, an event, or with debugging information `FILE:LINE` [default:
    /// at power-on]
    #[arg(long, value_name = "FUNCTION|EVENT|FILE:LINE")]
    pub at: Option<String>,

    /// Stops there only while this task of the scenario runs
    #[arg(long, value_name = "ROLE", requires_all = ["at", "scenario"])]
    pub role: Option<String>,

    /// Builds the kernel with debugging information: types, lines, arguments and whole backtraces
    #[arg(long, conflicts_with = "kernel_build")]
    pub debug_info: bool,

    /// The image to run it on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// The schedule [default: as `run`]
    #[arg(long, value_name = "SHIFT:CPUS[:OFFSET]")]
    pub schedule: Option<Schedule>,

    /// Prints the two commands, for two terminals, instead of carrying them out
    #[arg(long)]
    pub print: bool,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,

    /// Further arguments for gdb
    #[arg(last = true, value_name = "ARGUMENT")]
    pub gdb: Vec<String>,
}
