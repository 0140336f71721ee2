//! The expectations on a trace.

use super::pattern::{FieldRef, Pattern};

/// A rule that must hold on every kernel and in every schedule.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// The claim, as a sentence.
    pub that: String,
    /// The rule.
    pub rule: Rule,
    /// The part of the trace that it is about, both ends included: from the first event that matches the one pattern to
    /// the first after it that matches the other. The whole trace where it is `None`.
    pub between: Option<(Pattern, Pattern)>,
}

/// The rule of an expectation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Rule {
    /// The first event that matches each pattern; each comes after the one before it.
    Order(Vec<Pattern>),
    /// An event that matches the first pattern, after it one that matches the second, and so on.
    InTurn(Vec<Pattern>),
    /// At least one event matches.
    Present(Pattern),
    /// No event matches.
    Absent(Pattern),
    /// Exactly so many events match.
    Count(Pattern, usize),
    /// The first event of the pattern's role matches.
    First(Pattern),
    /// The last event of the pattern's role matches.
    Last(Pattern),
    /// The first matching event's stack has these frames, from the innermost outwards.
    Stack(Pattern, Vec<String>),
    /// The fields all have the same value.
    Same(Vec<FieldRef>),
    /// No two of the fields have the same value.
    Different(Vec<FieldRef>),
    /// The field has exactly so many values in the events that match.
    Distinct(FieldRef, usize),
    /// A line of the console has this text in it.
    Console(String),
    /// From the first event that matches the one pattern to the first after it that matches the other, so much guest time
    /// passes.
    Apart {
        /// The first event.
        from: Pattern,
        /// The second.
        to: Pattern,
        /// Milliseconds, at least.
        at_least_ms: u32,
        /// Milliseconds, at most.
        at_most_ms: u32,
    },
}
