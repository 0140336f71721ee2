//! Pitfalls of ftrace's recordings, one test each. The numbers are those of the project's list of pitfalls.
//!
//! Those that a guest's setting-up avoids are tested with a guest: 7 (filters are quoted) in `failures.rs`,
//! `a_filter_that_the_kernel_does_not_understand_is_shown_in_the_scenario`; 11 (kernels that hang after a panic) there,
//! `a_panic_is_told_with_the_kernels_own_words` and the deadlines; 12 (shells fork otherwise), 13 (tracing is on while the
//! program runs, and until RCU is done) and 14 (one boot a scenario) by every snapshot in `scenarios.rs`; 15 (fields of
//! structures without BTF) in `layouts`; 16 (32-bit machines that stall) is a choice of machines.

use std::error::Error;

use kernsnap_analysis::model::{Calls, Model};
use kernsnap_analysis::view::follow::Choice;
use kernsnap_analysis::view::{Followed, RoleMap, ViewInput, describe};
use kernsnap_scenario::{Names, ViewRules};
use kernsnap_trace::text::{dumped, parse};
use kernsnap_trace::{Event, EventKind, Pid, Symbol, Trace, Value};

/// A text that is understood in every line.
#[track_caller]
fn read(text: &str) -> Trace {
    let (trace, issues) = parse(text.as_bytes());
    assert_eq!(issues, []);
    trace
}

/// The only event of a text that has one line.
#[track_caller]
fn one(line: &str) -> Event {
    let [event] = <[Event; 1]>::try_from(read(line).events).expect("one event");
    event
}

/// An event as a view shows it.
fn shown(event: &Event) -> String {
    describe(&event.kind, &ViewRules::default(), &RoleMap::default())
}

#[test]
fn trap_1_the_latency_column_has_four_letters_or_five() {
    for (column, flags, preempt_count) in [
        ("d.h1", 0x09, 1),
        ("d.h1.", 0x09, 1),
        ("dNh2", 0x2d, 2),
        ("d.h12", 0x09, 0x21),
        // Lazy rescheduling.
        (".l.1.", 0x02, 1),
        ("....", 0, 0),
        (".....", 0, 0),
    ] {
        let event = one(&format!(
            "            sh-51      [001] {column}     1.000001: sched_process_exit: comm=sh pid=51 prio=120"
        ));
        assert_eq!((event.context.flags, event.context.preempt_count), (flags, preempt_count), "{column}");
        assert_eq!((event.pid, event.cpu.0, event.time.0), (Pid(51), 1, 1_000_001_000), "{column}");
    }
}

#[test]
fn trap_2_the_name_in_front_is_the_one_of_when_the_buffer_was_read() {
    let trace = read(
        "  final-51      [001] .....     1.000001: task_newtask: pid=52 comm=first clone_flags=0 oom_score_adj=0\n  \
         last-52      [001] .....     1.000002: task_rename: pid=52 oldcomm=first newcomm=second oom_score_adj=0\n",
    );
    let model = Model::from_events(&trace.events);
    let child = model.tasks.iter().find(|task| task.pid == Pid(52)).expect("the child");
    let names: Vec<&str> = child.names.iter().map(|(_, name)| &**name).collect();
    assert_eq!(names, ["first", "second"], "names come from what the events say");
    assert_eq!(trace.names[&52], "last", "and the other one is kept apart");
}

#[test]
fn trap_3_behind_a_call_that_never_returns_stands_another_function() {
    let call = |caller: &str| one(&format!("  sh-51      [001] .....     1.000001: do_exit+0x4/0xa00 <-{caller}"));
    assert_eq!(shown(&call("__wake_up_parent+0x0/0x30")), "do_exit() <-?");
    assert_eq!(shown(&call("do_group_exit+0x34/0xa0")), "do_exit() <-do_group_exit");
}

#[test]
fn trap_4_a_return_probe_hides_the_caller() {
    for hidden in ["[unknown/kretprobe'd]", "__kretprobe_trampoline+0x0/0x80", "return_to_handler+0x8/0x30"] {
        let call = one(&format!("  sh-51      [001] .....     1.000001: kernel_clone+0x4/0x360 <-{hidden}"));
        assert_eq!(shown(&call), "kernel_clone() <-?", "{hidden}");
    }
}

#[test]
fn trap_5_a_probes_value_is_as_wide_and_signed_as_the_probe_says() {
    let value = |shown: &str| match one(&format!(
        "  sh-51      [001] .....     1.000001: fork_ret: (__do_sys_clone+0x5c/0x74 <- kernel_clone) ret={shown}"
    ))
    .kind
    {
        EventKind::Tracepoint(point) => point.field("ret").cloned(),
        _ => None,
    };
    assert_eq!(value("-513"), Some(Value::Signed(-513)));
    assert_eq!(
        value("4294966783"),
        Some(Value::Signed(4_294_966_783)),
        "what `:s64` says of an int is kept, not guessed"
    );
    assert_eq!(value("0xfffffffffffffdff").and_then(|value| value.bits()), Some(0xffff_ffff_ffff_fdff));
}

#[test]
fn trap_6_a_graph_begins_in_the_middle_and_has_calls_without_an_end() -> Result<(), Box<dyn Error>> {
    let trace = read(
        "    1.000001 |   1)    init-1     |   1.200 us    |  } /* mutex_unlock */\n    \
         1.000002 |   1)    init-1     |               |  do_exit() {\n    \
         1.000003 |   1)    init-1     |   1.000 us    |    exit_signals();\n    \
         1.000004 |   1)    init-1     |               |    do_task_dead() {\n \
         ------------------------------------------\n \
         1)    init-1    =>   <idle>-0   \n \
         ------------------------------------------\n\n    \
         1.000009 |   1)   <idle>-0    |   2.000 us    |  finish_task_switch.isra.0();\n",
    );
    let calls = Calls::from_events(trace.events.iter().enumerate());
    let [root] = &calls.roots[&Pid(1)][..] else { return Err(format!("{:?}", calls.roots).into()) };
    assert_eq!((root.function.as_str(), root.left), ("do_exit", None), "the return before it belongs to nothing");
    let inner: Vec<_> = root.calls.iter().map(|call| (call.function.as_str(), call.left.is_some())).collect();
    assert_eq!(inner, [("exit_signals", true), ("do_task_dead", false)]);
    assert_eq!(
        calls.roots[&Pid(0)][0].function,
        "finish_task_switch",
        "the banner is not an event, and tells who runs"
    );
    Ok(())
}

#[test]
fn trap_8_what_unrelated_tasks_do_is_not_shown_and_counted() {
    let trace = read(
        "     sh-51      [001] .....     1.000001: sched_process_fork: comm=sh pid=51 child_comm=sh child_pid=52\n  \
         rcu_sched-12      [002] .....     1.000002: sched_wakeup: comm=kworker/2:1 pid=30 prio=120 target_cpu=002\n  \
         kworker/2:1-30      [002] .....     1.000003: sched_switch: prev_comm=kworker/2:1 prev_pid=30 prev_prio=120 prev_state=I ==> next_comm=ksoftirqd/2 next_pid=25 next_prio=120\n     \
         sh-52      [001] .....     1.000004: sched_process_exit: comm=sh pid=52 prio=120\n",
    );
    let model = Model::from_events(&trace.events);
    let role_map = RoleMap::by_name(&model.tasks, &trace.names);
    let followed = Followed::chosen(&model, &Choice::from_words(&["51".to_owned()]));
    let (rules, names) = (ViewRules::default(), Names::default());
    let subject = ViewInput::select(&rules, &names, &trace, &model, &role_map, &followed);
    let times: Vec<u64> = subject.events.iter().map(|(_, event)| event.time.0 / 1000 % 10).collect();
    assert_eq!((times, subject.dropped()), (vec![1, 4], 2));
}

#[test]
fn trap_9_a_module_that_is_gone_leaves_addresses() {
    let call = one("  rmmod-60      [001] .....     1.000001: kthread_stop+0x4/0x1a0 <-0xffff800001000014");
    let EventKind::Function { caller, .. } = &call.kind else { panic!("{call:?}") };
    assert_eq!(caller, &Symbol::Address(0xffff_8000_0100_0014));
    assert_eq!(shown(&call), "kthread_stop() <-0xffff800001000014");
}

#[test]
fn trap_10_what_a_panicking_kernel_prints_is_a_recording_too() {
    let console = "[    0.1] Kernel panic - not syncing: x\r\n[    0.2] Dumping ftrace buffer:\r\n\
         [    0.2] ---------------------------------\r\n\
         [    0.2]       sh-51         1d..1. 16037us : do_exit <-do_group_exit\r\n\
         [    0.3] ---------------------------------\r\n";
    let event = one(&dumped(console).expect("a dump"));
    assert_eq!((event.pid, event.cpu.0, event.time.0), (Pid(51), 1, 16_037_000));
}
