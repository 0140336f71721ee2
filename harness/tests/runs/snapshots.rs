//! Reviewed snapshots without cargo: `run` compares and leaves what differs, `snapshot` reviews it, and insta reads the same files.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use insta::Snapshot;
use kernsnap::cli::Exit;

use crate::support::{Checkout, Ended, Kernsnap, Outcome, root};

const REVIEWED: &str = "scenarios/snapshots/rpi3-6.1/hello.snap";
const PENDING: &str = "scenarios/snapshots/rpi3-6.1/hello.snap.new";

fn text(file: &Path) -> Result<String, Box<dyn Error>> {
    let snapshot = Snapshot::from_file(file)?;
    Ok(snapshot.as_text().ok_or("not a text")?.to_string())
}

fn call(checkout: &Checkout, words: &[&str], exit: Exit) -> Result<Ended, Box<dyn Error>> {
    let ended = Kernsnap::new(checkout.path(), words.iter().copied()).run()?;
    assert_eq!(ended.code, Some(exit as i32), "{words:?}: {ended:?}");
    Ok(ended)
}

fn files(checkout: &Checkout) -> (PathBuf, PathBuf) {
    (checkout.path().join(REVIEWED), checkout.path().join(PENDING))
}

#[test]
fn a_view_is_reviewed_once_and_compared_from_then_on() -> Outcome {
    let checkout = Checkout::with(&[root().join("scenarios/user/hello.yaml")])?;
    let (reviewed, pending) = files(&checkout);
    let run = |more: &[&str], exit| call(&checkout, &[&["run", "hello", "--json"], more].concat(), exit)?.record();

    assert_eq!(run(&[], Exit::Passed)?["snapshot"], "missing");
    assert!(!pending.exists());
    assert_eq!(run(&["--snapshots", "new"], Exit::Passed)?["snapshot"], "missing");
    let ended = call(&checkout, &["snapshot", "accept"], Exit::Passed)?;
    assert_eq!(ended.stdout, "accepted: hello on rpi3-6.1\n");
    // The tests of this repository have the same view, reviewed with cargo-insta.
    assert_eq!(text(&reviewed)?, text(&root().join(REVIEWED))?);
    assert_eq!(run(&[], Exit::Passed)?["snapshot"], "same");
    assert!(!pending.exists());
    Ok(())
}

#[test]
fn a_scenario_of_another_directory_has_its_snapshots_in_the_workspace() -> Outcome {
    let checkout = Checkout::with(&[])?;
    let elsewhere = tempfile::tempdir()?;
    let file = elsewhere.path().join("hello-elsewhere.yaml");
    fs::copy(root().join("scenarios/user/hello.yaml"), &file)?;
    let file = file.to_str().ok_or("not UTF-8")?;
    let run = |more: &[&str]| call(&checkout, &[&["run", file, "--json"], more].concat(), Exit::Passed)?.record();

    assert_eq!(run(&[])?["snapshot"], "missing");
    assert_eq!(run(&["--snapshots", "new"])?["snapshot"], "missing");
    call(&checkout, &["snapshot", "accept"], Exit::Passed)?;
    assert_eq!(run(&[])?["snapshot"], "same");
    Ok(())
}

#[test]
fn a_view_that_differs_fails_the_run_and_waits_for_a_review() -> Outcome {
    let checkout = Checkout::with(&[root().join("scenarios/user/hello.yaml")])?;
    let (reviewed, pending) = files(&checkout);
    fs::create_dir_all(reviewed.parent().ok_or("no parent")?)?;
    let kept = fs::read_to_string(root().join(REVIEWED))?;
    let (first, rest) = kept.rsplit_once("---\n").ok_or("no head")?;
    fs::write(&reviewed, format!("{first}---\nhello  sleeps\n{rest}"))?;

    let ended = call(&checkout, &["run", "hello"], Exit::Different)?;
    assert!(ended.stdout.contains("the view is not the reviewed one") && ended.stdout.contains("-hello  sleeps"));
    assert!(ended.stderr.contains(PENDING), "{ended:?}");
    assert_eq!(text(&pending)?, text(&root().join(REVIEWED))?);
    let ended = call(&checkout, &["run", "hello", "--format", "ktap"], Exit::Different)?;
    assert!(ended.stdout.contains("# -hello  sleeps\n") && ended.stdout.contains("not ok 1 hello"), "{ended:?}");
    call(&checkout, &["run", "hello", "--snapshots", "off"], Exit::Passed)?;
    // Another schedule has another view, which nobody reviewed.
    call(&checkout, &["run", "hello", "--schedule", "2:4"], Exit::Passed)?;

    let ended = call(&checkout, &["snapshot", "review"], Exit::Passed)?;
    assert!(ended.stdout.contains("hello on rpi3-6.1 (1 of 1)") && ended.stdout.contains("-hello  sleeps"));
    call(&checkout, &["snapshot", "reject", "fork"], Exit::BadInput)?;
    call(&checkout, &["snapshot", "reject", "hello", "--images", "rpi3-6.1"], Exit::Passed)?;
    assert!(!pending.exists() && reviewed.exists());
    Ok(())
}

#[test]
fn a_snapshot_that_insta_left_is_accepted_as_insta_does_it() -> Outcome {
    let checkout = Checkout::with(&[])?;
    let (reviewed, pending) = files(&checkout);
    fs::create_dir_all(pending.parent().ok_or("no parent")?)?;
    let head = "---\nsource: harness/tests/scenarios.rs\n";
    let rest = "description: A program\ninput_file: scenarios/user/hello.yaml\n---\nhello  exits\n";
    fs::write(&pending, format!("{head}assertion_line: 12\n{rest}"))?;
    call(&checkout, &["snapshot", "accept", "hello"], Exit::Passed)?;
    assert_eq!(fs::read_to_string(&reviewed)?, format!("{head}{rest}"));
    let ended = call(&checkout, &["snapshot", "review"], Exit::Passed)?;
    assert_eq!(ended.stdout, "no snapshot waits for a review\n");
    Ok(())
}
