use proptest::prelude::*;

use super::*;
use crate::view::Style;

#[track_caller]
fn check(before: &str, after: &str, expected: &str) {
    let (before, after) = (TaskLines::read(before), TaskLines::read(after));
    let diff = Diff::new(&before, &after);
    assert_eq!(diff.show(&Style::PLAIN), expected);
    assert_eq!(diff.apply(&before), after);
}

const FORK: &str = "\
---
source: harness/tests/scenarios.rs
---
parent  copy_process() <-kernel_clone
         => copy_process
         => kernel_clone
parent  sched_wakeup_new pid=child
child   schedule_tail() {
child     marker text=two words
child   } /* schedule_tail */
other   sched_waking pid=parent
";

#[test]
fn other_interleavings_and_other_tasks_are_no_difference() {
    check(FORK, FORK, "");
    let elsewhere = "\
child      schedule_tail() {
child        marker text=two words
unrelated  task_rename newcomm=x
parent     copy_process() <-kernel_clone
            => copy_process
            => kernel_clone
child      } /* schedule_tail */
parent     sched_wakeup_new pid=child
";
    check(FORK, elsewhere, "unrelated  1 added\n+ 1    task_rename newcomm=x\n");
    // Without the longest name the column is narrower.
    let narrow = |line: &str| format!("{}{}\n", &line[..6], &line[9..]);
    let others: String = elsewhere.replace("unrelated", "other    ").lines().map(narrow).collect();
    check(FORK, &others, "");
}

#[test]
fn differences_are_told_as_what_they_are() {
    check(
        FORK,
        &FORK.replace("pid=child", "pid=other").replace("kernel_clone", "_do_fork"),
        "\
parent  2 changed
~ 1    copy_process()  caller: kernel_clone → _do_fork
        => copy_process
-       => kernel_clone
+       => _do_fork
~ 2    sched_wakeup_new  pid: child → other
",
    );
    check(
        FORK,
        &FORK.replace("two words", "two more words"),
        "child  1 changed\n~ 2    marker  text: two words → two more words\n",
    );
    check("a  one()\na  two()\na  three()\n", "a  two()\na  three()\na  one()\n", "a  1 moved\n> 1 → 3 one()\n");
    check(
        "a  one()\n",
        "a  two()\nb  one()\n",
        "a  1 missing, 1 added\n- 1    one()\n+ 1    two()\nb  1 added\n+ 1    one()\n",
    );
    check("[0] a  one()\n", "[1] a  one()\n", "a  1 changed\n~ 1    one()  cpu: 0 → 1\n");
}

#[test]
fn views_without_roles_are_compared_line_by_line() {
    check(
        "parent\n└─ child  exit 0\n",
        "parent\n└─ child  exit 1\n",
        "- 2    └─ child  exit 0\n+ 2    └─ child  exit 1\n",
    );
}

#[test]
fn another_verdict_is_a_difference() {
    let side = |verdict: &str| TaskLines { verdict: Some(verdict.into()), ..TaskLines::read(FORK) };
    let diff = Diff::new(&side("passed"), &side("failed"));
    assert_eq!(diff.show(&Style::PLAIN), "verdict: passed → failed\n");
    assert_eq!(diff.apply(&side("passed")), side("failed"));
    // A snapshot has no verdict.
    assert!(Diff::new(&TaskLines::read(FORK), &side("failed")).is_empty());
}

#[test]
fn a_view_survives_being_written_and_read() {
    let side = TaskLines::read(FORK);
    assert_eq!(side.tasks["child"].iter().map(|line| line.depth).collect::<Vec<_>>(), [0, 1, 0]);
    assert_eq!(side.tasks["parent"][0].stack, ["copy_process", "kernel_clone"]);
    assert!(!side.tasks.contains_key("other"));
}

fn side() -> impl Strategy<Value = TaskLines> {
    let line = ("[ab]", 0usize..2, "[fg]\\(\\)|s pid=[xy]", prop::collection::vec("[mn]", 0..2))
        .prop_map(|(role, depth, text, stack)| Line { cpu: None, role, depth, text, stack });
    prop::collection::vec(line, 0..14).prop_map(|lines| TaskLines::from_events(&Events { lines }))
}

proptest! {
    #[test]
    fn a_side_does_not_differ_from_itself(side in side()) {
        prop_assert!(Diff::new(&side, &side).is_empty());
    }

    #[test]
    fn the_way_back_is_the_inverse(a in side(), b in side()) {
        prop_assert_eq!(Diff::new(&a, &b).inverse(), Diff::new(&b, &a));
    }

    #[test]
    fn applying_a_difference_gives_the_other_side(a in side(), b in side()) {
        prop_assert_eq!(Diff::new(&a, &b).apply(&a), b);
    }

    #[test]
    fn any_text_can_be_read(text in "(---\n)?(\\[?[0-9a-z]{0,3}\\]? {0,4}(=> )?[a-z(){}=* ]{0,9}\n){0,9}") {
        let side = TaskLines::read(&text);
        prop_assert!(Diff::new(&side, &side).is_empty());
    }
}
