//! Who is who in a trace: roles to pids.

use std::collections::{BTreeMap, BTreeSet};

use super::matching::Matcher;
use super::value::value_of;
use crate::model::{Model, Task};
use kernsnap_scenario::{Names, Role, RoleRule};
use kernsnap_trace::{EventKind, Pid, Trace};

/// The tasks of a run that have a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleMap {
    /// Role names with their pids, in the order of the scenario; an earlier name wins where two roles meet in one task.
    roles: Vec<(String, Pid)>,
    /// Places in `roles`, by pid.
    by_pid: BTreeMap<Pid, usize>,
    /// Roles that no task played.
    missing: Vec<String>,
}

impl RoleMap {
    /// Finds the task of each role. `started` holds the pids of the tasks that the guest's init started.
    #[must_use]
    pub fn find(trace: &Trace, roles: &[Role], started: &BTreeMap<String, Pid>, names: &Names) -> Self {
        let mut cast = Self::default();
        let mut open: Vec<&Role> = roles.iter().collect();
        // A rule may refer to a role that stands after it: go round until nothing more is found.
        loop {
            let before = open.len();
            open.retain(|role| match cast.pid_by_rule(trace, role, started, names) {
                Some(pid) => {
                    cast.roles.push((role.name.clone(), pid));
                    false
                }
                None => true,
            });
            if open.len() == before {
                break;
            }
        }
        let rank: BTreeMap<&str, usize> = roles.iter().enumerate().map(|(i, role)| (role.name.as_str(), i)).collect();
        cast.roles.sort_by_key(|(name, _)| rank.get(name.as_str()));
        cast.missing = open.iter().map(|role| role.name.clone()).collect();
        cast.index();
        cast
    }

    /// Names for the tasks of a recording that no scenario describes: the name a task has in the end, with a number after it
    /// where several have the same.
    #[must_use]
    pub fn by_name(tasks: &[Task], names: &BTreeMap<i32, String>) -> Self {
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        let mut cast = Self::default();
        for task in tasks.iter().filter(|task| task.idle_on.is_none()) {
            let saved = || names.get(&task.pid.0).map(String::as_str).filter(|name| *name != "<...>");
            let name = task.name().or_else(saved).unwrap_or("task");
            let number = taken.entry(name).or_default();
            *number += 1;
            // A role is one word.
            let word = name.replace(char::is_whitespace, "_");
            let role = if *number == 1 { word } else { format!("{word}#{number}") };
            cast.roles.push((role, task.pid));
        }
        cast.roles.push(("idle".into(), Pid(0)));
        cast.index();
        cast
    }

    /// The same cast, in which those who play no role go by their names.
    #[must_use]
    pub fn with_names(&self, model: &Model, trace: &Trace) -> Self {
        let mut cast = self.clone();
        let new = Self::by_name(&model.tasks, &trace.names).roles.into_iter();
        let new = new.filter(|(_, pid)| self.role(*pid).is_none()).map(|(name, pid)| match self.pid(&name) {
            Some(_) => (format!("{name}#{}", pid.0), pid),
            None => (name, pid),
        });
        cast.roles.extend(new);
        cast.index();
        cast
    }

    fn index(&mut self) {
        self.by_pid.clear();
        for (at, (_, pid)) in self.roles.iter().enumerate() {
            self.by_pid.entry(*pid).or_insert(at);
        }
    }

    fn pid_by_rule(&self, trace: &Trace, role: &Role, started: &BTreeMap<String, Pid>, names: &Names) -> Option<Pid> {
        let matcher = Matcher { cast: self, names };
        match &role.rule {
            RoleRule::Started => started.get(&role.name).copied(),
            RoleRule::Pid(pid) | RoleRule::Serves { pid, .. } => Some(Pid(*pid)),
            RoleRule::ForkedBy(parent, nth) => {
                let parent = self.pid(parent)?;
                let own = trace.events.iter().filter(|event| event.pid == parent);
                // Two events may announce one child.
                let mut children = BTreeSet::new();
                own.filter_map(|event| forked(&event.kind)).find(|child| {
                    children.insert(*child);
                    children.len() == *nth
                })
            }
            RoleRule::Does(pattern) => {
                trace.events.iter().find(|event| matcher.matches(pattern, event)).map(|event| event.pid)
            }
            RoleRule::Is(field) => {
                let event = trace.events.iter().find(|event| matcher.matches(&field.of, event))?;
                value_of(event, &field.field)?.as_int().and_then(as_pid)
            }
            RoleRule::RunsAfter(role) => {
                let leaving = self.pid(role)?;
                trace.events.iter().rev().find_map(|event| match &event.kind {
                    EventKind::Tracepoint(point) if event.pid == leaving && **point.name() == *"sched_switch" => {
                        point.int("next_pid").and_then(as_pid)
                    }
                    _ => None,
                })
            }
        }
    }

    /// The pid of a role; `None` where no task played it.
    #[must_use]
    pub fn pid(&self, role: &str) -> Option<Pid> {
        self.roles.iter().find(|(name, _)| name == role).map(|(_, pid)| *pid)
    }

    /// The first role that the task plays.
    #[must_use]
    pub fn role(&self, pid: Pid) -> Option<&str> {
        self.by_pid.get(&pid).map(|at| self.roles[*at].0.as_str())
    }

    /// Roles of the scenario that no task played.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }
}

/// The child that an event announces.
fn forked(body: &EventKind) -> Option<Pid> {
    let EventKind::Tracepoint(point) = body else { return None };
    match &**point.name() {
        "sched_process_fork" => point.int("child_pid").and_then(as_pid),
        "task_newtask" => point.int("pid").and_then(as_pid),
        _ => None,
    }
}

pub(super) fn as_pid(value: i64) -> Option<Pid> {
    i32::try_from(value).ok().map(Pid)
}
