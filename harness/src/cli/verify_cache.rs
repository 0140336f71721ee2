//! `kernsnap store verify`.

use std::collections::BTreeMap;

use serde::Serialize;

use super::args::VerifyArguments;
use super::parallel::in_order;
use super::progress::Progress;
use super::{Context, Exit, Failure, LIMIT, answer, answer_json, talk};
use crate::session::cache::{About, Cache};
use crate::session::load;
use crate::session::prepare::{Prepared, PreparedImage};
use crate::session::run::{CachePolicy, GuestPayload, RunInput, Runner};
use crate::session::status::RunStatus;
use kernsnap_image::{ImageError, ImageSpec, Options};
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// The key at which the last call stopped.
const RECORD: &str = "verify-cache";

/// A result that can be had again.
struct Known<'a> {
    key: String,
    about: About,
    runner: &'a Runner<'a>,
    scenario: Scenario,
    payload: GuestPayload,
    schedule: Schedule,
}

/// The result of one.
#[derive(Serialize)]
struct Tried<'a> {
    #[serde(flatten)]
    about: &'a About,
    key: &'a str,
    /// Whether the boot gave the same bytes.
    same: bool,
    /// The status of the boot.
    verdict: RunStatus,
    /// Why the bytes are not the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    reasons: Vec<String>,
}

pub(super) fn verify_cache(context: &Context, arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let cache = context.cache()?;
    let entries = cache.entries();
    let options = Options::default();
    let benches = benches(context, &options, &entries)?;
    let runners: Vec<Runner<'_>> = benches
        .iter()
        .map(|prepared_image| Runner {
            runtime: &prepared_image.runtime,
            cache: cache.clone(),
            freshness: CachePolicy::Fresh,
            limit: LIMIT,
        })
        .collect();
    let mut known = Vec::new();
    for (prepared_image, runner) in benches.iter().zip(&runners) {
        known.extend(current(context, &cache, prepared_image, runner, &entries)?);
    }
    known.sort_by(|one, other| one.key.cmp(&other.key));
    let total = known.len();
    let last = context.store.record::<String>(RECORD).unwrap_or_default();
    let behind = known.partition_point(|known| known.key <= last);
    known.rotate_left(behind);
    known.truncate(arguments.sample.get());

    let (mut exit, mut same) = (Exit::Passed, 0);
    in_order(
        &known,
        arguments.parallel.get(),
        |known| again(context, known),
        |known, tried| {
            let (verdict, reasons) = tried?;
            let is_same = is_same(verdict);
            exit = exit.worst(if is_same { Exit::Passed } else { verdict.into() });
            same += usize::from(is_same);
            let reasons = if is_same { Vec::new() } else { reasons };
            // A store that cannot be written begins at the same place next time.
            let _ = context.store.set_record(RECORD, &known.key);
            tell(
                &Tried { about: &known.about, key: &known.key, same: is_same, verdict, reasons },
                arguments.output.is_json(),
            )
        },
    )?;
    let others = entries.len() - total;
    talk(&format!("{same} of {} tried results gave the same bytes again; {total} are known", known.len()));
    if others > 0 {
        talk(&format!("{others} more are of inputs that have changed since, and cannot be asked for"));
    }
    Ok(exit)
}

/// The images that the entries name and that are built.
fn benches<'a>(
    context: &'a Context,
    options: &'a Options,
    entries: &BTreeMap<String, About>,
) -> Result<Vec<PreparedImage<'a>>, Failure> {
    let mut names: Vec<&str> = entries.values().map(|about| about.image.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut progress = Progress::new();
    let mut benches = Vec::new();
    for name in names.into_iter().filter(|name| context.workspace.image_file(name).is_file()) {
        let images = context.images(options);
        if images.is_built(&ImageSpec::load(&context.workspace, name)?)? {
            benches.push(PreparedImage::open(images, name, &mut |event| progress.show(event))?);
        }
    }
    Ok(benches)
}

/// The entries of one image whose inputs are still those of today.
fn current<'a>(
    context: &Context,
    cache: &Cache,
    prepared_image: &PreparedImage<'_>,
    runner: &'a Runner<'a>,
    entries: &BTreeMap<String, About>,
) -> Result<Vec<Known<'a>>, Failure> {
    let mut found = Vec::new();
    let mut progress = Progress::new();
    for (key, about) in entries.iter().filter(|(_, about)| about.image == prepared_image.runtime.image) {
        let (Ok(file), Ok(schedule)) =
            (load::scenario_file(&context.workspace, &about.scenario), about.schedule.parse())
        else {
            continue;
        };
        let Prepared::Ready(scenario, payload) = prepared_image.scenario(&file, &mut |event| progress.show(event))?
        else {
            continue;
        };
        let input = RunInput::from_scenario(&scenario, runner.runtime, &payload, schedule)?;
        if cache.key(&input).as_str() == key {
            let (key, about) = (key.clone(), about.clone());
            found.push(Known { key, about, runner, scenario: *scenario, payload, schedule });
        }
    }
    Ok(found)
}

fn again(context: &Context, known: &Known<'_>) -> Result<(RunStatus, Vec<String>), Failure> {
    let scratch = context.store.scratch().map_err(ImageError::from)?;
    let judged = known.runner.judge(&known.scenario, &known.payload, known.schedule, scratch.path())?;
    Ok((judged.status, judged.reasons))
}

/// Whether a boot gave the bytes that are known. The verdict on them does not matter here.
fn is_same(status: RunStatus) -> bool {
    !matches!(status, RunStatus::CacheMismatch | RunStatus::Lost)
}

fn tell(tried: &Tried<'_>, json: bool) -> Result<(), Failure> {
    if json {
        answer_json(tried)?;
        return Ok(());
    }
    let About { image, scenario, schedule } = tried.about;
    let word = if tried.same { "same" } else { tried.verdict.word() };
    answer(&format!("{word}: {scenario} on {image}, {schedule}"));
    for reason in &tried.reasons {
        answer(&format!("  {reason}"));
    }
    Ok(())
}
