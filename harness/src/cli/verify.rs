//! `kernsnap store verify`.

use super::args::VerifyArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, answer, answer_json, talk};
use crate::session::cache::About;
use crate::session::verify::{self, Verified};

pub(super) fn verify(context: &Context, arguments: &VerifyArguments) -> Result<Exit, Failure> {
    let session = context.session()?;
    let mut progress = Progress::new();
    let mut on = |event| progress.show(event);
    let (mut exit, mut same, mut tried, mut written) = (Exit::Passed, 0, 0, Ok(()));
    let how_many = (arguments.sample.get(), arguments.parallel.get());
    let known = verify::verify(&session, &context.workspace, how_many, &mut on, &mut |verified| {
        exit = exit.worst(if verified.same { Exit::Passed } else { verified.verdict.into() });
        same += usize::from(verified.same);
        tried += 1;
        if let Err(error) = show(&verified, arguments.output.is_json()) {
            written = Err(error);
        }
    })?;
    written?;
    talk(&format!("{same} of {tried} tried results gave the same bytes again; {} are known", known.current));
    if known.outdated > 0 {
        talk(&format!("{} more are of inputs that have changed since, and cannot be asked for", known.outdated));
    }
    Ok(exit)
}

fn show(verified: &Verified, json: bool) -> Result<(), Failure> {
    if json {
        return answer_json(verified);
    }
    let About { image, scenario, schedule } = &verified.about;
    let word = if verified.same { "same" } else { verified.verdict.word() };
    answer(&format!("{word}: {scenario} on {image}, {schedule}"));
    for reason in &verified.reasons {
        answer(&format!("  {reason}"));
    }
    Ok(())
}
