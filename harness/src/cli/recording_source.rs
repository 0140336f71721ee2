//! Raw recordings that are given as files: a `trace.dat`, or what a run left.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use serde_json::Value;

use super::args::{Arguments, Command};
use super::{Context, Failure, chain, with_hint};
use crate::session::load;
use crate::session::prepare::PreparedImage;
use crate::session::recording::{OpenError, Opened};
use crate::session::run::{Traced, evidence, recorded};
use kernsnap_host::name::is_name;
use kernsnap_image::{ImageSpec, Images, Options};
use kernsnap_machine::card::Returned;
use kernsnap_machine::{Schedule, channel};
use kernsnap_trace::Symbols;
use kernsnap_trace::dat;
use kernsnap_trace::dat::TraceDat;

/// The file that is meant: of a directory of `run --out`, the recording, or the raw trace where it has no recording.
pub(super) fn file(named: &Path) -> PathBuf {
    let [recording, raw] = [evidence::RECORDING, evidence::RAW].map(|name| named.join(name));
    match named.is_dir() {
        true if recording.exists() => recording,
        true => raw,
        false => named.to_owned(),
    }
}

/// Hands the parts of a raw recording to `then`, with the symbols to read them with.
pub(super) fn with<T>(
    arguments: &Arguments,
    named: &Path,
    opened: &Opened,
    then: impl FnOnce(&TraceDat<'_>, &Symbols) -> T,
) -> Result<T, Failure> {
    let wrong = |why: String| Failure::input(format!("`{}`: {why}", named.display()));
    if let (Some(_), Opened::Run(_) | Opened::Card(_)) = (instance(arguments), opened) {
        return Err(wrong("it is of a run, which has no instances".into()));
    }
    match opened {
        Opened::Text(_) => Err(wrong("it is a text, which has no raw pages".into())),
        Opened::TraceDat(file) => {
            let inflated = file.inflate().map_err(|error| wrong(error.to_string()))?;
            let dat = match &inflated {
                Some(inflated) => dat::read(inflated),
                None => file.read(),
            };
            let dat = dat.map_err(|error| wrong(error.to_string()))?;
            let dat = match instance(arguments) {
                None => dat,
                Some(name) => dat.only(name).ok_or_else(|| wrong(no_instance(name, &dat)))?,
            };
            let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
            Ok(then(&dat, &symbols))
        }
        Opened::Run(bytes) => {
            let sections = channel::kept_sections(bytes).map_err(|error| wrong(chain(&error)))?;
            let result = file(named).with_file_name(evidence::RESULT);
            let said = fs::read(&result).map_err(|error| {
                let why = "beside the raw trace of a run, its result says what it is of";
                Failure::input(format!("cannot read `{}`: {error}\n\nhint: {why}", result.display()))
            })?;
            let said: Value = serde_json::from_slice(&said).map_err(|error| wrong(error.to_string()))?;
            let word = |key: &str| {
                said.get(key).and_then(Value::as_str).ok_or_else(|| wrong(format!("its result has no `{key}`")))
            };
            let schedule: Schedule =
                word("schedule")?.parse().map_err(|_| wrong("its result has no schedule that is one".into()))?;

            let of = Of {
                image: word("image")?,
                image_key: word("image_key")?,
                scenario: word("scenario")?,
                cpus: schedule.cpus,
            };
            with_sections(arguments, named, &of, &sections, then)
        }
        Opened::Card(Returned { run, body }) => {
            let sections = channel::kept_sections(body).map_err(|error| wrong(chain(&error)))?;
            let of = Of { image: &run.image, image_key: &run.image_key, scenario: &run.scenario, cpus: run.cpus };
            with_sections(arguments, named, &of, &sections, then)
        }
    }
}

/// The instance whose buffer is to be read alone.
pub(super) fn instance(arguments: &Arguments) -> Option<&str> {
    match &arguments.command {
        Command::View(view) => view.instance.as_deref(),
        Command::Export(export) => export.instance.as_deref(),
        _ => None,
    }
}

fn no_instance(name: &str, dat: &TraceDat<'_>) -> String {
    let known: Vec<String> = dat.instances.iter().map(|instance| format!("`{}`", instance.name)).collect();
    let known = if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) };
    format!("no instance has the name `{name}`\n\nhint: {known}")
}

/// The run that raw sections belong to.
struct Of<'a> {
    image: &'a str,
    image_key: &'a str,
    scenario: &'a str,
    cpus: u16,
}

fn with_sections<T>(
    arguments: &Arguments,
    named: &Path,
    of: &Of<'_>,
    sections: &BTreeMap<&str, &[u8]>,
    then: impl FnOnce(&TraceDat<'_>, &Symbols) -> T,
) -> Result<T, Failure> {
    // The names come from a file that may be a stranger's: they are looked up, and nothing is built or fetched for them.
    if let Some(other) = [of.image, of.scenario].into_iter().find(|name| !is_name(name)) {
        return Err(Failure::input(format!("`{}`: `{}` is not a name", named.display(), other.escape_debug())));
    }
    let context = Context::find(arguments)?;
    let store = context.store.without_builds();
    let options = Options::default();
    let images = Images { workspace: &context.workspace, store: &store, options: &options };
    let mut show = |_| ();
    if !images.is_built(&ImageSpec::load(&context.workspace, of.image)?)? {
        let hint = format!("`kernsnap image build {}` builds it", of.image);
        let text = format!("`{}` is a run on the image `{}`, which is not built", named.display(), of.image);
        return Err(Failure::input(format!("{text}\n\nhint: {hint}")));
    }
    let prepared_image = PreparedImage::open(images, of.image, &mut show)?;
    if of.image_key != prepared_image.runtime.image_key {
        let text = format!("it ran on another image `{}` than the one there is now", prepared_image.runtime.image);
        return Err(Failure::input(format!("`{}`: {text}", named.display())));
    }
    let (scenario, payload) =
        prepared_image.scenario(&load::scenario_file(&context.workspace, of.scenario)?, &mut show)?.ready()?;
    let modules = payload.modules.into_iter().map(|(name, (_, file))| (name, file)).collect();
    let schedule = Schedule { cpus: of.cpus, ..prepared_image.runtime.machine.usual_schedule() };
    let traced = Traced::new(sections.clone(), &prepared_image.runtime.facts.header_page, of.cpus);
    let (dat, symbols) = recorded(&traced, &scenario, &prepared_image.runtime, &modules, schedule);
    Ok(then(&dat, &symbols))
}

impl From<OpenError> for Failure {
    fn from(error: OpenError) -> Self {
        let hint = error.hint();
        Self::input(with_hint(chain(&error), hint))
    }
}
