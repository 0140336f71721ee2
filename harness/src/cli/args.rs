//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

mod kselftest;
mod output;
mod pages;
mod proof;
mod record;
mod recordings;
mod remote;
mod snapshot;
mod store;

pub use kselftest::KselftestArguments;
pub use output::{ExplainArguments, Format, OriginArguments, OutputArguments, ParallelArguments};
pub use pages::{LessonArguments, ReportArguments};
pub use proof::{
    BisectArguments, CostArguments, ExploreArguments, GdbArguments, RegressArguments, ReplayArguments, VerifyArguments,
};
pub use record::{InitArguments, Plugin, RecordArguments};
pub use recordings::{DiffArguments, ExportArguments, ExportFormat, ViewArguments};
pub use remote::{KeyArguments, RemoteArguments, SendArguments};
pub use snapshot::{SnapshotArguments, SnapshotCommand, Snapshots};
pub use store::{GcArguments, StoreArguments, StoreCommand, TemplatesArguments};

use super::exit;
use super::results::Shard;
use kernsnap_analysis::language::Language;
use kernsnap_analysis::view::Kind;
use kernsnap_image::{ConfigBase, SourceSpec};
use kernsnap_machine::Schedule;

/// Boots Raspberry Pi kernels in QEMU, runs programs that fork, exit and spawn kernel threads under ftrace, and judges the
/// traces. The same inputs give the same bytes, every time.
#[derive(Debug, Parser)]
#[command(name = "kernsnap", version, after_help = exit::HELP, max_term_width = 100)]
pub struct Arguments {
    /// The workspace [default: the one around the current directory, or else that directory]
    #[arg(long, global = true, value_name = "DIR", env = "KERNSNAP_ROOT")]
    pub root: Option<PathBuf>,

    /// Where images are kept [default: kernsnap in the user's cache directory]
    #[arg(long, global = true, value_name = "DIR", env = "KERNSNAP_STORE")]
    pub store: Option<PathBuf>,

    /// The language of what people read: en or ko. JSON and snapshots are the same in each [default: ko where the locale is
    /// Korean, else en]
    #[arg(long, global = true, value_name = "LANGUAGE", env = "KERNSNAP_LANG")]
    pub lang: Option<Language>,

    /// The store that machines share.
    #[command(flatten)]
    pub remote: RemoteArguments,

    /// The action.
    #[command(subcommand)]
    pub command: Command,
}

/// The action.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Run scenarios and show their views and verdicts
    Run(RunArguments),
    /// Run a program, a module or a shell command in a guest and record what the kernel does
    Record(RecordArguments),
    /// Run a scenario under many schedules: what always holds, what depends on the schedule, what breaks
    Explore(ExploreArguments),
    /// Count the instructions between two events of a run
    Cost(CostArguments),
    /// Open a shell in a guest, with tracefs mounted
    Shell(ShellArguments),
    /// Open gdb on a run, stopped at a function or an event, with the kernel's symbols
    Gdb(GdbArguments),
    /// Boot what a capsule holds and compare the bytes
    Replay(ReplayArguments),
    /// Compare two kernels: behaviour and cost
    Regress(RegressArguments),
    /// Find the commit that changed what a scenario shows
    Bisect(BisectArguments),
    /// Run the kernel's own tests, `tools/testing/selftests`, each in a guest of its own
    Kselftest(KselftestArguments),
    /// Run scenarios on several images and show the status of each
    Matrix(MatrixArguments),
    /// Show a recording: a kernel's or trace-cmd's text, a trace.dat, or the raw trace of a run
    View(ViewArguments),
    /// Compare two snapshots, runs, recordings or images task by task
    Diff(DiffArguments),
    /// Write a recording for another tool
    Export(ExportArguments),
    /// Write one HTML file of a run: lanes, calls, events, and the evidence for each expectation
    Report(ReportArguments),
    /// Follow a book's statements along the trace of a run; without ID, list the lessons
    Lesson(LessonArguments),
    /// List the scenarios, or the claims that they show
    List(ListArguments),
    /// Write a new scenario with its guest program
    New(NewArguments),
    /// Make a directory a workspace, with a scenario to begin from
    Init(InitArguments),
    /// Review snapshots that differ, accept them or reject them
    #[command(subcommand)]
    Snapshot(SnapshotCommand),
    /// Build and find images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Inspect, prune or verify the store
    Store(StoreArguments),
    /// Check this host's tools
    Doctor(DoctorArguments),
    /// Print the completions for a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page, or write the pages of all commands to a directory
    Man {
        /// The directory
        #[arg(long, value_name = "DIR")]
        out: Option<PathBuf>,
    },
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// The claims of the notes, with the scenarios that show each and the status of their last runs
    #[arg(long)]
    pub claims: bool,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `image list`.
#[derive(Debug, Args)]
pub struct ImageListArguments {
    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// The commands on images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Build images that are missing, with what their kernels can trace, all programs and all modules
    Build(BuildArguments),
    /// List the images, and whether they are built
    List(ImageListArguments),
    /// Print the directory of a built image
    Path {
        /// The image
        image: String,
    },
    /// Write an SD card that a Raspberry Pi boots, runs a scenario from, and leaves the trace on
    Export(CardArguments),
    /// Boot such a card in QEMU
    Try {
        /// The card. The guest writes its evidence to it
        card: PathBuf,
    },
}

/// Arguments of `image export`.
#[derive(Debug, Args)]
pub struct CardArguments {
    /// The scenario
    pub scenario: String,
    /// The card, as a file of 256 MiB to be copied to one
    #[arg(long, value_name = "FILE")]
    pub sdcard: PathBuf,
    /// The image, which must know its way to a card
    #[arg(long, value_name = "IMAGE", default_value = "rpi3-6.1-card")]
    pub image: String,
    /// A directory with the board's firmware (`bootcode.bin`, `start.elf`, `fixup.dat`) instead of the distribution's package
    #[arg(long, value_name = "DIR")]
    pub firmware: Option<PathBuf>,
    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Arguments of `image build`.
#[derive(Debug, Args)]
pub struct BuildArguments {
    /// The images [default: rpi3-6.1]
    #[arg(value_name = "IMAGE")]
    pub images: Vec<String>,
    /// Every image but those that are built on request only
    #[arg(long, conflicts_with = "images")]
    pub all: bool,
    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Where kernels come from.
#[derive(Clone, Debug, Args)]
pub struct SourceArguments {
    /// Another kernel source than the one that the image names: a tree or a tarball on this host, a repository's URL#REF, or
    /// a tarball's URL#sha256=DIGITS. With `image build` it means that name from then on
    #[arg(long, value_name = "SOURCE", value_parser = SourceSpec::from_argument)]
    pub kernel_source: Option<SourceSpec>,

    /// A kernel that is built: the directory that `make O=DIR` built in. Nothing is compiled in it
    #[arg(long, value_name = "DIR", conflicts_with_all = ["kernel_source", "config", "fragments", "patches", "update"])]
    pub kernel_build: Option<PathBuf>,

    /// A whole kernel configuration instead of the image's: a `.config`, or a target such as `defconfig`. Only what kernsnap must
    /// have is changed in it, and told
    #[arg(long, value_name = "FILE|TARGET", value_parser = ConfigBase::from_argument)]
    pub config: Option<ConfigBase>,

    /// Kernel options to lay over the configuration; several in the order given
    #[arg(long = "fragment", value_name = "FILE")]
    pub fragments: Vec<PathBuf>,

    /// A patch to apply to the kernel's source; several in the order given. Only what they touch is compiled again
    #[arg(long = "patch", value_name = "FILE")]
    pub patches: Vec<PathBuf>,

    /// Look for the kernel's source again, instead of using the one found before
    #[arg(long)]
    pub update: bool,

    /// Compilers to run at a time [default: one a processor]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
}

/// The image that is used where none is named.
pub const DEFAULT_IMAGE: &str = "rpi3-6.1";

/// Arguments of `run`.
#[derive(Debug, Args)]
pub struct RunArguments {
    /// The scenarios: names, files, or patterns such as `fork-*` [default: the workspace's own, or all if it has none]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The image to run them on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Runs each scenario N times and compares the bytes
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroUsize,

    /// Guests at a time.
    #[command(flatten)]
    pub parallel: ParallelArguments,

    /// The pace, the number of CPUs, and the start: one instruction takes 2^SHIFT nanoseconds, and each step begins OFFSET
    /// nanoseconds later [default: 1, all CPUs, 0]
    #[arg(long, value_name = "SHIFT:CPUS[:OFFSET]")]
    pub schedule: Option<Schedule>,

    /// Another look at the trace: events, tree, calls, stacks, timeline, or summary; several times for several looks [default:
    /// what the scenario's snapshot shows]
    #[arg(long = "view", value_name = "KIND", value_parser = view_kind)]
    pub views: Vec<Kind>,

    /// Whether views are explained.
    #[command(flatten)]
    pub explained: ExplainArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// In whose name results are reported.
    #[command(flatten)]
    pub origin: OriginArguments,

    /// Only the Kth of N parts of the scenarios
    #[arg(long, value_name = "K/N")]
    pub shard: Option<Shard>,

    /// Whether anything is judged.
    #[command(flatten)]
    pub looked: LookArguments,

    /// Only scenarios whose last run on the image did not pass
    #[arg(long)]
    pub failed: bool,

    /// Begins no other run after the first that does not pass
    #[arg(long)]
    pub fail_fast: bool,

    /// Whether views are compared with the workspace's reviewed snapshots [default: check, and off where the kernel or the schedule is
    /// not the image's own]
    #[arg(long, value_enum, value_name = "WHETHER", conflicts_with = "look")]
    pub snapshots: Option<Snapshots>,

    /// Writes the results as XML of `JUnit`
    #[arg(long, value_name = "FILE", conflicts_with = "look")]
    pub junit: Option<PathBuf>,

    /// Writes a report of the run, one HTML file; for one scenario
    #[arg(long, value_name = "FILE", conflicts_with = "repeat")]
    pub html: Option<PathBuf>,

    /// Writes everything that the run is made of, and what it gave, to one file, which `replay` boots anywhere; for one scenario
    #[arg(long, value_name = "FILE", conflicts_with = "repeat")]
    pub capsule: Option<PathBuf>,

    /// Keeps command line, console log, raw trace, view, report and result of each run in DIR/SCENARIO (and /N with --repeat)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Tries whether each expectation can fail: changes the trace of a run that passed, and tells the changes that went
    /// unnoticed
    #[arg(long, conflicts_with = "look")]
    pub mutate: bool,

    /// How a machine is started.
    #[command(flatten)]
    pub boot: BootArguments,

    /// Host seconds after which a run is given up. A guest that hangs ends sooner, by its deadline in guest time
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub limit: u64,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Whether runs are judged. For a program or a scenario that a reader has changed.
#[derive(Args, Clone, Copy, Debug, Default)]
pub struct LookArguments {
    /// Looks without judging, for a program or a scenario that you have changed: an expectation that does not hold is told with the
    /// thing that happened, and does not fail. Views are not compared with snapshots
    #[arg(long, conflicts_with_all = ["json", "format"])]
    pub look: bool,
}

/// How a machine is started.
#[derive(Args, Clone, Debug)]
pub struct BootArguments {
    /// Boots a machine even where the result of the same run is known; it must be the same. `--repeat` does so, too
    #[arg(long, env = "KERNSNAP_FRESH", value_parser = FalseyValueParser::new())]
    pub fresh: bool,

    /// Boots with QEMU's threads delayed where that could do most harm, to show that their timing reaches no guest
    #[arg(long)]
    pub adverse: bool,
}

/// Arguments of `matrix`.
#[derive(Debug, Args)]
pub struct MatrixArguments {
    /// The scenarios: names, files, or patterns such as `fork-*` [default: the workspace's own, or all if it has none]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The images [default: all but those that are built on request only]
    #[arg(long, value_name = "IMAGE,IMAGE", value_delimiter = ',')]
    pub images: Vec<String>,

    /// Runs nothing, and makes one table of results that `run --json` printed, on other machines perhaps
    #[arg(long, value_name = "FILE", num_args = 1.., conflicts_with_all = ["scenarios", "images"])]
    pub from: Vec<PathBuf>,

    /// Writes the results as XML of `JUnit`
    #[arg(long, value_name = "FILE", requires = "from")]
    pub junit: Option<PathBuf>,

    /// In whose name results are reported.
    #[command(flatten)]
    pub origin: OriginArguments,

    /// Guests at a time.
    #[command(flatten)]
    pub parallel: ParallelArguments,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,

    /// Where the kernels come from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Arguments of `new`.
#[derive(Debug, Args)]
pub struct NewArguments {
    /// Its name: lowercase letters, digits and dashes
    #[arg(value_name = "SCENARIO")]
    pub scenario: String,

    /// The directory below scenarios/
    #[arg(long, value_name = "GROUP", default_value = "user")]
    pub group: String,

    /// With a kernel module that the scenario loads, instead of a program
    #[arg(long)]
    pub module: bool,
}

fn view_kind(word: &str) -> Result<Kind, String> {
    let known = Kind::ALL.into_iter().find(|kind| kind.word() == word);
    known.ok_or_else(|| format!("there are {}", Kind::ALL.map(Kind::word).join(", ")))
}

/// Arguments of `doctor`.
#[derive(Debug, Args)]
pub struct DoctorArguments {
    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `shell`.
#[derive(Debug, Args)]
pub struct ShellArguments {
    /// Scenarios whose programs are in the guest's /bin, and whose modules are in its /lib/modules
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The image to boot
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Runs COMMAND in the guest's shell with nothing to read, prints what it writes, and switches off. The exit code is 0
    /// if COMMAND's was, and else 1; stderr tells which
    #[arg(long, short, value_name = "COMMAND")]
    pub command: Option<String>,

    /// Host seconds after which a guest is given up that does not come to its prompt, or to the end of COMMAND
    #[arg(long, value_name = "SECONDS", default_value = "120", requires = "command")]
    pub limit: u64,

    /// Puts a file of this host into the guest, as `/with/NAME`; several times for several files
    #[arg(long, value_name = "FILE")]
    pub with: Vec<PathBuf>,

    /// Takes files out of the guest into DIR: those in `/out` when the guest is switched off, or when `out FILE…` runs in it. Nothing in
    /// DIR is overwritten
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Debian's bash and programs in the guest, besides busybox
    #[arg(long)]
    pub debian: bool,

    /// A static busybox for the guest, instead of the one that the distribution has; taken from then on
    #[arg(long, value_name = "PATH")]
    pub busybox: Option<PathBuf>,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory as _;

    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Arguments::command().debug_assert();
    }
}
