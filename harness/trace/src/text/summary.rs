//! The end of a recording.

use std::collections::BTreeMap;

use super::{Facts, LineCounts};
use crate::{IntegrityError, ParseIssue};

/// The summary of a recording whose events were all read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Summary {
    /// The names that tasks had when the text was made.
    pub names: BTreeMap<i32, String>,
    /// Why the trace must not be judged.
    pub defects: Vec<IntegrityError>,
    /// Lines that could not be understood, each with its number from 1.
    pub issues: Vec<ParseIssue>,
    /// True if all times are of one clock. `false` for several texts behind one another, and for `function_graph` without
    /// `funcgraph-abstime`, which has only durations.
    pub one_clock: bool,
    /// The facts that the text tells besides its events.
    pub facts: Facts,
    /// The lines of the text; all zero for a recording that is not a text.
    pub lines: LineCounts,
}
