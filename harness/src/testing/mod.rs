//! Scenarios as tests of a cargo project: one test for each scenario and image, with insta snapshots beside them.
//!
//! A test file of the project, `harness = false` in its `Cargo.toml`, has three lines:
//!
//! ```no_run
//! kernsnap::scenario_tests!();
//! ```
//!
//! The project's directory is a workspace over what kernsnap brings along: its `scenarios/`, `guest-programs/` and `images/`, all of
//! them optional. A snapshot is `scenarios/snapshots/IMAGE/SCENARIO.snap`, and `cargo insta review` reviews it.
//!
//! A test that is written by hand takes an [`Image`], runs a scenario on it, and looks at the trace.
//!
//! The environment tells what to test and how: `KERNSNAP_IMAGES` names images in place of those of the test file, `KERNSNAP_RERUN` runs
//! what is known again, and `KERNSNAP_FRESH` boots for each test. A run that gives other bytes than the known result is a failure.

use std::error::Error;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};

use crate::cli::{default_store, templates};
use crate::session::catalogue;
use crate::session::prepare::{Prepared, PreparedImage};
use crate::session::record::LastVerdict;
use crate::session::run::{RunPolicy, Runner, Session};
use crate::session::snapshot::{self, Comparison, Subject};
use crate::session::status::{RunStatus, with_causes};
use crate::session::templates::become_broker_if_asked;
use kernsnap_analysis::verdict::mutation::mutate;
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{ImageSpec, Images, Options};
use kernsnap_scenario::Scenario;

mod evidence;
mod image;

use self::evidence::Place;
pub use self::image::Image;
pub use crate::session::run::Outcome;
#[doc(hidden)]
pub use insta;
pub use kernsnap_analysis::verdict::Verdict;
pub use kernsnap_machine::Schedule;

/// The backstop in host time; a test runner's own should be longer, so that a lost machine leaves its evidence.
const LIMIT: Duration = Duration::from_secs(120);

/// The image of a project that names none.
pub const DEFAULT_IMAGE: &str = "rpi3-6.1";

/// Makes the `main` of a test file that tests the scenarios of its project. `scenario_tests!(images: ["rpi3-6.12", "virt-6.1"])` tests
/// them on other images than [`DEFAULT_IMAGE`].
#[macro_export]
macro_rules! scenario_tests {
    () => {
        $crate::scenario_tests!(images: [$crate::testing::DEFAULT_IMAGE]);
    };
    (images: [$($image:expr),+ $(,)?]) => {
        fn main() -> ::std::process::ExitCode {
            // The macro of insta finds the project that it is expanded in.
            $crate::testing::Suite::of_project(env!("CARGO_MANIFEST_DIR"), &[$($image),+])
                .run(|name, text| $crate::testing::insta::assert_snapshot!(name, text))
        }
    };
}

/// The directory of the package whose tests run: the runner says where it is now, which is another place than it was compiled in where
/// the tests come from an archive of nextest. Without a runner, it is where it was `compiled`.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
pub fn directory(compiled: &str) -> PathBuf {
    std::env::var_os("CARGO_MANIFEST_DIR").map_or_else(|| compiled.into(), PathBuf::from)
}

/// The program under test, in the same way.
#[must_use]
#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
pub fn program(compiled: &str) -> PathBuf {
    std::env::var_os("NEXTEST_BIN_EXE_kernsnap").map_or_else(|| compiled.into(), PathBuf::from)
}

/// The tests of a workspace.
#[derive(Clone, Debug)]
pub struct Suite {
    workspace: Workspace,
    /// By their names; all that are not built on request where none is named.
    images: Vec<String>,
    /// True if only scenarios of the workspace's own directory are tested.
    own: bool,
}

impl Suite {
    /// The scenarios of a project on these images.
    #[must_use]
    pub fn of_project(root: &str, images: &[&str]) -> Self {
        let root = &directory(root);
        let named = named_images();
        let images = if named.is_empty() { images.iter().map(|image| (*image).to_owned()).collect() } else { named };
        Self { workspace: Workspace::at(root.clone()), images, own: true }
    }

    /// The scenarios of a complete workspace on all of its images, those on request only where `KERNSNAP_IMAGES` names them.
    #[must_use]
    pub fn of_checkout(root: &str) -> Self {
        Self { workspace: Workspace::at(directory(root)), images: Vec::new(), own: false }
    }

    /// Runs the tests that the arguments of the process ask for. `assert` compares a text with the snapshot of this name.
    pub fn run(self, assert: fn(&str, &str)) -> ExitCode {
        if become_broker_if_asked() {
            return ExitCode::SUCCESS;
        }
        let arguments = Arguments::from_args();
        // Only names are looked at here: a broken scenario is one failing test, not a broken list.
        let trials = self.trials(assert).unwrap_or_else(|error| {
            let text = error.to_string();
            vec![Trial::test("list", move || Err(text.into()))]
        });
        libtest_mimic::run(&arguments, trials).exit_code()
    }

    fn trials(self, assert: fn(&str, &str)) -> Result<Vec<Trial>, Box<dyn Error>> {
        let files = self.workspace.scenario_files()?;
        let workspace = if self.own { over_catalogue(self.workspace)? } else { self.workspace };
        let images = if self.own { self.images } else { images_of(&workspace) };
        let pairs = images.iter().flat_map(|image| files.iter().map(move |file| (image.clone(), file.clone())));
        let trial = |(image, file): (String, PathBuf)| {
            let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let workspace = workspace.clone();
            Trial::test(format!("{image}::{id}"), move || {
                check(&workspace, &image, &file, assert).map_err(|error| {
                    // nextest takes a failure's message from a line like this one.
                    say(&format!("Error: {}", with_causes(&*error)));
                    say(&format!("again: kernsnap run {id} --image {image}"));
                    Failed::without_message()
                })
            })
        };
        Ok(pairs.map(trial).collect())
    }
}

/// Every image but those that are built on request and not named.
fn images_of(workspace: &Workspace) -> Vec<String> {
    let named = named_images();
    let is_wanted =
        |image: &String| named.contains(image) || !ImageSpec::load(workspace, image).is_ok_and(|spec| spec.on_request);
    workspace.image_names().into_iter().filter(is_wanted).collect()
}

fn over_catalogue(workspace: Workspace) -> Result<Workspace, Box<dyn Error>> {
    let below = if workspace.is_complete() { None } else { Some(catalogue::directory(&store()?)?) };
    Ok(below.into_iter().fold(workspace, Workspace::over))
}

fn store() -> Result<Store, Box<dyn Error>> {
    Ok(Store::at(default_store().ok_or("there is no home directory for the image store")?))
}

fn check(workspace: &Workspace, image: &str, file: &Path, assert: fn(&str, &str)) -> Result<(), Box<dyn Error>> {
    let store = store()?;
    let options = Options::default();
    let images = Images { workspace, store: &store, options: &options };
    let mut on = |event| say(&format!("{event:?}"));
    let prepared_image = PreparedImage::open(images, image, &mut on)?;
    let (scenario, payload) = match prepared_image.scenario(file, &mut on)? {
        Prepared::Ready(scenario, payload) => (scenario, payload),
        // That it is not about this kernel, and why, is reviewed like a view.
        Prepared::DoesNotApply(not) => {
            LastVerdict::remember(&store, image, &not.id, RunStatus::DoesNotApply, &prepared_image.runtime.image_key);
            return compare(workspace, image, file, (&not.id, &not.title), &not.to_string(), assert);
        }
    };
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let directory = store.scratch()?;
    let session = Session::open(&store, templates(&store))?;
    let runner = Runner { policy: policy(), limit: LIMIT, ..Runner::new(&session, &prepared_image.runtime) };
    let place = std::env::current_exe().ok().and_then(|program| Place::of(&program, image, &scenario.id));
    let run = match runner.run(&scenario, &payload, schedule, directory.path()) {
        Ok(run) => run,
        Err(error) => {
            leave(place, |place| Ok(place.copy(directory.path())?));
            return Err(error.into());
        }
    };
    let status = (&run.outcome.verdict).into();
    LastVerdict::remember(&store, image, &scenario.id, status, &prepared_image.runtime.image_key);
    // insta panics where a view is not the reviewed one.
    let judged = catch_unwind(AssertUnwindSafe(|| judge(workspace, image, file, &scenario, &run.outcome, assert)));
    if !matches!(judged, Ok(Ok(()))) {
        leave(place, |place| place.keep(workspace, &scenario, image, &run));
    }
    judged.unwrap_or_else(|panic| resume_unwind(panic))
}

/// Leaves evidence where there is a place for it, and says where. Evidence that cannot be left does not hide the outcome.
fn leave(place: Option<Place>, keep: impl FnOnce(&Place) -> Result<(), Box<dyn Error>>) {
    let Some(place) = place else { return };
    match keep(&place) {
        Ok(()) => say(place.told().trim_end()),
        Err(error) => say(&format!("the evidence cannot be kept: {}", with_causes(&*error))),
    }
}

/// Compares a run with the reviewed snapshot, and holds it to its expectations, which must be able to fail.
fn judge(
    workspace: &Workspace,
    image: &str,
    file: &Path,
    scenario: &Scenario,
    outcome: &Outcome,
    assert: fn(&str, &str),
) -> Result<(), Box<dyn Error>> {
    // The evidence stands before the comparison, so that a failure shows it.
    say(&outcome.view.to_string());
    if let Verdict::Failed(violations) = &outcome.verdict {
        for violation in violations {
            say(&format!("✗ {violation}"));
        }
    }
    compare(workspace, image, file, (&scenario.id, &scenario.title), &outcome.view.to_string(), assert)?;
    match &outcome.verdict {
        Verdict::Passed => {
            let survived = mutate(scenario, &outcome.trace, &outcome.role_map, &outcome.console).survived;
            let told = survived.iter().map(|(that, change)| format!("{that}: {change}")).collect::<Vec<_>>();
            if told.is_empty() { Ok(()) } else { Err(format!("cannot fail: {}", told.join("; ")).into()) }
        }
        Verdict::Failed(violations) => {
            Err(violations.iter().map(ToString::to_string).collect::<Vec<_>>().join("; ").into())
        }
        Verdict::Unusable(reasons) => Err(format!("the trace is unusable: {}", reasons.join("; ")).into()),
    }
}

fn policy() -> RunPolicy {
    match () {
        () if is_set("KERNSNAP_FRESH") => RunPolicy::Boot,
        () if is_set("KERNSNAP_RERUN") => RunPolicy::Rerun,
        () => RunPolicy::Cached,
    }
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn is_set(name: &str) -> bool {
    std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0")
}

#[expect(clippy::disallowed_methods, reason = "a test has no command line of its own")]
fn named_images() -> Vec<String> {
    let named = std::env::var("KERNSNAP_IMAGES").unwrap_or_default();
    named.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

#[expect(clippy::print_stderr, reason = "a test tells what it saw")]
fn say(text: &str) {
    eprintln!("{text}");
}

/// Compares with the reviewed snapshot: the image's own, or else that of the image it is like.
fn compare(
    workspace: &Workspace,
    image: &str,
    file: &Path,
    (id, title): (&str, &str),
    text: &str,
    assert: fn(&str, &str),
) -> Result<(), Box<dyn Error>> {
    match snapshot::compare(workspace, Subject { image, scenario: id, title, file, text })? {
        Comparison::Redundant { own, like } => {
            let own = workspace.relative(&own).display();
            return Err(format!("the snapshot `{own}` repeats that of {like}: remove it").into());
        }
        // It may be that of the image which this one is like.
        Comparison::Same => return Ok(()),
        Comparison::Missing | Comparison::Differs { .. } => {}
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(workspace.snapshots(image));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(file);
    settings.set_description(title);
    settings.bind(|| assert(id, text));
    Ok(())
}
