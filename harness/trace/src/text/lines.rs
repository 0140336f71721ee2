//! The lines of a text, and their number by their part in it.

use memchr::memchr2;

/// A line of a text, without its end.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'a> {
    pub(super) bytes: &'a [u8],
    /// True if its end was left out.
    pub(super) cut: bool,
    /// True if it may have escapes of HTML or of a terminal.
    pub(super) escapes: bool,
}

/// True if a text may have escapes of HTML or of a terminal.
pub(super) fn may_have_escapes(text: &[u8]) -> bool {
    plain(text) < text.len()
}

/// Bytes in front of the first that may be an escape.
pub(super) fn plain(text: &[u8]) -> usize {
    memchr2(b'&', 0x1b, text).unwrap_or(text.len())
}

/// The part that a line has in a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Event,
    Part,
    Header,
    NotRead,
}

/// The lines of a text: each is counted once.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LineCounts {
    /// Lines that are events.
    pub events: u64,
    /// Lines that are parts of events: stacks and their frames, continued lines, and the marks of the graph.
    pub parts: u64,
    /// Lines that describe the recording, and empty ones.
    pub headers: u64,
    /// Lines that were not understood; each is an issue, or counted in [`crate::IssueKind::MoreLines`].
    pub not_read: u64,
}

impl LineCounts {
    #[inline]
    pub(super) fn count(&mut self, class: Class) {
        *match class {
            Class::Event => &mut self.events,
            Class::Part => &mut self.parts,
            Class::Header => &mut self.headers,
            Class::NotRead => &mut self.not_read,
        } += 1;
    }

    /// All lines.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.events + self.parts + self.headers + self.not_read
    }
}
