//! Changes that are planted in recordings are found, each at its task; what differs between any two runs is not.

use super::{Alignment, Comparison, Diff};
use crate::model::Summary;
use crate::view::{Lines, PidPlaces};
use kernsnap_scenario::{Names, ViewRules};
use kernsnap_trace::text::parse;
use kernsnap_trace::{Event, Trace};

/// A shell that runs three commands of two names, on two CPUs, beside a daemon and an interrupt's thread.
fn workload() -> Vec<String> {
    commands([("make", 1), ("cc", 2), ("cc", 3)])
}

/// A shell that runs three commands, each with so many blocks that it reads.
fn commands(commands: [(&str, usize); 3]) -> Vec<String> {
    let mut lines = Vec::new();
    let mut time = 1_000_000_u64;
    let mut add = |cpu: u16, task: &str, text: &str| {
        time += 137;
        lines.push(format!("{task} [{cpu:03}] d..2. {}.{:06}: {text}", time / 1_000_000, time % 1_000_000));
    };
    for ((name, blocks), child) in commands.into_iter().zip(101..) {
        let (shell, job) = ("bash-50", format!("{name}-{child}"));
        let new = format!("bash-{child}");
        add(0, shell, &format!("sched_process_fork: comm=bash pid=50 child_comm=bash child_pid={child}"));
        add(0, shell, &format!("sched_wakeup_new: comm=bash pid={child} prio=120 target_cpu=001"));
        add(0, shell, "funcgraph_entry:                   |  do_wait() {");
        add(0, shell, "funcgraph_entry:        1.000 us   |    add_wait_queue();");
        add(0, shell, "funcgraph_exit:         9.000 us   |  }");
        add(
            0,
            shell,
            "sched_switch: prev_comm=bash prev_pid=50 prev_prio=120 prev_state=S ==> next_comm=daemon next_pid=60 next_prio=120",
        );
        add(1, &new, &format!("task_rename: pid={child} oldcomm=bash newcomm={name} oom_score_adj=0"));
        for block in 0..blocks {
            add(1, &job, &format!("block_rq: dev=8,0 sector={block} count=8"));
            add(1, &job, "sched_waking: comm=daemon pid=60 prio=120 target_cpu=000");
            add(0, "daemon-60", "work: kind=read bytes=4096");
        }
        add(1, &job, &format!("sched_process_exit: comm={name} pid={child} prio=120"));
        add(1, &job, "sched_waking: comm=bash pid=50 prio=120 target_cpu=000");
        add(
            0,
            "daemon-60",
            "sched_switch: prev_comm=daemon prev_pid=60 prev_prio=120 prev_state=S ==> next_comm=bash next_pid=50 next_prio=120",
        );
    }
    lines
}

/// The same workload in another run: other pids and times, and tasks that are heard of in another order.
fn other_run(lines: &[String]) -> Vec<String> {
    let pid = |line: &str| {
        [(101, 4103), (102, 4102), (103, 4101), (50, 977), (60, 31)].into_iter().fold(
            line.to_owned(),
            |line, (from, to)| {
                line.replace(&format!("-{from} "), &format!("-<{to}> "))
                    .replace(&format!("pid={from}"), &format!("pid=<{to}>"))
            },
        )
    };
    let later = |line: &String| {
        let (head, rest) = line.split_once(" d..2. ").expect("flags");
        let (time, text) = rest.split_once(": ").expect("a time");
        let micros: u64 = time.replace('.', "").parse().expect("digits");
        let micros = micros * 3 + 77_000_123;
        let line = format!("{head} d..2. {}.{:06}: {text}", micros / 1_000_000, micros % 1_000_000);
        pid(&line).replace(['<', '>'], "").replace("== next", "==> next")
    };
    lines.iter().map(later).collect()
}

fn recording(lines: &[String]) -> Trace {
    let (trace, issues) = parse((lines.join("\n") + "\n").as_bytes());
    assert_eq!(issues, [], "the text is read");
    trace
}

fn compared(before: &Trace, after: &Trace) -> Diff {
    let summary = |trace: &Trace| Summary::from_events(&trace.events);
    let alignment = Alignment::new((&summary(before), &before.names), (&summary(after), &after.names));
    let (names, rules) = (Names::default(), ViewRules::default());
    let mut comparison = Comparison::new(&alignment);
    let places = PidPlaces::default();
    let lines = |roles| Lines::new(roles, &names, &rules).comparing(&places);
    let mut made = lines(&alignment.before);
    let mut sink = |event, line| comparison.before(event, line);
    before.events.iter().enumerate().for_each(|(at, event): (usize, &Event)| made.push(at, event, &mut sink));
    made.finish(&mut sink);
    let mut made = lines(&alignment.after);
    let mut sink = |event, line| comparison.after(event, line);
    after.events.iter().enumerate().for_each(|(at, event)| made.push(at, event, &mut sink));
    made.finish(&mut sink);
    comparison.finish()
}

#[test]
fn two_runs_that_differ_in_times_and_pids_do_not_differ() {
    let lines = workload();
    let (before, after) = (recording(&lines), recording(&other_run(&lines)));
    for (before, after) in [(&before, &after), (&after, &before), (&before, &before)] {
        let diff = compared(before, after);
        assert!(diff.is_empty(), "{}", diff.show(&crate::view::Style::PLAIN));
    }
}

#[test]
fn one_of_several_tasks_of_a_name_is_found_when_it_is_renamed() {
    let lines = workload();
    let other = |line: &String| {
        let line = line.replace("cc-102", "ld-102").replace("comm=cc pid=102", "comm=ld pid=102");
        line.replace("pid=102 oldcomm=bash newcomm=cc", "pid=102 oldcomm=bash newcomm=ld")
    };
    let renamed: Vec<String> = lines.iter().map(other).collect();
    let diff = compared(&recording(&lines), &recording(&other_run(&renamed)));
    assert_eq!(diff.tasks.keys().collect::<Vec<_>>(), ["cc"], "{}", diff.show(&crate::view::Style::PLAIN));
    assert_eq!(diff.divergences["cc"].place, 0);
}

#[test]
fn siblings_keep_their_partners_where_the_creation_of_one_is_not_recorded() {
    let lines = commands([("cc", 2), ("cc", 2), ("cc", 2)]);
    for nth in 0..3 {
        let mut changed = lines.clone();
        changed.remove(find(&lines, "sched_process_fork", nth));
        let diff = compared(&recording(&lines), &recording(&other_run(&changed)));
        let shown = diff.show(&crate::view::Style::PLAIN);
        assert_eq!(diff.tasks.keys().collect::<Vec<_>>(), ["bash"], "{nth}: {shown}");
        assert_eq!(diff.tasks["bash"].len(), 1, "{nth}: {shown}");
    }
}

/// The first place at or after a part of the recording whose line has this text.
fn find(lines: &[String], text: &str, nth: usize) -> usize {
    let mut found = (0..lines.len()).filter(|at| lines[*at].contains(text));
    found.nth(nth).unwrap_or_else(|| panic!("{text} {nth}"))
}

#[test]
fn each_of_thirty_planted_changes_is_found() {
    let lines = workload();
    let mut planted: Vec<(String, Vec<String>)> = Vec::new();
    let mut plant = |name: &str, change: &dyn Fn(&mut Vec<String>)| {
        let mut changed = lines.clone();
        change(&mut changed);
        assert_ne!(changed, lines, "{name}");
        planted.push((name.to_owned(), changed));
    };
    for (text, count) in [("work: kind", 4), ("block_rq", 2), ("sched_process_fork", 3), ("sched_process_exit", 2)] {
        for nth in 0..count {
            plant(&format!("{text} {nth} is dropped"), &|lines| {
                let at = find(lines, text, nth);
                lines.remove(at);
            });
        }
    }
    for nth in [0, 1, 2] {
        plant(&format!("two events of the job change places, {nth}"), &|lines| {
            let (first, second) = (find(lines, "block_rq", nth), find(lines, "comm=daemon pid=60 prio", nth));
            let (a, b) = (lines[first].clone(), lines[second].clone());
            let text = |line: &str| line.split_once(": ").map(|(_, text)| text.to_owned()).expect("a text");
            lines[first] = a.replace(&text(&a), &text(&b));
            lines[second] = b.replace(&text(&b), &text(&a));
        });
        plant(&format!("a call is deeper, {nth}"), &|lines| {
            let at = find(lines, "add_wait_queue", nth);
            let head = lines[at].split_once(": ").map(|(head, _)| head.to_owned()).expect("a time");
            lines[at] = format!("{head}: funcgraph_entry:                   |    add_wait_queue() {{");
            lines.insert(at + 1, format!("{head}: funcgraph_entry:        0.500 us   |      lock();"));
            lines.insert(at + 2, format!("{head}: funcgraph_exit:         1.000 us   |    }}"));
        });
        plant(&format!("a wake-up comes from elsewhere, {nth}"), &|lines| {
            let at = find(lines, "sched_waking: comm=bash", nth);
            let rest = lines[at].split_once(" [001] ").map(|(_, rest)| rest.to_owned()).expect("a CPU");
            lines[at] = format!("daemon-60 [000] {rest}");
        });
        plant(&format!("a field has another value, {nth}"), &|lines| {
            let at = find(lines, "block_rq", nth);
            lines[at] = lines[at].replace("count=8", "count=16");
        });
        plant(&format!("a wait is another one, {nth}"), &|lines| {
            let at = find(lines, "prev_comm=bash", nth);
            lines[at] = lines[at].replace("prev_state=S", "prev_state=D");
        });
        plant(&format!("an event is new, {nth}"), &|lines| {
            let at = find(lines, "work: kind", nth);
            let again = lines[at].clone();
            lines.insert(at, again);
        });
    }
    for (from, to) in [("make", "ninja"), ("daemon", "kworker"), ("bash", "zsh")] {
        plant(&format!("{from} is renamed"), &|lines| {
            for line in lines.iter_mut() {
                *line = line.replace(from, to);
            }
        });
    }
    assert!(planted.len() >= 30, "{}", planted.len());
    let before = recording(&lines);
    for (name, changed) in planted {
        let after = recording(&other_run(&changed));
        let diff = compared(&before, &after);
        assert!(!diff.is_empty(), "{name}");
        let count = diff.tasks.values().map(Vec::len).sum::<usize>();
        // A change shows at the task that does something else, and at those that it has to do with.
        assert!(count <= 8, "{name}: {}", diff.show(&crate::view::Style::PLAIN));
    }
}
