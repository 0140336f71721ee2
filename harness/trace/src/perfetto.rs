//! Perfetto's native format: a `Trace` message with ftrace events by CPU, names of tasks, and calls and markers on their tracks
//! (`protos/perfetto/trace/trace_packet.proto` and `ftrace/ftrace_event.proto` of Perfetto, whose numbers stand here).

use std::collections::{BTreeMap, BTreeSet};

use super::proto::Message;
use crate::{Event, EventKind, Point, Trace, Value};

/// `Trace.packet`.
const PACKET: u32 = 1;

/// Numbers of `TracePacket`'s fields.
mod packet {
    pub(super) const FTRACE_EVENTS: u32 = 1;
    pub(super) const PROCESS_TREE: u32 = 2;
    pub(super) const TIMESTAMP: u32 = 8;
    pub(super) const SEQUENCE: u32 = 10;
    pub(super) const TRACK_EVENT: u32 = 11;
    pub(super) const TRACK_DESCRIPTOR: u32 = 60;
}

/// The ftrace events that Perfetto knows: the number in `FtraceEvent`, and its fields in the order of their numbers. Empty
/// where a number is not one of ours.
const KNOWN: [(&str, u32, &[&str]); 12] = [
    ("sched_switch", 4, &["prev_comm", "prev_pid", "prev_prio", "prev_state", "next_comm", "next_pid", "next_prio"]),
    ("sched_wakeup", 17, WAKEUP),
    ("sched_waking", 20, WAKEUP),
    ("sched_wakeup_new", 114, WAKEUP),
    ("task_newtask", 235, &["pid", "comm", "clone_flags", "oom_score_adj"]),
    ("task_rename", 236, &["pid", "oldcomm", "newcomm", "oom_score_adj"]),
    ("sched_process_exec", 237, &["filename", "pid", "old_pid"]),
    ("sched_process_exit", 238, &["comm", "pid", "", "prio"]),
    ("sched_process_fork", 239, &["parent_comm", "parent_pid", "child_comm", "child_pid"]),
    ("sched_process_free", 240, &["comm", "pid", "prio"]),
    ("sched_process_hang", 241, &["comm", "pid"]),
    ("sched_process_wait", 242, &["comm", "pid", "prio"]),
];
const WAKEUP: &[&str] = &["comm", "pid", "prio", "success", "target_cpu"];
const GENERIC: u32 = 327;

/// `TrackEvent.type`.
mod kind {
    pub(super) const SLICE_BEGIN: u64 = 1;
    pub(super) const SLICE_END: u64 = 2;
    pub(super) const INSTANT: u64 = 3;
}

/// `CLONE_THREAD` of `include/uapi/linux/sched.h`: the new task belongs to the process of the one that creates it.
const CLONE_THREAD: i64 = 0x10000;

/// The writer of all packets.
const SEQUENCE: u64 = 1;
/// Events of one bundle: a reader holds a bundle in memory.
const BUNDLE: usize = 4096;

/// The trace as a file for <https://ui.perfetto.dev>. Which tasks share a process is known of those that are created in the
/// trace; the others stand as processes of their own. Markers are instants on their task's track: among the ftrace events
/// Perfetto takes them for atrace's, and finds fault with their grammar.
#[must_use]
pub fn perfetto(trace: &Trace) -> Vec<u8> {
    let mut file = Message::new();
    let mut write = |packet: Message| {
        let packet = packet.number(packet::SEQUENCE, SEQUENCE);
        file = std::mem::take(&mut file).message(PACKET, &packet);
    };
    let born = processes_of_born(trace);
    // Perfetto makes those that are born in the trace itself, when it comes to their birth.
    let old: BTreeSet<i32> =
        trace.events.iter().map(|event| event.pid.0).filter(|pid| *pid > 0 && !born.contains_key(pid)).collect();
    let names = trace.names.iter().filter(|(pid, _)| old.contains(pid));
    let tree = names.fold(Message::new(), |tree, (pid, name)| {
        let process = Message::new().signed(1, (*pid).into()).string(3, name);
        let thread = Message::new().signed(1, (*pid).into()).string(2, name).signed(3, (*pid).into());
        tree.message(1, &process).message(2, &thread)
    });
    write(Message::new().message(packet::PROCESS_TREE, &tree));

    let mut cpus: BTreeMap<u16, Vec<&Event>> = BTreeMap::new();
    for event in &trace.events {
        cpus.entry(event.cpu.0).or_default().push(event);
    }
    for (cpu, events) in &cpus {
        for events in events.chunks(BUNDLE) {
            let bundle = Message::new().number(1, (*cpu).into());
            let bundle = events
                .iter()
                .filter_map(|event| ftrace_event(event))
                .fold(bundle, |bundle, event| bundle.message(2, &event));
            write(Message::new().message(packet::FTRACE_EVENTS, &bundle));
        }
    }

    let tracked: BTreeSet<i32> =
        trace.events.iter().filter(|event| has_track(&event.kind)).map(|event| event.pid.0).collect();
    for pid in tracked {
        let name = trace.names.get(&pid).map_or("", String::as_str);
        let process = born.get(&pid).copied().unwrap_or(pid);
        let thread = Message::new().signed(1, process.into()).signed(2, pid.into()).string(5, name);
        let descriptor = Message::new().number(1, track(pid)).string(2, name).message(4, &thread);
        write(Message::new().message(packet::TRACK_DESCRIPTOR, &descriptor));
    }
    let mut latest: BTreeMap<i32, u64> = BTreeMap::new();
    for event in &trace.events {
        let Some(shown) = on_track(event) else { continue };
        let shown = shown.number(11, track(event.pid.0));
        let latest = latest.entry(event.pid.0).or_default();
        *latest = time_on_track(event, *latest);
        write(Message::new().number(packet::TIMESTAMP, *latest).message(packet::TRACK_EVENT, &shown));
    }
    file.into_bytes()
}

/// The process of each task that is created in the trace: its own pid, or that of the first of its threads.
fn processes_of_born(trace: &Trace) -> BTreeMap<i32, i32> {
    let mut processes = BTreeMap::new();
    for event in &trace.events {
        let EventKind::Tracepoint(point) = &event.kind else { continue };
        let pid =
            point.int("pid").and_then(|pid| i32::try_from(pid).ok()).filter(|_| **point.name() == *"task_newtask");
        let Some(pid) = pid else { continue };
        let thread = point.int("clone_flags").is_some_and(|flags| flags & CLONE_THREAD != 0);
        let creator = processes.get(&event.pid.0).copied().unwrap_or(event.pid.0);
        processes.insert(pid, if thread { creator } else { pid });
    }
    processes
}

/// True if it stands on the track of its task, and not among the ftrace events.
fn has_track(body: &EventKind) -> bool {
    matches!(body, EventKind::GraphEntry { .. } | EventKind::GraphExit { .. } | EventKind::Marker { .. })
}

/// A `TrackEvent`, for what [has a track](has_track).
fn on_track(event: &Event) -> Option<Message> {
    let of = |kind| Message::new().number(9, kind);
    match &event.kind {
        EventKind::GraphEntry { function, .. } => Some(of(kind::SLICE_BEGIN).string(23, &function.to_string())),
        EventKind::GraphExit { .. } => Some(of(kind::SLICE_END)),
        EventKind::Marker { text } => Some(of(kind::INSTANT).string(23, text)),
        EventKind::Function { .. } | EventKind::Tracepoint(_) => None,
    }
}

/// The number of a task's track, which must not be 0.
fn track(pid: i32) -> u64 {
    u64::from(pid.cast_unsigned()) + 1
}

/// When it happens on its track, on which the one before it was at `latest`. A call ends when it returned, and not when that
/// was written down; but a text has rounded times, by which calls would not end in their order.
fn time_on_track(event: &Event, latest: u64) -> u64 {
    match &event.kind {
        EventKind::GraphExit { left, .. } if (latest..=event.time.0).contains(&left.0) => left.0,
        _ => event.time.0,
    }
}

/// A `FtraceEvent`; `None` for what stands on a track.
fn ftrace_event(event: &Event) -> Option<Message> {
    let message = Message::new().number(1, event.time.0).number(2, event.pid.0.cast_unsigned().into());
    Some(match &event.kind {
        EventKind::GraphEntry { .. } | EventKind::GraphExit { .. } | EventKind::Marker { .. } => return None,
        EventKind::Function { function, caller } => {
            let fields = [("function", function), ("caller", caller)];
            let call = fields.iter().fold(Message::new().string(1, "function"), |call, (name, symbol)| {
                call.message(2, &Message::new().string(1, name).string(3, &symbol.to_string()))
            });
            message.message(GENERIC, &call)
        }
        EventKind::Tracepoint(point) => match KNOWN.iter().find(|(name, ..)| **name == **point.name()) {
            Some((_, number, fields)) => message.message(*number, &known(point, fields)),
            None => message.message(GENERIC, &generic(point)),
        },
    })
}

fn known(point: &Point, fields: &[&str]) -> Message {
    (1..).zip(fields).fold(Message::new(), |message, (number, name)| match point.field(name) {
        Some(Value::Signed(value)) => message.signed(number, *value),
        Some(Value::Unsigned(value)) => message.number(number, *value),
        Some(Value::Hex(hex)) => message.number(number, hex.value),
        Some(Value::Text(text)) => message.string(number, text),
        Some(Value::Array(_)) | None => message,
    })
}

fn generic(point: &Point) -> Message {
    point.fields().fold(Message::new().string(1, point.name()), |message, (name, value)| {
        let field = Message::new().string(1, name);
        let field = match value {
            Value::Signed(value) => field.signed(4, *value),
            Value::Unsigned(value) => field.number(5, *value),
            // Hexadecimal, too: a number would be shown in decimal.
            other => field.string(3, &other.to_string()),
        };
        message.message(2, &field)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Timestamp;
    use crate::text::parse;

    /// Fields of a message: number and content, numbers as eight bytes.
    fn fields(mut bytes: &[u8]) -> Vec<(u64, Vec<u8>)> {
        let varint = |bytes: &mut &[u8]| {
            let mut value = 0;
            for shift in (0..64).step_by(7) {
                let (byte, rest) = bytes.split_first().expect("a byte");
                *bytes = rest;
                value |= u64::from(byte & 0x7f) << shift;
                if byte & 0x80 == 0 {
                    break;
                }
            }
            value
        };
        let mut found = Vec::new();
        while !bytes.is_empty() {
            let key = varint(&mut bytes);
            let value = varint(&mut bytes);
            if key & 7 == 2 {
                let (content, rest) = bytes.split_at(usize::try_from(value).expect("a length"));
                found.push((key >> 3, content.to_vec()));
                bytes = rest;
            } else {
                found.push((key >> 3, value.to_le_bytes().to_vec()));
            }
        }
        found
    }

    fn all(bytes: &[u8], number: u32) -> Vec<Vec<u8>> {
        fields(bytes).into_iter().filter(|(found, _)| *found == u64::from(number)).map(|(_, content)| content).collect()
    }

    #[test]
    fn events_names_and_calls_are_where_perfetto_looks_for_them() {
        let text = "   bash-946 [003] d..1. 1.000001: sched_wakeup: comm=x pid=7 prio=120 target_cpu=002\n\
                    \x20  bash-946 [002] d..1. 1.000002: other: a=-1\n\
                    \x20  bash-946 [002] ..... 1.000003: funcgraph_entry:    |  do_exit() {\n";
        let (trace, issues) = parse(text.as_bytes());
        assert_eq!(issues, []);
        let file = perfetto(&trace);
        let packets = all(&file, PACKET);
        let process = all(&all(&packets[0], packet::PROCESS_TREE)[0], 1);
        assert_eq!(all(&process[0], 3), [b"bash"]);
        let bundles: Vec<_> = packets.iter().flat_map(|packet| all(packet, packet::FTRACE_EVENTS)).collect();
        assert_eq!(bundles.iter().map(|bundle| all(bundle, 1)[0][0]).collect::<Vec<_>>(), [2, 3]);
        let wakeup = all(&all(&bundles[1], 2)[0], 17);
        assert_eq!(
            (all(&wakeup[0], 1), all(&wakeup[0], 2)[0][0], all(&wakeup[0], 5)[0][0]),
            (vec![b"x".to_vec()], 7, 2)
        );
        let generic = all(&all(&bundles[0], 2)[0], GENERIC);
        assert_eq!(all(&generic[0], 1), [b"other"]);
        let slices: Vec<_> = packets.iter().flat_map(|packet| all(packet, packet::TRACK_EVENT)).collect();
        assert_eq!(all(&slices[0], 23), [b"do_exit"]);
    }

    #[test]
    fn a_call_ends_when_it_returned_unless_rounded_times_contradict() {
        let text = " 1)     init-1     |   1.500 us    |  put_pid();\n";
        let (mut trace, _) = parse(text.as_bytes());
        let mut leave = trace.events.pop().expect("a return");
        for (written, returned, latest, expected) in [(9, 8, 7, 8), (9, 8, 8, 8), (9, 10, 7, 9), (9, 7, 8, 9)] {
            leave.time = Timestamp(written);
            if let EventKind::GraphExit { left, .. } = &mut leave.kind {
                *left = Timestamp(returned);
            }
            assert_eq!(time_on_track(&leave, latest), expected);
        }
    }
}
