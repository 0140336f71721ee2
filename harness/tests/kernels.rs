//! Kernels that are built for a test: each patch of `patches` must be judged as `patches/expected.yaml` says, and `bisect` must
//! find a planted change. Names are `behaviour::PATCH`, `neutral::PATCH`, `bisect::WHAT`.
//!
//! All but one patch of each kind belong to nextest's profile `kernels`. `cargo test --test kernels -- --skip bisect::` runs
//! them in one process, and prints the table of recall and precision.
#![expect(clippy::print_stderr, clippy::print_stdout, reason = "a test tells what it saw")]

#[expect(dead_code, reason = "other tests use the rest")]
mod support;

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use kernsnap::cli::default_store;
use kernsnap_host::exec::{Tool, ToolCall, capture};
use libtest_mimic::{Arguments, Failed, Trial};
use serde::Deserialize;
use serde_json::Value;

use self::support::{Ended, Kernsnap, Outcome, root, schema_mistakes};

/// A patch, and what must be said of it.
#[derive(Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Expected {
    /// Below `patches`.
    file: PathBuf,
    kind: Kind,
    /// Scenarios that notice it, the most telling first.
    #[serde(default)]
    noticed_by: Vec<Notice>,
    cost: Option<Cost>,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(rename_all = "lowercase")]
enum Kind {
    Behaviour,
    Neutral,
}

#[derive(Clone, Deserialize)]
struct Notice {
    scenario: String,
    how: How,
    text: String,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "lowercase")]
enum How {
    /// The sentence that is broken.
    Expectation,
    /// A line of the reviewed snapshot that is not there any more.
    View,
}

#[derive(Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "lowercase")]
enum Cost {
    Same,
    Changed,
}

/// How many patches of a kind were reported as behaviour, and how many were not.
type Table = Arc<Mutex<BTreeMap<Kind, [u32; 2]>>>;

fn main() -> ExitCode {
    let arguments = Arguments::from_args();
    let table = Table::default();
    // Only names are looked at here: a list that cannot be read is one failing test.
    let mut trials = match patches() {
        Ok(patches) => patches.into_iter().map(|patch| trial(patch, &table)).collect(),
        Err(error) => {
            let text = error.to_string();
            vec![Trial::test("patches", move || Err(text.into()))]
        }
    };
    trials.push(Trial::test("bisect::planted-change", || told(planted_change())));
    let conclusion = libtest_mimic::run(&arguments, trials);
    if let Ok(table) = table.lock()
        && table.values().flatten().sum::<u32>() > 1
    {
        println!("| patches | reported as behaviour or a broken expectation | not |\n|---|---|---|");
        for (kind, [reported, not]) in table.iter() {
            let (all, what) = match kind {
                Kind::Behaviour => (reported + not, "that change behaviour"),
                Kind::Neutral => (reported + not, "neutral ones"),
            };
            println!("| {all} {what} | {reported} | {not} |");
        }
    }
    conclusion.exit_code()
}

fn directory() -> PathBuf {
    root().join("harness/tests/patches")
}

fn patches() -> Result<Vec<Expected>, Box<dyn Error>> {
    Ok(serde_yaml::from_str(&fs::read_to_string(directory().join("expected.yaml"))?)?)
}

fn trial(patch: Expected, table: &Table) -> Trial {
    let name = patch.file.with_extension("").display().to_string().replace('/', "::");
    let table = Arc::clone(table);
    Trial::test(name, move || told(check(&patch, &table)))
}

/// nextest takes a failure's message from a line like this one.
fn told(outcome: Outcome) -> Result<(), Failed> {
    outcome.map_err(|error| {
        eprintln!("Error: {error}");
        Failed::without_message()
    })
}

fn call(words: &[&str]) -> Result<Ended, Box<dyn Error>> {
    Kernsnap::new(&root(), words.iter().copied()).run()
}

/// True if a class of `regress` says that behaviour changed.
fn is_behaviour(finding: &Value) -> bool {
    ["behaviour-changed", "expectation-broken"].iter().any(|class| finding["class"] == *class)
}

fn check(patch: &Expected, table: &Table) -> Outcome {
    let file = directory().join(&patch.file).display().to_string();
    let mut words = vec!["regress", "--json", "--patch", &file];
    // A neutral patch must not be noticed by any scenario.
    let mut scenarios: Vec<&str> = patch.noticed_by.iter().map(|notice| notice.scenario.as_str()).collect();
    scenarios.dedup();
    for name in scenarios {
        match name.split_once('/') {
            // One of the kernel's own tests. One scenario is enough beside it.
            Some((target, _)) => words.extend(["hello", "--kselftest", target]),
            None => words.push(name),
        }
    }
    let ended = call(&words)?;
    let report = ended.record().map_err(|_| format!("{ended:?}"))?;
    let findings = report["findings"].as_array().ok_or("no findings")?;
    let reported = findings.iter().any(is_behaviour);
    if let Ok(mut table) = table.lock() {
        table.entry(patch.kind).or_default()[usize::from(!reported)] += 1;
    }
    if let Some(unusable) = findings.iter().find(|finding| finding["class"] == "unusable") {
        return Err(format!("{unusable:#}").into());
    }
    if reported != (patch.kind == Kind::Behaviour) {
        return Err(format!("reported as behaviour: {reported}\n{report:#}").into());
    }
    for notice in &patch.noticed_by {
        let finding = findings.iter().find(|finding| finding["scenario"] == *notice.scenario);
        if !finding.is_some_and(|finding| is_told(notice, finding)) {
            return Err(format!("{}: nothing is said of “{}”\n{report:#}", notice.scenario, notice.text).into());
        }
    }
    let dearer = findings.iter().any(|finding| finding["cost"].as_array().is_some_and(|cost| !cost.is_empty()));
    match patch.cost {
        Some(cost) if dearer != (cost == Cost::Changed) => Err(format!("cost changed: {dearer}\n{report:#}").into()),
        _ => Ok(()),
    }
}

fn is_told(notice: &Notice, finding: &Value) -> bool {
    match notice.how {
        How::Expectation => {
            let broken = finding["broken"].as_array();
            broken.is_some_and(|broken| broken.iter().any(|pair| pair[0] == *notice.text))
        }
        How::View => {
            let Some((role, line)) = notice.text.split_once(char::is_whitespace) else { return false };
            let differences = finding["difference"]["tasks"][role].as_array();
            let is_line = |line: &Value, text: &str| line["text"].as_str().is_some_and(|line| line.trim() == text);
            differences.is_some_and(|all| {
                all.iter().any(|one| ["line", "before"].iter().any(|part| is_line(&one[*part], line.trim())))
            })
        }
    }
}

/// The change of each commit after the first, from the good one to the bad one. The second breaks the scenario; the third,
/// which halves them best, cannot be compiled; the fourth mends that.
const COMMITS: [&str; 6] = [
    "neutral/log-text",
    "behaviour/exit-code-not-masked",
    "",
    "neutral/branch-hint",
    "neutral/debug-check",
    "neutral/assignments-reordered",
];

/// The kernel's source as a repository with such commits.
fn repository(at: &Path) -> Outcome {
    let git = |words: &[&str]| {
        let user = ["-c", "user.name=A. Developer", "-c", "user.email=a@example.org", "-c", "core.compression=0"];
        let call = ToolCall::new(Tool::resolve("git")?).dir(at).env("HOME", at);
        capture(&call.args(user).args(["-c", "gc.auto=0"]).args(words.iter().copied()))
    };
    git(&["init", "--quiet"])?;
    git(&["add", "--all", "--force"])?;
    git(&["commit", "--quiet", "--message", "base"])?;
    for patch in COMMITS {
        if patch.is_empty() {
            let file = at.join("kernel/exit.c");
            let text = fs::read_to_string(&file)?;
            // The file shares its content with the store.
            kernsnap_host::files::remove(&file)?;
            fs::write(&file, text + "\nthis is no C\n")?;
        } else {
            let file = directory().join(patch).with_extension("patch");
            let call = ToolCall::new(Tool::resolve("patch")?).dir(at);
            capture(&call.args(["--strip=1", "--batch", "--no-backup-if-mismatch", "--input"]).arg(file))?;
            if patch == COMMITS[3] {
                git(&["checkout", "--quiet", "HEAD~1", "--", "kernel/exit.c"])?;
            }
        }
        git(&["commit", "--quiet", "--all", "--message", if patch.is_empty() { "does not compile" } else { patch }])?;
    }
    Ok(())
}

/// The unpacked source that the image's kernel is built from.
fn source() -> Result<PathBuf, Box<dyn Error>> {
    let store = default_store().ok_or("there is no home directory for the image store")?;
    let kernel = call(&["image", "path", "rpi3-6.1"])?.stdout;
    let inputs = |directory: &Path| -> Option<Value> {
        let text = fs::read(directory.join("manifest.json")).ok()?;
        Some(serde_json::from_slice::<Value>(&text).ok()?["inputs"].take())
    };
    let digest = inputs(Path::new(kernel.trim())).ok_or("the kernel has no manifest")?["source"].take();
    let sources = fs::read_dir(store.join("source"))?.flatten().map(|entry| entry.path());
    let mut sources = sources.filter(|path| inputs(path).is_some_and(|inputs| inputs["tarball"] == digest));
    Ok(sources.next().ok_or("the kernel's source is not in the store")?.join("linux"))
}

fn planted_change() -> Outcome {
    let scratch = tempfile::tempdir_in(default_store().ok_or("there is no store")?)?;
    let repository_at = scratch.path().join("linux");
    // Links cost no room; git and patch write new files in their place.
    let copy = ToolCall::new(Tool::resolve("cp")?).args(["--archive", "--link"]);
    capture(&copy.arg(source()?).arg(&repository_at))?;
    repository(&repository_at)?;
    let path = repository_at.display().to_string();
    let words = ["bisect", "--repo", &path, "--good", "HEAD~6", "--bad", "HEAD", "exit-code-encoding", "--json"];
    let ended = call(&words)?;
    eprintln!("{}", ended.stderr);
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = ended.record()?;
    assert_eq!(schema_mistakes("bisect", &found)?, Vec::<String>::new(), "{found:#}");
    assert_eq!(found["first_bad"]["subject"], "behaviour/exit-code-not-masked", "{found:#}");
    assert_eq!(found["first_bad"]["author"], "A. Developer <a@example.org>");
    let broken = found["finding"]["broken"].as_array().ok_or("nothing is broken")?;
    assert!(
        broken.iter().any(|pair| pair[0] == "exit(256) gives status 0, because only eight bits count"),
        "{found:#}"
    );
    let tried = found["tried"].as_array().ok_or("nothing was tried")?;
    let skipped: Vec<&Value> = tried.iter().filter(|one| one["answer"] == "skip").collect();
    let [skipped] = skipped[..] else { return Err(format!("not one was skipped: {found:#}").into()) };
    assert_eq!(skipped["subject"], "does not compile");
    assert!(
        skipped["why"].as_str().is_some_and(|why| why.starts_with("it does not build: ") && why.contains("exit.c"))
    );
    compared_one_by_one(&path)?;
    stopped_building(&path)
}

/// The same repository: the commit that does not compile.
fn stopped_building(repository: &str) -> Outcome {
    let range = ["--repo", repository, "--good", "HEAD~4", "--bad", "HEAD~3", "--when", "builds", "--json"];
    let ended = call(&[&["bisect"][..], &range].concat())?;
    assert_eq!(ended.code, Some(0), "{ended:?}");
    let found = ended.record()?;
    assert_eq!(schema_mistakes("bisect", &found)?, Vec::<String>::new(), "{found:#}");
    assert_eq!(found["first_bad"]["subject"], "does not compile", "{found:#}");
    Ok(())
}

/// The same repository: a neutral commit, then the one that breaks the scenario.
fn compared_one_by_one(repository: &str) -> Outcome {
    let range = ["--repo", repository, "--base", "HEAD~6", "--head", "HEAD~4", "--each-commit"];
    let ended = call(&[&["regress", "exit-code-encoding", "--json"][..], &range].concat())?;
    assert_eq!(ended.code, Some(1), "{ended:?}");
    let document = ended.record()?;
    assert_eq!(schema_mistakes("regress-commits", &document)?, Vec::<String>::new(), "{document:#}");
    let commits = document["commits"].as_array().ok_or("no commits")?;
    let [neutral, changed] = &commits[..] else { return Err(format!("{document:#}").into()) };
    assert!(neutral["head"].as_str().is_some_and(|head| head.contains("neutral/log-text")), "{document:#}");
    assert!(!neutral["findings"].as_array().is_some_and(|all| all.iter().any(is_behaviour)), "{document:#}");
    assert!(changed["findings"].as_array().is_some_and(|all| all.iter().any(is_behaviour)), "{document:#}");
    Ok(())
}
