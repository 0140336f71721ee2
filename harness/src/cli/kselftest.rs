//! `kernsnap kselftest`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use serde::Serialize;

use super::args::{Format, KselftestArguments};
use super::parallel::in_order;
use super::progress::Progress;
use super::{Context, Exit, Failure, answer, answer_json, options, talk, write_file};
use crate::session::kselftest::{Circumstances, TestRun, run};
use crate::session::run::{RunPolicy, Runner, Started};
use kernsnap_analysis::ktap::{Case, CaseStatus};
use kernsnap_image::SelfTests;

/// One result, as JSON.
#[derive(Serialize)]
struct CaseOutput<'a> {
    image: &'a str,
    target: &'a str,
    test: &'a str,
    case: &'a str,
    status: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    reason: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    started: Option<Started>,
}

pub(super) fn kselftest(context: &Context, arguments: &KselftestArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let session = context.session()?;
    let image = context.prepared_image(&options, &arguments.image)?;
    let mut progress = Progress::new();
    let mut targets = Vec::new();
    for target in &arguments.targets {
        targets.push(image.kselftests(target, &mut |event| progress.show(event))?);
    }
    drop(progress);
    let policy = if arguments.repeat.get() > 1 { RunPolicy::Rerun } else { RunPolicy::Cached };
    let runner = Runner { policy, ..Runner::new(&session, &image.runtime) };
    let usual = Circumstances { schedule: image.runtime.machine.usual_schedule(), parameters: "" };
    let wanted = |test: &String| arguments.test.as_ref().is_none_or(|text| test.contains(text));
    let jobs: Vec<(&SelfTests, &String)> = targets
        .iter()
        .flat_map(|tests| tests.tests.iter().filter(|test| wanted(test)).map(move |test| (tests, test)))
        .flat_map(|job| std::iter::repeat_n(job, arguments.repeat.get()))
        .collect();
    let mut reporter = Reporter { image: &image.runtime.image, arguments, runs: Vec::new(), hashes: BTreeMap::new() };
    in_order(
        &jobs,
        arguments.parallel.get(),
        |(tests, test)| run(&runner, &image, (tests, test), usual, &mut |_| ()).map_err(Failure::from),
        |_, result| reporter.take(result?),
    )?;
    reporter.finish(&targets)
}

/// Tells people or machines of each test.
struct Reporter<'a> {
    image: &'a str,
    arguments: &'a KselftestArguments,
    runs: Vec<TestRun>,
    hashes: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Reporter<'_> {
    fn take(&mut self, run: TestRun) -> Result<(), Failure> {
        let hashes = self.hashes.entry((run.target.clone(), run.test.clone())).or_default();
        let is_first = hashes.is_empty();
        hashes.insert(run.sha256.clone());
        if !is_first {
            return Ok(());
        }
        match self.arguments.output.format() {
            Format::Json => {
                for Case { name, status, reason } in &run.cases {
                    let (target, test) = (&*run.target, &*run.test);
                    let (status, started) = (status.word(), run.started);
                    answer_json(&CaseOutput { image: self.image, target, test, case: name, status, reason, started })?;
                }
            }
            Format::Ktap => {}
            _ => answer(&told(&run, self.arguments.show)),
        }
        self.runs.push(run);
        Ok(())
    }

    fn finish(self, targets: &[SelfTests]) -> Result<Exit, Failure> {
        let cases = || self.runs.iter().flat_map(|run| &run.cases);
        let count = |status| cases().filter(|case| case.status == status).count();
        let [passed, failed, skipped] = [CaseStatus::Passed, CaseStatus::Failed, CaseStatus::Skipped].map(count);
        match self.arguments.output.format() {
            Format::Json => {}
            Format::Ktap => answer(ktap(&self.runs).trim_end()),
            _ => {
                for tests in targets {
                    for (name, why) in &tests.unbuilt {
                        talk(&format!("{}: {name} is not built: {why}", tests.target));
                    }
                }
                answer(&format!(
                    "\n{} tests on {}: {passed} cases passed, {failed} failed, {skipped} skipped",
                    self.runs.len(),
                    self.image
                ));
            }
        }
        if let Some(file) = &self.arguments.junit {
            let text = junit(self.image, &self.runs).map_err(|error| Failure::internal("write JUnit's XML", &error))?;
            write_file(file, text.as_bytes())?;
        }
        let repeat = self.arguments.repeat;
        let several: Vec<String> = self
            .hashes
            .iter()
            .filter(|(_, hashes)| hashes.len() > 1)
            .map(|((target, test), hashes)| {
                format!("{target} {test}: {repeat} runs gave {} different consoles", hashes.len())
            })
            .collect();
        for text in &several {
            talk(text);
        }
        if repeat.get() > 1 && several.is_empty() {
            talk(&format!("each of {} tests: {repeat} runs, one console", self.hashes.len()));
        }
        Ok(match () {
            () if !several.is_empty() => Exit::NotRepeatable,
            () if self.runs.iter().any(|run| run.started.is_none()) => Exit::MachineLost,
            () if failed > 0 => Exit::Different,
            () => Exit::Passed,
        })
    }
}

/// A test in words: its sum, and each case that did not pass.
fn told(run: &TestRun, show: bool) -> String {
    let count = |status| run.cases.iter().filter(|case| case.status == status).count();
    let [passed, failed, skipped] = [CaseStatus::Passed, CaseStatus::Failed, CaseStatus::Skipped].map(count);
    let mut text = format!("{} {}: {passed} passed", run.target, run.test);
    for (count, word) in [(failed, "failed"), (skipped, "skipped")] {
        if count > 0 {
            // Writing to a String cannot fail.
            let _ = write!(text, ", {count} {word}");
        }
    }
    for case in run.cases.iter().filter(|case| case.status != CaseStatus::Passed) {
        let _ = write!(text, "\n  {}: {}", case.status.word(), case.name);
        for line in case.reason.lines() {
            let _ = write!(text, "\n    {line}");
        }
    }
    if show && failed > 0 {
        for line in run.text.lines() {
            let _ = write!(text, "\n  | {line}");
        }
    }
    text
}

/// KTAP with one level: each case is a result.
fn ktap(runs: &[TestRun]) -> String {
    let count: usize = runs.iter().map(|run| run.cases.len()).sum();
    let mut text = format!("KTAP version 1\n1..{count}\n");
    let cases = runs.iter().flat_map(|run| run.cases.iter().map(move |case| (run, case)));
    for (number, (TestRun { target, test, .. }, Case { name, status, reason })) in (1..).zip(cases) {
        let name = format!("{target}:{test}: {}", name.replace('#', ""));
        // Writing to a String cannot fail.
        let _ = match status {
            CaseStatus::Passed => writeln!(text, "ok {number} {name}"),
            CaseStatus::Skipped => writeln!(text, "ok {number} {name} # SKIP {}", reason.replace('\n', "; ")),
            CaseStatus::Failed => {
                for line in reason.lines() {
                    let _ = writeln!(text, "# {line}");
                }
                writeln!(text, "not ok {number} {name}")
            }
        };
    }
    text
}

fn junit(image: &str, runs: &[TestRun]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("kernsnap kselftest");
    for run in runs {
        let mut suite = TestSuite::new(format!("{image}.{}.{}", run.target, run.test));
        for case in &run.cases {
            let mut status = match case.status {
                CaseStatus::Passed => TestCaseStatus::success(),
                CaseStatus::Skipped => TestCaseStatus::skipped(),
                CaseStatus::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            };
            if !case.reason.is_empty() {
                status.set_message(case.reason.clone());
            }
            let mut test = TestCase::new(case.name.clone(), status);
            test.set_classname(format!("{}.{}", run.target, run.test));
            suite.add_test_case(test);
        }
        report.add_test_suite(suite);
    }
    report.to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn runs() -> Vec<TestRun> {
        let case = |name: &str, status, reason: &str| Case { name: name.into(), status, reason: reason.into() };
        vec![TestRun {
            target: "pidfd".into(),
            test: "pidfd_test".into(),
            cases: vec![
                case("one", CaseStatus::Passed, ""),
                case("two", CaseStatus::Failed, "3 instead of 4"),
                case("three", CaseStatus::Skipped, "no config"),
            ],
            sha256: String::new(),
            started: Some(Started::Fork),
            text: "ok 1 one\n".into(),
        }]
    }

    #[test]
    fn results_have_the_formats_of_other_tools() -> Result<(), quick_junit::SerializeError> {
        assert_eq!(
            ktap(&runs()),
            "KTAP version 1\n1..3\nok 1 pidfd:pidfd_test: one\n# 3 instead of 4\nnot ok 2 pidfd:pidfd_test: two\n\
             ok 3 pidfd:pidfd_test: three # SKIP no config\n"
        );
        let xml = junit("rpi3-6.1", &runs())?;
        assert!(xml.contains(r#"tests="3" skipped="1" failures="1""#), "{xml}");
        let text = told(&runs()[0], true);
        assert!(text.starts_with("pidfd pidfd_test: 1 passed, 1 failed, 1 skipped\n  failed: two\n    3 instead"));
        assert!(text.ends_with("  | ok 1 one"), "{text}");
        Ok(())
    }
}
