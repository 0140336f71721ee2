//! The first commit that changed a scenario's behaviour, costs or expectations.

use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::session::measure::{Kernel, Scrutiny, lacking, measure};
use crate::session::prepare::{NotApplicable, PrepareError, Prepared, PreparedImage};
use crate::session::run::{GuestPayload, RunError, Session};
use crate::session::status::with_causes;
use kernsnap_analysis::bisect::{Answer, Search, Step, When};
use kernsnap_analysis::complaints::SILENT;
use kernsnap_analysis::regress::{Finding, Measurement, classify};
use kernsnap_host::exec::ToolError;
use kernsnap_host::git::{Commit, GitError, History};
use kernsnap_host::progress::Events;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{GitSpec, ImageError, Images, Options, SourceSpec};
use kernsnap_scenario::Scenario;

/// A search.
#[derive(Clone, Debug)]
pub struct BisectOrder {
    /// The kernel's git repository. It is only read.
    pub repository: PathBuf,
    /// A reference to a good commit.
    pub good: String,
    /// A reference to a bad one that has grown from it.
    pub bad: String,
    /// The image that is built from each commit.
    pub image: String,
    /// The scenario's file; none where none is run.
    pub file: Option<PathBuf>,
    /// The criterion of a bad commit.
    pub when: When,
    /// Schedules of the good commit to run where the usual one differs.
    pub base_schedules: usize,
    /// Compilers to run at a time.
    pub jobs: std::num::NonZeroUsize,
}

/// Why a commit cannot be judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SkipKind {
    /// It does not build.
    Build,
    /// Its machine does not boot.
    Machine,
    /// A name that the scenario uses does not exist in it.
    Name,
    /// Its trace is incomplete.
    Trace,
    /// The runs cannot be compared.
    NoComparison,
}

/// A [`SkipKind`] with the reason in words.
#[derive(Clone, Debug)]
struct SkipReason {
    kind: SkipKind,
    why: String,
}

/// Why a search has no result.
#[derive(Debug, thiserror::Error)]
pub enum BisectError {
    /// A file or an argument is wrong.
    #[error("{0}")]
    Input(String),
    /// The good or the bad commit cannot be judged.
    #[error("the {which} commit {commit} cannot be tried: {why}")]
    End {
        /// `good` or `bad`.
        which: &'static str,
        /// Its short hash.
        commit: String,
        /// The kind of the reason.
        kind: SkipKind,
        /// The reason.
        why: String,
    },
    /// The scenario does not apply to the good commit.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// git does not know a commit, or fails.
    #[error(transparent)]
    Git(#[from] GitError),
    /// A kernel, scenario or run cannot be had because of this host.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

/// A commit that was tried.
#[derive(Clone, Debug, Serialize)]
pub struct Tried {
    /// The commit.
    #[serde(flatten)]
    pub commit: Commit,
    /// The answer for it.
    #[serde(flatten)]
    pub answer: Answer,
    /// The kind of the reason, where it was skipped.
    #[serde(skip)]
    pub skipped: Option<SkipKind>,
    /// The comparison with the good commit.
    #[serde(skip)]
    pub finding: Option<Finding>,
}

/// The result of a search.
#[derive(Clone, Debug)]
pub struct Bisected {
    /// The scenario's id, where one was run.
    pub scenario: Option<String>,
    /// The good commit.
    pub good: Commit,
    /// The bad commit.
    pub bad: Commit,
    /// The first bad commit, where it was found.
    pub first_bad: Option<Commit>,
    /// The commits of which one is the first bad one, where it was not found.
    pub candidates: Vec<Commit>,
    /// The hash of the earliest commit that is known to be bad.
    pub known_bad: String,
    /// The commits in the order in which they were tried, after the good one.
    pub tried: Vec<Tried>,
}

impl Bisected {
    /// The finding of the earliest commit that is known to be bad.
    #[must_use]
    pub fn finding(&self) -> Option<&Finding> {
        self.tried.iter().find(|one| one.commit.hash == self.known_bad)?.finding.as_ref()
    }
}

/// Searches. `on_tried` gets each answer as soon as it is known.
///
/// # Errors
/// A [`BisectError`] where there is no result.
pub fn bisect(
    session: &Session,
    workspace: &Workspace,
    order: &BisectOrder,
    on: Events<'_>,
    on_tried: &mut dyn FnMut(&Commit, &Answer),
) -> Result<Bisected, BisectError> {
    let history = History::open(&order.repository)?;
    let (good, bad) = (history.commit(&order.good)?, history.commit(&order.bad)?);
    if good == bad || !history.is_ancestor(&good, &bad)? {
        return Err(BisectError::Input(format!(
            "`{}` is not in the past of `{}`\n\nhint: bisect needs a good commit that the bad one has grown from",
            order.good, order.bad
        )));
    }
    let mut trials = Trials { session, workspace, order, history: &history, on, on_tried };
    trials.between(good, bad)
}

/// How commits are tried.
struct Trials<'a> {
    session: &'a Session,
    workspace: &'a Workspace,
    order: &'a BisectOrder,
    history: &'a History,
    on: Events<'a>,
    on_tried: &'a mut dyn FnMut(&Commit, &Answer),
}

/// The good commit, with which all others are compared.
struct Base<'a> {
    kernel: Kernel<'a>,
    scenario: Box<Scenario>,
    payload: GuestPayload,
    measurements: Vec<Measurement>,
}

impl Trials<'_> {
    fn between(&mut self, good: Commit, bad: Commit) -> Result<Bisected, BisectError> {
        let Some(file) = self.order.file.clone() else {
            let first = self.state(&good)?;
            if let Some(kind) = first.skipped {
                let why = first.answer.why().unwrap_or_default().to_owned();
                return Err(end("good", &good, SkipReason { kind, why }));
            }
            if first.answer == Answer::Bad {
                return Err(BisectError::Input(format!(
                    "`{}` is bad by `--when {}`",
                    self.order.good, self.order.when
                )));
            }
            (self.on_tried)(&good, &Answer::Good);
            return self.search(good, bad, None, &mut Self::state);
        };
        let (session, workspace) = (self.session, self.workspace);
        let options = self.options(&good);
        let images = Images { workspace, store: &session.store, options: &options };
        let prepared_image = self.prepared_image(images)?.map_err(|skip| end("good", &good, skip))?;
        let mut base = self.base(&prepared_image, &file, &good)?;
        (self.on_tried)(&good, &Answer::Good);
        let scenario = Some(base.scenario.id.clone());
        self.search(good, bad, scenario, &mut |trials, commit| trials.attempt(&mut base, &file, commit))
    }

    /// Tries commits until the first bad one is known.
    fn search(
        &mut self,
        good: Commit,
        bad: Commit,
        scenario: Option<String>,
        attempt: &mut dyn FnMut(&mut Self, &Commit) -> Result<Tried, BisectError>,
    ) -> Result<Bisected, BisectError> {
        let last = attempt(self, &bad)?;
        match &last.answer {
            Answer::Bad => (self.on_tried)(&bad, &Answer::Bad),
            Answer::Skip(why) => {
                let kind = last.skipped.unwrap_or(SkipKind::NoComparison);
                return Err(end("bad", &bad, SkipReason { kind, why: why.clone() }));
            }
            Answer::Good => {
                let is = last.finding.map_or("as good as it", |finding| finding.class.words());
                return Err(BisectError::Input(format!(
                    "`{}` is not bad by `--when '{}'`: compared with `{}` it is {is}",
                    self.order.bad, self.order.when, self.order.good
                )));
            }
        }
        let (mut search, mut tried) = (Search::between(&good.hash, &bad.hash), vec![last]);
        let step = loop {
            match search.next(&self.history.candidates(search.bad(), search.good())?) {
                Step::Try(hash) => {
                    let one = attempt(self, &self.history.commit(&hash)?)?;
                    (self.on_tried)(&one.commit, &one.answer);
                    search.learn(&hash, one.answer.clone());
                    tried.push(one);
                }
                step => break step,
            }
        };
        let (first_bad, candidates) = match step {
            Step::Undecided(hashes) => {
                (None, hashes.iter().map(|hash| self.history.commit(hash)).collect::<Result<Vec<_>, _>>()?)
            }
            Step::Try(hash) | Step::Found(hash) => (Some(self.history.commit(&hash)?), Vec::new()),
        };
        let known_bad = search.bad().to_owned();
        Ok(Bisected { scenario, good, bad, first_bad, candidates, known_bad, tried })
    }

    /// Builds a commit, and boots it once, to ask what it can trace.
    fn state(&mut self, commit: &Commit) -> Result<Tried, BisectError> {
        let options = self.options(commit);
        let images = Images { workspace: self.workspace, store: &self.session.store, options: &options };
        let (answer, skipped) = match self.prepared_image(images)? {
            Ok(_) => (Answer::Good, None),
            Err(reason) => match (&self.order.when, reason.kind) {
                (When::Builds, SkipKind::Build) | (When::Boots, SkipKind::Machine) => (Answer::Bad, None),
                (When::Builds, SkipKind::Machine) => (Answer::Good, None),
                (_, kind) => (Answer::Skip(reason.why), Some(kind)),
            },
        };
        Ok(Tried { commit: commit.clone(), answer, skipped, finding: None })
    }

    /// The commit as the kernel's source. Its build directory is that of all commits of the repository: only the differences are
    /// compiled again.
    fn options(&self, commit: &Commit) -> Options {
        let (url, name) = (self.order.repository.display().to_string(), commit.hash.clone());
        let jobs = self.order.jobs;
        Options { kernel_source: Some(SourceSpec::Git(GitSpec { url, name })), jobs, ..Options::default() }
    }

    /// The kernel of a commit, unless the commit is the reason that there is none.
    fn prepared_image<'b>(
        &mut self,
        images: Images<'b>,
    ) -> Result<Result<PreparedImage<'b>, SkipReason>, PrepareError> {
        match PreparedImage::open(images, &self.order.image, self.on) {
            Ok(prepared_image) => Ok(Ok(prepared_image)),
            Err(error) => Ok(Err(skip_reason(error)?)),
        }
    }

    fn base<'b>(
        &self,
        prepared_image: &'b PreparedImage<'b>,
        file: &Path,
        good: &Commit,
    ) -> Result<Base<'b>, BisectError>
    where
        Self: 'b,
    {
        let kernel = Kernel::new(prepared_image, self.session);
        let (scenario, payload) = kernel.prepared(file)?.ready()?;
        let measurement = kernel.measure((&scenario, &payload), kernel.usual_schedule())?;
        if !measurement.unusable.is_empty() {
            let why = measurement.unusable.join("; ");
            return Err(end("good", good, SkipReason { kind: SkipKind::Trace, why }));
        }
        let counts = |that: &str| match self.order.when {
            When::Expectation => true,
            When::Complains => that == SILENT,
            _ => false,
        };
        if let Some((that, found)) = measurement.broken.iter().find(|(that, _)| counts(that)) {
            let text = format!("`{}` is not good: “{that}” does not hold there: {found}", self.order.good);
            return Err(BisectError::Input(text));
        }
        Ok(Base { kernel, scenario, payload, measurements: vec![measurement] })
    }

    /// Builds and runs a commit, and compares it with the good one.
    fn attempt(&mut self, base: &mut Base<'_>, file: &Path, commit: &Commit) -> Result<Tried, BisectError> {
        let session = self.session;
        let options = self.options(commit);
        let images = Images { workspace: self.workspace, store: &session.store, options: &options };
        let skip = |SkipReason { kind, why }| Tried {
            commit: commit.clone(),
            answer: Answer::Skip(why),
            skipped: Some(kind),
            finding: None,
        };
        let prepared_image = match self.prepared_image(images)? {
            Ok(prepared_image) => prepared_image,
            Err(reason) => return Ok(skip(reason)),
        };
        let kernel = Kernel::new(&prepared_image, session);
        let base_runs = (&*base.scenario, &base.payload);
        let head = match prepared_image.scenario(file, &mut |_| ()) {
            Ok(Prepared::Ready(scenario, payload)) => {
                let runs = (&*scenario, &payload);
                let mut head = kernel.measure(runs, kernel.usual_schedule())?;
                if let When::Cost(_) = self.order.when {
                    let before = (&base.kernel, base_runs, &mut base.measurements[0]);
                    measure(Scrutiny::Most, before, (&kernel, runs, &mut head))?;
                }
                head
            }
            Ok(Prepared::DoesNotApply(not)) => lacking(&not),
            Err(error) => return Ok(skip(skip_reason(error)?)),
        };
        base.kernel.explain(base_runs, self.order.base_schedules, &head, &mut base.measurements)?;
        let when = &self.order.when;
        let Some(finding) = classify(&base.scenario.id, &base.measurements, &[head], when.allowed()) else {
            return Ok(skip(SkipReason { kind: SkipKind::NoComparison, why: "it was not run".into() }));
        };
        let answer = when.judge(&finding);
        let skipped = answer.why().map(|_| SkipKind::Trace);
        Ok(Tried { commit: commit.clone(), answer, skipped, finding: Some(finding) })
    }
}

/// The failures that the commit itself causes; any other is an error of kernsnap or of this host.
fn skip_reason(error: PrepareError) -> Result<SkipReason, PrepareError> {
    let kind = match &error {
        PrepareError::Image(ImageError::Step { source: ToolError::Failed { .. }, .. } | ImageError::Config(_)) => {
            SkipKind::Build
        }
        PrepareError::TraceCapabilities { source: RunError::Boot(boot), .. } if !boot.is_of_the_host() => {
            SkipKind::Machine
        }
        PrepareError::Image(ImageError::Spec(_)) => SkipKind::Name,
        _ => return Err(error),
    };
    let text = with_causes(&error);
    let line = text.lines().find(|line| line.contains("error: ")).or_else(|| text.lines().next());
    let what = if kind == SkipKind::Build { "it does not build: " } else { "" };
    Ok(SkipReason { kind, why: format!("{what}{}", line.unwrap_or_default().trim_start_matches([' ', '|']).trim()) })
}

fn end(which: &'static str, commit: &Commit, SkipReason { kind, why }: SkipReason) -> BisectError {
    BisectError::End { which, commit: commit.short().to_owned(), kind, why }
}
