//! The command line.

use std::num::NonZeroUsize;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

use super::exit;
use crate::image::SourceSpec;
use crate::lesson::Language;
use crate::view::Kind;
use crate::vm::Schedule;

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

    /// The pace and the number of CPUs: one instruction takes 2^SHIFT nanoseconds [default: 1 and all CPUs]
    #[arg(long, value_name = "SHIFT:CPUS")]
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

    /// Keeps command line, console log, raw trace, view, report and result of each run in DIR/SCENARIO (and /N with --repeat)
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// Tries whether each expectation can fail: changes the trace of a run that passed, and tells the changes that went
    /// unnoticed
    #[arg(long)]
    pub mutate: bool,

    /// Host seconds after which a run is given up. A guest that hangs ends sooner, by its deadline in guest time
    #[arg(long, value_name = "SECONDS", default_value = "120")]
    pub limit: u64,

    /// Where the kernel comes from.
    #[command(flatten)]
    pub source: SourceArguments,
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

/// Arguments of `report`.
#[derive(Debug, Args)]
pub struct ReportArguments {
    /// A scenario, which is run; or a directory that `run --out` left for one
    #[arg(value_name = "SCENARIO|DIR")]
    pub what: String,

    /// The file to write [default: SCENARIO.html]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// What to compare the run with, as for `diff` [default: the reviewed snapshot]
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
    /// The lesson
    #[arg(value_name = "ID")]
    pub lesson: Option<String>,

    /// The language: en or ko [default: ko where the locale is Korean, else en]
    #[arg(long, value_name = "LANGUAGE")]
    pub lang: Option<Language>,

    /// The image to run it on
    #[arg(long, value_name = "IMAGE", default_value = DEFAULT_IMAGE)]
    pub image: String,

    /// The lesson, or one lesson a line, as JSON objects
    #[arg(long)]
    pub json: bool,

    /// Writes the pages in docs/lessons: of the lesson, or of all
    #[arg(long, conflicts_with_all = ["json", "lang"])]
    pub write_docs: bool,

    /// Where the kernel comes from.
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
    /// One JSON object a tool and line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `view`.
#[derive(Debug, Args)]
pub struct ViewArguments {
    /// The recording; `-` for the standard input. What it is, is seen from its beginning
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// Only what these tasks do and what is done to them, by pid or name
    #[arg(long, value_name = "PID|NAME", value_delimiter = ',')]
    pub follow: Vec<String>,

    /// Another view than all events as they are: `events`, `tree`, `calls`, `stacks`, `timeline`, `summary`, by the names of
    /// the tasks. Several may be asked for
    #[arg(long, value_name = "KIND", value_parser = view_kind)]
    pub view: Vec<Kind>,

    /// One JSON object an event and line, or a view and line
    #[arg(long)]
    pub json: bool,
}

/// Arguments of `export`.
#[derive(Debug, Args)]
pub struct ExportArguments {
    /// The recording; a directory of `run --out` stands for its raw trace, `-` for the standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,

    /// What to write
    #[arg(long, value_enum, value_name = "FORMAT")]
    pub format: ExportFormat,

    /// Where to write it
    #[arg(long, short, value_name = "FILE")]
    pub output: PathBuf,
}

/// What `export` writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum ExportFormat {
    /// For `trace-cmd` and `KernelShark`; needs a raw trace
    TraceDat,
    /// For ui.perfetto.dev
    Perfetto,
    /// As the kernel prints it
    Text,
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
