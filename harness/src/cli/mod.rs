//! The command line: the only place that reads arguments and the environment, and that prints.

pub mod args;
mod bisect;
mod build;
mod card;
mod claims;
mod cost;
mod csv_export;
mod diff;
mod doctor;
mod escape;
mod event_text;
mod events;
mod exit;
mod explain;
mod explore;
mod export;
mod failure;
mod gdb;
mod help;
mod init;
mod kcidb;
mod kselftest;
mod language;
mod lesson;
mod list;
mod load_trace;
mod matrix;
mod merged;
mod messages;
mod new;
mod parallel;
mod progress;
mod read_events;
mod record;
mod recording_source;
mod regress;
mod remote;
mod replay;
mod report;
mod results;
mod run;
mod shell;
mod snapshot;
mod store;
mod terminal;
mod told_run;
mod verify;
mod view;

use std::fs;
use std::io::{self, ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use clap::FromArgMatches as _;
use serde::Serialize;

use self::args::{Arguments, Command, ImageCommand, SourceArguments};
use self::escape::{Escape, printable};
pub use self::exit::Exit;
use self::failure::{Failure, chain, with_hint};
use self::language::said;
use self::messages::told;
use self::progress::Progress;
use crate::session::prepare::{NotApplicable, Prepared, PreparedImage};
use crate::session::run::{GuestPayload, LIMIT, Session};
use crate::session::templates::{Templates, become_broker_if_asked};
use crate::session::{catalogue, load};
use kernsnap_analysis::phrase::Phrase;
use kernsnap_analysis::view::Style;
use kernsnap_host::files;
use kernsnap_host::interrupt;
use kernsnap_host::store::{Scratch, Store};
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{
    ConfigBase, GitSpec, ImageError, ImageSpec, Images, Options, PrebuiltSpec, Resolve, SourceSpec, TarballSpec,
};
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// True if an answer could not be written, as to a disk that is full.
static NOT_TOLD: AtomicBool = AtomicBool::new(false);

/// Runs the program with the process's arguments.
#[must_use]
pub fn main() -> ExitCode {
    if become_broker_if_asked() {
        return ExitCode::SUCCESS;
    }
    if let Some(renamed) = help::renamed(std::env::args_os()) {
        complain(&renamed);
        return Exit::BadInput.into();
    }
    let language = language::of_help(std::env::args_os());
    let matches = help::command(language).try_get_matches();
    let arguments = match matches.and_then(|matches| Arguments::from_arg_matches(&matches)) {
        Ok(arguments) => arguments,
        Err(error) => {
            let Some(mistake) = help::mistake(language, &error) else { error.exit() };
            language::choose(Some(language));
            complain(&mistake);
            return Exit::BadInput.into();
        }
    };
    language::choose(arguments.lang);
    if let Err(error) = interrupt::install() {
        complain(&format!("cannot install signal handlers: {error}"));
        return Exit::Internal.into();
    }
    let exit = match dispatch(&arguments) {
        Ok(exit) if NOT_TOLD.load(Ordering::Relaxed) => exit.worst(Exit::BadInput),
        Ok(exit) => exit,
        Err(failure) => {
            complain(&failure.text);
            failure.exit
        }
    };
    exit.into()
}

fn dispatch(arguments: &Arguments) -> Result<Exit, Failure> {
    // Commands that look at what is given to them need no checkout.
    let context = || Context::find(arguments);
    match &arguments.command {
        Command::Run(run) => run::run(&context()?, run),
        Command::Record(record) => record::record(&context()?, record),
        Command::Explore(explore) => explore::explore(&context()?, explore),
        Command::Cost(cost) => cost::cost(&context()?, cost),
        Command::Shell(shell) => shell::shell(&context()?, shell),
        Command::Gdb(gdb) => gdb::gdb(&context()?, gdb),
        Command::Replay(replay) => replay::replay(arguments, replay),
        Command::Regress(regress) => regress::regress(&context()?, regress),
        Command::Bisect(bisect) => bisect::bisect(&context()?, bisect),
        Command::Kselftest(kselftest) => kselftest::kselftest(&context()?, kselftest),
        Command::Matrix(matrix) => matrix::run(&context()?, matrix),
        Command::View(view) => view::view(arguments, view),
        Command::Diff(diff) => match diff::images(arguments, diff) {
            Some((context, images)) => diff::of_images(&context, images, diff),
            None => diff::diff(arguments, diff),
        },
        Command::Export(export) => export::export(arguments, export),
        Command::Report(report) => report::report(&context()?, report),
        Command::Lesson(lesson) => lesson::lesson(&context()?, lesson),
        Command::List(list) if list.claims => claims::claims(&context()?, list),
        Command::List(list) => list::scenarios(&context()?, list),
        Command::Init(init) => init::init(arguments, init),
        Command::New(new) => new::new(&context()?, new),
        Command::Image(ImageCommand::Build(build)) => build::build(&context()?, build),
        Command::Image(ImageCommand::List(list)) => build::list(&context()?, list),
        Command::Image(ImageCommand::Path { image }) => build::path(&context()?, image),
        Command::Image(ImageCommand::Export(card)) => card::export(&context()?, card),
        Command::Image(ImageCommand::Try { card }) => card::boot(&context()?, card),
        Command::Snapshot(command) => snapshot::snapshot(&context()?, command),
        Command::Store(store) => store::store(&context()?, store),
        Command::Doctor(doctor) => doctor::doctor(store_root(arguments).ok().map(Store::at).as_ref(), doctor),
        Command::Completions { shell } => Ok(help::completions(*shell)),
        Command::Man { out } => help::man(out.as_deref()),
    }
}

/// The checkout and the store that a command works with.
#[derive(Debug)]
struct Context {
    workspace: Workspace,
    store: Store,
}

/// Scenarios on an image.
#[derive(Debug, Default)]
struct Scenarios {
    ready: Vec<(Box<Scenario>, GuestPayload)>,
    not_applicable: Vec<NotApplicable>,
}

impl Scenarios {
    /// The scenarios in these files, on an image, with progress for people where programs must be built.
    fn prepare(prepared_image: &PreparedImage<'_>, files: &[PathBuf]) -> Result<Self, Failure> {
        let mut progress = Progress::new();
        let mut found = Self::default();
        for file in files {
            match prepared_image.scenario(file, &mut |event| progress.show(event))? {
                Prepared::Ready(scenario, payload) => found.ready.push((scenario, payload)),
                Prepared::DoesNotApply(not) => found.not_applicable.push(not),
            }
        }
        Ok(found)
    }
}

/// The schedule that is asked for, or the board's usual one.
fn schedule(prepared_image: &PreparedImage<'_>, asked: Option<Schedule>) -> Result<Schedule, Failure> {
    let schedule = asked.unwrap_or(prepared_image.runtime.machine.usual_schedule());
    let (image, cpus) = (&prepared_image.runtime.image, prepared_image.runtime.machine.cpus);
    if schedule.cpus > cpus {
        return Err(Failure::input(format!("{image} has {cpus} CPUs, not {}", schedule.cpus)));
    }
    Ok(schedule)
}

impl Context {
    fn find(arguments: &Arguments) -> Result<Self, Failure> {
        let start = match &arguments.root {
            Some(root) => absolute(root)?,
            None => current_directory()?,
        };
        let workspace = Workspace::around(&start).unwrap_or_else(|| Workspace::at(start));
        let remote = remote::open(arguments, &workspace.root)?;
        let store = Store::at(store_root(arguments)?);
        let store = remote.map(Arc::new).into_iter().fold(store, |store, remote| store.with_elsewhere(remote));
        let below =
            if workspace.is_complete() { None } else { Some(catalogue::directory(&store).map_err(ImageError::from)?) };
        let workspace = below.into_iter().fold(workspace, Workspace::over);
        Ok(Self { workspace, store })
    }

    /// The same with the files of the workspace as they are now, for a command that works long: an edit in the meantime has no part
    /// in it. The copies go away with the guard.
    fn frozen(&self) -> Result<(Self, Scratch), Failure> {
        let scratch = self.store.scratch().map_err(ImageError::from)?;
        let copied = self.workspace.frozen(scratch.path());
        let workspace = copied.map_err(|error| Failure::input(format!("cannot copy the workspace: {error}")))?;
        Ok((Self { workspace, store: self.store.clone() }, scratch))
    }

    /// The part that all runs of a command share. A command that runs guests opens it first: without QEMU, nothing that is
    /// built or read helps.
    fn session(&self) -> Result<Session, Failure> {
        Ok(Session::open(&self.store, templates(&self.store))?)
    }

    /// An image, with progress for people where it must be built.
    fn prepared_image<'a>(&'a self, options: &'a Options, image: &str) -> Result<PreparedImage<'a>, Failure> {
        let mut progress = Progress::new();
        Ok(PreparedImage::open(self.images(options), image, &mut |event| progress.show(event))?)
    }

    /// The files of the scenarios with these names.
    fn scenario_files(&self, names: &[String]) -> Result<Vec<PathBuf>, Failure> {
        Ok(load::selected(&self.workspace, names)?)
    }

    /// Every image but those that are built only when they are named.
    fn images_but_on_request(&self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        for name in self.workspace.image_names() {
            if !ImageSpec::load(&self.workspace, &name)?.on_request {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn images<'a>(&'a self, options: &'a Options) -> Images<'a> {
        Images { workspace: &self.workspace, store: &self.store, options }
    }
}

#[expect(clippy::disallowed_methods, reason = "the environment is read here and passed on")]
fn current_directory() -> Result<PathBuf, Failure> {
    std::env::current_dir().map_err(|error| Failure::input(format!("no current directory: {error}")))
}

/// Where the store is when the command line does not say: `KERNSNAP_STORE`, else `kernsnap` in the user's cache directory
/// (XDG Base Directory Specification). `None` where there is no home directory to find it in.
#[must_use]
pub fn default_store() -> Option<PathBuf> {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and passed on")]
    let variable = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let cache = || variable("XDG_CACHE_HOME").or_else(|| variable("HOME").map(|home| home.join(".cache")));
    variable("KERNSNAP_STORE").or_else(|| cache().map(|cache| cache.join("kernsnap")))
}

/// The booted machines that runs are forked from, unless `KERNSNAP_TEMPLATES` is `off`.
#[must_use]
pub fn templates(store: &Store) -> Templates {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and passed on")]
    let off = std::env::var_os("KERNSNAP_TEMPLATES").is_some_and(|value| value == "off");
    if off { Templates::off() } else { Templates::new(store) }
}

fn store_root(arguments: &Arguments) -> Result<PathBuf, Failure> {
    let no_home = || Failure::input("there is no HOME to keep images in; name a directory with `--store`".into());
    let root = match &arguments.store {
        Some(store) => absolute(store)?,
        None => default_store().ok_or_else(no_home)?,
    };
    if root.exists() && !root.is_dir() {
        return Err(Failure::input(format!("`{}` is not a directory, so no images can be kept there", root.display())));
    }
    Ok(root)
}

fn absolute(path: &Path) -> Result<PathBuf, Failure> {
    std::path::absolute(path).map_err(|error| Failure::input(format!("`{}`: {error}", path.display())))
}

/// The version of docs/schema/kernsnap-1.json, raised when a document changes in a way that a reader must know of.
const SCHEMA: u32 = 1;

/// A result as JSON.
#[derive(Serialize)]
struct Document<'a, T> {
    /// The version of the schema.
    schema: u32,
    #[serde(flatten)]
    content: &'a T,
}

/// Prints a result as one line of JSON.
fn answer_json(content: &impl Serialize) -> Result<(), Failure> {
    let document = Document { schema: SCHEMA, content };
    let text = serde_json::to_string(&document).map_err(|error| Failure::internal("write JSON", &error))?;
    write_answer(&printable(&text, Escape::Json));
    Ok(())
}

/// The architecture of an image, where the workspace knows it.
fn architecture(context: &Context, image: &str) -> Option<String> {
    ImageSpec::load(&context.workspace, image).ok().map(|spec| spec.kernel.arch.as_str().to_owned())
}

/// Writes a file as a whole or not at all: beside its place first, then renamed to it. What is not a regular file, such as
/// `/dev/stdout`, is written directly.
fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    let write = || {
        if path.metadata().is_ok_and(|meta| !meta.is_file()) {
            return fs::write(path, bytes);
        }
        files::replace(path, bytes)
    };
    write().map_err(|error: io::Error| Failure::input(format!("cannot write `{}`: {error}", path.display())))
}

/// A source with its path, if it has one, made absolute.
fn placed(source: &SourceSpec) -> Result<SourceSpec, Failure> {
    Ok(match source {
        SourceSpec::Path(path) => SourceSpec::Path(absolute(path)?),
        SourceSpec::Tarball(tarball) if !tarball.url.contains("://") => {
            let url = absolute(Path::new(&tarball.url))?.display().to_string();
            SourceSpec::Tarball(TarballSpec { url, ..tarball.clone() })
        }
        SourceSpec::Git(git) if Path::new(&git.url).is_dir() => {
            let url = absolute(Path::new(&git.url))?.display().to_string();
            SourceSpec::Git(GitSpec { url, ..git.clone() })
        }
        other => other.clone(),
    })
}

fn options(source: &SourceArguments) -> Result<Options, Failure> {
    let kernel_source = match &source.kernel_build {
        Some(out) => Some(SourceSpec::Prebuilt(PrebuiltSpec::Build(absolute(out)?))),
        None => source.kernel_source.as_ref().map(placed).transpose()?,
    };
    let patches = source.patches.iter().map(|path| absolute(path)).collect::<Result<_, _>>()?;
    let config = match &source.config {
        Some(ConfigBase::File(path)) => Some(ConfigBase::File(absolute(path)?)),
        other => other.clone(),
    };
    let mut options = Options {
        kernel_source,
        config,
        fragments: source.fragments.clone(),
        patches,
        resolve: if source.update { Resolve::Again } else { Resolve::Recorded },
        ..Options::default()
    };
    options.jobs = source.jobs.unwrap_or(options.jobs);
    Ok(options)
}

#[expect(clippy::print_stderr, reason = "the command line talks to people here")]
fn complain(text: &str) {
    eprintln!("{}", printable(&said(&Phrase::new("error").with("text", told(text))), Escape::Text));
}

#[expect(clippy::print_stderr, reason = "the command line talks to people here")]
fn talk(text: &str) {
    eprintln!("{}", printable(&told(text), Escape::Text));
}

fn answer(text: &str) {
    write_answer(&printable(text, Escape::Text));
}

/// Answers with a text that is painted in `style`.
fn answer_painted(text: &str, style: &Style) {
    write_answer(&printable(text, if style.colour { Escape::Painted } else { Escape::Text }));
}

fn write_answer(text: &str) {
    // Who reads no further (`| head`) has had enough; the run is brought to its end all the same.
    if let Err(error) = writeln!(io::stdout(), "{text}")
        && error.kind() != ErrorKind::BrokenPipe
    {
        // One word is enough.
        if !NOT_TOLD.swap(true, Ordering::Relaxed) {
            talk(&format!("error: cannot write the answer: {error}"));
        }
    }
}
