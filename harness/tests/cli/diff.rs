//! `kernsnap diff` from outside: what it takes, what it says, and its exit codes.
#![expect(clippy::disallowed_methods, reason = "these tests start the program")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use crate::support::program;

type Outcome = Result<(), Box<dyn Error>>;

const VIEW: &str = "parent  sched_process_fork child_pid=child\nchild   sched_switch prev_state=Z\n";

/// A place with a snapshot, the same as another view, and runs.
fn place() -> Result<TempDir, Box<dyn Error>> {
    let context = TempDir::new()?;
    let write = |name: &str, text: &str| {
        let file = context.path().join(name);
        fs::create_dir_all(file.parent().unwrap_or(context.path()))?;
        fs::write(file, text)
    };
    write("reviewed.snap", &format!("---\nsource: harness/tests/scenarios.rs\n---\n{VIEW}"))?;
    write("same.txt", VIEW)?;
    write("other.txt", &VIEW.replace("=Z", "=X"))?;
    write("run/fork/result.json", r#"{"verdict":"passed"}"#)?;
    write("run/fork/view.txt", VIEW)?;
    write("failed/result.json", r#"{"verdict":"failed"}"#)?;
    write("failed/view.txt", VIEW)?;
    write("lost/result.json", r#"{"verdict":"lost"}"#)?;
    Ok(context)
}

#[track_caller]
fn check(context: &Path, arguments: &[&str], code: i32, said: &str) -> Outcome {
    let output = Command::new(program()).arg("diff").args(arguments).current_dir(context).output()?;
    let text = String::from_utf8(if code == 2 { output.stderr } else { output.stdout })?;
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    assert!(text.contains(said), "{arguments:?}: no `{said}` in {text}");
    Ok(())
}

#[test]
fn same_different_and_wrong_have_exit_codes_of_their_own() -> Outcome {
    let context = place()?;
    let context = context.path();
    check(context, &["reviewed.snap", "same.txt"], 0, "no differences")?;
    check(context, &["reviewed.snap", "run/fork"], 0, "no differences")?;
    check(context, &["reviewed.snap", "other.txt"], 1, "child  1 changed\n~ 1    sched_switch  prev_state: Z → X")?;
    check(context, &["run/fork", "failed"], 1, "verdict: passed → failed")?;
    check(
        context,
        &["other.txt", "same.txt", "--format", "markdown"],
        1,
        "```diff\n~ 1    sched_switch  prev_state: X → Z\n```",
    )?;
    check(context, &["reviewed.snap", "missing.snap"], 2, "cannot read `missing.snap`")?;
    check(context, &["reviewed.snap", "run"], 2, "`run/fork` is one")?;
    check(context, &["reviewed.snap", "lost"], 2, "it shows nothing to compare")
}

#[test]
fn machines_get_every_place_and_field() -> Outcome {
    let context = place()?;
    let arguments = ["diff", "same.txt", "other.txt", "--json"];
    let output = Command::new(program()).args(arguments).current_dir(context.path()).output()?;
    let diff: Value = serde_json::from_slice(&output.stdout)?;
    let change = &diff["tasks"]["child"][0];
    assert_eq!((&change["kind"], &change["from"], &change["to"]), (&"changed".into(), &0.into(), &0.into()));
    assert_eq!(change["fields"][0], serde_json::json!({ "field": "prev_state", "before": "Z", "after": "X" }));
    Ok(())
}
