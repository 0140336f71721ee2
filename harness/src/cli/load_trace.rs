//! A recording that no scenario describes, looked at as a whole: its tasks go by their names.

use std::path::Path;

use super::Failure;
use super::args::Arguments;
use super::event_text::EventText;
use super::read_events::{read_printed, unreadable};
use kernsnap_analysis::model::Model;
use kernsnap_analysis::view::follow::Choice;
use kernsnap_analysis::view::{Followed, Kind, RoleMap, View, ViewInput};
use kernsnap_scenario::{Names, ViewRules};
use kernsnap_trace::Trace;
use kernsnap_trace::text::Summary;

/// Events that are held at once: about a GiB of them, and more than a picture can show.
const MOST: usize = 4 << 20;

/// All events of a file, and what was not understood.
///
/// # Errors
/// [`Failure`] where the file cannot be read, or has more than [`MOST`] events.
pub(super) fn whole(arguments: &Arguments, file: &Path) -> Result<(Trace, Summary), Failure> {
    held(arguments, file, MOST, |trace, summary, _| Ok((trace, summary)))
}

/// Hands all events of a file to `then`, with what was not understood, and the print formats that the recording has.
///
/// # Errors
/// As [`whole`], and those of `then`.
pub(super) fn with_text<T>(
    arguments: &Arguments,
    file: &Path,
    then: impl FnOnce(Trace, Summary, EventText<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    held(arguments, file, MOST, then)
}

fn held<T>(
    arguments: &Arguments,
    file: &Path,
    most: usize,
    then: impl FnOnce(Trace, Summary, EventText<'_>) -> Result<T, Failure>,
) -> Result<T, Failure> {
    read_printed(arguments, file, |mut events, text| {
        let mut trace = Trace::default();
        for event in events.by_ref() {
            if trace.events.len() == most {
                return Err(too_many(file, most));
            }
            trace.events.push(event.map_err(|error| unreadable(file, &error))?);
        }
        let summary = events.finish();
        trace.names.clone_from(&summary.names);
        if summary.one_clock {
            // The kernel sorts, but a graph's returns stand where their calls do.
            trace.events.sort_by_key(|event| event.time);
        }
        trace.defects.clone_from(&summary.defects);
        then(trace, summary, text)
    })
}

/// The error for a recording that does not fit into memory.
fn too_many(file: &Path, most: usize) -> Failure {
    Failure::input(format!(
        "`{}` has more than {most} events, which is more than this view can hold\n\nhint: `--view summary`, `diff`, and `view` \
         without `--view` read a recording of any length; `trace-cmd split` cuts one",
        file.display()
    ))
}

/// The views of these kinds of what the tasks `follow`, pids or names, do and of what is done to them; of all tasks where
/// none is named.
pub(super) fn views(trace: &Trace, follow: &[String], kinds: &[Kind]) -> Vec<View> {
    let model = Model::from_events(&trace.events);
    let role_map = RoleMap::by_name(&model.tasks, &trace.names);
    let followed = Followed::chosen(&model, &Choice::from_words(follow));
    let (rules, names) = (ViewRules::default(), Names::default());
    let subject = ViewInput::select(&rules, &names, trace, &model, &role_map, &followed);
    kinds.iter().map(|kind| View::new(*kind, &subject)).collect()
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::fs;

    use clap::Parser as _;

    use super::*;

    #[test]
    fn a_recording_that_is_too_long_to_be_held_is_refused() -> Result<(), Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let file = directory.path().join("trace.txt");
        let line =
            |second: u32| format!("  a-7  [000] .....  {second}.000000: sched_process_exit: comm=a pid=7 prio=120\n");
        fs::write(&file, format!("# tracer: nop\n{}", (1..4).map(line).collect::<String>()))?;
        let arguments = Arguments::try_parse_from(["kernsnap".as_ref(), "view".as_ref(), file.as_os_str()])?;
        let held = |most| held(&arguments, &file, most, |trace, _, _| Ok(trace));
        assert_eq!(held(3).map_err(|failure| format!("{failure:?}"))?.events.len(), 3);
        let told = held(2).err().map(|failure| format!("{failure:?}")).unwrap_or_default();
        assert!(told.contains("has more than 2 events"), "{told}");
        Ok(())
    }
}
