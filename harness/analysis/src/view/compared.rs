//! An event in words that are the same in two recordings of one workload: without pids, and without what differs with the time.

use std::fmt::Write as _;

use super::field::{self, is_pid};
use super::line::describe;
use super::pid_places::{self, PidPlaces, Place};
use super::role_map::RoleMap;
use super::value::as_pid;
use kernsnap_scenario::ViewRules;
use kernsnap_trace::{EventKind, Point, Value};

/// Fields that are times, or durations that were measured (`include/trace/events/`, `kernel/trace/trace_entries.h`).
const TIMES: [(&str, &[&str]); 20] = [
    ("alarmtimer_cancel", &["expires", "now"]),
    ("alarmtimer_fired", &["expires", "now"]),
    ("alarmtimer_start", &["expires", "now"]),
    ("hrtimer_expire_entry", &["now"]),
    ("hrtimer_start", &["expires", "softexpires"]),
    ("hwlat", &["duration", "outer_duration", "timestamp.tv_sec", "timestamp.tv_nsec", "nmi_total_ts"]),
    ("irq_noise", &["start", "duration"]),
    ("itimer_expire", &["now"]),
    ("nmi_noise", &["start", "duration"]),
    ("osnoise", &["noise", "max_sample"]),
    ("sample_threshold", &["start", "duration", "interference"]),
    ("sched_stat_blocked", &["delay"]),
    ("sched_stat_iowait", &["delay"]),
    ("sched_stat_runtime", &["runtime", "vruntime"]),
    ("sched_stat_sleep", &["delay"]),
    ("sched_stat_wait", &["delay"]),
    ("softirq_noise", &["start", "duration"]),
    ("thread_noise", &["start", "duration"]),
    ("timer_expire_entry", &["now", "baseclk"]),
    ("timer_start", &["expires", "bucket_expiry"]),
];

/// System calls that return a pid, where the name of the event tells the call (`syscalls:sys_exit_*`).
const RETURN_PIDS: [&str; 11] = [
    "clone",
    "clone3",
    "fork",
    "getpgid",
    "getpid",
    "getppid",
    "gettid",
    "set_tid_address",
    "setsid",
    "vfork",
    "wait4",
];

/// The event in these words.
pub(super) fn described(body: &EventKind, rules: &ViewRules, role_map: &RoleMap, places: &PidPlaces) -> String {
    match body {
        EventKind::Tracepoint(point) if field::usual(point.name()).is_none() => tracepoint(point, role_map, places),
        _ => describe(body, rules, role_map),
    }
}

fn tracepoint(point: &Point, role_map: &RoleMap, places: &PidPlaces) -> String {
    let name = &**point.name();
    let call = matches!(name, "sys_enter" | "sys_exit").then(|| point.int("id")).flatten();
    let returns_pid = name.strip_prefix("sys_exit_").is_some_and(|call| RETURN_PIDS.contains(&call));
    let mut text = name.to_owned();
    for (field, value) in point.fields().filter(|(field, _)| shows(point, field, role_map)) {
        // Writing to a String cannot fail.
        let _ = write!(text, " {field}=");
        let role = |value: &Value, place| {
            let is_pid = call.map_or(returns_pid, |call| places.has(call, place));
            role_map.role(pid_places::number(value).filter(|pid| is_pid && pid.0 > 0)?)
        };
        let pid = is_pid(field).then(|| value.as_int().and_then(as_pid)).flatten();
        match (pid, value) {
            (Some(pid), _) => text.push_str(role_map.role(pid).unwrap_or("other")),
            (None, Value::Array(values)) if name == "sys_enter" && **field == *"args" => {
                text.push('{');
                for (at, value) in values.iter().enumerate() {
                    text.push_str(if at == 0 { "" } else { "," });
                    match role(value, Place::Argument(at)) {
                        Some(role) => text.push_str(role),
                        None => value.push_to(&mut text),
                    }
                }
                text.push('}');
            }
            (None, value) => match (&**field == "ret").then(|| role(value, Place::Result)).flatten() {
                Some(role) => text.push_str(role),
                None => field::push(&mut text, name, field, value),
            },
        }
    }
    text
}

/// True if a field says something about behaviour: a probe's own address, a time and the name of a task that has a role do not.
fn shows(point: &Point, name: &str, role_map: &RoleMap) -> bool {
    let is_time = || TIMES.iter().any(|(event, fields)| **event == **point.name() && fields.contains(&name));
    let has_role = || {
        let pid = name.strip_suffix("comm").map(|owner| format!("{owner}pid"));
        let pid = pid.and_then(|pid| point.int(&pid)).and_then(as_pid);
        pid.is_some_and(|pid| role_map.role(pid).is_some())
    };
    !name.starts_with("__probe_") && !is_time() && !has_role()
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::{Pid, text::parse};

    #[test]
    fn pids_and_times_and_names_of_tasks_are_left_out() {
        let role_map = RoleMap::from_roles(vec![("bash".into(), Pid(7)), ("make".into(), Pid(53))]);
        let places = {
            let mut search = pid_places::PidSearch::default();
            let (trace, _) = parse(b"  a-7 [001] ..... 1.000000: sys_exit: NR 220 = 53\n");
            trace.events.iter().for_each(|event| search.observe(event));
            search.finish(&[Pid(53)].into())
        };
        for (text, expected) in [
            ("sched_stat_runtime: comm=bash pid=7 runtime=123 [ns] vruntime=5 [ns]", "sched_stat_runtime pid=bash"),
            ("sched_stat_runtime: comm=ls pid=8 runtime=123 [ns]", "sched_stat_runtime comm=ls pid=other"),
            ("sys_exit: NR 220 = 53", "sys_exit id=220 ret=make"),
            ("sys_exit: NR 63 = 53", "sys_exit id=63 ret=53"),
            ("sys_clone -> 0x35", "sys_exit_clone ret=make"),
            ("sys_read -> 0x35", "sys_exit_read ret=53"),
            ("sched_waking: comm=bash pid=7 prio=120 target_cpu=001", "sched_waking pid=bash"),
            ("work: kind=read bytes=4096", "work kind=read bytes=4096"),
        ] {
            let (trace, issues) = parse(format!("  a-9 [001] ..... 1.000000: {text}\n").as_bytes());
            assert_eq!(issues, [], "{text}");
            let found = described(&trace.events[0].kind, &ViewRules::default(), &role_map, &places);
            assert_eq!(found, expected);
        }
    }
}
