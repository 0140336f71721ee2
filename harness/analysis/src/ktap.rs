//! Results of the kernel's own tests: KTAP (Documentation/dev-tools/ktap.rst), and the words of `ftracetest`.
//!
//! The kernel's tests bend the format. A forked child repeats the plan and results of its parent, because it inherits the buffer that
//! they wait in; both count on from the same number; and a program may end before its plan is done. So a result is told by its number
//! *and* its description, a repeated one counts once, and the worse of two that contradict each other counts.

/// The status of a test case.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CaseStatus {
    /// It passed.
    Passed,
    /// It does not apply here, and says so.
    Skipped,
    /// It failed, or it never came to its end.
    Failed,
}

impl CaseStatus {
    /// The word: `passed`, `skipped`, `failed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Skipped => "skipped",
            Self::Failed => "failed",
        }
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Case {
    /// Its description.
    pub name: String,
    /// The status.
    pub status: CaseStatus,
    /// The directive's text, or the diagnostic lines before the result.
    pub reason: String,
}

/// The exit status with which a test of the kernel says that it does not apply (`KSFT_SKIP` in kselftest.h).
const SKIP: i32 = 4;

/// The results of a program that printed `text` and ended with `exit`; `None` if a signal or a deadline ended it.
#[must_use]
pub fn cases(program: &str, text: &str, exit: Option<i32>) -> Vec<Case> {
    let mut found: Vec<(Option<u32>, Case)> = Vec::new();
    let mut diagnostics: Vec<&str> = Vec::new();
    let mut plan: Option<u32> = None;
    let mut plan_skips = None;
    for line in text.lines().map(str::trim_end) {
        if let Some((count, skips)) = read_plan(line) {
            plan = Some(plan.map_or(count, |known| known.max(count)));
            plan_skips = skips.map(str::to_owned).or(plan_skips);
        } else if let Some((number, mut case)) = read_result(line) {
            if case.reason.is_empty() && case.status != CaseStatus::Passed {
                case.reason = diagnostics.join("\n");
            }
            diagnostics.clear();
            match found.iter_mut().find(|(known, other)| *known == number && other.name == case.name) {
                Some((_, known)) if known.status < case.status => *known = case,
                Some(_) => {}
                None => found.push((number, case)),
            }
        } else if let Some(case) = read_ftracetest(line) {
            found.push((None, case));
        } else if let Some(text) = line.strip_prefix("# ") {
            diagnostics.push(text);
        }
    }
    let mut cases: Vec<Case> = found.iter().map(|(_, case)| case.clone()).collect();
    let whole = |status, reason: &str| Case { name: program.to_owned(), status, reason: reason.to_owned() };
    let missing = plan.unwrap_or(0).saturating_sub(u32::try_from(cases.len()).unwrap_or(u32::MAX));
    let failed = cases.iter().any(|case| case.status == CaseStatus::Failed);
    let told = |exit: i32| format!("it ended with status {exit}");
    match exit {
        // Some programs print a plan and totals, and no results between.
        Some(0) if cases.is_empty() && totals(text).is_some_and(|(passed, bad)| passed > 0 && bad == 0) => {
            cases.push(whole(CaseStatus::Passed, ""));
        }
        // One line for a program that does not speak KTAP.
        Some(0) if cases.is_empty() && missing == 0 => {
            let status = if plan_skips.is_some() { CaseStatus::Skipped } else { CaseStatus::Passed };
            cases.push(whole(status, &plan_skips.unwrap_or_default()));
        }
        Some(SKIP) if cases.is_empty() => {
            let reason = plan_skips.or_else(|| last_line(text)).unwrap_or_default();
            cases.push(whole(CaseStatus::Skipped, &reason));
        }
        None => cases.push(whole(CaseStatus::Failed, "it did not end by itself")),
        Some(exit) if cases.is_empty() => {
            let reason = last_line(text).map_or_else(|| told(exit), |line| format!("{line}; {}", told(exit)));
            cases.push(whole(CaseStatus::Failed, &reason));
        }
        Some(_) if missing > 0 => {
            let reason = format!("{missing} results of its plan are missing");
            cases.push(whole(CaseStatus::Failed, &reason));
        }
        Some(exit) if exit != 0 && exit != SKIP && !failed => cases.push(whole(CaseStatus::Failed, &told(exit))),
        Some(_) => {}
    }
    cases
}

/// `# Totals: pass:3 fail:0 xfail:0 xpass:0 skip:0 error:0`: those that passed, and those that failed (`ksft_print_cnts()`).
fn totals(text: &str) -> Option<(u32, u32)> {
    let line = text.lines().rev().find_map(|line| line.trim_end().strip_prefix("# Totals: "))?;
    let counts = line.split(' ').filter_map(|part| part.split_once(':'));
    let count = |name: &str| counts.clone().find(|(word, _)| *word == name).and_then(|(_, count)| count.parse().ok());
    Some((count("pass")?, count("fail").unwrap_or(0) + count("error").unwrap_or(0)))
}

fn last_line(text: &str) -> Option<String> {
    text.lines().map(str::trim).rfind(|line| !line.is_empty()).map(|line| line.trim_start_matches("# ").to_owned())
}

/// `1..N`, and `1..0 # SKIP reason`.
fn read_plan(line: &str) -> Option<(u32, Option<&str>)> {
    let (count, rest) = match line.strip_prefix("1..")?.split_once(' ') {
        Some((count, rest)) => (count, rest),
        None => (line.strip_prefix("1..")?, ""),
    };
    Some((count.parse().ok()?, directive(rest).and_then(|(word, reason)| (word == "SKIP").then_some(reason))))
}

/// `ok N - description # SKIP reason`.
fn read_result(line: &str) -> Option<(Option<u32>, Case)> {
    let (good, rest) = match line.strip_prefix("ok") {
        Some(rest) => (true, rest),
        None => (false, line.strip_prefix("not ok")?),
    };
    let rest = rest.strip_prefix(' ')?;
    let (number, rest) = match rest.split_once(' ') {
        Some((number, rest)) if number.parse::<u32>().is_ok() => (number.parse().ok(), rest),
        None if rest.parse::<u32>().is_ok() => (rest.parse().ok(), ""),
        _ => (None, rest),
    };
    let rest = rest.trim_start().trim_start_matches("- ").trim_start();
    let (name, directive) = match rest.rfind('#').filter(|at| directive(&rest[*at..]).is_some()) {
        Some(at) => (rest[..at].trim_end(), directive(&rest[at..])),
        None => (rest, None),
    };
    let (status, reason) = match directive {
        Some(("SKIP", reason)) => (CaseStatus::Skipped, reason),
        // A failure that is expected is none, and neither is a test that is not written yet.
        Some(("XFAIL" | "TODO", reason)) => (CaseStatus::Passed, reason),
        Some((_, reason)) => (CaseStatus::Failed, reason),
        None if good => (CaseStatus::Passed, ""),
        None => (CaseStatus::Failed, ""),
    };
    let name = if name.is_empty() { format!("case {}", number.unwrap_or(0)) } else { name.to_owned() };
    Some((number, Case { name, status, reason: reason.to_owned() }))
}

/// `# SKIP reason`, in capitals or not.
fn directive(text: &str) -> Option<(&'static str, &str)> {
    let text = text.trim_start().strip_prefix('#')?.trim_start();
    let (word, reason) = text.split_once([' ', ':']).unwrap_or((text, ""));
    let known =
        ["SKIP", "XFAIL", "TODO", "TIMEOUT", "ERROR"].into_iter().find(|known| word.eq_ignore_ascii_case(known));
    known.map(|known| (known, reason.trim()))
}

/// `[1] Basic trace file check`, a tab, and `[PASS]`.
fn read_ftracetest(line: &str) -> Option<Case> {
    let (number, rest) = line.strip_prefix('[')?.split_once("] ")?;
    number.parse::<u32>().ok()?;
    let (name, result) = rest.rsplit_once('[')?;
    let result = result.strip_suffix(']')?;
    let status = match result {
        "PASS" | "XFAIL" => CaseStatus::Passed,
        // An unresolved test could not find out.
        "UNSUPPORTED" | "UNTESTED" | "UNRESOLVED" => CaseStatus::Skipped,
        _ => CaseStatus::Failed,
    };
    let reason = if result == "PASS" { String::new() } else { result.to_lowercase() };
    Some(Case { name: name.trim().to_owned(), status, reason })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(text: &str, exit: Option<i32>) -> Vec<(String, &'static str, String)> {
        cases("prog", text, exit).into_iter().map(|case| (case.name, case.status.word(), case.reason)).collect()
    }

    fn row(name: &str, status: &'static str, reason: &str) -> (String, &'static str, String) {
        (name.to_owned(), status, reason.to_owned())
    }

    #[test]
    fn results_have_a_number_a_description_and_directives() {
        let text = "TAP version 13\n1..4\nok 1 first\n# it is 3 instead of 4\nnot ok 2 second\n\
                    ok 3 - third # SKIP no such thing\nnot ok 4 fourth # XFAIL known\n# Totals: pass:1\n";
        assert_eq!(
            told(text, Some(1)),
            [
                row("first", "passed", ""),
                row("second", "failed", "it is 3 instead of 4"),
                row("third", "skipped", "no such thing"),
                row("fourth", "passed", "known"),
            ]
        );
    }

    #[test]
    fn a_forked_child_repeats_its_parents_lines() {
        let text =
            "TAP version 13\n1..2\nok 1 first\nTAP version 13\n1..2\nok 1 first\nok 2 in the child\nok 2 second\n";
        let names: Vec<String> = told(text, Some(0)).into_iter().map(|(name, ..)| name).collect();
        assert_eq!(names, ["first", "in the child", "second"]);
        let text = "1..1\nok 1 first\nnot ok 1 first\n";
        assert_eq!(told(text, Some(0)), [row("first", "failed", "")]);
    }

    #[test]
    fn a_program_that_ends_early_or_badly_has_a_failure_for_it() {
        let plan = "1..3\nok 1 first\n";
        assert_eq!(told(plan, Some(0))[1], row("prog", "failed", "2 results of its plan are missing"));
        assert_eq!(told(plan, None)[1], row("prog", "failed", "it did not end by itself"));
        assert_eq!(told("1..1\nok 1 first\n", Some(3))[1], row("prog", "failed", "it ended with status 3"));
    }

    #[test]
    fn a_program_without_results_is_one_case() {
        assert_eq!(told("hello\n", Some(0)), [row("prog", "passed", "")]);
        assert_eq!(told("hello\nno device\n", Some(4)), [row("prog", "skipped", "no device")]);
        assert_eq!(told("1..0 # SKIP no root\n", Some(4)), [row("prog", "skipped", "no root")]);
        assert_eq!(told("hello\nit broke\n", Some(1)), [row("prog", "failed", "it broke; it ended with status 1")]);
        assert_eq!(told("", Some(1)), [row("prog", "failed", "it ended with status 1")]);
        let totals = "1..3\nPASS: 0 returned as expected\n# Totals: pass:3 fail:0 xfail:0 xpass:0 skip:0 error:0\n";
        assert_eq!(told(totals, Some(0)), [row("prog", "passed", "")]);
        assert_eq!(told(&totals.replace("fail:0", "fail:1"), Some(0))[0].1, "failed");
    }

    #[test]
    fn ftracetest_has_words_of_its_own() {
        let text = "=== Ftrace unit tests ===\n[1] Basic trace file check\t[PASS]\n[2] Kprobes\t[UNSUPPORTED]\n\
                    [3] Snapshot\t[FAIL]\n[4] (instance)  Basic\t[UNRESOLVED]\n# of passed:  1\n";
        assert_eq!(
            told(text, Some(1)),
            [
                row("Basic trace file check", "passed", ""),
                row("Kprobes", "skipped", "unsupported"),
                row("Snapshot", "failed", "fail"),
                row("(instance)  Basic", "skipped", "unresolved"),
            ]
        );
    }
}
