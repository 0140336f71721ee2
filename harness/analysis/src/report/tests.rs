use std::collections::BTreeSet;
use std::path::Path;

use super::*;
use crate::language::Language;
use crate::model::tests::events;
use crate::verdict::{GuestOutcome, Violation, judge};
use kernsnap_scenario::{Draft, Names, Target};
use kernsnap_trace::Pid;

const SCENARIO: &str = "
title: A fork
run: [{ start: { task: parent, program: p } }]
trace: { tracer: nop, events: [sched_process_fork, sched_wakeup_new, sched_switch] }
roles: { child: { forked-by: parent } }
expect:
  - { that: the child is announced before it is woken, order: [\"parent: sched_process_fork\", sched_wakeup_new pid=child] }
  - { that: nobody is woken, absent: sched_wakeup_new }
  - { that: the child leaves last, last: \"child: sched_switch\" }
  - { that: somebody runs after the parent, present: \"parent: sched_switch next_pid=child\" }
";

const TRACE: [&str; 5] = [
    "1000 1 70 sched_process_fork parent_pid=70 child_comm=sh child_pid=71",
    "1100 1 70 sched_wakeup_new comm=sh pid=71",
    "1200 1 70 sched_switch prev_comm=sh prev_pid=70 prev_state=1 next_comm=sh next_pid=71",
    "1300 1 71 sched_switch prev_comm=sh prev_pid=71 prev_state=32 next_comm=kworker/1:0 next_pid=9",
    "1400 1 9 sched_switch prev_comm=kworker/1:0 prev_pid=9 prev_state=128 next_comm=swapper/1 next_pid=0",
];

/// A scenario, a trace of it, and the roles.
pub(crate) fn example() -> (Scenario, Trace, RoleMap) {
    let (functions, names, modules) = (BTreeMap::new(), Names::default(), BTreeMap::new());
    let fields = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let known = [
        ("sched:sched_process_fork", "parent_pid child_comm child_pid"),
        ("sched:sched_wakeup_new", "comm pid"),
        ("sched:sched_switch", "prev_pid prev_state next_pid"),
    ];
    let target = Target {
        layouts: &kernsnap_scenario::layouts::Layouts::EMPTY,
        config: &BTreeSet::new(),
        image: "none",
        release: "6.1.0",
        functions: &functions,
        events: &known.map(|(event, names)| (event.to_owned(), fields(names))).into(),
        programs: &BTreeSet::from(["p".to_owned()]),
        modules: &modules,
        names: &names,
        cpus: 4,
        registers: None,
    };
    let draft = Draft::read(Path::new("fork.yaml"), SCENARIO.to_owned()).expect("a scenario");
    let scenario = draft.resolve(&target).expect("its names mean something");
    let trace = Trace { events: events(&TRACE), ..Trace::default() };
    let started = BTreeMap::from([("parent".to_owned(), Pid(70))]);
    let role_map = RoleMap::find(&trace, &scenario.roles, &started, &names);
    (scenario, trace, role_map)
}

fn made() -> Report {
    let (scenario, trace, role_map) = example();
    let view = View::frozen(&scenario, &trace, &role_map);
    let guest = GuestOutcome { failures: vec!["none".into()], ..GuestOutcome::default() };
    let verdict = judge(&scenario, &trace, &role_map, &guest);
    assert!(matches!(&verdict, Verdict::Failed(violations)
        if violations.iter().any(|Violation { that, .. }| *that == *"nobody is woken")));
    let sources = Sources::default();
    let given = Given {
        console: "",
        scenario: &scenario,
        image: "none",
        schedule: "1:4",
        trace: &trace,
        role_map: &role_map,
        view: &view,
        verdict: &verdict,
        sources: &sources,
    };
    Report::new(&given)
}

#[test]
fn each_claim_names_the_events_that_decide_about_it() {
    let report = made();
    let told: Vec<_> =
        report.expectations.iter().map(|claim| (claim.found.as_deref(), claim.events.as_slice())).collect();
    let broken = Some("`sched_wakeup_new` happened 1 times");
    assert_eq!(told, [(None, &[0, 1][..]), (broken, &[1]), (None, &[3]), (None, &[2])]);
}

#[test]
fn everybody_has_a_name_and_the_scenarios_tasks_stand_out() {
    let report = made();
    let tasks: Vec<_> = report.tasks.iter().map(|task| (task.name.as_str(), task.pid, task.followed)).collect();
    assert_eq!(tasks, [("parent", 70, true), ("child", 71, true), ("kworker/1:0", 9, false), ("idle/1", 0, false)]);
    assert_eq!(report.tasks[1].created, Some((0, 0)));
    // A report, which is not frozen, shows other tasks by name.
    assert_eq!(report.words[report.events[3].3], "sched_switch prev_pid=child prev_state=Z next_pid=kworker/1:0");
    assert_eq!(report.view.lines().last(), Some("child   sched_switch prev_pid=child prev_state=Z next_pid=other"));
    assert_eq!(report.shown, [(0, 4)]);
}

#[test]
fn a_report_survives_being_kept() {
    let mut report = made();
    let kept = serde_json::to_string(&report).expect("JSON");
    // Phrases are told by this process only; a report does not keep them.
    report.violations.clear();
    report.expectations.iter_mut().for_each(|claim| claim.said = None);
    assert_eq!(serde_json::from_str::<Report>(&kept).expect("a report"), report);
}

#[test]
fn a_page_is_one_file() {
    let page = page(&made(), None, Language::En);
    for sign in ["http:", "https:", "src=", "@import", "url("] {
        assert!(!page.contains(sign), "the page asks for something by `{sign}`");
    }
    assert!(!page.contains("{{"), "a part is missing");
}
