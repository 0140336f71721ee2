//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::builder::FalseyValueParser;
use clap::{Args, Parser, Subcommand};

mod pages;
mod proof;
mod recordings;
mod store;

pub use pages::{LessonArguments, ReportArguments};
pub use proof::{
    BisectArguments, CostArguments, ExploreArguments, GdbArguments, RegressArguments, ReplayArguments,
    VerifyCacheArguments,
};
pub use recordings::{ExportArguments, ExportFormat, ViewArguments};
pub use store::{GcArguments, StoreArguments, StoreCommand};

use super::exit;
use kernsnap_analysis::view::Kind;
use kernsnap_image::SourceSpec;
use kernsnap_machine::Schedule;

/// Boots Raspberry Pi kernels in QEMU, runs programs that fork, exit and spawn kernel threads under ftrace, and judges the
/// traces. The same input gives the same bytes, every time.
#[derive(Debug, Parser)]
#[command(name = "kernsnap", version, after_help = exit::HELP, max_term_width = 100)]
pub struct Arguments {
    /// The checkout to work in [default: the one around the current directory]
    #[arg(long, global = true, value_name = "DIR", env = "KERNSNAP_ROOT")]
    pub root: Option<PathBuf>,

    /// Where images are kept [default: kernsnap in the user's cache directory]
    #[arg(long, global = true, value_name = "DIR", env = "KERNSNAP_STORE")]
    pub store: Option<PathBuf>,

    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Lists the scenarios
    List(ListArguments),
    /// Tells which scenarios show which claims of the notes, and what their last runs said
    Claims(ClaimsArguments),
    /// Builds and finds images
    #[command(subcommand)]
    Image(ImageCommand),
    /// Runs scenarios, and shows their views and verdicts
    Run(RunArguments),
    /// Counts the instructions between two events of a run, exactly
    Cost(CostArguments),
    /// Runs a scenario in many schedules: what is always so, what depends, what breaks
    Explore(ExploreArguments),
    /// Tells what a kernel does otherwise than another: behaviour, or cost alone
    Regress(RegressArguments),
    /// Finds the commit that changed what a scenario shows, with one run a commit
    Bisect(BisectArguments),
    /// Opens gdb on a run, stopped where you say, with the kernel's symbols
    Gdb(GdbArguments),
    /// Boots what a capsule holds, and compares the bytes
    Replay(ReplayArguments),
    /// Runs some of what the cache knows again, and compares the bytes
    VerifyCache(VerifyCacheArguments),
    /// Tells what lies in the store, or removes what nobody uses
    Store(StoreArguments),
    /// Runs scenarios on several images and tells what came of each
    Matrix(MatrixArguments),
    /// Compares two views task by task: what is missing, new, moved or changed
    Diff(DiffArguments),
    /// Makes one HTML file of a run: lanes, calls, events, and what decided about each claim
    Report(ReportArguments),
    /// Walks through what a book says, along the trace of a run; without ID, lists the lessons
    Lesson(LessonArguments),
    /// Writes a new scenario with its guest program, to begin from
    New(NewArguments),
    /// Looks for every host tool
    Doctor(DoctorArguments),
    /// Shows a recording: a kernel's or trace-cmd's text, a trace.dat, or the raw trace of a run
    View(ViewArguments),
    /// Writes a recording for another tool
    Export(ExportArguments),
    /// Opens a shell in a guest, with tracefs mounted
    Shell(ShellArguments),
}

/// Arguments of `list`.
#[derive(Debug, Args)]
pub struct ListArguments {
    /// One JSON object a scenario and line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `claims`.
#[derive(Debug, Args)]
pub struct ClaimsArguments {
    /// One JSON object a claim and line
    #[arg(long)]
    pub json: bool,
}

/// What to do with images.
#[derive(Debug, Subcommand)]
pub enum ImageCommand {
    /// Builds images that are missing, with what their kernels can trace, all programs and all modules
    Build(BuildArguments),
    /// Lists the images, and whether they are built
    List(ListArguments),
    /// Prints the directory of a built image
    Path {
        /// The image
        image: String,
    },
    /// Writes an SD card that a Raspberry Pi boots, runs a scenario from, and leaves the trace on
    Export(CardArguments),
    /// Boots such a card in QEMU
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
#[derive(Debug, Args)]
pub struct SourceArguments {
    /// Another kernel source than the one that the image names: a tree or a tarball on this host, a repository's URL#REF, or
    /// a tarball's URL#sha256=DIGITS. With `image build` it stands for that name from then on
    #[arg(long, value_name = "SOURCE", value_parser = SourceSpec::from_argument)]
    pub kernel_source: Option<SourceSpec>,

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
    /// The scenarios [default: all of them]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The image to run them on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// Runs each scenario N times and compares the bytes
    #[arg(long, value_name = "N", default_value = "1")]
    pub repeat: NonZeroUsize,

    /// Runs at a time
    #[arg(long, value_name = "N", default_value = "1")]
    pub parallel: NonZeroUsize,

    /// The pace, the number of CPUs, and the start: one instruction takes 2^SHIFT nanoseconds, and each step begins OFFSET
    /// nanoseconds later [default: 1, all CPUs, 0]
    #[arg(long, value_name = "SHIFT:CPUS[:OFFSET]")]
    pub schedule: Option<Schedule>,

    /// Another look at the trace: events, tree, calls, stacks, timeline, or summary; several times for several looks [default:
    /// what the scenario's snapshot shows]
    #[arg(long = "view", value_name = "KIND", value_parser = view_kind)]
    pub views: Vec<Kind>,

    /// One JSON object a run and line, instead of views; it holds those that `--view` asks for
    #[arg(long)]
    pub json: bool,

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
    #[arg(long)]
    pub mutate: bool,

    /// Whether a machine is booted, and how it is treated.
    #[command(flatten)]
    pub boot: BootArguments,

    /// Host seconds after which a run is given up. A guest that hangs ends sooner, by its deadline in guest time
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub limit: u64,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Whether a machine is booted, and how it is treated.
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
    /// The scenarios [default: all of them]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The images [default: all but those that are built on request only]
    #[arg(long, value_name = "IMAGE,IMAGE", value_delimiter = ',')]
    pub images: Vec<String>,

    /// Runs at a time [default: one a processor]
    #[arg(long, value_name = "N")]
    pub parallel: Option<NonZeroUsize>,

    /// One JSON object a scenario and image, and line
    #[arg(long)]
    pub json: bool,

    /// The table as Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,

    /// Where the kernels come from.
    #[command(flatten)]
    pub source: SourceArguments,
}

/// Arguments of `diff`.
#[derive(Debug, Args)]
pub struct DiffArguments {
    /// What to compare with what: each a reviewed snapshot (`.snap`), a `view.txt`, a directory that `run --out` left for a
    /// scenario, or any recording. With `--images`: the scenarios, all where none is named
    #[arg(value_name = "BEFORE AFTER")]
    pub what: Vec<PathBuf>,

    /// Two images to run scenarios on, whose views are compared
    #[arg(long, value_name = "BEFORE,AFTER", value_delimiter = ',')]
    pub images: Vec<String>,

    /// The differences as one JSON object
    #[arg(long)]
    pub json: bool,

    /// The differences as Markdown
    #[arg(long, conflicts_with = "json")]
    pub markdown: bool,
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
    /// One JSON object a tool and line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `shell`.
#[derive(Debug, Args)]
pub struct ShellArguments {
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
