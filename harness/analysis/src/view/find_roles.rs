//! The tasks that play the roles of a scenario.

use std::collections::{BTreeMap, BTreeSet};

use super::matching::Matcher;
use super::role_map::RoleMap;
use super::value::{as_pid, value_of};
use kernsnap_scenario::{Names, Role, RoleRule};
use kernsnap_trace::{EventKind, Pid, Trace};

impl RoleMap {
    /// Finds the task of each role. `started` holds the pids of the tasks that the guest's init started.
    #[must_use]
    pub fn find(trace: &Trace, roles: &[Role], started: &BTreeMap<String, Pid>, names: &Names) -> Self {
        let mut role_map = Self::default();
        let mut open: Vec<&Role> = roles.iter().collect();
        // A rule may refer to a role that stands after it: go round until nothing more is found.
        loop {
            let before = open.len();
            open.retain(|role| match role_map.pid_by_rule(trace, role, started, names) {
                Some(pid) => {
                    role_map.roles.push((role.name.clone(), pid));
                    false
                }
                None => true,
            });
            if open.len() == before {
                break;
            }
        }
        let rank: BTreeMap<&str, usize> = roles.iter().enumerate().map(|(i, role)| (role.name.as_str(), i)).collect();
        role_map.roles.sort_by_key(|(name, _)| rank.get(name.as_str()));
        role_map.missing = open.iter().map(|role| role.name.clone()).collect();
        role_map.index();
        role_map
    }

    fn pid_by_rule(&self, trace: &Trace, role: &Role, started: &BTreeMap<String, Pid>, names: &Names) -> Option<Pid> {
        let matcher = Matcher { role_map: self, names };
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
