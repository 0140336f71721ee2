//! The names of tasks: those that a kernel saved (`saved_cmdlines`), and of others those that events tell.

use std::collections::{BTreeMap, BTreeSet};

use smol_str::SmolStr;

use super::Value;

/// Tasks that are remembered in front of the table: most events name the same few.
const REMEMBERED: usize = 256;

/// Tasks whose names are learned at most: a hostile recording names as many as it has events.
const LEARNED: usize = 1 << 20;

/// Names by pid.
#[derive(Clone, Debug, Default)]
pub(super) struct TaskNames {
    pub(super) names: BTreeMap<i32, String>,
    /// The tasks whose names the kernel saved.
    saved: BTreeSet<i32>,
    latest: Vec<(i32, SmolStr)>,
}

impl TaskNames {
    /// The names that the kernel saved. They are the last ones of their tasks, and stay.
    pub(super) fn new(names: BTreeMap<i32, String>) -> Self {
        Self { saved: names.keys().copied().collect(), names, latest: vec![(0, SmolStr::default()); REMEMBERED] }
    }

    /// Takes the name that an event tells of a task.
    #[inline]
    pub(super) fn learn(&mut self, pid: &Value, name: &SmolStr) {
        let Some(pid) = pid.as_int().and_then(|pid| i32::try_from(pid).ok()).filter(|pid| *pid > 0) else { return };
        let slot = usize::try_from(pid).unwrap_or(0) % REMEMBERED;
        let Some(latest) = self.latest.get_mut(slot) else { return };
        if latest.0 == pid && latest.1 == *name {
            return;
        }
        *latest = (pid, name.clone());
        let has_room = self.names.len() < LEARNED || self.names.contains_key(&pid);
        if !self.saved.contains(&pid) && !name.is_empty() && **name != *"<...>" && has_room {
            self.names.insert(pid, name.to_string());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_saved_stays_and_others_are_the_latest() {
        let mut tasks = TaskNames::new(BTreeMap::from([(5, "saved".to_owned())]));
        let told = [(5, "other"), (7, "bash"), (7 + 256, "far"), (7, "ls"), (0, "swapper/0"), (-1, "x"), (9, "")];
        for (pid, name) in told {
            tasks.learn(&Value::Signed(pid), &name.into());
        }
        tasks.learn(&Value::Text("7".into()), &"no".into());
        let expected = [(5, "saved"), (7, "ls"), (263, "far")].map(|(pid, name)| (pid, name.to_owned()));
        assert_eq!(tasks.names, BTreeMap::from(expected));
    }
}
