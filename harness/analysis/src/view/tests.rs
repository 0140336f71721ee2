use super::*;
use crate::model::tests::events;
use kernsnap_scenario::{Names, ViewRules};

/// The view of a recording without a scenario.
fn look(kind: Kind, lines: &[&str], style: &Style) -> String {
    let trace = Trace { events: events(lines), ..Trace::default() };
    let model = Model::from_events(&trace.events);
    let role_map = RoleMap::by_name(&model.tasks, &trace.names);
    let (rules, names) = (ViewRules::default(), Names::default());
    let followed = Followed::chosen(&model, &follow::Choice::default());
    View::new(kind, &ViewInput::select(&rules, &names, &trace, &model, &role_map, &followed)).show(style)
}

#[track_caller]
fn check(kind: Kind, lines: &[&str], expected: &[&str]) {
    let shown = look(kind, lines, &Style { width: 50, ..Style::PLAIN });
    let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
    assert_eq!(shown, expected, "\n{}", shown.join("\n"));
}

/// A fork, a life and a death on one CPU, then a long time of nothing.
const LIFE: [&str; 10] = [
    "10 1 50 sched_process_fork parent_comm=sh parent_pid=50 child_comm=sh child_pid=51",
    "12 1 50 sched_wakeup_new comm=sh pid=51",
    "20 1 50 sched_switch prev_comm=sh prev_pid=50 prev_state=1 next_comm=sh next_pid=51",
    "30 1 51 task_rename pid=51 oldcomm=sh newcomm=work",
    "40 1 51 do_exit code=9",
    "41 1 51 sched_process_exit comm=work pid=51",
    "45 1 51 sched_waking comm=sh pid=50",
    "50 1 51 sched_switch prev_comm=work prev_pid=51 prev_state=32 next_comm=sh next_pid=50",
    "51 1 50 put_task_stack() finish_task_switch",
    "9060 1 50 sched_process_free pid=51 comm=work",
];

#[test]
fn a_tree_tells_who_made_whom_and_what_became_of_them() {
    check(
        Kind::Frozen(ViewKind::Tree),
        &LIFE,
        &["sh", "└─ work  named sh → work · signal 9 · stack put by sh · freed by sh"],
    );
    let forks =
        ["1 0 5 sched_process_fork child_comm=a child_pid=6", "2 0 5 sched_process_fork child_comm=b child_pid=7"];
    let more = ["3 0 6 sched_process_fork child_comm=c child_pid=8"];
    let lines = [forks.as_slice(), &more].concat();
    check(Kind::Frozen(ViewKind::Tree), &lines, &["task", "├─ a", "│  └─ c", "└─ b"]);
    let ascii = look(Kind::Frozen(ViewKind::Tree), &lines, &Style { ascii: true, ..Style::PLAIN });
    assert_eq!(ascii, "task\n|- a\n|  `- c\n`- b\n");
}

#[test]
fn a_timeline_cuts_out_what_nobody_needs_to_see() {
    check(
        Kind::Timeline,
        &LIFE,
        &[
            "A sh    ██████████──────────────────────▒▒▒▒▒█╱██",
            "                                        B",
            "B work  ··▒▒▒▒▒▒▒████████████████████████████×╱××",
            "          A",
            "CPU 1   AAAAAAAAABBBBBBBBBBBBBBBBBBBBBBBBBBBBA╱AA",
            "        0                                 9.05 µs",
            "",
            "· new   ▒ runnable   █ running   ─ sleeping   × zombie",
            "below a lane: who woke it, * an interrupt or another task; on a CPU: who ran, . another task",
            "╱ leaves out 9.00 µs in which nothing changes",
            "",
            "Who woke whom",
            "  sh   → work  1×",
            "  work → sh  1×",
        ],
    );
}

#[test]
fn a_summary_counts_and_measures() {
    let shown = look(Kind::Summary, &LIFE, &Style::PLAIN);
    assert!(shown.starts_with("9.05 µs from the first event"), "{shown}");
    for line in [
        "sh        5 events  put_task_stack(), sched_process_fork, sched_process_free, sched_switch, sched_wakeup_new",
        "work                      1      4 ns      4 ns      4 ns      4 ns",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no `{line}` in\n{shown}");
    }
}

#[test]
fn a_summary_shows_what_is_not_known_as_unknown() {
    let lines = [
        "1000 1 946 sched_switch prev_comm=bash prev_pid=946 prev_state=R+ next_comm=a next_pid=5",
        "3000 1 5 sched_waking comm=b pid=6",
    ];
    let shown = look(Kind::Summary, &lines, &Style::PLAIN);
    for line in [
        "bash                      0         –         –         –         –",
        "a                         1   2.00 µs   2.00 µs   2.00 µs   2.00 µs",
        "without 1 wait that has no end in the recording",
    ] {
        assert!(shown.lines().any(|shown| shown == line), "no `{line}` in\n{shown}");
    }
    let figures = Figures::from_summary(&Summary::from_events(&events(&lines)), &RoleMap::default());
    let json = serde_json::to_value(figures.without_times()).expect("JSON");
    assert_eq!((&json["nanoseconds"], &json["times"]), (&serde_json::Value::Null, &serde_json::json!([])));
}

#[test]
fn calls_are_folded() {
    let graph =
        ["1 0 7 outer( @0", "2 0 7 leaf( @1", "3 0 7 leaf) @1", "4 0 7 leaf( @1", "5 0 7 leaf) @1", "6 0 7 dies( @1"];
    check(
        Kind::Frozen(ViewKind::Calls),
        &graph,
        &["task", "  outer() (does not return)", "    leaf() ×2", "    dies() (does not return)"],
    );
}

#[test]
fn the_function_tracers_callers_make_a_tree_too() {
    let calls = ["1 0 7 a() sys", "2 0 7 b() a", "3 0 7 c() b", "4 0 7 b() a", "5 0 7 d() a", "6 0 7 e() sys"];
    check(
        Kind::Frozen(ViewKind::Calls),
        &calls,
        &["task", "  sys", "    a()", "      b()", "        c()", "      b()", "      d()", "    e()"],
    );
    // However often a function calls itself, the tree has a bottom.
    let myself: Vec<String> = (0..1000).map(|time| format!("{time} 0 7 f() f")).collect();
    let lines: Vec<&str> = myself.iter().map(String::as_str).collect();
    assert!(look(Kind::Frozen(ViewKind::Calls), &lines, &Style::PLAIN).lines().all(|line| line.len() < 200));
}

#[test]
fn a_recording_of_nothing_has_every_view() {
    for kind in Kind::ALL {
        let _shown = look(kind, &[], &Style::PLAIN);
    }
}

#[test]
fn no_frozen_view_tells_a_time_or_a_pid() {
    for kind in Kind::ALL {
        let Kind::Frozen(_) = kind else { continue };
        // The same life, elsewhere and at another pace.
        let moved = LIFE.map(|line| {
            let (time, rest) = line.split_once(' ').expect("a time");
            let time = time.parse::<u32>().expect("a number") * 3;
            format!("{time} {}", rest.replace("50", "70").replace("51", "71"))
        });
        let moved = moved.each_ref().map(String::as_str);
        assert_eq!(look(kind, &LIFE, &Style::PLAIN), look(kind, &moved, &Style::PLAIN), "{kind:?}");
    }
}
