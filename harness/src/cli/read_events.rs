//! The events of a recording that is given as a file, and the end of a command that read them.

use std::path::Path;

use super::args::Arguments;
use super::{Exit, Failure, recording_source, talk};
use crate::session::recording::{Opened, open};
use kernsnap_trace::text::Summary;
use kernsnap_trace::{Events, RawReader, ReadError};

/// Issues that are shown; the others are counted.
const SHOWN: usize = 20;

pub(super) fn unreadable(file: &Path, error: &ReadError) -> Failure {
    Failure::input(format!("cannot read `{}`: {error}", file.display()))
}

/// Hands the events of a file to `then`, whatever its format.
pub(super) fn read<T>(
    arguments: &Arguments,
    file: &Path,
    then: impl FnOnce(Events<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    match open(&recording_source::file(file))? {
        Opened::Text(reader) => then(Events::from_text(reader)),
        raw => recording_source::with(arguments, file, &raw, |dat, symbols| {
            then(Events::from_raw(RawReader::new(&dat.recording(), symbols)))
        })?,
    }
}

/// Tells what was not understood, and what makes the recording unusable.
pub(super) fn conclude(file: &Path, summary: Summary, events: u64) -> Result<Exit, Failure> {
    let Summary { defects, issues, .. } = summary;
    if events == 0 && !issues.is_empty() {
        let what = "has no line that is an event of ftrace";
        let first = issues.first().map(|issue| format!("\n\n{issue}")).unwrap_or_default();
        return Err(Failure::input(format!("`{}` {what}{first}", file.display())));
    }
    for issue in issues.iter().take(SHOWN) {
        talk(&issue.to_string());
    }
    if issues.len() > SHOWN {
        talk(&format!("… and {} more", issues.len() - SHOWN));
    }
    for defect in &defects {
        talk(&format!("unusable: {defect}"));
    }
    Ok(if defects.is_empty() { Exit::Passed } else { Exit::TraceUnusable })
}
