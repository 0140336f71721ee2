//! `kernsnap diff`.

use std::fs;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use super::args::{Arguments, DiffArguments};
use super::{Exit, Failure, answer, look, paper};
use crate::diff::{Diff, Side};
use crate::run::evidence;
use crate::scenario::ViewKind;
use crate::view::Kind;

/// What can be compared. Another kind of input is another variant.
pub(super) enum Given {
    /// A view's text: a reviewed snapshot, or a `view.txt`.
    Text(PathBuf),
    /// What `run --out` left.
    Run(PathBuf),
}

/// The part of `result.json` that is compared.
#[derive(Deserialize)]
struct Judged {
    verdict: String,
}

impl Given {
    pub(super) fn at(path: &Path) -> Result<Self, Failure> {
        let missing = |error| Failure::input(format!("cannot read `{}`: {error}", path.display()));
        if fs::metadata(path).map_err(missing)?.is_file() {
            return Ok(Self::Text(path.to_owned()));
        }
        if path.join(evidence::RESULT).is_file() {
            return Ok(Self::Run(path.to_owned()));
        }
        let text = format!("`{}` is no run: it has no `{}`", path.display(), evidence::RESULT);
        let below = fs::read_dir(path).into_iter().flatten().flatten().map(|entry| entry.path());
        let run = below.filter(|path| path.join(evidence::RESULT).is_file()).min();
        let hint = run.map(|run| format!("`{}` is one", run.display()));
        Err(Failure::input(super::with_hint(text, hint)))
    }

    pub(super) fn read(&self) -> Result<Side, Failure> {
        match self {
            Self::Text(path) => Ok(Side::read(&text(path)?)),
            Self::Run(path) => {
                let result = path.join(evidence::RESULT);
                let wrong = |error| Failure::input(format!("`{}` is no result: {error}", result.display()));
                let Judged { verdict } = serde_json::from_str(&text(&result)?).map_err(wrong)?;
                if !matches!(&*verdict, "passed" | "failed") {
                    let text = format!("the run in `{}` is {verdict}: it shows nothing to compare", path.display());
                    return Err(Failure::input(text));
                }
                Ok(Side { verdict: Some(verdict), ..Side::read(&text(&path.join(evidence::VIEW))?) })
            }
        }
    }
}

fn text(path: &Path) -> Result<String, Failure> {
    fs::read_to_string(path).map_err(|error| Failure::input(format!("cannot read `{}`: {error}", path.display())))
}

/// What stands in a recording, by the names of its tasks; `None` for a view's text, and for a directory.
fn recording(global: &Arguments, path: &Path) -> Result<Option<Side>, Failure> {
    let is_view = path.extension().is_some_and(|end| end == "snap") || path.ends_with(evidence::VIEW);
    if is_view || !path.is_file() {
        return Ok(None);
    }
    let (trace, _) = look::whole(global, path)?;
    if let Some(defect) = trace.defects.first().filter(|_| !trace.events.is_empty()) {
        let text = format!("`{}` is unusable, it shows nothing to compare: {defect}", path.display());
        return Err(Failure { exit: Exit::TraceUnusable, text });
    }
    let views = look::views(&trace, &[], &[Kind::Frozen(ViewKind::Events)]);
    Ok(views.first().filter(|_| !trace.events.is_empty()).map(|view| Side::read(&view.to_string())))
}

fn side(global: &Arguments, path: &Path) -> Result<Side, Failure> {
    match recording(global, path)? {
        Some(side) => Ok(side),
        None => Given::at(path)?.read(),
    }
}

pub(super) fn diff(global: &Arguments, arguments: &DiffArguments) -> Result<Exit, Failure> {
    let [before, after] = arguments.what.as_slice() else {
        return Err(Failure::input(
            "`diff` takes two things, BEFORE and AFTER; or `--images BEFORE,AFTER` and scenarios".into(),
        ));
    };
    let (before, after) = (side(global, before)?, side(global, after)?);
    let diff = Diff::of(&before, &after);
    if arguments.json {
        answer(&serde_json::to_string(&diff).map_err(|error| Failure::internal("write JSON", &error))?);
    } else if arguments.markdown {
        answer(diff.markdown().trim_end());
    } else if diff.is_empty() {
        answer("no differences");
    } else {
        answer(diff.show(&paper::style()).trim_end());
    }
    Ok(if diff.is_empty() { Exit::Passed } else { Exit::Different })
}
