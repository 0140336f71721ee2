//! The tasks that play the roles of a scenario.

use std::collections::{BTreeMap, BTreeSet};

use super::follow::wakes;
use super::matching::Matcher;
use super::role_map::RoleMap;
use super::value::{as_pid, value_of};
use kernsnap_scenario::{Names, Role, RoleRule};
use kernsnap_trace::{Event, EventKind, Pid, Trace};

impl RoleMap {
    /// Finds the task of each role. `started` holds the pids of the tasks that the guest's init started.
    #[must_use]
    pub fn find(trace: &Trace, roles: &[Role], started: &BTreeMap<String, Pid>, names: &Names) -> Self {
        let mut role_map = Self::default();
        let mut open: Vec<&Role> = roles.iter().collect();
        // A rule may refer to a role that stands after it: go round until nothing more is found.
        loop {
            let before = open.len();
            open.retain(|role| match role_map.pid_by_rule(trace, roles, role, started, names) {
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

    fn pid_by_rule(
        &self,
        trace: &Trace,
        roles: &[Role],
        role: &Role,
        started: &BTreeMap<String, Pid>,
        names: &Names,
    ) -> Option<Pid> {
        let matcher = Matcher { role_map: self, names };
        match &role.rule {
            RoleRule::Started => started.get(&role.name).copied(),
            RoleRule::Pid(pid) | RoleRule::Serves { pid, .. } => Some(Pid(*pid)),
            RoleRule::ForkedBy(parent, nth) => {
                let begin = self.begin_of_work(trace, roles, parent)?;
                let parent = self.pid(parent)?;
                let own = trace.events.iter().skip(begin).filter(|event| event.pid == parent);
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

impl RoleMap {
    /// The place in `trace` from which on a role works for the role that it serves: before that, kthreadd may fork for a worker pool. 0
    /// for a role that serves no other, and where its client does not wake it; `None` where the client is not found.
    fn begin_of_work(&self, trace: &Trace, roles: &[Role], server: &str) -> Option<usize> {
        let rule = roles.iter().find(|role| role.name == server).map(|role| &role.rule);
        let Some(RoleRule::Serves { pid, client }) = rule else { return Some(0) };
        let client = self.pid(client)?;
        let is_request = |event: &Event| match &event.kind {
            EventKind::Tracepoint(point) => event.pid == client && wakes(point) == Some(Pid(*pid)),
            _ => false,
        };
        Some(trace.events.iter().position(is_request).unwrap_or(0))
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::tests::events;

    #[test]
    fn what_a_server_forked_before_its_client_asked_is_not_for_the_client() {
        let role = |name: &str, rule| Role { name: name.into(), rule, followed: true };
        let roles = [
            role("thread", RoleRule::ForkedBy("kthreadd".into(), 1)),
            role("kthreadd", RoleRule::Serves { pid: 2, client: "creator".into() }),
            role("creator", RoleRule::Pid(10)),
        ];
        let lines = [
            "1000 1 11 sched_waking comm=kthreadd pid=2",
            "1100 1 2 sched_process_fork parent_pid=2 child_comm=kthreadd child_pid=20",
            "1200 1 10 sched_waking comm=kthreadd pid=2",
            "1300 1 2 sched_process_fork parent_pid=2 child_comm=kthreadd child_pid=21",
        ];
        let thread = |lines: &[&str]| {
            let trace = Trace { events: events(lines), ..Trace::default() };
            RoleMap::find(&trace, &roles, &BTreeMap::new(), &Names::default()).pid("thread")
        };
        assert_eq!(thread(&lines), Some(Pid(21)));
        // A server that is awake already is not woken.
        assert_eq!(thread(&lines[..2]), Some(Pid(20)));
    }
}
