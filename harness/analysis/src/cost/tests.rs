use super::*;
use crate::model::Model;
use crate::model::tests::events;
use kernsnap_scenario::Names;

/// A child that is forked on CPU 1 and runs on CPU 2 after an idle time, with one interrupt in it.
const HAND_OVER: [&str; 6] = [
    "1000 1 50 sched_process_fork parent_comm=sh parent_pid=50 child_comm=work child_pid=51",
    "1016 1 50 sched_waking comm=work pid=51",
    "2000 1 50 sched_switch prev_comm=sh prev_pid=50 prev_state=1 next_comm=swapper next_pid=0",
    "5000 1 0 irq_handler_entry irq=3",
    "9000 2 0 sched_switch prev_comm=swapper prev_pid=0 prev_state=0 next_comm=work next_pid=51",
    "9160 2 51 sched_process_exit comm=work pid=51",
];

#[track_caller]
fn check(from: &str, to: &str, clock: Clock, expected: Option<(u64, u64, u64)>) {
    let trace = Trace { events: events(&HAND_OVER), ..Trace::default() };
    let role_map = RoleMap::by_name(&Model::from_events(&trace.events).tasks, &trace.names);
    let matcher = Matcher { role_map: &role_map, names: &Names::default() };
    let anchors =
        Anchors { name: "a".into(), from: from.parse().expect("a pattern"), to: to.parse().expect("a pattern") };
    let idle = Idle::from_events(&trace.events, clock.cpus);
    let found = measure(&anchors, &trace.events, &matcher, Some(&idle), clock);
    assert_eq!(found.map(|figure| (figure.instructions, figure.ns, figure.idle_ns.unwrap_or(0))), expected);
}

const USUAL: Clock = Clock { ns_per_instruction: 2, cpus: 4 };

#[test]
fn instructions_lie_between_two_events() {
    check("sched_process_fork", "sched_waking", USUAL, Some((8, 16, 0)));
    check("sched_process_fork", "sched_waking", Clock { ns_per_instruction: 1, ..USUAL }, Some((16, 16, 0)));
}

#[test]
fn time_in_which_every_cpu_is_idle_costs_nothing() {
    // From 2000 to 9000, whatever came in between.
    check("sched_process_fork", "sched_process_exit", USUAL, Some((580, 8160, 7000)));
    check("irq_handler_entry", "sched_process_exit", USUAL, Some((80, 4160, 4000)));
}

#[test]
fn what_is_not_in_the_trace_has_no_figure() {
    check("sched_waking", "sched_process_fork", USUAL, None);
    check("sched_wakeup", "sched_switch", USUAL, None);
}

#[test]
fn a_cpu_that_works_all_the_time_keeps_the_others_from_idling() {
    let busy = [&["10 3 77 sched_waking comm=x pid=1"], HAND_OVER.as_slice()].concat();
    assert_eq!(Idle::from_events(&events(&busy), 4).within(0..10_000), 0);
    assert_eq!(Idle::from_events(&events(&HAND_OVER), 4).within(0..10_000), 7000);
}
