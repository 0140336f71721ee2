//! Known results, run again and compared.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::session::cache::About;
use crate::session::load;
use crate::session::prepare::{PrepareError, Prepared, PreparedImage};
use crate::session::run::{GuestPayload, RunInput, RunPolicy, Runner, Session};
use crate::session::status::RunStatus;
use kernsnap_host::parallel::in_order;
use kernsnap_host::progress::Events;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{ImageSpec, Images, Options};
use kernsnap_machine::Schedule;
use kernsnap_scenario::Scenario;

/// The record of the key at which the last call stopped.
const RECORD: &str = "verify-cache";

/// A known result that was run again.
#[derive(Clone, Debug, Serialize)]
pub struct Verified {
    /// The subject of the result.
    #[serde(flatten)]
    pub about: About,
    /// The name of the entry.
    pub key: String,
    /// True if the run gave the same bytes.
    pub same: bool,
    /// The status of the run.
    pub verdict: RunStatus,
    /// Why the bytes are not the same.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<String>,
}

/// The numbers of known results.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KnownResults {
    /// Those that can be run again.
    pub current: usize,
    /// Those whose inputs have changed since.
    pub outdated: usize,
}

/// A result that can be had again.
struct Known<'a> {
    key: String,
    about: About,
    runner: Runner<'a>,
    scenario: Scenario,
    payload: GuestPayload,
    schedule: Schedule,
}

/// Runs `sample` of the known results again, `parallel` at a time. The next call goes on after the last one of this call.
///
/// # Errors
/// If a scenario cannot be prepared, or a run says nothing about its kernel.
pub fn verify(
    session: &Session,
    workspace: &Workspace,
    (sample, parallel): (usize, usize),
    on: Events<'_>,
    on_verified: &mut dyn FnMut(Verified),
) -> Result<KnownResults, PrepareError> {
    let entries = session.cache.entries();
    let options = Options::default();
    let images = Images { workspace, store: &session.store, options: &options };
    let prepared_images = built_images(images, &entries, on)?;
    let mut known = Vec::new();
    for prepared_image in &prepared_images {
        let runner = Runner { policy: RunPolicy::Boot, ..Runner::new(session, &prepared_image.runtime) };
        known.extend(current(workspace, prepared_image, runner, &entries, on)?);
    }
    known.sort_by(|one, other| one.key.cmp(&other.key));
    let current = known.len();
    let last = session.store.record::<String>(RECORD).unwrap_or_default();
    let behind = known.partition_point(|known| known.key <= last);
    known.rotate_left(behind);
    known.truncate(sample);
    in_order(&known, parallel, PrepareError::is_interruption, again, |known, verified| {
        let verified = verified?;
        // A store that cannot be written begins at the same place next time.
        let _ = session.store.set_record(RECORD, &known.key);
        on_verified(verified);
        Ok(())
    })?;
    Ok(KnownResults { current, outdated: entries.len() - current })
}

/// The images that the entries name and that are built.
fn built_images<'a>(
    images: Images<'a>,
    entries: &BTreeMap<String, About>,
    on: Events<'_>,
) -> Result<Vec<PreparedImage<'a>>, PrepareError> {
    let mut names: Vec<&str> = entries.values().map(|about| about.image.as_str()).collect();
    names.sort_unstable();
    names.dedup();
    let mut prepared = Vec::new();
    for name in names.into_iter().filter(|name| images.workspace.image_file(name).is_file()) {
        if images.is_built(&ImageSpec::load(images.workspace, name)?)? {
            prepared.push(PreparedImage::open(images, name, on)?);
        }
    }
    Ok(prepared)
}

/// The entries of one image whose inputs are still those of today.
fn current<'a>(
    workspace: &Workspace,
    prepared_image: &PreparedImage<'_>,
    runner: Runner<'a>,
    entries: &BTreeMap<String, About>,
    on: Events<'_>,
) -> Result<Vec<Known<'a>>, PrepareError> {
    let mut found = Vec::new();
    for (key, about) in entries.iter().filter(|(_, about)| about.image == prepared_image.runtime.image) {
        let (Ok(file), Ok(schedule)) = (load::scenario_file(workspace, &about.scenario), about.schedule.parse()) else {
            continue;
        };
        let Prepared::Ready(scenario, payload) = prepared_image.scenario(&file, on)? else {
            continue;
        };
        let input = RunInput::from_scenario(&scenario, runner.runtime, &payload, schedule)?;
        if input.key(runner.session.cache.qemu()).as_str() == key {
            let (key, about) = (key.clone(), about.clone());
            found.push(Known { key, about, runner, scenario: *scenario, payload, schedule });
        }
    }
    Ok(found)
}

fn again(known: &Known<'_>) -> Result<Verified, PrepareError> {
    let judged = known.runner.judge_once(&known.scenario, &known.payload, known.schedule)?;
    // The bytes count here, whatever the verdict on them is.
    let same = !matches!(judged.status, RunStatus::CacheMismatch | RunStatus::Lost);
    let reasons = if same { Vec::new() } else { judged.reasons };
    Ok(Verified { about: known.about.clone(), key: known.key.clone(), same, verdict: judged.status, reasons })
}
