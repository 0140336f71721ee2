//! The text that a kernel, or `trace-cmd report`, makes of a recording, as typed events.
//!
//! Read line by line, whatever the options it was made with: each line is tried for what it can be. A line that is
//! nothing is an issue with its number, and what follows it is read on. What a text cannot carry is in [`as_printed`].
//! Memory is bounded whatever the input: names are remembered in tables of fixed size, events are held only while a stack
//! may follow, and lines, stacks, open calls and issues are counted.

mod block;
mod both_forms;
mod bytes;
mod details;
mod dump;
mod facts;
mod flags;
#[cfg(test)]
mod foreign_tests;
mod graph;
mod graph_line;
mod head;
mod held_lines;
mod intern;
mod issues;
mod kind;
mod known;
mod layout;
mod line;
mod lines;
mod number;
mod other_format;
mod point;
mod prefix;
#[cfg(test)]
mod prefix_tests;
mod prefixed;
mod printed;
mod reader;
mod sampler;
mod special;
mod summary;
mod symbol;
mod system_call;
mod task_name;
#[cfg(test)]
mod tests;
mod user_frame;
mod value;
mod window;
mod without_keys;
mod write;

pub use dump::dumped;
pub use facts::{Facts, Latency};
pub use lines::LineCounts;
pub use printed::{Style, as_printed};
pub use reader::TextReader;
pub use summary::Summary;
pub use write::{write, write_with};

use super::{ParseIssue, Trace};

/// The first bytes of the text of a tracer. With the option `bin` the lines after it are binary, and are refused by that name.
pub const TRACER_HEADER: &[u8] = b"# tracer:";

/// Reads a whole text.
#[must_use]
pub fn parse(text: &[u8]) -> (Trace, Vec<ParseIssue>) {
    let mut reader = TextReader::new(text);
    // Reading from memory does not fail.
    let mut events: Vec<_> = reader.by_ref().map_while(Result::ok).collect();
    let Summary { names, defects, issues, one_clock, .. } = reader.finish();
    if one_clock {
        // The kernel sorts, but a graph's returns stand where their calls do.
        events.sort_by_key(|event| event.time);
    }
    (Trace { events, names, defects }, issues)
}
