use super::*;
use crate::cost::{Change, Figure};
use crate::diff::TaskLines;
use crate::regress::{Measurement, classify};

/// Ten commits in a row, `c0` the good end and `c9` the bad one.
fn name(number: usize) -> String {
    format!("c{number}")
}

/// The order of git's answer: the middle first.
fn candidates(search: &Search) -> Vec<String> {
    let number = |name: &str| name[1..].parse::<usize>().expect("a number");
    let (from, to) = (search.good().iter().map(|good| number(good)).max().unwrap_or(0) + 1, number(search.bad()));
    let mut all: Vec<usize> = (from..=to).collect();
    all.sort_by_key(|at| std::cmp::Reverse((at - from + 1).min(to - at)));
    all.into_iter().map(name).collect()
}

/// Searches for `first` among the ten, where nothing can be said of `mute`; tells what was tried, and what came of it.
fn search(first: usize, mute: &[usize]) -> (Vec<String>, Step) {
    let mut search = Search::between("c0", "c9");
    let mut tried = Vec::new();
    loop {
        let step = search.next(&candidates(&search));
        let Step::Try(commit) = step else { return (tried, step) };
        assert!(!tried.contains(&commit), "{commit} again");
        let number: usize = commit[1..].parse().expect("a number");
        let answer = match number {
            number if mute.contains(&number) => Answer::Skip("it does not build".into()),
            number if number >= first => Answer::Bad,
            _ => Answer::Good,
        };
        search.learn(&commit, answer);
        tried.push(commit);
    }
}

#[test]
fn each_first_bad_commit_is_found_in_as_many_runs_as_halving_takes() {
    for first in 1..=9 {
        let (tried, step) = search(first, &[]);
        assert_eq!(step, Step::Found(name(first)));
        assert!(tried.len() <= 4, "{tried:?}");
    }
}

#[test]
fn what_cannot_be_tried_is_gone_around() {
    for first in 1..=9 {
        for mute in (1..=8).filter(|mute| *mute != first && mute + 1 != first) {
            let (tried, step) = search(first, &[mute]);
            assert_eq!(step, Step::Found(name(first)), "without {mute}: {tried:?}");
        }
    }
}

#[test]
fn where_the_change_hides_among_what_cannot_be_tried_all_of_that_is_told() {
    let (_, step) = search(4, &[4]);
    assert_eq!(step, Step::Undecided(vec!["c4".into(), "c5".into()]));
    let (_, step) = search(5, &[4]);
    assert_eq!(step, Step::Undecided(vec!["c4".into(), "c5".into()]));
    let (tried, step) = search(5, &[1, 2, 3, 4, 5, 6, 7, 8]);
    let Step::Undecided(left) = step else { panic!("{step:?}") };
    assert_eq!((tried.len(), left.len(), &*left[8]), (8, 9, "c9"));
}

#[test]
fn two_commits_in_a_row_need_no_try() {
    let search = Search::between("c8", "c9");
    assert_eq!(search.next(&["c9".into()]), Step::Found("c9".into()));
}

#[test]
fn a_search_goes_away_from_what_it_skipped() {
    let places: Vec<usize> = (0..5).map(|skipped| away(64, skipped)).collect();
    assert_eq!(places, [0, 16, 8, 24, 4]);
    assert_eq!((away(1, 7), away(0, 0)), (0, 0));
}

fn look(view: &str, broken: &[&str], instructions: u64) -> Measurement {
    let figure = Figure { name: "fork → exit".into(), instructions, ns: 2 * instructions, idle_ns: None };
    Measurement {
        side: TaskLines::read(view),
        broken: broken.iter().map(|that| ((*that).to_owned(), "nothing".to_owned())).collect(),
        figures: vec![figure],
        ..Measurement::default()
    }
}

#[test]
fn a_commit_is_bad_by_what_was_asked_for() {
    let check = |when: &str, head: &Measurement, expected: Answer| {
        let when: When = when.parse().expect("a criterion");
        let base = look("parent  fork()\n", &[], 1000);
        let finding = classify("a", &[base], std::slice::from_ref(head), when.allowed()).expect("both have runs");
        assert_eq!(when.judge(&finding), expected, "{when}");
    };
    let (broken, other) = (look("parent  fork()\n", &["it forks"], 1000), look("parent  exit()\n", &[], 1000));
    let (dearer, lost) =
        (look("parent  fork()\n", &[], 1100), Measurement { unusable: vec!["lost".into()], ..Measurement::default() });
    for (head, expectation, view, cost) in
        [(&broken, Answer::Bad, Answer::Bad, Answer::Good), (&other, Answer::Good, Answer::Bad, Answer::Good)]
    {
        check("expectation", head, expectation);
        check("view", head, view);
        check("cost>5%", head, cost);
    }
    let complaining = look("parent  fork()\n", &[SILENT], 1000);
    check("complains", &complaining, Answer::Bad);
    check("complains", &broken, Answer::Good);
    check("view", &dearer, Answer::Good);
    check("cost>5%", &dearer, Answer::Bad);
    check("cost fork → exit>5%", &dearer, Answer::Bad);
    check("cost fork → exit>10%", &dearer, Answer::Good);
    check("cost exit>5%", &dearer, Answer::Good);
    check("view", &lost, Answer::Skip("head: lost".into()));
}

#[test]
fn criteria_are_read_and_written_alike() {
    for text in ["expectation", "view", "complains", "builds", "boots", "cost>5%", "cost fork → exit>0.50%"] {
        assert_eq!(text.parse::<When>().map(|when| when.to_string()), Ok(text.to_owned()));
    }
    for wrong in ["", "views", "cost", "cost>5", "price>5%"] {
        assert_eq!(wrong.parse::<When>(), Err(WhenError(wrong.to_owned())));
    }
    let change = Change { name: "fork → exit".into(), before: 100, after: 106 };
    assert_eq!("cost>5%".parse::<When>().map(|when| when.allowed()[0].is_exceeded(&change)), Ok(true));
}
