//! The same run at another time: every time and every pid is another one.

use std::collections::BTreeMap;

use kernsnap_scenario::pattern::is_pid;
use kernsnap_trace::{Event, EventKind, Pid, Timestamp, Trace, Value};

/// Fields that are times.
const TIMES: [&str; 6] = ["runtime", "vruntime", "delay", "expires", "now", "softexpires"];

/// System calls of arm64 that return pids, and those that take some, with the number of the arguments.
const RETURN_PIDS: [i64; 8] = [96, 157, 172, 173, 178, 220, 260, 435];
const TAKE_PIDS: [(i64, usize); 4] = [(129, 1), (130, 1), (131, 2), (260, 1)];

/// The recording of another run of the same workload.
pub(super) fn of(trace: &Trace) -> Trace {
    let pids = other_pids(trace);
    let pid = |pid: i32| pids.get(&pid).copied().unwrap_or(pid);
    let mut other = trace.clone();
    other.names = trace.names.iter().map(|(of, name)| (pid(*of), name.clone())).collect();
    for event in &mut other.events {
        event.time = later(event.time);
        event.pid = Pid(pid(event.pid.0));
        if let EventKind::GraphExit { entered, left, .. } = &mut event.kind {
            (*entered, *left) = (later(*entered), later(*left));
        }
        values(&mut event.kind, &pid);
    }
    other
}

/// Times go on at another pace.
fn later(time: Timestamp) -> Timestamp {
    Timestamp(time.0 * 3 + 77_000_123_000)
}

/// Another pid for each but those that the kernel gives to the first tasks, in another order.
fn other_pids(trace: &Trace) -> BTreeMap<i32, i32> {
    let mut known: Vec<i32> = trace.events.iter().flat_map(pids_of).filter(|pid| *pid > 2).collect();
    known.sort_unstable();
    known.dedup();
    known.into_iter().rev().zip((4_000..).step_by(3)).collect()
}

fn pids_of(event: &Event) -> Vec<i32> {
    let mut pids = vec![event.pid.0];
    if let EventKind::Tracepoint(point) = &event.kind {
        let fields = point.fields().filter(|(field, _)| is_pid(field));
        pids.extend(fields.filter_map(|(_, value)| i32::try_from(value.as_int()?).ok()));
    }
    pids
}

fn values(kind: &mut EventKind, pid: &impl Fn(i32) -> i32) {
    let EventKind::Tracepoint(point) = kind else { return };
    let call = point.int("id").filter(|_| point.name().starts_with("sys_"));
    let names: Vec<String> = point.fields().map(|(field, _)| field.to_string()).collect();
    for field in names {
        let Some(value) = point.field_mut(&field) else { continue };
        let returns = field == "ret" && call.is_some_and(|call| RETURN_PIDS.contains(&call));
        let takes = TAKE_PIDS.iter().find(|(of, _)| Some(*of) == call).map_or(0, |(_, arguments)| *arguments);
        match value {
            Value::Array(arguments) if field == "args" => {
                arguments.iter_mut().take(takes).for_each(|argument| replace(argument, pid));
            }
            value if is_pid(&field) || returns => replace(value, pid),
            Value::Signed(time) if TIMES.contains(&&*field) => *time = *time * 3 + 1,
            Value::Unsigned(time) if TIMES.contains(&&*field) => *time = *time * 3 + 1,
            _ => {}
        }
    }
}

fn replace(value: &mut Value, pid: &impl Fn(i32) -> i32) {
    let other = value.as_int().and_then(|old| i32::try_from(old).ok()).filter(|old| *old > 0).map(pid);
    match (&mut *value, other) {
        (Value::Signed(_), Some(other)) => *value = Value::Signed(other.into()),
        (Value::Unsigned(_) | Value::Hex(_), Some(other)) => *value = Value::Unsigned(other.unsigned_abs().into()),
        _ => {}
    }
}
