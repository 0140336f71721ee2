//! Results for KCIDB, the common database of kernel tests: version 5.3 of its format (`kcidb_io.schema.V5_3`). Pure.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use crate::session::record::Record;
use crate::session::status::RunStatus;
use kernsnap_analysis::cost::Figure;

/// The longest `log_excerpt`.
const LONGEST: usize = 16_384;

/// The CI system in whose name results are reported.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(String);

impl Default for Origin {
    fn default() -> Self {
        Self("kernsnap".to_owned())
    }
}

impl std::str::FromStr for Origin {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_origin = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
        if text.is_empty() || !text.bytes().all(is_origin) {
            return Err("an origin has lowercase letters, digits and `_`".to_owned());
        }
        Ok(Self(text.to_owned()))
    }
}

/// A report: the kernels, and the tests that ran on them.
#[derive(Debug, Default)]
pub(super) struct Report {
    /// Checkouts and builds by the id that both have.
    builds: BTreeMap<String, Option<String>>,
    tests: Vec<Value>,
}

impl Report {
    /// Adds runs. `architecture` tells that of an image.
    pub(super) fn add_runs(
        &mut self,
        origin: &Origin,
        records: &[Record],
        architecture: &dyn Fn(&str) -> Option<String>,
    ) {
        for record in records {
            let build = self.build(origin, &record.image, &record.image_key, architecture);
            let mut test = json!({
                "id": format!("{build}:{}:{}", record.scenario, record.schedule),
                "build_id": build,
                "origin": origin.0,
                "path": path("run", &record.scenario, None),
                "comment": format!("{} on {}", record.scenario, record.image),
                "status": status(record.verdict),
                "misc": misc(record),
            });
            if !record.reasons.is_empty() {
                test["log_excerpt"] = excerpt(&record.reasons.join("\n")).into();
            }
            if let Some(seconds) = &record.seconds {
                test["duration"] = seconds.total.max(0.0).into();
            }
            self.tests.push(test);
        }
    }

    /// Adds the costs of a scenario, one test each.
    pub(super) fn add_costs(
        &mut self,
        origin: &Origin,
        (image, image_key): (&str, &str),
        (scenario, schedule): (&str, &str),
        figures: &[Figure],
        architecture: &dyn Fn(&str) -> Option<String>,
    ) {
        let build = self.build(origin, image, image_key, architecture);
        for figure in figures {
            self.tests.push(json!({
                "id": format!("{build}:{scenario}:{schedule}:{}", figure.name),
                "build_id": build,
                "origin": origin.0,
                "path": path("cost", scenario, Some(&figure.name)),
                "comment": figure.name,
                "status": "DONE",
                "number": { "value": figure.instructions, "unit": "instructions" },
                "misc": { "schedule": schedule },
            }));
        }
    }

    fn build(
        &mut self,
        origin: &Origin,
        image: &str,
        key: &str,
        architecture: &dyn Fn(&str) -> Option<String>,
    ) -> String {
        let id = format!("{}:{image}-{}", origin.0, key.get(..12).unwrap_or(key));
        self.builds.entry(id.clone()).or_insert_with(|| architecture(image));
        id
    }

    /// The report as KCIDB reads it.
    pub(super) fn to_json(&self) -> Value {
        let origin = |id: &str| id.split(':').next().unwrap_or_default().to_owned();
        let checkouts = self.builds.keys().map(|id| json!({ "id": id, "origin": origin(id), "valid": true }));
        let builds = self.builds.iter().map(|(id, architecture)| {
            let mut build = json!({ "id": id, "checkout_id": id, "origin": origin(id), "status": "PASS" });
            if let Some(architecture) = architecture {
                build["architecture"] = architecture.as_str().into();
            }
            build
        });
        json!({
            "version": { "major": 5, "minor": 3 },
            "checkouts": checkouts.collect::<Vec<_>>(),
            "builds": builds.collect::<Vec<_>>(),
            "tests": self.tests,
        })
    }
}

/// A fault of the harness or of the host is never a failure of the kernel.
fn status(verdict: RunStatus) -> &'static str {
    match verdict {
        RunStatus::Passed => "PASS",
        RunStatus::Failed => "FAIL",
        RunStatus::DoesNotApply => "SKIP",
        RunStatus::Lost => "MISS",
        RunStatus::Refused | RunStatus::Unusable | RunStatus::CacheMismatch => "ERROR",
    }
}

/// A dotted path: letters, digits, `-` and `_` in each part.
fn path(kind: &str, scenario: &str, figure: Option<&str>) -> String {
    let part = |text: &str| -> String {
        let words = text.split(|letter: char| !letter.is_ascii_alphanumeric() && letter != '-' && letter != '_');
        words.filter(|word| !word.is_empty()).collect::<Vec<_>>().join("_")
    };
    let parts = ["kernsnap", kind, scenario].into_iter().chain(figure).map(part);
    parts.filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

fn misc(record: &Record) -> Value {
    let mut misc = Map::from_iter([("schedule".to_owned(), record.schedule.as_str().into())]);
    let hashes = [("raw_sha256", &record.raw_sha256), ("view_sha256", &record.view_sha256)];
    misc.extend(hashes.into_iter().filter_map(|(name, hash)| Some((name.to_owned(), hash.as_deref()?.into()))));
    misc.into()
}

/// The beginning of a text, without NUL.
fn excerpt(text: &str) -> String {
    text.chars().filter(|letter| *letter != '\0').take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::super::results::tests::record;
    use super::*;

    #[test]
    fn each_status_has_its_word_and_faults_are_no_failures() {
        let records: Vec<Record> =
            RunStatus::ALL.into_iter().map(|status| record("user-fork", status, &["a reason"])).collect();
        let mut report = Report::default();
        report.add_runs(&Origin("lab".into()), &records, &|_| Some("arm64".into()));
        let json = report.to_json();
        let words: Vec<&str> =
            json["tests"].as_array().into_iter().flatten().filter_map(|test| test["status"].as_str()).collect();
        assert_eq!(words, ["PASS", "SKIP", "FAIL", "ERROR", "MISS", "ERROR", "ERROR"]);
        assert_eq!(json["builds"].as_array().map(Vec::len), Some(1));
        assert_eq!(json["tests"][0]["path"], "kernsnap.run.user-fork");
        assert_eq!(json["builds"][0]["architecture"], "arm64");
    }

    #[test]
    fn a_path_has_no_other_letters() {
        assert_eq!(
            path("cost", "user-fork", Some("fork → the child begins")),
            "kernsnap.cost.user-fork.fork_the_child_begins"
        );
        assert!(
            "Lab".parse::<Origin>().is_err()
                && "my lab".parse::<Origin>().is_err()
                && "lab_1".parse::<Origin>().is_ok()
        );
    }
}
