//! `kernsnap snapshot`, and the comparison of runs with reviewed snapshots.

use std::io::{self, BufRead as _, IsTerminal as _};
use std::path::Path;

use super::args::{SnapshotArguments, SnapshotCommand, Snapshots};
use super::messages::told;
use super::{Context, Exit, Failure, answer, talk};
use crate::session::record::Record;
use crate::session::snapshot::{self, Comparison, Pending, SnapshotError, Subject};

pub(super) fn snapshot(context: &Context, command: &SnapshotCommand) -> Result<Exit, Failure> {
    let (SnapshotCommand::Review(arguments) | SnapshotCommand::Accept(arguments) | SnapshotCommand::Reject(arguments)) =
        command;
    let pending = chosen(context, arguments)?;
    if pending.is_empty() {
        answer(&told("no snapshot waits for a review"));
        return Ok(Exit::Passed);
    }
    match command {
        SnapshotCommand::Review(_) => review(context, &pending)?,
        SnapshotCommand::Accept(_) => pending.iter().try_for_each(accept)?,
        SnapshotCommand::Reject(_) => pending.iter().try_for_each(reject)?,
    }
    Ok(Exit::Passed)
}

/// The snapshots that wait and that the arguments name.
fn chosen(context: &Context, arguments: &SnapshotArguments) -> Result<Vec<Pending>, Failure> {
    let mut pending = snapshot::pending(&context.workspace);
    pending.retain(|one| arguments.images.is_empty() || arguments.images.contains(&one.image));
    for scenario in &arguments.scenarios {
        if !pending.iter().any(|one| one.scenario == *scenario) {
            return Err(Failure::input(format!("no snapshot of `{scenario}` waits for a review")));
        }
    }
    pending.retain(|one| arguments.scenarios.is_empty() || arguments.scenarios.contains(&one.scenario));
    Ok(pending)
}

fn accept(pending: &Pending) -> Result<(), Failure> {
    pending.accept()?;
    answer(&format!("accepted: {} on {}", pending.scenario, pending.image));
    Ok(())
}

fn reject(pending: &Pending) -> Result<(), Failure> {
    pending.reject()?;
    answer(&format!("rejected: {} on {}", pending.scenario, pending.image));
    Ok(())
}

fn review(context: &Context, pending: &[Pending]) -> Result<(), Failure> {
    let asks = io::stdin().is_terminal();
    for (number, one) in (1..).zip(pending) {
        answer(&format!("{} on {} ({number} of {})\n", one.scenario, one.image, pending.len()));
        answer(&one.diff(&context.workspace)?);
        if !asks {
            continue;
        }
        match decision()? {
            Decision::Accept => accept(one)?,
            Decision::Reject => reject(one)?,
            Decision::Skip => {}
            Decision::Quit => return Ok(()),
        }
    }
    if !asks {
        talk(
            "hint: `kernsnap snapshot accept` makes them the reviewed ones, and `kernsnap snapshot reject` removes them",
        );
    }
    Ok(())
}

/// The answer of a reviewer.
enum Decision {
    Accept,
    Reject,
    Skip,
    Quit,
}

fn decision() -> Result<Decision, Failure> {
    loop {
        talk("accept, reject, skip or quit? [a/r/s/q]");
        let mut line = String::new();
        let read = io::stdin().lock().read_line(&mut line);
        if read.map_err(|error| Failure::input(format!("cannot read the answer: {error}")))? == 0 {
            return Ok(Decision::Quit);
        }
        match line.trim() {
            "a" | "accept" => return Ok(Decision::Accept),
            "r" | "reject" => return Ok(Decision::Reject),
            "s" | "skip" => return Ok(Decision::Skip),
            "q" | "quit" => return Ok(Decision::Quit),
            _ => {}
        }
    }
}

/// The text of a run, or the reasons that there is none, with the scenario's title and file.
#[derive(Clone, Copy)]
pub(super) struct Viewed<'a> {
    pub file: &'a Path,
    pub title: &'a str,
    pub text: &'a str,
}

/// Compares the text of a run with the reviewed snapshot, leaves it for a review where that is asked for, and notes the result.
pub(super) fn check(
    context: &Context,
    mode: Snapshots,
    record: &mut Record,
    Viewed { file, title, text }: Viewed<'_>,
) -> Result<(), Failure> {
    if mode == Snapshots::Off || !(record.verdict.has_view() || record.verdict.is_good()) {
        return Ok(());
    }
    let workspace = &context.workspace;
    let (image, scenario) = (record.image.clone(), record.scenario.clone());
    let subject = Subject { image: &image, scenario: &scenario, title, file, text };
    let comparison = snapshot::compare(workspace, subject)?;
    let pending = match &comparison {
        Comparison::Differs { .. } => Some(snapshot::leave(workspace, subject)?),
        Comparison::Missing if mode == Snapshots::New => Some(snapshot::leave(workspace, subject)?),
        Comparison::Same => {
            snapshot::forget(workspace, &image, &scenario)?;
            None
        }
        Comparison::Missing | Comparison::Redundant { .. } => None,
    };
    record.set_snapshot(&comparison, pending);
    Ok(())
}

impl From<SnapshotError> for Failure {
    fn from(error: SnapshotError) -> Self {
        match error {
            SnapshotError::Image(error) => error.into(),
            error => Self::input(super::chain(&error)),
        }
    }
}
