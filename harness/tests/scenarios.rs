//! One test per scenario × image: the scenario runs in a real guest, its expectations must hold and be able to fail, and its
//! view must be the reviewed snapshot. Names are `image::scenario`.
//!
//! An image that is built on request is tested if `KERNSNAP_IMAGES` names it: `KERNSNAP_IMAGES=rpi3-rpi-4.19,rpi2-rpi-4.19`.
//!
//! A known result is taken, unless `KERNSNAP_RERUN` is set: then the guest runs, forked from a template where it can be. `ci/test`
//! sets it, so that every test that passes there has run on that machine. `KERNSNAP_FRESH` boots for each test. A run that gives
//! other bytes than the known result is a failure, too.
#![expect(clippy::print_stderr, reason = "a test tells what it saw on stderr")]

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use insta::Snapshot;
use kernsnap::cli::{default_store, templates};
use kernsnap::session::prepare::{Prepared, PreparedImage};
use kernsnap::session::record::LastVerdict;
use kernsnap::session::run::{RunPolicy, Runner, Session};
use kernsnap::session::status::RunStatus;
use kernsnap::session::templates::become_broker_if_asked;
use kernsnap_analysis::verdict::Verdict;
use kernsnap_analysis::verdict::mutation::mutate;
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{ImageSpec, Images, Options};
use libtest_mimic::{Arguments, Failed, Trial};

/// The backstop in host time; nextest's own is longer, so that a lost machine leaves its evidence.
const LIMIT: Duration = Duration::from_secs(120);

fn main() -> ExitCode {
    if become_broker_if_asked() {
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    // Only names are looked at here: a broken scenario is one failing test, not a broken list.
    let trials = trials(&Workspace::at(root)).unwrap_or_default();
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn trials(workspace: &Workspace) -> Result<Vec<Trial>, Box<dyn Error>> {
    #[expect(clippy::disallowed_methods, reason = "a test is told by its environment what to test")]
    let wanted = std::env::var("KERNSNAP_IMAGES").unwrap_or_default();
    let wanted: Vec<String> = wanted.split(',').map(str::to_owned).collect();
    let mut trials = Vec::new();
    for image in workspace.image_names() {
        // Those that need what not every host has are tested where they are named.
        if !wanted.contains(&image) && ImageSpec::load(workspace, &image).is_ok_and(|spec| spec.on_request) {
            continue;
        }
        for file in workspace.scenario_files()? {
            let id = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            let (workspace, image) = (workspace.clone(), image.clone());
            trials.push(Trial::test(format!("{image}::{id}"), move || {
                check(&workspace, &image, &file).map_err(|error| {
                    // nextest takes a failure's message from a line like this one.
                    eprintln!("Error: {error}");
                    Failed::without_message()
                })
            }));
        }
    }
    Ok(trials)
}

fn check(workspace: &Workspace, image: &str, file: &Path) -> Result<(), Box<dyn Error>> {
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace, store: &store, options: &options };
    let mut on = |event| eprintln!("{event:?}");
    let prepared_image = PreparedImage::open(images, image, &mut on)?;
    let (scenario, payload) = match prepared_image.scenario(file, &mut on)? {
        Prepared::Ready(scenario, payload) => (scenario, payload),
        // That it is not about this kernel, and why, is reviewed like a view.
        Prepared::DoesNotApply(not) => {
            LastVerdict::remember(&store, image, &not.id, RunStatus::DoesNotApply, &prepared_image.runtime.image_key);
            return compare(workspace, image, file, (&not.id, &not.title), &not.to_string());
        }
    };
    let schedule = prepared_image.runtime.machine.usual_schedule();
    let directory = store.scratch()?;
    let session = Session::open(&store, templates(&store))?;
    let runner = Runner { policy: policy(), limit: LIMIT, ..Runner::new(&session, &prepared_image.runtime) };
    let outcome = runner.run(&scenario, &payload, schedule, directory.path())?.outcome;
    LastVerdict::remember(&store, image, &scenario.id, (&outcome.verdict).into(), &prepared_image.runtime.image_key);
    // The evidence stands before the comparison, so that a failure shows it.
    eprintln!("{}\n{:#?}", outcome.view, outcome.verdict);

    compare(workspace, image, file, (&scenario.id, &scenario.title), &outcome.view.to_string())?;
    match outcome.verdict {
        Verdict::Passed => {
            let survived = mutate(&scenario, &outcome.trace, &outcome.role_map, &outcome.console).survived;
            if survived.is_empty() { Ok(()) } else { Err(format!("expectations cannot fail: {survived:#?}").into()) }
        }
        verdict => Err(format!("{verdict:#?}").into()),
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

/// Compares with the reviewed snapshot: the image's own, or else that of the image it is like.
fn compare(
    workspace: &Workspace,
    image: &str,
    file: &Path,
    (id, title): (&str, &str),
    text: &str,
) -> Result<(), Box<dyn Error>> {
    let own = workspace.snapshots(image).join(format!("{id}.snap"));
    if let Some(like) = ImageSpec::load(workspace, image)?.like
        && same(reviewed(workspace, &like, id)?.as_ref(), text)
    {
        if own.exists() {
            return Err(format!("`{}` says what {like}'s says: remove it", workspace.relative(&own).display()).into());
        }
        return Ok(());
    }
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(workspace.snapshots(image));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.set_input_file(file);
    settings.set_description(title);
    settings.bind(|| insta::assert_snapshot!(id, text));
    Ok(())
}

/// The snapshot that counts for an image.
fn reviewed(workspace: &Workspace, image: &str, id: &str) -> Result<Option<Snapshot>, Box<dyn Error>> {
    let own = workspace.snapshots(image).join(format!("{id}.snap"));
    if own.exists() {
        return Ok(Some(Snapshot::from_file(&own)?));
    }
    match ImageSpec::load(workspace, image)?.like {
        Some(like) => reviewed(workspace, &like, id),
        None => Ok(None),
    }
}

fn same(snapshot: Option<&Snapshot>, text: &str) -> bool {
    let contents = snapshot.and_then(|snapshot| snapshot.as_text().map(ToString::to_string));
    contents.is_some_and(|contents| contents.trim_end() == text.trim_end())
}
