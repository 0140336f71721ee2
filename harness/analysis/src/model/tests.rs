use super::*;
use kernsnap_trace::{CodeLocation, Context, Cpu, EventKind, Pid, Point, Symbol, Value};
use kernsnap_trace::{FunctionName, Timestamp};

/// `TIME CPU PID WHAT…`: a tracepoint with `field=value` (numbers or text), `name(` enters at depth `@N`, `name)` leaves.
pub(crate) fn event(line: &str) -> Event {
    let mut words = line.split(' ');
    let mut number = || words.next().and_then(|word| word.parse::<i32>().ok()).expect("TIME CPU PID");
    let (time, cpu, pid) = (number(), number(), number());
    let what = words.next().expect("WHAT");
    let rest: Vec<&str> = words.collect();
    let time = Timestamp(u64::try_from(time).expect("a time"));
    let depth = || rest[0].trim_start_matches('@').parse().expect("a depth");
    let body = if let Some(name) = what.strip_suffix("()") {
        EventKind::Function { function: symbol(name), caller: symbol(rest[0]) }
    } else if let Some(name) = what.strip_suffix('(') {
        EventKind::GraphEntry { function: symbol(name), depth: depth() }
    } else if let Some(name) = what.strip_suffix(')') {
        EventKind::GraphExit { function: symbol(name), depth: depth(), entered: time, left: time }
    } else {
        let field = |word: &&str| {
            let (name, value) = word.split_once('=').expect("a field");
            let value = value.parse().map_or_else(|_| Value::Text(value.into()), Value::Signed);
            (name.to_owned(), value)
        };
        EventKind::Tracepoint(Point::from_fields(what, rest.iter().map(field)))
    };
    let cpu = Cpu(u16::try_from(cpu).expect("a CPU"));
    Event { time, cpu, pid: Pid(pid), context: Context::default(), kind: body, stack: None, details: None }
}

pub(crate) fn symbol(name: &str) -> Symbol {
    Symbol::Function {
        place: CodeLocation { function: FunctionName::new(name), offset: Some(4), module: None, followed_by: None }
            .into(),
        address: Some(0x10),
    }
}

pub(crate) fn events(lines: &[&str]) -> Vec<Event> {
    lines.iter().map(|line| event(line)).collect()
}

/// A fork, a life and a death on one CPU.
const LIFE: [&str; 12] = [
    "10 1 50 task_newtask pid=51 comm=sh clone_flags=0",
    "11 1 50 sched_process_fork parent_pid=50 child_comm=sh child_pid=51",
    "12 1 50 sched_wakeup_new comm=sh pid=51",
    "20 1 50 sched_switch prev_comm=sh prev_pid=50 prev_state=1 next_comm=sh next_pid=51",
    "30 1 51 task_rename pid=51 oldcomm=sh newcomm=work",
    "31 1 51 sched_process_exec filename=/bin/work",
    "40 1 51 exit_code code=768",
    "41 1 51 sched_process_exit comm=work pid=51",
    "45 1 51 sched_waking comm=sh pid=50",
    "50 1 51 sched_switch prev_comm=work prev_pid=51 prev_state=32 next_comm=sh next_pid=50",
    "51 1 50 put_task_stack() finish_task_switch",
    "60 1 0 sched_process_free pid=51 comm=work",
];

fn told(model: &Model) -> Vec<String> {
    let span = |span: &Span| {
        let (task, cpu) = (&model.tasks[span.task.0], span.cpu.map_or(String::new(), |cpu| format!("@{}", cpu.0)));
        format!("{} {}{cpu} {}..{}", task.pid.0, span.state.word(), span.from.0, span.to.0)
    };
    model.spans.iter().map(span).collect()
}

#[test]
fn a_life_is_told_from_its_events() {
    let model = Model::from_events(&events(&LIFE));
    let (at, child) = model.tasks.iter().enumerate().find(|(_, task)| task.pid == Pid(51)).expect("the child");
    let by = TaskId(0);
    assert_eq!(child.created, Some(Act { at: Timestamp(10), by }));
    assert_eq!(child.names.iter().map(|(_, name)| &**name).collect::<Vec<_>>(), ["sh", "work"]);
    assert_eq!(child.programs, [(Timestamp(31), "/bin/work".into())]);
    assert_eq!((child.first_run, child.exited), (Some(Timestamp(20)), Some(Timestamp(41))));
    assert_eq!(child.exit_code, Some(0x300));
    assert_eq!(child.stack_put, Some(Act { at: Timestamp(51), by }));
    assert_eq!(child.freed.map(|freed| freed.at), Some(Timestamp(60)));
    assert_eq!(model.children(by).map(|(id, _)| id).collect::<Vec<_>>(), [TaskId(at)]);
    assert_eq!(
        told(&model),
        [
            "51 new 10..12",
            "50 running@1 10..20",
            "51 runnable 12..20",
            "50 sleeping 20..45",
            "51 running@1 20..50",
            "50 runnable 45..50",
            // Without a switch to the idle task, which runs at 60, it is not known how long it ran.
            "51 zombie 50..60",
        ]
    );
    let wakes: Vec<_> = model.wakes.iter().map(|wake| (wake.at.0, wake.by, wake.task)).collect();
    assert_eq!(wakes, [(12, by, TaskId(at)), (45, TaskId(at), by)]);
}

#[test]
fn who_reaps_whom_is_told_where_it_is_certain() {
    let forks = ["10 1 50 sched_process_fork child_pid=51", "11 1 50 sched_process_fork child_pid=52"];
    let exit = |pid: i32| format!("20 1 {pid} sched_process_exit pid={pid}");
    for (exits, reap, reaped) in [
        (&[51][..], "30 1 50 release_task() wait_task_zombie", vec![51]),
        (&[51, 52], "30 1 50 release_task() wait_task_zombie", vec![]),
        (&[51, 52], "30 1 50 released pid=52", vec![52]),
        (&[51, 52], "30 1 50 sys_exit_wait4 ret=51", vec![51]),
        (&[51], "30 1 50 sys_exit_wait4 ret=52", vec![]),
        (&[51], "30 1 51 release_task() do_exit", vec![51]),
        (&[51], "30 1 60 release_task() wait_task_zombie", vec![]),
        (&[51, 50], "30 1 1 release_task( @0", vec![]),
        (&[50], "30 1 1 release_task( @0", vec![50]),
    ] {
        let lines: Vec<String> = forks
            .map(str::to_owned)
            .into_iter()
            .chain(exits.iter().copied().map(exit))
            .chain([reap.to_owned()])
            .collect();
        let model = Model::from_events(&lines.iter().map(|line| event(line)).collect::<Vec<_>>());
        let dead = model.tasks.iter().filter(|task| task.reaped.is_some()).map(|task| task.pid.0);
        assert_eq!(dead.collect::<Vec<_>>(), reaped, "{exits:?} {reap}");
    }
}

#[test]
fn figures_need_no_events() {
    let summary = Summary::from_events(&events(&LIFE));
    let time = |measure, task| summary.times.get(&(measure, TaskId(task))).map(|times| (times.count(), times.total()));
    assert_eq!(time(Measure::ForkToRun, 1), Some((1, 10)));
    assert_eq!(time(Measure::ExitToParent, 1), Some((1, 4)));
    assert_eq!(time(Measure::WakeToRun, 0), Some((1, 5)));
    assert_eq!(time(Measure::Sleep, 0), Some((1, 25)));
    assert_eq!(time(Measure::Run, 0), Some((1, 10)));
    assert_eq!(summary.counts[&TaskId(0)]["put_task_stack()"], 1);
    assert_eq!(summary.tasks, Model::from_events(&events(&LIFE)).tasks);
}

#[test]
fn a_pid_that_is_used_again_is_another_task() {
    let fork = "sched_process_fork parent_pid=50 child_comm=sh child_pid=51";
    let lines = [
        format!("10 1 50 {fork}"),
        "11 1 51 sched_process_exit pid=51".into(),
        "12 1 51 sched_switch prev_pid=51 prev_state=X next_pid=50".into(),
        format!("20 1 50 {fork}"),
    ];
    let model = Model::from_events(&events(&lines.each_ref().map(String::as_str)));
    assert_eq!(model.children(TaskId(0)).count(), 2);
}

#[test]
fn without_switches_it_is_not_known_how_long_a_task_runs() {
    let lines = ["1 0 10 a", "3 0 11 a", "5 1 10 a", "6 1 10 sched_waking comm=b pid=12", "8 1 12 a", "9 0 0 a"];
    let model = Model::from_events(&events(&lines));
    assert_eq!(told(&model), [""; 0]);
    assert_eq!(model.actors.iter().map(|id| model.tasks[id.0].pid.0).collect::<Vec<_>>(), [10, 11, 10, 10, 12, 0]);
    assert_eq!(Summary::from_events(&events(&lines)).times, [].into());
}

#[test]
fn a_hole_is_not_charged_to_the_task_that_ran_before_it() {
    let model = Model::from_events(&events(&[
        "1 0 10 sched_switch prev_comm=a prev_pid=10 prev_state=1 next_comm=b next_pid=11",
        "2 0 11 a",
        // The switches in between are lost.
        "900 0 12 a",
        "901 0 12 sched_switch prev_comm=c prev_pid=12 prev_state=1 next_comm=a next_pid=10",
        "903 0 10 sched_switch prev_comm=a prev_pid=10 prev_state=R next_comm=b next_pid=11",
        "904 0 11 a",
    ]));
    let expected = [
        "12 running@0 900..901",
        "10 sleeping 1..901",
        "10 running@0 901..903",
        "10 runnable 903..904",
        "11 running@0 903..904",
        "12 sleeping 901..904",
    ];
    assert_eq!(told(&model), expected);
}

#[test]
fn a_wait_that_does_not_end_has_no_duration() {
    let summary = Summary::from_events(&events(&[
        "1 0 10 sched_switch prev_comm=a prev_pid=10 prev_state=R+ next_comm=b next_pid=11",
        "3 0 11 sched_waking comm=c pid=12",
        "4 0 11 sched_switch prev_comm=b prev_pid=11 prev_state=S next_comm=d next_pid=13",
        "9 0 13 a",
    ]));
    let measured: Vec<_> = summary.times.iter().map(|((measure, id), times)| (*measure, id.0, times.total())).collect();
    assert_eq!(measured, [(Measure::Run, 1, 3), (Measure::Run, 3, 5)]);
    let unfinished: Vec<_> = summary.unfinished.iter().map(|((measure, id), count)| (*measure, id.0, *count)).collect();
    assert_eq!(unfinished, [(Measure::WakeToRun, 0, 1), (Measure::WakeToRun, 2, 1), (Measure::Sleep, 1, 1)]);
}

fn shown(calls: &[Call]) -> String {
    let one = |call: &Call| {
        let open = if call.left.is_none() { "…" } else { "" };
        format!("{}{open}[{}]", call.function, shown(&call.calls))
    };
    calls.iter().map(one).collect::<Vec<_>>().join(" ")
}

#[test]
fn a_call_that_nobody_comes_back_from_stays_open() {
    let lines = [
        "1 0 7 outer( @0",
        "2 0 7 leaf( @1",
        "3 0 7 leaf) @1",
        "4 0 7 dies( @1",
        "5 0 7 inner( @2",
        "6 0 8 other( @0",
        "7 0 8 other) @0",
        "8 0 7 next( @0",
        "9 0 7 next) @0",
        "9 0 7 before) @3",
    ];
    let events = events(&lines);
    let calls = Calls::from_events(events.iter().enumerate());
    assert_eq!(shown(&calls.roots[&Pid(7)]), "outer…[leaf[] dies…[inner…[]]] next[]");
    assert_eq!(shown(&calls.roots[&Pid(8)]), "other[]");
}

#[test]
fn a_part_that_the_compiler_put_aside_belongs_to_its_function() {
    let lines = [
        "1 0 7 put_pid( @0",
        "2 0 7 put_pid.part.0( @1",
        "3 0 7 free( @2",
        "4 0 7 free) @2",
        "5 0 7 put_pid.part.0) @1",
        "6 0 7 last( @1",
        "7 0 7 last) @1",
        "8 0 7 put_pid) @0",
        // Called by others, it is all that there is of the function; one that calls itself is not cut.
        "9 0 7 put_pid.part.0( @0",
        "10 0 7 put_pid( @1",
        "11 0 7 put_pid( @2",
        "12 0 7 put_pid) @2",
        "13 0 7 put_pid) @1",
        "14 0 7 put_pid.part.0) @0",
    ];
    let events = events(&lines);
    let calls = Calls::from_events(events.iter().enumerate());
    assert_eq!(shown(&calls.roots[&Pid(7)]), "put_pid[free[] last[]] put_pid[put_pid[put_pid[]]]");
}
