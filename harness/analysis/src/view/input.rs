//! The input of views: the events that count, and the tasks' roles.

use super::{Followed, Matcher, RoleMap};
use crate::model::{Model, TaskId};
use kernsnap_scenario::{Names, Pattern, Scenario, ViewRules, What};
use kernsnap_trace::{Event, EventKind, Pid, Trace};

/// A trace, followed and filtered.
#[derive(Clone, Debug)]
pub struct ViewInput<'a> {
    /// The roles of the tasks.
    pub role_map: &'a RoleMap,
    /// Logical names of functions.
    pub names: &'a Names,
    /// The parts of an event to show.
    pub rules: &'a ViewRules,
    /// All tasks of the trace.
    pub model: &'a Model,
    /// The whole trace.
    pub trace: &'a Trace,
    /// The events to show, with their places in the trace.
    pub events: Vec<(usize, &'a Event)>,
    /// True if the trace is that of a guest of this harness, whose times are guest time.
    pub of_guest: bool,
}

impl<'a> ViewInput<'a> {
    /// The request of a scenario.
    #[must_use]
    pub fn new(scenario: &'a Scenario, trace: &'a Trace, model: &'a Model, role_map: &'a RoleMap) -> Self {
        let followed = Followed::new(role_map, &scenario.roles);
        let selected = Self::select(&scenario.view, &scenario.names, trace, model, role_map, &followed);
        Self { of_guest: true, ..selected }
    }

    /// The events of `trace` that have to do with the followed tasks and that the rules ask for.
    #[must_use]
    pub fn select(
        rules: &'a ViewRules,
        names: &'a Names,
        trace: &'a Trace,
        model: &'a Model,
        role_map: &'a RoleMap,
        followed: &Followed,
    ) -> Self {
        let matcher = Matcher { role_map, names };
        let events = followed.events(trace).filter(|(_, event)| is_asked_for(event, rules, &matcher)).collect();
        Self { role_map, names, rules, model, trace, events, of_guest: false }
    }

    /// The number of events of the trace that are not among those to show.
    #[must_use]
    pub fn dropped(&self) -> usize {
        self.trace.events.len() - self.events.len()
    }

    /// A task's role; `other` for one that has none.
    #[must_use]
    pub fn who(&self, pid: Pid) -> &'a str {
        self.role_map.role(pid).unwrap_or("other")
    }

    /// The role of a task of the model, where it has one.
    #[must_use]
    pub fn role(&self, id: TaskId) -> Option<&'a str> {
        self.model.task(id).and_then(|task| self.role_map.role(task.pid))
    }

    /// The tasks that a picture shows: those with a role that do something in the events to show, or that are woken or made
    /// there; in the order in which they are first heard of.
    pub(super) fn tasks(&self) -> Vec<TaskId> {
        let mut seen = vec![false; self.model.tasks.len()];
        for (index, _) in &self.events {
            if let Some(id) = self.model.actors.get(*index) {
                seen[id.0] = true;
            }
        }
        (0..seen.len()).map(TaskId).filter(|id| seen[id.0] && self.role(*id).is_some()).collect()
    }
}

fn is_asked_for(event: &Event, rules: &ViewRules, matcher: &Matcher<'_>) -> bool {
    let any = |patterns: &[Pattern]| patterns.iter().any(|pattern| covers(pattern, event, matcher));
    (rules.only.is_empty() || any(&rules.only)) && !any(&rules.hide)
}

/// True if `pattern` means the event, or the call that the event ends: a call that is shown is shown to its end.
fn covers(pattern: &Pattern, event: &Event, matcher: &Matcher<'_>) -> bool {
    matcher.matches(pattern, event)
        || match (&pattern.what, &event.kind) {
            (What::Call(name), EventKind::GraphExit { function, .. }) => {
                matcher.is(name, function) && matcher.is_by(pattern, event) && matcher.has_fields(pattern, event)
            }
            _ => false,
        }
}
