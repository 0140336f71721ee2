//! The lines of the book's own kernel beside those of the run. They come from the reviewed view of the same scenario on that kernel, so a
//! reader does not have to build it.

use std::hash::Hash;

use serde::Serialize;
use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::Step;
use crate::diff::lines_of_view;
use crate::view::{Events, Line, Style, View};
use kernsnap_scenario::Names;
use kernsnap_scenario::pattern::{CALLER, Comparison, Pattern, What};

/// The same scenario on the book's kernel.
#[derive(Clone, Copy, Debug)]
pub struct BookKernel<'a> {
    /// The image.
    pub image: &'a str,
    /// The reviewed view.
    pub view: &'a str,
}

/// A line of the run and the line of the book's kernel that means the same; one of them is missing where the other kernel has none.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Pair {
    /// The line of the run.
    pub here: Option<String>,
    /// The line of the book's kernel.
    pub there: Option<String>,
}

impl Pair {
    /// True if both kernels have the line, and it is the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.here.is_some() && self.here.as_deref().map(words) == self.there.as_deref().map(words)
    }
}

/// A line without its indentation, which depends on what else the view shows.
fn words(line: &str) -> Vec<&str> {
    line.split_whitespace().collect()
}

/// The lines of a step on both kernels, paired; none where the reviewed view has nothing of the step.
pub(super) fn pairs(step: &Step, here: &[String], book: BookKernel<'_>, names: &Names) -> Vec<Pair> {
    let (Some(here), Some(there)) = (lines_of_view(&here.join("\n")), lines_of_view(book.view)) else {
        return Vec::new();
    };
    let keyed = |lines: Vec<Line>| -> Vec<(Key, Line)> {
        lines.into_iter().filter_map(|line| Some((key(step, &line, names)?, line))).collect()
    };
    let there = keyed(part(step, there, names));
    if there.is_empty() { Vec::new() } else { paired(keyed(here), there) }
}

/// Lines with keys, paired where the keys are the same.
pub(super) fn paired<K: Clone + Ord + Hash>(here: Vec<(K, Line)>, there: Vec<(K, Line)>) -> Vec<Pair> {
    let [left, right] = [&here, &there].map(|lines| lines.iter().map(|(key, _)| key.clone()).collect::<Vec<_>>());
    let [here, there] = [here, there].map(|lines| texts(lines.into_iter().map(|(_, line)| line).collect()));
    let mut pairs = Vec::new();
    for op in capture_diff_slices(Algorithm::Myers, &left, &right) {
        let (old, new) = (op.old_range(), op.new_range());
        // Lines in the same place that mean different things are not a pair.
        if matches!(op, DiffOp::Equal { .. }) {
            for (a, b) in here[old].iter().zip(&there[new]) {
                push(&mut pairs, a, b);
            }
        } else {
            here[old].iter().for_each(|texts| push(&mut pairs, texts, &[]));
            there[new].iter().for_each(|texts| push(&mut pairs, &[], texts));
        }
    }
    pairs
}

/// Adds two lines that mean the same, and the frames below them: the same ones side by side, and others in their order.
fn push(pairs: &mut Vec<Pair>, here: &[String], there: &[String]) {
    let mut add = |here: &[String], there: &[String]| {
        for at in 0..here.len().max(there.len()) {
            pairs.push(Pair { here: here.get(at).cloned(), there: there.get(at).cloned() });
        }
    };
    let (head, frames) = here.split_at(here.len().min(1));
    let (other, others) = there.split_at(there.len().min(1));
    add(head, other);
    let [left, right] = [frames, others].map(|frames| frames.iter().map(|frame| frame.trim()).collect::<Vec<_>>());
    for op in capture_diff_slices(Algorithm::Myers, &left, &right) {
        add(&frames[op.old_range()], &others[op.new_range()]);
    }
}

/// Each line as it is printed, with its stack below it.
fn texts(lines: Vec<Line>) -> Vec<Vec<String>> {
    let counts: Vec<usize> = lines.iter().map(|line| 1 + line.stack.len()).collect();
    let shown = View::from(Events { lines }).show(&Style::PLAIN);
    let mut printed = shown.lines().map(|line| line.trim_end().to_owned());
    counts.into_iter().map(|count| printed.by_ref().take(count).collect()).collect()
}

/// The meaning of a line for a step: the role, the pattern that it matches, and whether it is the end of a call.
type Key = (String, usize, bool);

fn key(step: &Step, line: &Line, names: &Names) -> Option<Key> {
    let place = step.shows.iter().position(|pattern| matches(pattern, line, names))?;
    Some((line.role.clone(), place, line.text.starts_with("} ")))
}

/// The lines that a step is about.
pub(super) fn part(step: &Step, lines: Vec<Line>, names: &Names) -> Vec<Line> {
    let Some([from, to]) = &step.between else { return lines };
    let Some(begin) = lines.iter().position(|line| matches(from, line, names)) else { return Vec::new() };
    let length = lines[begin + 1..].iter().position(|line| matches(to, line, names));
    length.map_or_else(Vec::new, |length| lines[begin..=begin + 1 + length].to_vec())
}

/// True if a printed line is what a pattern means. A condition on something that is not printed does not hold.
fn matches(pattern: &Pattern, line: &Line, names: &Names) -> bool {
    if pattern.by.as_ref().is_some_and(|role| *role != line.role) {
        return false;
    }
    let closed = line.text.strip_prefix("} /* ").and_then(|rest| rest.strip_suffix(" */"));
    let called = || line.text.split_once("()").map(|(function, _)| function);
    let is_what = match &pattern.what {
        // A call is shown with its end.
        What::Call(name) | What::Return(name) => {
            closed.or_else(called).is_some_and(|function| names.means(name, function))
        }
        What::Event(name) => line.text.split(' ').next() == Some(name),
    };
    is_what && (closed.is_some() || pattern.fields.iter().all(|condition| holds(condition, &line.text)))
}

fn holds((field, comparison, wanted): &(String, Comparison, String), text: &str) -> bool {
    let value = text.split(' ').find_map(|word| match word.strip_prefix("<-") {
        Some(caller) if field == CALLER => Some(caller),
        _ => word.strip_prefix(field.as_str())?.strip_prefix('='),
    });
    let Some(value) = value else { return false };
    let bits = |text: &str| match text.strip_prefix("0x") {
        Some(digits) => u64::from_str_radix(digits, 16).ok(),
        None => text.parse().ok(),
    };
    let both = bits(value).zip(bits(wanted));
    match comparison {
        Comparison::Equal => value == wanted || both.is_some_and(|(value, wanted)| value == wanted),
        Comparison::NotEqual => value != wanted,
        Comparison::AllOf => both.is_some_and(|(value, wanted)| value & wanted == wanted),
        Comparison::NoneOf => both.is_some_and(|(value, wanted)| value & wanted == 0),
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::super::Lesson;
    use super::*;

    const LESSON: &str = "\
scenario: user-exit
section: D
title: { en: a, ko: 가 }
book: { en: a, ko: 가 }
steps:
  - text: { en: a, ko: 가 }
    shows: [\"child: do_exit()\", \"child: mm_left()\", \"child: exit_code code=0x300\", \"sched_switch prev_state=Z\", \"child: rcu()\"]
";

    const BOOK: &str = "\
child   do_exit() {
child     exit_code code=0x300
child     mm_release()
child     exit_files()
child     sched_switch prev_pid=child prev_state=Z next_pid=parent
parent  sched_switch prev_pid=parent prev_state=S next_pid=idle
";

    fn paired(here: &[&str]) -> Vec<(Option<String>, Option<String>)> {
        let lesson = Lesson::read(Path::new("x.yaml"), LESSON.into()).expect("a lesson");
        let names = Names::read(Path::new("names.yaml"), "mm_left: [exit_mm_release, mm_release]\n").expect("names");
        let here: Vec<String> = here.iter().map(|line| (*line).to_owned()).collect();
        let book = BookKernel { image: "book", view: BOOK };
        pairs(&lesson.content.steps[0], &here, book, &names).into_iter().map(|pair| (pair.here, pair.there)).collect()
    }

    #[test]
    fn a_line_is_beside_the_one_that_means_the_same() {
        let here = [
            "child  do_exit() {",
            "child    exit_mm_release()",
            "child    rcu()",
            "child    sched_switch prev_pid=child prev_state=Z next_pid=x",
        ];
        let some = |text: &str| Some(text.to_owned());
        let expected = [
            (some(here[0]), some("child  do_exit() {")),
            (None, some("child    exit_code code=0x300")),
            (some(here[1]), some("child    mm_release()")),
            (some(here[2]), None),
            (some(here[3]), some("child    sched_switch prev_pid=child prev_state=Z next_pid=parent")),
        ];
        assert_eq!(paired(&here), expected);
    }

    #[test]
    fn the_indentation_of_a_line_makes_no_difference() {
        let pair = |here: &str, there: &str| Pair { here: Some(here.into()), there: Some(there.into()) };
        assert!(pair("child  do_exit()", "child      do_exit()").is_same());
        assert!(!pair("child  do_exit()", "child  exit_mm()").is_same());
        assert!(!Pair { here: None, there: None }.is_same());
    }
}
