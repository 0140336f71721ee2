//! A text as a stream of events.

use std::collections::BTreeMap;
use std::io::{BufRead, ErrorKind, Result};

use memchr::memchr;

use super::line::Parser;
use super::lines::{Line, may_have_escapes, plain};
use super::summary::Summary;
use crate::Event;

/// Bytes of a line that are looked at: the kernel prints a line into a buffer of 8 KiB at most (`struct trace_seq`).
const LONGEST_LINE: usize = 16 << 10;

/// Bytes that are searched for escapes at a time: hardly any text has some, and a search for each line costs more than one for many.
const LOOKED_AHEAD: usize = 32 << 10;

/// Reads events one at a time. Ends after the last one, or behind an error of the source.
#[derive(Debug)]
pub struct TextReader<R> {
    source: R,
    /// The beginning of a line that the source's buffer does not hold as a whole.
    begun: Vec<u8>,
    /// True if bytes of that line were left out.
    cut: bool,
    /// Bytes in front in the source's buffer that are known to have no escapes.
    plain: usize,
    parser: Parser,
    /// True if the first event that the parser holds was given away.
    lent: bool,
    ended: bool,
}

impl<R: BufRead> TextReader<R> {
    /// A reader of `source`, which is read in the pieces that it buffers.
    #[must_use]
    pub fn new(source: R) -> Self {
        Self { source, begun: Vec::new(), cut: false, plain: 0, parser: Parser::new(), lent: false, ended: false }
    }

    /// The findings besides the events that were read.
    #[must_use]
    pub fn finish(self) -> Summary {
        self.parser.finish()
    }

    /// The next event, until the one after it is asked for, with the names of the tasks seen so far.
    ///
    /// # Errors
    /// The error of the source, once.
    #[inline]
    pub fn next_ref(&mut self) -> Option<Result<(&Event, &BTreeMap<i32, String>)>> {
        if let Err(error) = self.go_on()? {
            return Some(Err(error));
        }
        self.parser.window.front().map(|event| Ok((&*event, &self.parser.tasks)))
    }

    /// Goes on to the next event, which is there then.
    #[inline]
    fn go_on(&mut self) -> Option<Result<()>> {
        if std::mem::take(&mut self.lent) {
            self.parser.window.pop();
        }
        while !self.ended && !self.parser.window.is_ready() {
            match self.advance() {
                Ok(more) => self.ended = !more,
                Err(error) => {
                    self.parser.end();
                    self.ended = true;
                    return Some(Err(error));
                }
            }
        }
        self.lent = self.parser.window.front().is_some();
        self.lent.then_some(Ok(()))
    }

    /// Reads up to the end of a line, or of the source's buffer. `false` at the end of the source.
    #[inline]
    fn advance(&mut self) -> Result<bool> {
        let buffer = match self.source.fill_buf() {
            Err(error) if error.kind() == ErrorKind::Interrupted => return Ok(true),
            buffer => buffer?,
        };
        let Some(end) = memchr(b'\n', buffer) else {
            let (read, room) = (buffer.len(), LONGEST_LINE.saturating_sub(self.begun.len()));
            self.begun.extend_from_slice(buffer.get(..room).unwrap_or(buffer));
            self.cut |= read > room;
            self.plain = 0;
            self.source.consume(read);
            if read == 0 && !self.begun.is_empty() {
                self.parser.line(begun(&self.begun, self.cut));
                self.begun.clear();
            }
            if read == 0 {
                self.parser.end();
            }
            return Ok(read > 0);
        };
        let line = buffer.get(..end).unwrap_or_default();
        if self.begun.is_empty() {
            if self.plain <= end {
                self.plain = plain(buffer.get(..LOOKED_AHEAD.max(end)).unwrap_or(buffer));
            }
            let bytes = line.get(..LONGEST_LINE).unwrap_or(line);
            self.parser.line(Line { bytes, cut: line.len() > LONGEST_LINE, escapes: self.plain < end });
        } else {
            let room = LONGEST_LINE.saturating_sub(self.begun.len());
            self.begun.extend_from_slice(line.get(..room).unwrap_or(line));
            self.parser.line(begun(&self.begun, self.cut || line.len() > room));
            self.begun.clear();
            self.cut = false;
        }
        self.plain = self.plain.saturating_sub(end + 1);
        self.source.consume(end + 1);
        Ok(true)
    }
}

/// A line that was put together.
fn begun(bytes: &[u8], cut: bool) -> Line<'_> {
    Line { bytes, cut, escapes: may_have_escapes(bytes) }
}

impl<R: BufRead> Iterator for TextReader<R> {
    type Item = Result<Event>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        if let Err(error) = self.go_on()? {
            return Some(Err(error));
        }
        self.parser.window.front().map(|event| Ok(std::mem::take(event)))
    }
}
