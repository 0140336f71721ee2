//! The lines of the view `events` as the events come: each task's in their order, and as many in memory as there are tasks.

use std::collections::BTreeMap;

use super::compared::described;
use super::line::{Line, describe, stack};
use super::matching::Matcher;
use super::pid_places::PidPlaces;
use super::role_map::RoleMap;
use crate::model::Parts;
use kernsnap_scenario::{Names, ViewRules};
use kernsnap_trace::{Event, EventKind, Pid};

/// Makes lines of events.
#[derive(Debug)]
pub struct Lines<'a> {
    role_map: &'a RoleMap,
    names: &'a Names,
    rules: &'a ViewRules,
    /// For a comparison of two recordings: the system calls whose numbers are pids.
    compared: Option<&'a PidPlaces>,
    /// Where each task is in its call tree.
    depths: BTreeMap<Pid, usize>,
    parts: Parts,
    /// Calls by task of which the next event tells whether something is shown within them.
    begun: BTreeMap<Pid, Begun>,
}

/// A call that was entered last by its task.
#[derive(Debug)]
struct Begun {
    /// The number of the event.
    number: usize,
    function: Option<String>,
    line: Line,
}

impl<'a> Lines<'a> {
    /// Lines in which tasks go by their roles in `role_map`, with what `rules` ask for.
    #[must_use]
    pub fn new(role_map: &'a RoleMap, names: &'a Names, rules: &'a ViewRules) -> Self {
        let (depths, begun) = (BTreeMap::new(), BTreeMap::new());
        Self { role_map, names, rules, compared: None, depths, parts: Parts::default(), begun }
    }

    /// The same for a comparison of recordings: without what differs between any two of them, where system calls have pids at these
    /// `places`.
    #[must_use]
    pub fn comparing(self, places: &'a PidPlaces) -> Self {
        Self { compared: Some(places), ..self }
    }

    /// Takes the event of this number; gives lines that are whole by now to `sink`, each with the number of its event. A
    /// call within which nothing is shown becomes one line.
    pub fn push(&mut self, number: usize, event: &Event, sink: &mut impl FnMut(usize, Line)) {
        let nesting = match &event.kind {
            EventKind::GraphEntry { .. } | EventKind::GraphExit { .. } => match self.parts.depth(event) {
                Some(depth) => depth as usize,
                None => return,
            },
            _ => 0,
        };
        if let Some(Begun { number, function, mut line }) = self.begun.remove(&event.pid) {
            let leaf = matches!(&event.kind, EventKind::GraphExit { function: left, .. }
                if left.base() == function.as_deref() && nesting == line.depth);
            if leaf {
                line.text.truncate(line.text.len() - " {".len());
                self.depths.insert(event.pid, line.depth);
                sink(number, line);
                return;
            }
            sink(number, line);
        }
        let depth = self.depths.entry(event.pid).or_default();
        let (at, text) = match &event.kind {
            EventKind::GraphEntry { function, .. } => {
                *depth = nesting + 1;
                (nesting, format!("{function}() {{"))
            }
            EventKind::GraphExit { function, .. } => {
                *depth = nesting;
                (nesting, format!("}} /* {function} */"))
            }
            body => {
                let text = match self.compared {
                    Some(places) => described(body, self.rules, self.role_map, places),
                    None => describe(body, self.rules, self.role_map),
                };
                (*depth, text)
            }
        };
        let matcher = Matcher { role_map: self.role_map, names: self.names };
        let line = Line {
            cpu: self.rules.cpus.then_some(event.cpu.0),
            role: self.role_map.role(event.pid).unwrap_or("other").to_owned(),
            depth: at,
            text,
            stack: stack(event, self.rules, &matcher),
        };
        match &event.kind {
            EventKind::GraphEntry { function, .. } => {
                let function = function.base().map(str::to_owned);
                self.begun.insert(event.pid, Begun { number, function, line });
            }
            _ => sink(number, line),
        }
    }

    /// Gives the lines that still waited for another event.
    pub fn finish(self, sink: &mut impl FnMut(usize, Line)) {
        for Begun { number, line, .. } in self.begun.into_values() {
            sink(number, line);
        }
    }
}
