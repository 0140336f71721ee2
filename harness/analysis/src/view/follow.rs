//! Selects by cause: what the tasks of a scenario do, and what is done to them.

use std::collections::{BTreeMap, BTreeSet};

use super::field;
use super::role_map::RoleMap;
use super::value::as_pid;
use crate::model::{Model, TaskId};
use kernsnap_scenario::{Role, RoleRule};
use kernsnap_trace::{Event, EventKind, Pid, Point, Trace};

/// The tasks that a view follows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Followed {
    tasks: BTreeSet<Pid>,
    /// Tasks that work for many, with those they are followed for.
    servers: BTreeMap<Pid, BTreeSet<Pid>>,
    /// True if all that an interrupt does is shown for the task that it interrupts, as ftrace records it.
    all_interrupts: bool,
}

/// The tasks to follow in a recording without a scenario.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Tasks by id.
    pub pids: BTreeSet<Pid>,
    /// Tasks by a name that they have at any time.
    pub comms: BTreeSet<String>,
}

impl Choice {
    /// The pids and names in these words.
    #[must_use]
    pub fn from_words(words: &[String]) -> Self {
        let mut choice = Self::default();
        for word in words {
            match word.parse() {
                Ok(pid) => drop(choice.pids.insert(Pid(pid))),
                Err(_) => drop(choice.comms.insert(word.clone())),
            }
        }
        choice
    }

    /// True if nothing is chosen, which means everything.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.pids.is_empty() && self.comms.is_empty()
    }

    /// True if one of these tasks does the event, or the event names it in a field, as far as an event and the `names` known
    /// by then tell: descendants are not found out. For a recording that is read as it comes.
    #[must_use]
    pub fn takes(&self, event: &Event, names: &BTreeMap<i32, String>) -> bool {
        let asked = |pid: Pid| {
            self.pids.contains(&pid)
                || !self.comms.is_empty() && names.get(&pid.0).is_some_and(|name| self.comms.contains(name))
        };
        self.is_empty()
            || asked(event.pid)
            || matches!(&event.kind, EventKind::Tracepoint(point) if pids(point).any(asked))
    }
}

/// The task that makes all kernel threads.
const KTHREADD: Pid = Pid(2);

impl Followed {
    /// The tasks of the roles that are followed. An interrupt can come while any task runs. So a tracepoint in an interrupt that
    /// names tasks, and none of these, is not theirs: it would tell of the moment, and not of their behaviour.
    #[must_use]
    pub fn new(role_map: &RoleMap, roles: &[Role]) -> Self {
        let mut followed = Self::default();
        for role in roles.iter().filter(|role| role.followed) {
            let Some(pid) = role_map.pid(&role.name) else { continue };
            match &role.rule {
                RoleRule::Serves { client, .. } => {
                    followed.servers.extend(role_map.pid(client).map(|client| (pid, BTreeSet::from([client]))));
                }
                _ => {
                    followed.tasks.insert(pid);
                }
            }
        }
        followed
    }

    /// The chosen tasks, their descendants, and the kernel threads that kthreadd made when one of them had woken it. kthreadd
    /// itself is followed while it works for them. All tasks, where nothing is chosen.
    #[must_use]
    pub fn chosen(model: &Model, choice: &Choice) -> Self {
        let every = choice.is_empty();
        let mut followed = vec![every; model.tasks.len()];
        // A task stands behind the one that created it.
        for (id, task) in model.tasks.iter().enumerate() {
            let named = || task.names.iter().any(|(_, name)| choice.comms.contains(&**name));
            let client = || {
                let created = task.created.filter(|act| model.task(act.by).is_some_and(|by| by.pid == KTHREADD))?;
                let before = model.wakes.partition_point(|wake| wake.at <= created.at);
                let wake = model.wakes[..before].iter().rev().find(|wake| wake.task == created.by)?;
                Some(wake.by)
            };
            let by = |by: Option<TaskId>| by.is_some_and(|by| followed.get(by.0) == Some(&true));
            followed[id] |=
                choice.pids.contains(&task.pid) || named() || by(task.created.map(|act| act.by)) || by(client());
        }
        let tasks = model.tasks.iter().zip(followed).filter(|(_, followed)| *followed);
        let tasks: BTreeSet<Pid> = tasks.map(|(task, _)| task.pid).collect();
        let servers = if tasks.contains(&KTHREADD) { BTreeMap::new() } else { [(KTHREADD, tasks.clone())].into() };
        Self { tasks, servers, all_interrupts: true }
    }

    /// The events of `trace` that have to do with these tasks, with their places in it, in their order.
    pub fn events<'a>(&self, trace: &'a Trace) -> impl Iterator<Item = (usize, &'a Event)> {
        let mut at_work: BTreeSet<Pid> = BTreeSet::new();
        trace.events.iter().enumerate().filter(move |(_, event)| {
            let point = match &event.kind {
                EventKind::Tracepoint(point) => Some(point),
                _ => None,
            };
            if let Some(server) = point.and_then(wakes)
                && self.servers.get(&server).is_some_and(|clients| clients.contains(&event.pid))
            {
                at_work.insert(server);
            }
            let names_followed = || point.is_some_and(|point| pids(point).any(|pid| self.tasks.contains(&pid)));
            let is_by_followed = self.tasks.contains(&event.pid) || at_work.contains(&event.pid);
            let is_own = || {
                let in_interrupt = event.context.in_hardirq() || event.context.in_softirq();
                self.all_interrupts || !in_interrupt || point.is_none_or(|point| pids(point).next().is_none())
            };
            let kept = (is_by_followed && is_own()) || names_followed();
            if point.is_some_and(goes_to_sleep) {
                at_work.remove(&event.pid);
            }
            kept
        })
    }
}

pub(super) fn wakes(point: &Point) -> Option<Pid> {
    let wakes = matches!(&**point.name(), "sched_waking" | "sched_wakeup");
    wakes.then(|| point.int("pid")).flatten().and_then(as_pid)
}

/// True if the running task leaves the CPU without being preempted: `prev_state` is not `R` and not `R+`.
fn goes_to_sleep(point: &Point) -> bool {
    **point.name() == *"sched_switch" && point.int("prev_state").is_some_and(|state| state & 0xff != 0)
}

fn pids(point: &Point) -> impl Iterator<Item = Pid> {
    point.fields().filter(|(name, _)| field::is_pid(name)).filter_map(|(_, value)| as_pid(value.as_int()?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::{Context, Cpu, Timestamp, Value};

    /// Events as `PID NAME FIELD=N…`, all on one CPU.
    fn trace(lines: &[&str]) -> Trace {
        let event = |(time, line): (u64, &&str)| {
            let mut words = line.split(' ');
            let pid = Pid(words.next()?.parse().ok()?);
            let name = words.next()?;
            let field = |word: &str| {
                let (name, value) = word.split_once('=')?;
                Some((name.to_owned(), Value::Signed(value.parse().ok()?)))
            };
            let body = EventKind::Tracepoint(Point::from_fields(name, words.filter_map(field)));
            Some(Event {
                time: Timestamp(time),
                cpu: Cpu(0),
                pid,
                context: Context::default(),
                kind: body,
                stack: None,
                details: None,
            })
        };
        Trace { events: (0..).zip(lines).filter_map(event).collect(), ..Trace::default() }
    }

    fn check(followed: &Followed, lines: &[&str], kept: &[u64]) {
        let trace = trace(lines);
        assert_eq!(trace.events.len(), lines.len());
        let found: Vec<u64> = followed.events(&trace).map(|(_, event)| event.time.0).collect();
        assert_eq!(found, kept);
    }

    #[test]
    fn what_a_task_does_and_what_is_done_to_it_is_kept() {
        let followed = Followed { tasks: [Pid(10)].into(), ..Followed::default() };
        check(
            &followed,
            &["10 task_rename", "11 task_rename", "11 sched_waking pid=10", "11 sched_waking pid=12"],
            &[0, 2],
        );
    }

    #[test]
    fn an_interrupt_that_wakes_others_is_not_the_interrupted_tasks_doing() {
        let mut trace =
            trace(&["10 sched_waking pid=12", "10 sched_waking pid=11", "10 tick", "10 sched_waking pid=12"]);
        for event in &mut trace.events[..3] {
            event.context.flags = 0x08;
        }
        let kept = |followed: Followed| followed.events(&trace).map(|(at, _)| at).collect::<Vec<_>>();
        let tasks: BTreeSet<Pid> = [Pid(10), Pid(11)].into();
        assert_eq!(kept(Followed { tasks: tasks.clone(), ..Followed::default() }), [1, 2, 3]);
        assert_eq!(kept(Followed { tasks, all_interrupts: true, ..Followed::default() }), [0, 1, 2, 3]);
    }

    #[test]
    fn a_server_is_followed_while_it_works_for_its_client() {
        let servers = [(Pid(2), [Pid(10)].into())].into();
        let followed = Followed { tasks: [Pid(10)].into(), servers, ..Followed::default() };
        let lines = [
            "11 sched_waking pid=2",
            "2 task_newtask pid=12",
            "2 sched_switch prev_state=1",
            "10 sched_waking pid=2",
            "2 task_newtask pid=13",
            "2 sched_switch prev_state=256",
            "2 sched_switch prev_state=1",
            "2 task_newtask pid=14",
        ];
        check(&followed, &lines, &[3, 4, 5, 6]);
    }

    #[test]
    fn a_chosen_task_brings_its_descendants_and_its_kernel_threads() {
        let lines = [
            "10 sched_process_fork child_pid=11",
            "11 sched_process_fork child_pid=12",
            "9 sched_waking pid=2",
            "2 sched_process_fork child_pid=20",
            "2 sched_switch prev_pid=2 prev_state=1 next_pid=12",
            "12 sched_waking pid=2",
            "2 sched_process_fork child_pid=21",
            "2 sched_switch prev_pid=2 prev_state=1 next_pid=0",
        ];
        let trace = trace(&lines);
        let model = Model::from_events(&trace.events);
        let choose = |pids: &[i32]| {
            Followed::chosen(&model, &Choice { pids: pids.iter().copied().map(Pid).collect(), ..Choice::default() })
        };
        let pids = |followed: Followed| followed.tasks.iter().map(|pid| pid.0).collect::<Vec<_>>();
        assert_eq!(pids(choose(&[10])), [10, 11, 12, 21]);
        assert_eq!(pids(choose(&[12])), [12, 21]);
        assert_eq!(pids(choose(&[99])), [0; 0]);
        assert_eq!(pids(choose(&[])).len(), model.tasks.len());
        check(&choose(&[12]), &lines, &[1, 4, 5, 6, 7]);
    }
}
