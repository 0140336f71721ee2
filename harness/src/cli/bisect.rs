//! `kernsnap bisect`.

use std::fmt::Write as _;
use std::path::Path;

use serde::Serialize;

use super::args::BisectArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, answer, answer_json, chain, talk, terminal};
use crate::session::cache::Cache;
use crate::session::load;
use crate::session::measure::{Kernel, Scrutiny, lacking, measure};
use crate::session::prepare::{PrepareError, Prepared, PreparedImage};
use crate::session::run::{GuestPayload, RunError};
use kernsnap_analysis::bisect::{Answer, Search, Step, When};
use kernsnap_analysis::regress::{Finding, Measurement, Report, classify};
use kernsnap_host::exec::ToolError;
use kernsnap_host::git::{Commit, History};
use kernsnap_host::key::CacheInputs;
use kernsnap_image::{ImageError, Options, SourceSpec};
use kernsnap_scenario::Scenario;

/// Raised when what stands in the directory of a bisection changes.
const RECIPE: u32 = 1;

pub(super) fn bisect(context: &Context, arguments: &BisectArguments) -> Result<Exit, Failure> {
    let repository = absolute(&arguments.repo)?;
    let history = History::open(&repository)?;
    let (good, bad) = (history.commit(&arguments.good)?, history.commit(&arguments.bad)?);
    if good == bad || !history.is_ancestor(&good, &bad)? {
        let text = format!("`{}` is not in the past of `{}`", arguments.good, arguments.bad);
        return Err(Failure::input(format!(
            "{text}\n\nhint: bisect needs a good commit that the bad one has grown from"
        )));
    }
    let file = load::scenario_file(&context.workspace, &arguments.scenario)?;
    let cache = context.cache()?;
    // One tree and one build directory for all commits of a repository: what differs is compiled again.
    let inputs = CacheInputs::new("work", RECIPE).with("history", repository.as_os_str().as_encoded_bytes());
    let mut progress = Progress::new();
    context.store.build_dir(&inputs, &mut |event| progress.show(event), |directory, _| {
        let trials = Trials { context, arguments, history: &history, cache: &cache, directory, file: &file };
        trials.between(&good, &bad)
    })
}

/// How commits are tried.
#[derive(Clone, Copy)]
struct Trials<'a> {
    context: &'a Context,
    arguments: &'a BisectArguments,
    history: &'a History,
    cache: &'a Cache,
    /// Where the commits' files are laid out.
    directory: &'a Path,
    file: &'a Path,
}

/// The good end: what all others are compared with.
struct Base<'a> {
    kernel: Kernel<'a>,
    scenario: Box<Scenario>,
    payload: GuestPayload,
    looks: Vec<Measurement>,
}

/// Why nothing can be said of a commit, and what that is for the program's end.
struct SkipReason {
    exit: Exit,
    why: String,
}

/// A commit that was tried.
#[derive(Clone, Debug, Serialize)]
struct Tried {
    #[serde(flatten)]
    commit: Commit,
    #[serde(flatten)]
    answer: Answer,
    /// The exit code for a commit that has to be skipped.
    #[serde(skip)]
    exit: Exit,
    #[serde(skip)]
    finding: Option<Finding>,
}

/// The result of the search.
#[derive(Serialize)]
struct Bisected<'a> {
    scenario: &'a str,
    image: &'a str,
    when: String,
    good: &'a Commit,
    bad: &'a Commit,
    /// The commit, where it was found.
    #[serde(skip_serializing_if = "Option::is_none")]
    first_bad: Option<Commit>,
    /// One of these it is, where it was not.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    candidates: Vec<Commit>,
    /// The finding there, or in the earliest commit that is known to be bad.
    finding: Option<&'a Finding>,
    /// In the order in which they were tried, behind the good one.
    tried: &'a [Tried],
}

impl Trials<'_> {
    fn between(&self, good: &Commit, bad: &Commit) -> Result<Exit, Failure> {
        let options = self.options(good)?;
        let prepared_image = self.prepared_image(&options)?.map_err(|mute| end("good", good, &mute))?;
        let mut base = self.base(&prepared_image, good)?;
        Self::tell(good, &Answer::Good);
        let last = self.attempt(&mut base, bad)?;
        match &last.answer {
            Answer::Bad => Self::tell(bad, &Answer::Bad),
            Answer::Skip(why) => return Err(end("bad", bad, &SkipReason { exit: last.exit, why: why.clone() })),
            Answer::Good => {
                let text = format!("`{}` is not bad by `--when '{}'`", self.arguments.bad, self.arguments.when);
                let hint = last.finding.map_or("", |finding| finding.class.words());
                return Err(Failure::input(format!("{text}: compared with `{}` it is {hint}", self.arguments.good)));
            }
        }
        let (mut search, mut tried) = (Search::between(&good.hash, &bad.hash), vec![last]);
        let step = loop {
            match search.next(&self.history.candidates(search.bad(), search.good())?) {
                Step::Try(hash) => {
                    let one = self.attempt(&mut base, &self.history.commit(&hash)?)?;
                    Self::tell(&one.commit, &one.answer);
                    search.learn(&hash, one.answer.clone());
                    tried.push(one);
                }
                step => break step,
            }
        };
        let commits =
            |hashes: &[String]| hashes.iter().map(|hash| self.history.commit(hash)).collect::<Result<Vec<_>, _>>();
        let (first_bad, candidates) = match step {
            Step::Undecided(hashes) => (None, commits(&hashes)?),
            Step::Try(hash) | Step::Found(hash) => (Some(self.history.commit(&hash)?), Vec::new()),
        };
        let told = Bisected {
            scenario: &base.scenario.id,
            image: &self.arguments.image,
            when: self.arguments.when.to_string(),
            good,
            bad,
            first_bad,
            candidates,
            finding: tried.iter().find(|one| one.commit.hash == search.bad()).and_then(|one| one.finding.as_ref()),
            tried: &tried,
        };
        if self.arguments.output.is_json() {
            answer_json(&told)?;
        } else {
            answer(told.show().trim_end());
        }
        Ok(told.exit())
    }

    /// The files of a commit, as the kernel's source.
    fn options(&self, commit: &Commit) -> Result<Options, Failure> {
        let tree = self.history.check_out(&commit.hash, self.directory)?;
        let mut options = Options { kernel_source: Some(SourceSpec::Path(tree)), ..Options::default() };
        options.jobs = self.arguments.jobs.unwrap_or(options.jobs);
        Ok(options)
    }

    /// The kernel of a commit, unless it is the commit's fault that there is none.
    fn prepared_image<'b>(&'b self, options: &'b Options) -> Result<Result<PreparedImage<'b>, SkipReason>, Failure> {
        let mut progress = Progress::new();
        match PreparedImage::open(self.context.images(options), &self.arguments.image, &mut |event| {
            progress.show(event);
        }) {
            Ok(prepared_image) => Ok(Ok(prepared_image)),
            Err(error) => Ok(Err(mute(error)?)),
        }
    }

    fn base<'b>(&self, prepared_image: &'b PreparedImage<'b>, good: &Commit) -> Result<Base<'b>, Failure> {
        let kernel = Kernel::new(prepared_image, self.cache);
        let (scenario, payload) = kernel.prepared(self.file)?.ready()?;
        let look = kernel.measure(&self.context.store, (&scenario, &payload), kernel.usual_schedule())?;
        if !look.unusable.is_empty() {
            return Err(end("good", good, &SkipReason { exit: Exit::TraceUnusable, why: look.unusable.join("; ") }));
        }
        if let (Some((that, found)), When::Expectation) = (look.broken.first(), &self.arguments.when) {
            let text = format!("`{}` is not good: “{that}” does not hold there: {found}", self.arguments.good);
            return Err(Failure::input(text));
        }
        Ok(Base { kernel, scenario, payload, looks: vec![look] })
    }

    /// Builds and runs a commit, and compares it with the good one.
    fn attempt(&self, base: &mut Base<'_>, commit: &Commit) -> Result<Tried, Failure> {
        let options = self.options(commit)?;
        let skip =
            |SkipReason { exit, why }| Tried { commit: commit.clone(), answer: Answer::Skip(why), exit, finding: None };
        let prepared_image = match self.prepared_image(&options)? {
            Ok(prepared_image) => prepared_image,
            Err(mute) => return Ok(skip(mute)),
        };
        let kernel = Kernel::new(&prepared_image, self.cache);
        let what = (&*base.scenario, &base.payload);
        let head = match prepared_image.scenario(self.file, &mut |_| ()) {
            Ok(Prepared::Ready(scenario, payload)) => {
                let runs = (&*scenario, &payload);
                let mut head = kernel.measure(&self.context.store, runs, kernel.usual_schedule())?;
                if let When::Cost(_) = self.arguments.when {
                    measure(
                        &self.context.store,
                        Scrutiny::Most,
                        (&base.kernel, what, &mut base.looks[0]),
                        (&kernel, runs, &mut head),
                    )?;
                }
                head
            }
            Ok(Prepared::DoesNotApply(not)) => lacking(&not),
            Err(error) => return Ok(skip(mute(error)?)),
        };
        base.kernel.explain(&self.context.store, what, self.arguments.base_schedules.get(), &head, &mut base.looks)?;
        let when = &self.arguments.when;
        let Some(finding) = classify(&base.scenario.id, &base.looks, &[head], when.allowed()) else {
            return Ok(skip(SkipReason { exit: Exit::Internal, why: "it was not run".into() }));
        };
        let answer = when.judge(&finding);
        let exit = if answer.why().is_some() { Exit::TraceUnusable } else { Exit::Passed };
        Ok(Tried { commit: commit.clone(), answer, exit, finding: Some(finding) })
    }

    fn tell(commit: &Commit, answer: &Answer) {
        let why = answer.why().map(|why| format!(": {why}")).unwrap_or_default();
        talk(&format!("{:4} {} {}{why}", answer.word(), commit.short(), commit.subject));
    }
}

/// The failures that the commit itself causes; any other is an error of kernsnap or of this host.
fn mute(error: PrepareError) -> Result<SkipReason, Failure> {
    let exit = match &error {
        PrepareError::Image(ImageError::Step { source: ToolError::Failed { .. }, .. } | ImageError::Config(_)) => {
            Exit::BuildFailed
        }
        PrepareError::TraceCapabilities { source: RunError::Boot(boot), .. } if !boot.is_of_the_host() => {
            Exit::MachineLost
        }
        // A name that the scenario uses is not there.
        PrepareError::Image(ImageError::Spec(_)) => Exit::BadInput,
        _ => return Err(error.into()),
    };
    let text = chain(&error);
    let telling = text.lines().find(|line| line.contains("error: ")).or_else(|| text.lines().next());
    let what = if exit == Exit::BuildFailed { "it does not build: " } else { "" };
    Ok(SkipReason { exit, why: format!("{what}{}", telling.unwrap_or_default().trim_start_matches([' ', '|']).trim()) })
}

/// An end of which nothing can be said.
fn end(which: &str, commit: &Commit, SkipReason { exit, why }: &SkipReason) -> Failure {
    Failure { exit: *exit, text: format!("the {which} commit {} cannot be tried: {why}", commit.short()) }
}

impl Bisected<'_> {
    /// Found is passed. Where it was not, what kept us from knowing is what kept us from trying.
    fn exit(&self) -> Exit {
        let hidden =
            self.tried.iter().filter(|one| one.answer.why().is_some() && self.candidates.contains(&one.commit));
        hidden.fold(Exit::Passed, |exit, one| exit.worst(one.exit))
    }

    fn show(&self) -> String {
        let mut text = String::new();
        let tell = |text: &mut String, commit: &Commit| {
            // Writing to a String cannot fail.
            let _ = writeln!(
                text,
                "{}
  {}
  {}",
                commit.hash, commit.subject, commit.author
            );
        };
        if let Some(commit) = &self.first_bad {
            text += "first bad commit: ";
            tell(&mut text, commit);
        } else {
            text += "the first bad commit is one of these; the others of them cannot be tried:\n";
            self.candidates.iter().for_each(|commit| tell(&mut text, commit));
        }
        if let Some(finding) = self.finding {
            let known = self.first_bad.as_ref().or(self.candidates.last()).unwrap_or(self.bad);
            let (base, head) = (self.good.short().to_owned(), known.short().to_owned());
            let report = Report { base, head, identical: false, findings: vec![finding.clone()] };
            let _ = writeln!(text, "\n{}", report.show(&terminal::style()).trim_end());
        }
        let _ = writeln!(text, "\n{} commits tried, and the good one", self.tried.len());
        for Tried { commit, answer, .. } in self.tried {
            if let Some(why) = answer.why() {
                let _ = writeln!(text, "skipped {} {}: {why}", commit.short(), commit.subject);
            }
        }
        text
    }
}
