use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use super::*;

/// The files whose messages a reader of the book meets: those of the commands `run`, `lesson`, `shell`, `record`, `view`, `report`,
/// `doctor` and `image build`, and of the layers below.
const READERS: [&str; 25] = [
    "harness/trace/src/issue.rs",
    "harness/src/cli/mod.rs",
    "harness/src/cli/failure.rs",
    "harness/src/cli/report.rs",
    "harness/trace/src/integrity.rs",
    "harness/src/cli/shell.rs",
    "harness/src/cli/record.rs",
    "harness/src/cli/view.rs",
    "harness/src/cli/load_trace.rs",
    "harness/src/cli/read_events.rs",
    "harness/src/cli/lesson.rs",
    "harness/src/cli/run.rs",
    "harness/src/cli/doctor.rs",
    "harness/src/cli/build.rs",
    "harness/src/cli/progress.rs",
    "harness/src/session/shell_guest.rs",
    "harness/src/session/take_out.rs",
    "harness/src/session/prepare/error.rs",
    "harness/host/src/exec/error.rs",
    "harness/host/src/exec/facts.rs",
    "harness/host/src/exec/doctor.rs",
    "harness/host/src/store/error.rs",
    "harness/image/src/error.rs",
    "harness/machine/src/boot.rs",
    "harness/machine/src/shell.rs",
];

/// Messages in these files that no reader meets: faults of the program itself, options of developers, and words of other programs.
const NOT_FOR_READERS: [&str; 10] = [
    "No space left on device",
    "make the guest's memory",
    "print what the guest said",
    "save the scenario",
    "write the recording",
    "write the root file system",
    "write JUnit's XML",
    "cannot write the step summary",
    "Kernel panic - not syncing",
    "sh -c ",
];

/// Texts of the system and of libraries.
const FOREIGN: [&str; 4] = ["(os error", "unknown field `", "missing field `", "expected"];

fn source(path: &str) -> Result<String, String> {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(path);
    fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))
}

/// The texts between double quotes in Rust source, before its tests.
fn literals(source: &str) -> Vec<String> {
    let own = source.split("#[cfg(test)]\nmod tests").next().unwrap_or_default();
    let mut found = Vec::new();
    for line in joined(own).lines() {
        let code = line.trim_start();
        if code.starts_with("//") || code.starts_with("#![expect") || code.contains("reason = \"") {
            continue;
        }
        let mut rest = code;
        while let Some((_, after)) = rest.split_once('"') {
            let Some(end) = end_of_literal(after) else { break };
            found.push(after[..end].replace("\\n", "\n").replace("\\\"", "\""));
            rest = &after[end + 1..];
        }
    }
    found
}

/// The source with the literals that go on in the next line on one line.
fn joined(source: &str) -> String {
    let mut text = String::new();
    for line in source.lines() {
        let line = if text.ends_with('\\') { line.trim_start() } else { line };
        if text.ends_with('\\') {
            text.pop();
        } else if !text.is_empty() {
            text.push('\n');
        }
        text += line;
    }
    text
}

fn end_of_literal(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.char_indices().find_map(|(at, letter)| {
        let ends = letter == '"' && !escaped;
        escaped = letter == '\\' && !escaped;
        ends.then_some(at)
    })
}

/// A literal with a word in place of each value that is formatted into it.
fn filled(literal: &str) -> String {
    let mut text = String::new();
    let mut rest = literal;
    while let Some((before, after)) = rest.split_once('{') {
        text += before;
        rest = after.split_once('}').map_or("", |(_, after)| after);
        // At the end, and without a space before it, it is an addition that may be empty.
        let is_addition = rest.is_empty() && text.ends_with(|letter: char| letter == '`' || letter.is_alphabetic());
        if !is_addition {
            text += "X";
        }
    }
    text + rest
}

/// True if a person reads it as a sentence: three words beside code and values.
fn is_sentence(text: &str) -> bool {
    let plain: String = text.split('`').step_by(2).collect();
    let is_word = |word: &&str| {
        let word = word.trim_matches([':', ';', ',', '.', '(', ')']);
        word.len() > 1 && word.chars().all(|letter| letter.is_ascii_alphabetic() || letter == '\'')
    };
    plain.split_whitespace().filter(is_word).count() >= 3
}

fn is_korean(text: &str) -> bool {
    text.chars().any(|letter| ('가'..='힣').contains(&letter))
}

#[test]
fn every_message_that_a_reader_meets_is_in_korean() -> Result<(), String> {
    let mut missing = BTreeSet::new();
    for path in READERS {
        for literal in literals(&source(path)?) {
            for line in filled(&literal).split('\n').filter(|line| is_sentence(line)) {
                let known = NOT_FOR_READERS.iter().any(|not| line.contains(not));
                if !known && !is_korean(&in_language(line.trim(), Language::Ko)) {
                    missing.insert(format!("{path}: {line}"));
                }
            }
        }
    }
    assert_eq!(missing, BTreeSet::new(), "without a text in harness/src/cli/messages/ko.yaml");
    Ok(())
}

#[test]
fn no_message_is_left_over() -> Result<(), String> {
    let mut sources = String::new();
    for entry in globbed() {
        sources += &literals(&source(&entry)?).iter().map(|text| filled_parts(text)).collect::<String>();
    }
    let is_there = |part: &str| {
        let part = part.trim_matches(|letter: char| !letter.is_ascii_alphanumeric());
        part.len() < 4 || FOREIGN.iter().any(|foreign| part.contains(foreign.trim())) || sources.contains(part)
    };
    let table = read()?;
    let gone: Vec<&String> = table.keys().filter(|english| !english.split(PLACE).all(is_there)).collect();
    assert!(gone.is_empty(), "no source says {gone:#?}");
    Ok(())
}

/// A literal with its values cut out, a part a line.
fn filled_parts(literal: &str) -> String {
    filled(literal) + "\n"
}

/// The sources of all crates.
fn globbed() -> Vec<String> {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    let mut found = Vec::new();
    let mut open = vec![root.join("harness")];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if path.extension().is_some_and(|end| end == "rs")
                && !path.components().any(|part| part.as_os_str() == "tests")
            {
                found.push(path.strip_prefix(&root).unwrap_or(&path).display().to_string());
            }
        }
    }
    found
}

#[test]
fn the_places_of_both_languages_agree() -> Result<(), String> {
    for (english, korean) in read()? {
        let count = english.matches(PLACE).count();
        assert!((0..count).all(|number| korean.contains(&format!("{{{number}}}"))), "{english}: {korean}");
        assert_eq!(korean.matches('{').count(), count, "{english}: {korean}");
        assert!(is_korean(&korean) || english.starts_with(char::is_lowercase), "{english}: {korean}");
    }
    Ok(())
}

#[test]
fn an_error_its_causes_and_its_hint_are_told_in_korean() {
    let text = "cannot put `a b` into the guest: No such file or directory (os error 2)\n\nhint: give files, of 64 MiB together";
    assert_eq!(
        in_language(text, Language::Ko),
        "`a b`을(를) 게스트에 넣을 수 없습니다: 그런 파일이나 디렉터리가 없습니다\n\n힌트: 디렉터리가 아닌 파일을 모두 합해 64 MiB까지 쓰십시오"
    );
    assert_eq!(in_language(text, Language::En), text);
    assert_eq!(
        in_language(
            "CPU 0: the buffer wrapped and 7 events were overwritten; raise `trace.buffer-kib` above 8, or trace less",
            Language::Ko
        ),
        "CPU 0: 버퍼가 가득 차 이벤트 7개가 덮어써졌습니다. `trace.buffer-kib`을 8보다 늘리거나 추적하는 것을 줄이십시오"
    );
    assert_eq!(in_language("there is no program `compile`", Language::Ko), "프로그램 `compile`이(가) 없습니다");
    assert_eq!(in_language("line 3: not understood: `a: b`", Language::Ko), "3번째 줄: 이해할 수 없음: `a: b`");
    assert_eq!(in_language("what nobody translated: x", Language::Ko), "what nobody translated: x");
}
