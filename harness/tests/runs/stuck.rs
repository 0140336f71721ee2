//! The ten places where readers get stuck: every command of the pages, in both languages, prints the lines that the page has below it.
#![expect(clippy::disallowed_methods, reason = "these tests start the program as a reader does")]

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::support::{Outcome, program, root};

/// A command of a page, and the lines that are shown of its output.
struct Shown {
    command: String,
    lines: Vec<String>,
}

/// The examples of a page, by the sections that they are in.
fn sections(page: &str) -> Vec<Vec<Vec<Shown>>> {
    let parts = page.split("\n## ").skip(1);
    parts.map(|part| part.split("```console\n").skip(1).map(example).collect()).collect()
}

fn example(text: &str) -> Vec<Shown> {
    let mut found: Vec<Shown> = Vec::new();
    for line in text.lines().take_while(|line| !line.starts_with("```")) {
        match (line.strip_prefix("$ "), found.last_mut()) {
            (Some(command), _) => found.push(Shown { command: command.to_owned(), lines: Vec::new() }),
            (None, Some(shown)) if line != "…" => shown.lines.push(line.to_owned()),
            _ => {}
        }
    }
    found
}

/// A line without what is of one build or one host: numbers, the width of columns, and what comes after `…` or a comma.
fn words(line: &str) -> String {
    let line = line.split(['…', ',']).next().unwrap_or_default();
    let text: String = line.chars().filter(|letter| !letter.is_ascii_digit()).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

fn check(page: &str, language: &str) -> Outcome {
    let sections = sections(&fs::read_to_string(root().join(page))?);
    assert_eq!(sections.len(), 10, "{page}");
    let path = program().parent().map(Path::to_owned).ok_or("the program has no directory")?;
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", path.display());
    for (number, examples) in (1..).zip(&sections) {
        let lines = examples.iter().flatten().map(|shown| shown.lines.len()).sum::<usize>();
        assert!(lines > 0, "{page}: place {number} shows nothing that a command prints");
        for example in examples {
            // The commands of an example work in one directory: one reads what another has recorded.
            let directory = tempfile::tempdir()?;
            for Shown { command, lines } in example {
                let mut shell = Command::new("sh");
                shell.args(["-c", command]).current_dir(&directory).env("PATH", &path).env("KERNSNAP_LANG", language);
                let output = shell.output()?;
                let printed = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
                for line in lines {
                    let is_there = printed.lines().any(|printed| words(printed).starts_with(&words(line)));
                    assert!(is_there, "{page}: place {number}: `{command}` prints no line like `{line}`:\n{printed}");
                }
            }
        }
    }
    Ok(())
}

#[test]
fn each_place_where_readers_get_stuck_is_as_the_page_shows_it() -> Outcome {
    check("docs/stuck.md", "en")
}

#[test]
fn each_place_where_readers_get_stuck_is_as_the_korean_page_shows_it() -> Outcome {
    check("docs/ko/stuck.md", "ko")
}
