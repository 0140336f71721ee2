//! `kernsnap replay`.

use std::fs;
use std::path::PathBuf;

use kernsnap_host::store::Scratch;
use serde::Serialize;

use super::args::{Arguments, ReplayArguments};
use super::{Exit, Failure, LIMIT, absolute, answer, answer_json, store_root, talk};
use crate::session::capsule::{About, Capsule};
use crate::session::run::RunError;
use crate::session::status::RunStatus;
use kernsnap_host::store::Store;
use kernsnap_image::ImageError;
use kernsnap_machine::emulator;
use kernsnap_machine::emulator::Emulator;

/// The result of a replay.
#[derive(Serialize)]
struct ReplayOutput<'a> {
    #[serde(flatten)]
    about: Brief<'a>,
    same: bool,
    differences: Vec<String>,
    /// True if the QEMU is the one that made the capsule.
    same_qemu: bool,
    qemu_version: &'a str,
}

/// The part of a capsule that is printed.
#[derive(Serialize)]
struct Brief<'a> {
    scenario: &'a str,
    image: &'a str,
    schedule: String,
    /// The status that the capsule claims. Replaying compares bytes; it does not judge them.
    claimed_verdict: RunStatus,
}

pub(super) fn replay(arguments: &Arguments, replay: &ReplayArguments) -> Result<Exit, Failure> {
    let store = Store::at(store_root(arguments)?);
    let shown = replay.file.display();
    let bytes = fs::read(&replay.file).map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}")))?;
    let capsule = Capsule::unpack(&bytes)
        .map_err(|error| Failure::input(format!("`{shown}` is not a capsule that can be replayed: {error}")))?;
    let emulator = Emulator::find(&store).map_err(|error| Failure::from(RunError::Boot(error.into())))?;
    let (directory, _scratch) = directory(replay, &store)?;
    let lockstep = emulator::lockstep(&store, &mut |_| ())?;
    let found = capsule.replay(&lockstep, &directory, LIMIT).map_err(RunError::Boot)?;
    let differences = capsule.differences(&found);
    let About { scenario, image, schedule, verdict, reasons, qemu, .. } = &capsule.about;
    let told = ReplayOutput {
        about: Brief { scenario, image, schedule: schedule.to_string(), claimed_verdict: *verdict },
        same: differences.is_empty(),
        differences,
        same_qemu: qemu.hash == emulator.hash,
        qemu_version: &emulator.version,
    };
    if replay.output.is_json() {
        answer_json(&told)?;
    } else {
        answer(&format!("{scenario} on {image}, schedule {schedule}"));
        answer(&format!("the capsule claims: {verdict}"));
        for reason in reasons {
            answer(&format!("  {}", reason.escape_debug()));
        }
        answer(if told.same { "replayed: the same bytes" } else { "replayed: other bytes" });
        for difference in &told.differences {
            answer(&format!("  {difference}"));
        }
    }
    if !told.same_qemu {
        let (then, now) = (&qemu.version, &emulator.version);
        talk(&format!("this is another build of QEMU: {now}, and {then} then; bytes belong to one build"));
    }
    Ok(if told.same { Exit::Passed } else { Exit::NotRepeatable })
}

fn directory(replay: &ReplayArguments, store: &Store) -> Result<(PathBuf, Option<Scratch>), Failure> {
    let Some(out) = &replay.out else {
        let scratch = store.scratch().map_err(ImageError::from)?;
        return Ok((scratch.path().to_owned(), Some(scratch)));
    };
    let out = absolute(out)?;
    fs::create_dir_all(&out).map_err(|error| Failure::input(format!("cannot make `{}`: {error}", out.display())))?;
    Ok((out, None))
}
