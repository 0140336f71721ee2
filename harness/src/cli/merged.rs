//! Several recordings as one, in the order of time, as `trace-cmd report -i A -i B` shows them.

use std::path::{Path, PathBuf};

use super::args::Arguments;
use super::event_text::EventText;
use super::read_events::{About, read_described};
use super::{Exit, Failure, talk};
use kernsnap_trace::{Events, Timestamp};

/// A recording that is being read.
pub(super) struct Input<'a> {
    pub(super) file: &'a Path,
    /// The name of the file where it is not the only one.
    pub(super) name: Option<String>,
    pub(super) events: Events<'a>,
    pub(super) text: EventText<'a>,
    /// The number of events that were read.
    pub(super) read: u64,
    pub(super) about: About,
}

/// The label of an event: the name of its file, where there are several, and of the instance, where it is in the buffer of one.
pub(super) fn push_label(file: Option<&str>, instance: Option<&str>, out: &mut String) {
    out.push_str(file.unwrap_or_default());
    if let Some(instance) = instance {
        out.push_str(if file.is_some() { ":" } else { "" });
        out.push_str(instance);
    }
}

/// Hands all of these files to `then`, opened. Their times must be of one clock.
pub(super) fn with_all(
    arguments: &Arguments,
    files: &[PathBuf],
    then: &mut dyn FnMut(Vec<Input<'_>>) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let standard_inputs = files.iter().filter(|file| file.as_path() == Path::new("-")).count();
    if standard_inputs > 1 {
        return Err(Failure::input("the standard input can be read once only".into()));
    }
    open_next(arguments, files, files.len() > 1, Vec::new(), then)
}

fn open_next(
    arguments: &Arguments,
    files: &[PathBuf],
    named: bool,
    opened: Vec<Input<'_>>,
    then: &mut dyn FnMut(Vec<Input<'_>>) -> Result<Exit, Failure>,
) -> Result<Exit, Failure> {
    let Some((file, rest)) = files.split_first() else {
        one_clock(&opened)?;
        return then(opened);
    };
    read_described(arguments, file, |events, text, about| {
        let name = named.then(|| file.file_name().unwrap_or(file.as_os_str()).to_string_lossy().into_owned());
        let mut opened = opened;
        opened.push(Input { file, name, events, text, about, read: 0 });
        open_next(arguments, rest, named, opened, then)
    })
}

/// Refuses recordings whose times have no order.
fn one_clock(inputs: &[Input<'_>]) -> Result<(), Failure> {
    let mut known: Option<(&Path, &str)> = None;
    for input in inputs.iter().filter(|_| inputs.len() > 1) {
        match (&input.about.clock, known) {
            (None, _) => {
                talk(&format!(
                    "`{}` does not tell its clock, which is taken to be that of the others",
                    input.file.display()
                ));
            }
            (Some(clock), Some((other, first))) if clock != first => {
                let text = format!(
                    "`{}` has the clock `{first}`, and `{}` has `{clock}`: the times of two clocks have no order\n\nhint: record \
                     both with one clock, such as `trace-cmd record -C mono`",
                    other.display(),
                    input.file.display()
                );
                return Err(Failure::input(text));
            }
            (Some(clock), _) => known = known.or(Some((input.file, clock))),
        }
    }
    Ok(())
}

/// The width of the labels; 0 where no event needs one.
pub(super) fn label_width(inputs: &[Input<'_>]) -> usize {
    let labels = inputs.iter().flat_map(|input| {
        let instances = input.about.instances.iter().map(|instance| Some(&**instance));
        instances.chain([None]).map(|instance| {
            let mut label = String::new();
            push_label(input.name.as_deref(), instance, &mut label);
            label.chars().count()
        })
    });
    labels.max().unwrap_or(0)
}

/// The recording whose next event comes first; of several at one time, the first.
pub(super) fn first(due: &[Option<Timestamp>]) -> Option<usize> {
    let due = due.iter().enumerate().filter_map(|(at, due)| Some((due.as_ref()?, at)));
    due.min().map(|(_, at)| at)
}
