//! `kernsnap bisect`.

use std::fmt::Write as _;

use serde::Serialize;

use super::args::BisectArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, answer_json, answer_painted, talk, terminal};
use crate::session::bisect::{self, BisectOrder, Bisected, Tried};
use crate::session::load;
use kernsnap_analysis::regress::{Finding, Report};
use kernsnap_host::git::Commit;
use kernsnap_image::Options;

/// The result as `--json` prints it.
#[derive(Serialize)]
struct Document<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    scenario: Option<&'a str>,
    image: &'a str,
    when: String,
    good: &'a Commit,
    bad: &'a Commit,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bad: Option<&'a Commit>,
    #[serde(skip_serializing_if = "<[Commit]>::is_empty")]
    candidates: &'a [Commit],
    finding: Option<&'a Finding>,
    tried: &'a [Tried],
}

pub(super) fn bisect(context: &Context, arguments: &BisectArguments) -> Result<Exit, Failure> {
    let (context, _copies) = &context.frozen()?;
    let file = match &arguments.scenario {
        Some(scenario) if arguments.when.needs_a_run() => Some(load::chosen(&context.workspace, scenario)?),
        None if !arguments.when.needs_a_run() => None,
        Some(_) => {
            return Err(Failure::input(format!("`--when {}` runs no scenario: leave it out", arguments.when)));
        }
        None => return Err(Failure::input(format!("`--when '{}'` needs a scenario", arguments.when))),
    };
    let order = BisectOrder {
        repository: absolute(&arguments.repo)?,
        good: arguments.good.clone(),
        bad: arguments.bad.clone(),
        image: arguments.image.clone(),
        file,
        when: arguments.when.clone(),
        base_schedules: arguments.base_schedules.get(),
        jobs: arguments.jobs.unwrap_or(Options::default().jobs),
    };
    let session = context.session()?;
    let mut progress = Progress::new();
    let mut on = |event| progress.show(event);
    let found = bisect::bisect(&session, &context.workspace, &order, &mut on, &mut |commit, answer| {
        let why = answer.why().map(|why| format!(": {why}")).unwrap_or_default();
        talk(&format!("{:4} {} {}{why}", answer.word(), commit.short(), commit.subject));
    })?;
    if arguments.output.is_json() {
        answer_json(&Document {
            scenario: found.scenario.as_deref(),
            image: &arguments.image,
            when: arguments.when.to_string(),
            good: &found.good,
            bad: &found.bad,
            first_bad: found.first_bad.as_ref(),
            candidates: &found.candidates,
            finding: found.finding(),
            tried: &found.tried,
        })?;
    } else {
        answer_painted(show(&found).trim_end(), &terminal::style());
    }
    Ok(exit(&found))
}

/// A commit that was found is a success. Where none was found, the reason is that of the commits that could not be tried.
fn exit(found: &Bisected) -> Exit {
    let hidden = found.tried.iter().filter(|one| found.candidates.contains(&one.commit));
    hidden.filter_map(|one| one.skipped).fold(Exit::Passed, |exit, kind| exit.worst(kind.into()))
}

fn show(found: &Bisected) -> String {
    let mut text = String::new();
    let show_commit = |text: &mut String, commit: &Commit| {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{}\n  {}\n  {}", commit.hash, commit.subject, commit.author);
    };
    if let Some(commit) = &found.first_bad {
        text += "first bad commit: ";
        show_commit(&mut text, commit);
    } else {
        text += "the first bad commit is one of these; the others of them cannot be tried:\n";
        found.candidates.iter().for_each(|commit| show_commit(&mut text, commit));
    }
    if let Some(finding) = found.finding() {
        let known = found.first_bad.as_ref().or(found.candidates.last()).unwrap_or(&found.bad);
        let (base, head) = (found.good.short().to_owned(), known.short().to_owned());
        let report = Report { base, head, identical: false, findings: vec![finding.clone()] };
        let _ = writeln!(text, "\n{}", report.show(&terminal::style()).trim_end());
    }
    let _ = writeln!(text, "\n{} commits tried, and the good one", found.tried.len());
    for Tried { commit, answer, .. } in &found.tried {
        if let Some(why) = answer.why() {
            let _ = writeln!(text, "skipped {} {}: {why}", commit.short(), commit.subject);
        }
    }
    text
}
