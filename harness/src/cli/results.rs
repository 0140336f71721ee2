//! The results of many runs: their sum, and the formats that other tools read.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use quick_junit::{NonSuccessKind, Property, Report, TestCase, TestCaseStatus, TestSuite};

use super::Failure;
use crate::session::record::Record;
use crate::session::status::RunStatus;
use kernsnap_host::name::is_name;

/// The sum in one line: `70 runs: 68 passed, 2 do not apply`.
pub(super) fn tally(records: &[Record]) -> String {
    let count = |status: RunStatus| records.iter().filter(|record| record.verdict == status).count();
    let counts = RunStatus::ALL.into_iter().map(|status| (status, count(status))).filter(|(_, count)| *count > 0);
    let parts = counts.map(|(status, count)| match status {
        RunStatus::DoesNotApply if count == 1 => format!("{count} does not apply"),
        RunStatus::DoesNotApply => format!("{count} do not apply"),
        status => format!("{count} {}", status.word()),
    });
    let runs = if records.len() == 1 { "run" } else { "runs" };
    format!("{} {runs}: {}", records.len(), parts.collect::<Vec<_>>().join(", "))
}

/// XML of `JUnit`, as nextest writes it. A run that says nothing about its kernel is an error, not a failure.
pub(super) fn junit(records: &[Record]) -> Result<String, quick_junit::SerializeError> {
    let mut report = Report::new("kernsnap");
    let mut suites: Vec<TestSuite> = Vec::new();
    for record in records {
        let status = match record.verdict {
            RunStatus::Passed => TestCaseStatus::success(),
            RunStatus::DoesNotApply => TestCaseStatus::skipped(),
            RunStatus::Failed => TestCaseStatus::non_success(NonSuccessKind::Failure),
            _ => TestCaseStatus::non_success(NonSuccessKind::Error),
        };
        let mut case = TestCase::new(record.scenario.clone(), status);
        case.set_classname(record.image.clone());
        if !record.reasons.is_empty() {
            case.status.set_message(record.reasons.join("\n"));
        }
        if let Some(seconds) = &record.seconds {
            case.set_time(Duration::from_secs_f64(seconds.total.max(0.0)));
        }
        if let Some(evidence) = &record.evidence {
            case.add_property(Property::new("evidence", evidence.display().to_string()));
        }
        if let Some(suite) = suites.iter_mut().find(|suite| suite.name.as_str() == record.image) {
            suite.add_test_case(case);
        } else {
            let mut suite = TestSuite::new(record.image.clone());
            suite.add_test_case(case);
            suites.push(suite);
        }
    }
    report.add_test_suites(suites);
    report.to_string()
}

/// The kernel's test format (Documentation/dev-tools/ktap.rst).
pub(super) fn ktap(records: &[Record]) -> String {
    let mut text = format!("KTAP version 1\n1..{}\n", records.len());
    for (number, record) in (1..).zip(records) {
        for line in record.reasons.iter().flat_map(|reason| reason.lines()) {
            // Writing to a String cannot fail.
            let _ = writeln!(text, "# {line}");
        }
        let name = &record.scenario;
        let _ = match record.verdict {
            RunStatus::Passed => writeln!(text, "ok {number} {name}"),
            RunStatus::DoesNotApply => writeln!(text, "ok {number} {name} # SKIP {}", record.reasons.join("; ")),
            RunStatus::Failed => writeln!(text, "not ok {number} {name}"),
            other => writeln!(text, "not ok {number} {name} # ERROR {}", other.word()),
        };
    }
    text
}

/// Annotations of GitHub Actions (workflow commands). `file` tells where a scenario is.
pub(super) fn github(records: &[Record], file: &dyn Fn(&str) -> String) -> String {
    let mut text = String::new();
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    for record in records.iter().filter(|record| !record.verdict.is_good()) {
        let title = format!("{} on {}: {}", record.scenario, record.image, record.verdict.word());
        let (file, message) = (file(&record.scenario), record.reasons.join("\n"));
        let _ = writeln!(text, "::error file={},title={}::{}", property(&file), property(&title), data(&message));
    }
    text
}

/// The step summary of GitHub Actions: a table in Markdown.
pub(super) fn summary(records: &[Record]) -> String {
    let mut text = format!("**{}**\n\n| scenario | image | status | reason |\n|---|---|---|---|\n", tally(records));
    let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
    for record in records.iter().filter(|record| record.verdict != RunStatus::Passed) {
        let reasons = cell(&record.reasons.join("; "));
        let _ = writeln!(text, "| {} | {} | {} | {reasons} |", record.scenario, record.image, record.verdict.word());
    }
    text
}

/// One of several parts of the work: `2/4`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shard {
    /// From 0.
    index: usize,
    count: usize,
}

impl std::str::FromStr for Shard {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |text: &str| text.parse::<usize>().ok();
        let parsed = text.split_once('/').and_then(|(index, count)| Some((number(index)?, number(count)?)));
        match parsed {
            Some((index, count)) if index >= 1 && index <= count => Ok(Self { index: index - 1, count }),
            _ => Err("write K/N, such as 1/4 for the first of four parts".to_owned()),
        }
    }
}

impl Shard {
    /// The files of this part.
    pub(super) fn of<T: AsRef<Path>>(self, files: Vec<T>) -> Vec<T> {
        files.into_iter().skip(self.index).step_by(self.count).collect()
    }
}

/// The results in a file of `run --json`, one for each line, or in the `result.json` that a run left.
pub(super) fn read(file: &Path) -> Result<Vec<Record>, Failure> {
    let shown = file.display();
    let text = fs::read_to_string(file).map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}")))?;
    let mut records = Vec::new();
    for (number, line) in (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty()) {
        let record: Record = serde_json::from_str(line).map_err(|error| {
            let hint = "`kernsnap run --json` prints results";
            Failure::input(format!("`{shown}`, line {number}, is not the result of a run: {error}\n\nhint: {hint}"))
        })?;
        // The names come from another machine.
        if let Some(other) = [&record.scenario, &record.image].into_iter().find(|name| !is_name(name)) {
            return Err(Failure::input(format!("`{shown}`, line {number}: `{}` is not a name", other.escape_debug())));
        }
        records.push(record);
    }
    Ok(records)
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(crate) fn record(scenario: &str, verdict: RunStatus, reasons: &[&str]) -> Record {
        Record {
            scenario: scenario.into(),
            image: "rpi3-6.1".into(),
            verdict,
            schedule: "1:4".into(),
            reasons: reasons.iter().map(|reason| (*reason).to_owned()).collect(),
            unnoticed: Vec::new(),
            raw_sha256: None,
            view_sha256: None,
            guest_seconds: None,
            seconds: None,
            started: None,
            events: None,
            events_not_shown: None,
            snapshot: None,
            snapshot_pending: None,
            views: Vec::new(),
            evidence: None,
            image_key: String::new(),
            qemu_version: String::new(),
        }
    }

    fn four() -> [Record; 4] {
        [
            record("one", RunStatus::Passed, &[]),
            record("two", RunStatus::DoesNotApply, &["the kernel has no `x`"]),
            record("three", RunStatus::Failed, &["it is broken: 50%"]),
            record("four", RunStatus::Lost, &["no channel"]),
        ]
    }

    #[test]
    fn results_have_the_formats_of_other_tools() -> Result<(), quick_junit::SerializeError> {
        let records = four();
        assert_eq!(tally(&records), "4 runs: 1 passed, 1 does not apply, 1 failed, 1 lost");
        assert_eq!(
            ktap(&records),
            "KTAP version 1\n1..4\nok 1 one\n# the kernel has no `x`\nok 2 two # SKIP the kernel has no `x`\n\
             # it is broken: 50%\nnot ok 3 three\n# no channel\nnot ok 4 four # ERROR lost\n"
        );
        let xml = junit(&records)?;
        assert!(xml.contains(r#"tests="4" skipped="1" failures="1" errors="1""#), "{xml}");
        let text = github(&records, &|name| format!("scenarios/{name}.yaml"));
        assert_eq!(
            text.lines().next(),
            Some("::error file=scenarios/three.yaml,title=three on rpi3-6.1%3A failed::it is broken: 50%25")
        );
        assert!(summary(&records).contains("| two | rpi3-6.1 | does-not-apply | the kernel has no `x` |"));
        Ok(())
    }

    #[test]
    fn shards_have_each_file_once() {
        let files = ["a", "b", "c", "d", "e"];
        let shard = |text: &str| text.parse::<Shard>().map(|shard| shard.of(files.to_vec()));
        assert_eq!(shard("1/2"), Ok(vec!["a", "c", "e"]));
        assert_eq!(shard("2/2"), Ok(vec!["b", "d"]));
        assert!(["0/2", "3/2", "1", "a/b", "1/0"].iter().all(|text| shard(text).is_err()));
    }
}
