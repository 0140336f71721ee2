//! Lines with a prefix that is not known: they are held back until several of them agree on it.

use memchr::memmem;

use super::head::Head;
use super::line::Parser;
use super::lines::{Class, Line, may_have_escapes};
use super::prefix;
use super::task_name::is_possible_name;

/// Lines that are held back at most, until it is clear whether they have a prefix.
const HELD: usize = 16;
/// Bytes of a prefix that are told.
const TOLD: usize = 80;

impl Parser {
    /// Reads one line, without its end, or holds it back.
    #[inline]
    pub(super) fn line(&mut self, Line { bytes, cut, escapes }: Line<'_>) {
        self.read += 1;
        self.number = self.read;
        let line = bytes.trim_ascii_end();
        if cut {
            self.cut_line();
        }
        if self.prefix.held.is_empty() {
            match self.class(line, escapes) {
                Some(class) => self.count(class),
                None => self.hold(line),
            }
        } else {
            self.hold(line);
        }
    }

    /// No line follows.
    pub(super) fn end(&mut self) {
        self.release();
    }

    /// Holds a line back, and decides where there are enough.
    fn hold(&mut self, line: &[u8]) {
        self.prefix.held.push((self.number, line.into()));
        if let Some((begin, padded)) = prefix::begin(line)
            && let Some(shape) = line.get(..begin).and_then(prefix::shape)
        {
            let name = Head::read(line.get(begin..).unwrap_or_default()).map_or(&b""[..], |head| head.name);
            let agrees = |(other, task): &(Vec<u8>, Box<[u8]>)| *other == shape && **task != *name;
            // Another line of the same task is enough where the task's name cannot be that long.
            let same = self.prefix.seen.iter().filter(|(other, _)| *other == shape).count();
            let long = Head::read(line).is_none_or(|head| !is_possible_name(head.name));
            if padded || self.prefix.seen.iter().any(agrees) || same > 0 && long {
                self.prefix.shape = Some(shape);
                self.release();
                return;
            }
            self.prefix.seen.push((shape, name.into()));
        }
        if self.prefix.held.len() >= HELD {
            self.release();
        }
    }

    /// Reads the lines that were held back, as what they are known to be by now.
    fn release(&mut self) {
        self.prefix.seen.clear();
        for (number, line) in std::mem::take(&mut self.prefix.held) {
            self.number = number;
            let class = self.class(&line, may_have_escapes(&line)).unwrap_or_else(|| self.last_resort(&line));
            self.count(class);
        }
        self.number = self.read;
    }

    fn count(&mut self, class: Class) {
        self.lines.count(class);
        self.whole = class != Class::NotRead;
        if class == Class::Event {
            self.issues.end_other_format();
        }
    }

    /// Reads a line behind its prefix; `None` where it has none that is known.
    pub(super) fn behind_prefix(&mut self, line: &[u8]) -> Option<Class> {
        let agreed = self.prefix.shape.as_ref().and_then(|shape| prefix::of_shape(shape, line));
        let begin = agreed.or_else(|| prefix::known(line)).or_else(|| self.padded(line)).filter(|begin| *begin > 0)?;
        let (prefix, rest) = line.split_at_checked(begin)?;
        let rest = rest.trim_ascii_end();
        let class =
            self.own_class(rest).or_else(|| self.event_line(rest, true)).or_else(|| self.rest_of_event(rest))?;
        if self.facts.prefix.is_none() && !prefix.trim_ascii().is_empty() {
            let prefix = prefix.get(..TOLD).unwrap_or(prefix).trim_ascii();
            self.facts.prefix = Some(String::from_utf8_lossy(prefix).replace(char::is_control, " "));
        }
        Some(class)
    }

    /// Where a line begins by the padding of its task's name, which proves a prefix. The next lines are expected to have it, too.
    fn padded(&mut self, line: &[u8]) -> Option<usize> {
        let (begin, _) = prefix::begin(line).filter(|(_, padded)| *padded)?;
        if let Some(shape) = prefix::shape(line.get(..begin)?) {
            self.prefix.shape = Some(shape);
        }
        Some(begin)
    }

    /// True if a line may have a prefix on which other lines could agree.
    pub(super) fn may_have_prefix(line: &[u8]) -> bool {
        let by_columns = || prefix::begin(line).and_then(|(begin, _)| prefix::shape(line.get(..begin)?));
        memmem::find(line, b"# tracer: ").is_some() || by_columns().is_some()
    }
}
