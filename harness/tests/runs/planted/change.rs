//! The five kinds of changes, and where each belongs in what the tasks of a recording do.

use std::collections::{BTreeMap, BTreeSet};

use kernsnap_analysis::model::Summary;
use kernsnap_analysis::view::{Line, Lines, RoleMap};
use kernsnap_scenario::{Names, ViewRules};
use kernsnap_trace::{Event, EventKind, FunctionName, Pid, Symbol, Timestamp, Trace, Value};

/// The kind of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    Dropped,
    Reordered,
    Renamed,
    WokenFromElsewhere,
    LongerCallTree,
}

/// A place for a change: events by their numbers, and the task that a wake-up then comes from.
#[derive(Clone, Debug)]
pub(super) struct Place {
    event: usize,
    other: usize,
    task: Pid,
}

/// A recording with a change, and for each task that differs the line, from 0, from which it does.
pub(super) struct Planted {
    pub(super) trace: Trace,
    pub(super) expected: BTreeMap<String, u64>,
}

/// The lines of each task, with the numbers of their events.
struct Told {
    roles: RoleMap,
    lines: BTreeMap<String, Vec<(usize, Line)>>,
}

impl Told {
    fn new(trace: &Trace) -> Self {
        let roles = RoleMap::by_name(&Summary::from_events(&trace.events).tasks, &trace.names);
        let (names, shown) = (Names::default(), ViewRules::default());
        let mut made = Lines::new(&roles, &names, &shown);
        let mut lines: BTreeMap<String, Vec<(usize, Line)>> = BTreeMap::new();
        let mut sink = |event, line: Line| lines.entry(line.role.clone()).or_default().push((event, line));
        trace.events.iter().enumerate().for_each(|(number, event)| made.push(number, event, &mut sink));
        made.finish(&mut sink);
        for lines in lines.values_mut() {
            lines.sort_by_key(|(event, _)| *event);
        }
        Self { roles, lines }
    }

    /// Lines of tasks that have a role, each with its place and the one after it.
    fn places(&self) -> impl Iterator<Item = (&(usize, Line), Option<&(usize, Line)>)> {
        let of_roles = self.lines.iter().filter(|(role, _)| *role != "other");
        of_roles.flat_map(|(_, lines)| lines.iter().enumerate().map(|(at, line)| (line, lines.get(at + 1))))
    }

    /// The number of lines of a task in front of an event.
    fn before(&self, role: &str, event: usize) -> u64 {
        self.lines.get(role).map_or(0, |lines| lines.partition_point(|(at, _)| *at < event) as u64)
    }

    fn role(&self, event: &Event) -> String {
        self.roles.role(event.pid).unwrap_or("other").to_owned()
    }
}

/// True if two lines say something else.
fn differ(line: &Line, next: Option<&(usize, Line)>) -> bool {
    next.is_none_or(|(_, next)| (next.depth, &next.text) != (line.depth, &line.text))
}

fn is_graph(event: &Event) -> bool {
    matches!(event.kind, EventKind::GraphEntry { .. } | EventKind::GraphExit { .. })
}

/// The next event of the same task.
fn next_of_task(trace: &Trace, event: usize) -> Option<usize> {
    let pid = trace.events[event].pid;
    (event + 1..trace.events.len()).find(|next| trace.events[*next].pid == pid)
}

/// The target of a wake-up.
fn wakes(event: &Event) -> Option<Pid> {
    let EventKind::Tracepoint(point) = &event.kind else { return None };
    let wakes = matches!(&**point.name(), "sched_waking" | "sched_wakeup" | "sched_wakeup_new");
    point.int("pid").filter(|_| wakes).and_then(|pid| i32::try_from(pid).ok()).map(Pid)
}

impl Kind {
    pub(super) const ALL: [Self; 5] =
        [Self::Dropped, Self::Reordered, Self::Renamed, Self::WokenFromElsewhere, Self::LongerCallTree];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Dropped => "an event is dropped",
            Self::Reordered => "two events of a task change places",
            Self::Renamed => "a task has another name",
            Self::WokenFromElsewhere => "a wake-up comes from elsewhere",
            Self::LongerCallTree => "a call makes one more call",
        }
    }

    /// The places of a recording where such a change can be seen.
    pub(super) fn places(self, trace: &Trace) -> Vec<Place> {
        let told = Told::new(trace);
        let place = |event: usize, other: usize, task: Pid| Place { event, other, task };
        let events = &trace.events;
        match self {
            Self::Dropped => {
                let of_lines =
                    told.places().filter(|((at, line), next)| !is_graph(&events[*at]) && differ(line, *next));
                of_lines.map(|((at, _), _)| place(*at, 0, events[*at].pid)).collect()
            }
            Self::Reordered => {
                let of_lines = told.places().filter_map(|((at, line), next)| {
                    let (second, _) = next.filter(|_| differ(line, next))?;
                    let plain = !is_graph(&events[*at]) && !is_graph(&events[*second]);
                    plain.then(|| place(*at, *second, events[*at].pid))
                });
                of_lines.collect()
            }
            Self::Renamed => {
                let named = trace.names.keys().copied().map(Pid);
                let tasks = named.filter(|pid| events.iter().filter(|event| event.pid == *pid).count() > 4);
                tasks.filter(|pid| told.roles.role(*pid).is_some()).map(|pid| place(0, 0, pid)).collect()
            }
            Self::WokenFromElsewhere => {
                let of_lines = told.places().filter_map(|((at, line), next)| {
                    let target = wakes(&events[*at]).filter(|_| differ(line, next))?;
                    let others: BTreeSet<Pid> = events.iter().map(|event| event.pid).collect();
                    let mut others = others.into_iter().filter(|pid| {
                        ![events[*at].pid, target, Pid(0)].contains(pid) && told.roles.role(*pid).is_some()
                    });
                    others.find(|other| is_seen_by(&told, *other, *at, line)).map(|other| place(*at, 0, other))
                });
                of_lines.collect()
            }
            Self::LongerCallTree => {
                let of_lines = told.places().filter_map(|((at, _), _)| {
                    let next = next_of_task(trace, *at);
                    let is_leaf = |next: usize| matches!(events[next].kind, EventKind::GraphExit { .. });
                    match &events[*at].kind {
                        EventKind::GraphEntry { .. } => {
                            next.filter(|next| is_leaf(*next)).map(|next| place(*at, next, events[*at].pid))
                        }
                        EventKind::Function { .. } => Some(place(*at, 0, events[*at].pid)),
                        _ => None,
                    }
                });
                of_lines.collect()
            }
        }
    }

    /// The recording with the change at a place.
    pub(super) fn plant(self, trace: &Trace, place: &Place) -> Planted {
        let told = Told::new(trace);
        let mut changed = trace.clone();
        let role = told.role(&trace.events[place.event]);
        let at = told.before(&role, place.event);
        let mut expected = BTreeMap::from([(role, at)]);
        match self {
            Self::Dropped => drop(changed.events.remove(place.event)),
            Self::Reordered => {
                let (first, second) = (&trace.events[place.event], &trace.events[place.other]);
                changed.events[place.event] = Event { time: first.time, cpu: first.cpu, ..second.clone() };
                changed.events[place.other] = Event { time: second.time, cpu: second.cpu, ..first.clone() };
            }
            Self::Renamed => {
                let role = told.roles.role(place.task).unwrap_or_default().to_owned();
                rename(&mut changed, place.task);
                expected = BTreeMap::from([(role, 0)]);
            }
            Self::WokenFromElsewhere => {
                let other = told.roles.role(place.task).unwrap_or_default().to_owned();
                changed.events[place.event].pid = place.task;
                let at = told.before(&other, place.event);
                expected.insert(other, at);
            }
            Self::LongerCallTree => {
                let event = &trace.events[place.event];
                let function = Symbol::Function {
                    place: std::sync::Arc::new(kernsnap_trace::CodeLocation {
                        function: FunctionName::new("one_more_call"),
                        offset: None,
                        module: None,
                        followed_by: None,
                    }),
                    address: None,
                };
                if let EventKind::GraphEntry { depth, .. } = &event.kind {
                    let depth = depth + 1;
                    let (entered, left) = (event.time, Timestamp(event.time.0 + 100));
                    let exit = EventKind::GraphExit { function: function.clone(), depth, entered, left };
                    changed.events.insert(place.event + 1, Event { kind: exit, ..event.clone() });
                    let entry = EventKind::GraphEntry { function, depth };
                    changed.events.insert(place.event + 1, Event { kind: entry, ..event.clone() });
                } else {
                    let caller = Symbol::Unknown;
                    let call = EventKind::Function { function, caller };
                    let call = Event { kind: call, stack: None, ..event.clone() };
                    changed.events.insert(place.event + 1, call);
                    for at in expected.values_mut() {
                        *at += 1;
                    }
                }
            }
        }
        Planted { trace: changed, expected }
    }
}

/// True if one more line of a task at this event differs from the next one that it has.
fn is_seen_by(told: &Told, task: Pid, event: usize, line: &Line) -> bool {
    let lines = told.roles.role(task).and_then(|role| told.lines.get(role));
    lines.is_some_and(|lines| {
        let next = lines.get(lines.partition_point(|(at, _)| *at < event));
        // Within a call tree the line would have another depth.
        differ(line, next) && next.is_some() && lines.iter().all(|(_, line)| line.depth == 0)
    })
}

/// Gives a task another name, wherever the recording has it.
fn rename(trace: &mut Trace, task: Pid) {
    const OTHER: &str = "renamed";
    let old = trace.names.insert(task.0, OTHER.into()).unwrap_or_default();
    for event in &mut trace.events {
        let own = event.pid == task;
        let EventKind::Tracepoint(point) = &mut event.kind else { continue };
        let names: Vec<String> = point.fields().map(|(field, _)| field.to_string()).collect();
        for field in names.iter().filter(|field| field.ends_with("comm")) {
            let pid = field.strip_suffix("comm").map(|owner| format!("{owner}pid"));
            let of_task = pid.and_then(|pid| point.int(&pid)).map_or(own, |pid| pid == i64::from(task.0));
            match point.field_mut(field) {
                Some(Value::Text(name)) if of_task && **name == *old => *name = OTHER.into(),
                _ => {}
            }
        }
    }
}
