//! One test per image: guests record with each tracer, option and clock, and what is read from the kernel's text must be what is read
//! from the raw pages of the same buffer. The result is the image's table in `docs/tracers.md`.
//!
//! `KERNSNAP_IMAGES` has other images, separated by commas. An image without a table in the page is read all the same.
#![expect(clippy::print_stderr, reason = "a test tells what it saw on stderr")]
#![expect(clippy::disallowed_methods, reason = "the environment names the images to test")]

mod compare;
mod options;
mod plan;
mod table;
mod text;

use std::collections::BTreeMap;
use std::error::Error;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use kernsnap::cli::default_store;
use kernsnap::session::prepare::{Prepared, PreparedImage};
use kernsnap::session::run::{GuestPayload, boot_plan};
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::plan::program_path;
use libtest_mimic::{Arguments, Failed, Trial};

use crate::compare::Raw;
use crate::options::{OPTIONS, has};
use crate::plan::{CLOCKS, DEFAULT, Recording, USUAL, available_tracers, plan, recordings, section};
use crate::table::Table;

/// Host time for a guest.
const LIMIT: Duration = Duration::from_secs(600);
/// The images, separated by commas, in place of the usual ones.
const IMAGES: &str = "KERNSNAP_IMAGES";
const USUAL_IMAGES: &str = "rpi3-6.1,rpi3-6.1-debian";
/// The scenario whose program is traced.
const SCENARIO: &str = "scenarios/fork/fork-returns-twice.yaml";
const PROGRAM: &str = "fork-returns";
/// The page with the tables.
const PAGE: &str = "docs/tracers.md";

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let directory = kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR"));
    let images = std::env::var(IMAGES).unwrap_or_else(|_| USUAL_IMAGES.to_owned());
    let trials = images.split(',').map(str::trim).filter(|image| !image.is_empty()).map(|image| {
        let (directory, name) = (directory.clone(), image.to_owned());
        Trial::test(image, move || {
            check(&directory, &name).map_err(|error| {
                eprintln!("Error: {error}");
                Failed::without_message()
            })
        })
    });
    libtest_mimic::run(&arguments, trials.collect()).exit_code()
}

/// The guests of one image.
struct Guests<'a> {
    prepared: PreparedImage<'a>,
    payload: GuestPayload,
    store: &'a Store,
    probed: &'static str,
}

fn check(directory: &Path, image: &str) -> Result<(), Box<dyn Error>> {
    let workspace = Workspace::at(directory);
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let mut on = |event| eprintln!("{event:?}");
    let prepared = PreparedImage::open(images, image, &mut on)?;
    let Prepared::Ready(_, payload) = prepared.scenario(&directory.join(SCENARIO), &mut on)? else {
        return Err("the scenario does not apply to the image".into());
    };
    let functions = &prepared.runtime.facts.functions;
    let probed = ["kernel_clone", "_do_fork"].into_iter().find(|name| functions.contains_key(*name));
    let probed = probed.ok_or("the kernel has neither kernel_clone() nor _do_fork()")?;
    let guests = Guests { prepared, payload, store: &store, probed };
    let mut table = Table::default();
    let mut failures = String::new();
    for tracer in guests.tracers()? {
        guests.check(image, &tracer, &mut table, &mut failures)?;
    }
    if !failures.is_empty() {
        return Err(failures.into());
    }
    let found = table.markdown(image, &guests.prepared.runtime.facts.release);
    match table::section_of(&fs::read_to_string(directory.join(PAGE))?, image) {
        Some(written) if written == found => Ok(()),
        Some(_) => Err(format!("the table of {PAGE} is not what was found, which is:\n\n{found}").into()),
        None => {
            eprintln!("{PAGE} has no table of `{image}`. It would be:\n\n{found}");
            Ok(())
        }
    }
}

impl Guests<'_> {
    /// The tracers that the kernel has.
    fn tracers(&self) -> Result<Vec<String>, Box<dyn Error>> {
        let text = available_tracers(self.prepared.runtime.machine.channel);
        let mut tracers = Vec::new();
        self.boot(text, |sections| {
            let listed = sections.get("available_tracers").copied().unwrap_or_default();
            tracers.extend(String::from_utf8_lossy(listed).split_whitespace().map(str::to_owned));
        })?;
        tracers.sort();
        if tracers.is_empty() { Err("the kernel has no tracers".into()) } else { Ok(tracers) }
    }

    fn boot(&self, plan: String, then: impl FnOnce(&BTreeMap<&str, &[u8]>)) -> Result<(), Box<dyn Error>> {
        let runtime = &self.prepared.runtime;
        let scratch = self.store.scratch()?;
        let boot = boot_plan(runtime, &self.payload, plan, runtime.machine.usual_schedule(), scratch.path(), LIMIT)?;
        then(&boot.evidence.sections());
        Ok(())
    }

    fn check(&self, image: &str, tracer: &str, table: &mut Table, failures: &mut String) -> Result<(), Box<dyn Error>> {
        let runtime = &self.prepared.runtime;
        let cpus = runtime.machine.usual_schedule().cpus;
        let text = plan(runtime.machine.channel, cpus, tracer, &program_path(PROGRAM), self.probed);
        let mut kept = Ok(());
        self.boot(text, |sections| {
            let said =
                |name: &str| String::from_utf8_lossy(sections.get(name).copied().unwrap_or_default()).into_owned();
            assert_eq!(said("current_tracer").trim(), tracer, "the tracer cannot be set");
            let offered = said("trace_options");
            let unknown: Vec<_> =
                offered.lines().filter(|offered| !OPTIONS.iter().any(|known| has(offered, known.name))).collect();
            assert!(unknown.is_empty(), "options that this test does not know: {unknown:?}");
            let has = |name: &str| offered.lines().any(|offered| has(offered, name));
            let clocks = said("trace_clock");
            let clocks: Vec<_> = clocks.split_whitespace().map(|clock| clock.trim_matches(['[', ']'])).collect();
            let unknown: Vec<_> = clocks.iter().filter(|clock| !CLOCKS.contains(clock)).collect();
            assert!(unknown.is_empty(), "clocks that this test does not know: {unknown:?}");
            for recording in recordings() {
                if !clocks.contains(&recording.clock) || recording.option.is_some_and(|option| !has(option.name)) {
                    continue;
                }
                let raw = Raw::new(sections, runtime, &recording.name, cpus);
                let part = |name: &str| sections.get(&*section(&recording.name, name)).copied();
                let shown =
                    recording.shown.iter().filter(|option| has(option.name)).map(|option| (option.name, Some(*option)));
                for (name, option) in [(DEFAULT, None), (USUAL, None)].into_iter().chain(shown) {
                    let Some(bytes) = part(name) else { continue };
                    match text::check(bytes, &raw, tracer, &recording, name, option) {
                        Ok(reading) => table.add(tracer, &recording, name, reading, part(USUAL) == Some(bytes)),
                        Err(why) => {
                            let file = keep(image, tracer, &recording, name, bytes);
                            let _ = writeln!(failures, "{tracer}, {} {name}: {why}\n  text: {file:?}", recording.name);
                            kept = file.map(|_| ());
                        }
                    }
                }
            }
        })?;
        Ok(kept?)
    }
}

/// Keeps a text that was not read.
fn keep(image: &str, tracer: &str, recording: &Recording, part: &str, text: &[u8]) -> std::io::Result<PathBuf> {
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("tracers").join(image).join(tracer);
    fs::create_dir_all(&directory)?;
    let file = directory.join(format!("{}-{part}.txt", recording.name));
    fs::write(&file, text)?;
    Ok(file)
}
