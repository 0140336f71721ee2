//! Views: a trace followed by cause, with pids turned into roles.
//!
//! Pure: typed events in, typed views out. Each view is data that can be printed ([`View::show`]) and serialised. Those that a
//! snapshot may freeze ([`ViewKind`]) contain no address, pid, time, or compiler's suffix.

mod axis;
mod caller;
mod calls;
mod compared;
mod events;
pub mod field;
mod figures;
mod find_roles;
pub mod follow;
mod frames;
mod input;
mod line;
mod lines;
pub mod matching;
mod one_line;
mod pid_places;
pub mod role_map;
mod stacks;
mod style;
mod timeline;
mod tree;
mod value;

use std::fmt;

use serde::Serialize;

pub(crate) use axis::idle_times;
pub use calls::Calls;
pub use events::Events;
pub use figures::Figures;
pub use follow::Followed;
pub use frames::{Context, FrameParts};
pub use input::ViewInput;
pub use line::{Line, describe};
pub use lines::Lines;
pub use matching::Matcher;
pub use one_line::{one_line, one_line_from};
pub use pid_places::{PidPlaces, PidSearch};
pub use role_map::RoleMap;
pub use stacks::Stacks;
pub use style::{Ink, Style};
pub use timeline::{Timeline, Waker};
pub use tree::Tree;
pub use value::value_of;

use crate::model::{Model, Summary};
use kernsnap_scenario::{Scenario, ViewKind};
use kernsnap_trace::Trace;

/// Every way to look at a trace.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Without times: what a snapshot may hold.
    Frozen(ViewKind),
    /// The task on each CPU over time.
    Timeline,
    /// Counts and durations.
    Summary,
}

impl Kind {
    /// All of them.
    pub const ALL: [Kind; 6] = [
        Kind::Frozen(ViewKind::Events),
        Kind::Frozen(ViewKind::Tree),
        Kind::Frozen(ViewKind::Calls),
        Kind::Frozen(ViewKind::Stacks),
        Kind::Timeline,
        Kind::Summary,
    ];

    /// Its name on a command line.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Kind::Frozen(kind) => kind.word(),
            Kind::Timeline => "timeline",
            Kind::Summary => "summary",
        }
    }
}

/// One look at a trace.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct View {
    /// The visible content.
    #[serde(flatten)]
    pub content: Content,
    /// The number of events of the trace that are not shown, because they belong to other tasks or are not asked for.
    pub dropped: usize,
}

/// The content of a view, by kind.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Content {
    /// The event.
    Events(Events),
    /// The tree of tasks and their creators.
    Tree(Tree),
    /// The calls of each task.
    Calls(Calls),
    /// The stacks that lead to a place.
    Stacks(Stacks),
    /// The task on each CPU over time.
    Timeline(Timeline),
    /// Counts and durations.
    Summary(Figures),
}

impl View {
    /// Looks at a subject.
    #[must_use]
    pub fn new(kind: Kind, input: &ViewInput<'_>) -> Self {
        let content = match kind {
            Kind::Frozen(ViewKind::Events) => Content::Events(Events::new(input)),
            Kind::Frozen(ViewKind::Tree) => Content::Tree(Tree::new(input)),
            Kind::Frozen(ViewKind::Calls) => Content::Calls(Calls::new(input)),
            Kind::Frozen(ViewKind::Stacks) => Content::Stacks(Stacks::new(input)),
            Kind::Timeline => Content::Timeline(Timeline::new(input)),
            Kind::Summary => {
                let figures = Figures::from_summary(&Summary::from_events(&input.trace.events), input.role_map);
                Content::Summary(Figures { of_guest: input.of_guest, ..figures })
            }
        };
        Self { content, dropped: input.dropped() }
    }

    /// The part of the trace that a scenario's snapshot freezes.
    #[must_use]
    pub fn frozen(scenario: &Scenario, trace: &Trace, role_map: &RoleMap) -> Self {
        let model = Model::from_events(&trace.events);
        Self::new(Kind::Frozen(scenario.view.kind), &ViewInput::new(scenario, trace, &model, role_map))
    }

    /// As text.
    #[must_use]
    pub fn show(&self, style: &Style) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(style, &mut text);
        text
    }

    fn write(&self, style: &Style, text: &mut dyn fmt::Write) -> fmt::Result {
        match &self.content {
            Content::Events(events) => events.show(style, text),
            Content::Tree(tree) => tree.show(style, text),
            Content::Calls(calls) => calls.show(style, text),
            Content::Stacks(stacks) => stacks.show(style, text),
            Content::Timeline(timeline) => timeline.show(style, text),
            Content::Summary(figures) => figures.show(style, text),
        }
    }
}

impl From<Events> for View {
    fn from(events: Events) -> Self {
        Self { content: Content::Events(events), dropped: 0 }
    }
}

impl fmt::Display for View {
    /// As a snapshot holds it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write(&Style::PLAIN, f)
    }
}

#[cfg(test)]
mod tests;
