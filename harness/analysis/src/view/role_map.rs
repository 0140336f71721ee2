//! The tasks that play the roles of a scenario.

use std::collections::BTreeMap;

use super::one_line::one_line;
use crate::model::{Model, Task};
use kernsnap_trace::{Pid, Trace};

/// The tasks of a run that have a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RoleMap {
    /// Role names with their pids, in the order of the scenario; an earlier name wins where two roles meet in one task.
    pub(super) roles: Vec<(String, Pid)>,
    /// Places in `roles`, by pid.
    by_pid: BTreeMap<Pid, usize>,
    /// Roles that no task played.
    pub(super) missing: Vec<String>,
}

impl RoleMap {
    /// Names for the tasks of a recording that no scenario describes: the name a task has in the end, with a number after it
    /// where several have the same.
    #[must_use]
    pub fn by_name(tasks: &[Task], names: &BTreeMap<i32, String>) -> Self {
        let mut taken: BTreeMap<&str, usize> = BTreeMap::new();
        let mut role_map = Self::default();
        for task in tasks.iter().filter(|task| task.idle_on.is_none()) {
            let saved = || names.get(&task.pid.0).map(String::as_str).filter(|name| *name != "<...>");
            let name = task.name().or_else(saved).unwrap_or("task");
            let number = taken.entry(name).or_default();
            *number += 1;
            // A role is one word.
            let word = one_line(&name.replace(char::is_whitespace, "_")).into_owned();
            let role = if *number == 1 { word } else { format!("{word}#{number}") };
            role_map.roles.push((role, task.pid));
        }
        Self::from_roles(role_map.roles)
    }

    /// These roles, and that of the idle tasks.
    #[must_use]
    pub(crate) fn from_roles(mut roles: Vec<(String, Pid)>) -> Self {
        roles.push(("idle".into(), Pid(0)));
        let mut role_map = Self { roles, ..Self::default() };
        role_map.index();
        role_map
    }

    /// The same roles, with the names of the tasks that do not have one.
    #[must_use]
    pub fn with_names(&self, model: &Model, trace: &Trace) -> Self {
        let mut role_map = self.clone();
        let new = Self::by_name(&model.tasks, &trace.names).roles.into_iter();
        let new = new.filter(|(_, pid)| self.role(*pid).is_none()).map(|(name, pid)| match self.pid(&name) {
            Some(_) => (format!("{name}#{}", pid.0), pid),
            None => (name, pid),
        });
        role_map.roles.extend(new);
        role_map.index();
        role_map
    }

    pub(super) fn index(&mut self) {
        self.by_pid.clear();
        for (at, (_, pid)) in self.roles.iter().enumerate() {
            self.by_pid.entry(*pid).or_insert(at);
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
