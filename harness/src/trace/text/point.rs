//! An event's printed fields as the typed fields of its record, where the text allows it.

use std::sync::Arc;

use memchr::{memchr, memmem};

use super::bytes::{hexadecimal, signed, word};
use super::intern::Names;
use super::layout::{self, Key, Kind, LAYOUTS};
use super::special;
use crate::trace::{Point, Value};

/// What stands in a field of its own because it has no key.
pub(super) const TEXT: &str = "text";

/// A probe's array has at most 64 items.
const LONGEST_ARRAY: usize = 64 * 21;
/// A task's name has at most 15 bytes.
const LONGEST_NAME: usize = 15;

/// The fields' names, shared by all events of a text.
#[derive(Debug)]
pub(super) struct Points {
    /// By layout and key.
    fields: Vec<Vec<Arc<str>>>,
    text: Arc<str>,
}

impl Points {
    pub(super) fn new() -> Self {
        let fields = |layout: &layout::Layout| layout.keys.iter().map(|key| key.field.into()).collect();
        Self { fields: LAYOUTS.iter().map(fields).collect(), text: TEXT.into() }
    }

    /// The event `name` whose text is `rest`.
    pub(super) fn read(&self, names: &mut Names, name: &[u8], rest: &[u8]) -> Point {
        let (name, layout) = names.event(name);
        let keys = layout.and_then(|layout| self.fields.get(layout)).map_or(0, Vec::len);
        let mut point = Point { name, fields: Vec::with_capacity(keys.max(2)) };
        if !special::read(names, &mut point, rest) {
            self.add(names, &mut point, layout, rest);
        }
        point
    }

    /// Adds the fields in `rest`: all of an event's, or those that stand on a line behind the event's own.
    pub(super) fn go_on(&self, names: &mut Names, point: &mut Point, rest: &[u8]) {
        self.add(names, point, layout::find(&point.name), rest);
    }

    fn add(&self, names: &mut Names, point: &mut Point, layout: Option<usize>, rest: &[u8]) {
        let keys = layout.and_then(|layout| LAYOUTS.get(layout)).map_or(&[][..], |layout| layout.keys);
        let fields = layout.and_then(|layout| self.fields.get(layout)).map_or(&[][..], Vec::as_slice);
        let mut rest = rest.trim_ascii();
        let mut due = 0;
        while !rest.is_empty() {
            let Some((printed, behind)) = split_key(rest) else {
                // Words without a key, up to the next one that has one.
                let (words, behind) = rest.split_at(next_key(rest).unwrap_or(rest.len()));
                // `==>` stands between the two halves of a switch, `[action=TIMER]` repeats a softirq's number, and `work`
                // stands before a work's `struct=`.
                let filling: [&[u8]; 3] = [b"==>", b"[", b"work"];
                if keys.is_empty() || !filling.iter().any(|word| words.starts_with(word)) {
                    point.fields.push((Arc::clone(&self.text), Value::Text(names.word(words.trim_ascii_end()))));
                }
                rest = behind;
                continue;
            };
            let known = (due..keys.len())
                .chain(0..due.min(keys.len()))
                .find(|at| keys.get(*at).is_some_and(|key| key.printed.as_bytes() == printed));
            let known = known.and_then(|at| Some((at, keys.get(at)?, fields.get(at)?)));
            let (field, value, behind) = if let Some((at, key, field)) = known {
                due = at + 1;
                let (value, behind) = known_value(names, key, keys.get(due), behind);
                (Arc::clone(field), value, behind)
            } else {
                let (value, behind) = any_value(names, behind);
                (names.word(printed), value, behind)
            };
            point.fields.push((field, value));
            rest = behind;
        }
    }
}

/// `key=` in front, and what follows it.
#[inline]
fn split_key(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = text.iter().position(|byte| !is_key(*byte))?;
    let (key, rest) = text.split_at(end);
    let rest = rest.strip_prefix(b"=")?;
    (end > 0).then_some((key, rest))
}

#[inline]
fn is_key(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'.' | b'-')
}

/// Where the next ` key=` begins, behind its space.
fn next_key(text: &[u8]) -> Option<usize> {
    memchr::memchr_iter(b'=', text).find_map(|equals| {
        let before = text.get(..equals)?;
        let start = before.iter().rposition(|byte| !is_key(*byte))?;
        (start + 1 < equals && before.get(start) == Some(&b' ')).then_some(start + 1)
    })
}

/// The value of a key that the event's layout knows, and what follows it.
#[inline]
fn known_value<'a>(names: &mut Names, key: &Key, next: Option<&Key>, text: &'a [u8]) -> (Value, &'a [u8]) {
    if key.kind == Kind::Name {
        let (name, rest) = name(text, next);
        return (Value::Text(names.word(name)), rest);
    }
    let (shown, rest) = word(text);
    let shown = shown.strip_suffix(b",").unwrap_or(shown);
    let value = match key.kind {
        Kind::Signed => signed(shown).map(Value::Signed),
        Kind::Unsigned => {
            super::bytes::decimal(shown).filter(|(_, rest)| rest.is_empty()).map(|(v, _)| Value::Unsigned(v))
        }
        Kind::Hex => hexadecimal(shown).filter(|(_, rest)| rest.is_empty()).map(|(v, _)| Value::Unsigned(v)),
        Kind::State => state(shown).map(Value::Signed),
        Kind::Handled => match shown {
            b"handled" => Some(Value::Signed(1)),
            b"unhandled" => Some(Value::Signed(0)),
            _ => None,
        },
        Kind::Name | Kind::Word | Kind::Other => None,
    };
    (value.unwrap_or_else(|| Value::Text(names.word(shown))), rest)
}

/// A task's name, which may hold spaces, and even what looks like the next key: it ends at the last ` NEXT=` that a name
/// can reach to.
fn name<'a>(text: &'a [u8], next: Option<&Key>) -> (&'a [u8], &'a [u8]) {
    let end = next.and_then(|next| {
        let printed = next.printed.as_bytes();
        let reach = text.get(..LONGEST_NAME + printed.len() + 2).unwrap_or(text);
        let mut starts = memchr::memchr_iter(b' ', reach).filter(|space| {
            reach
                .get(space + 1..)
                .and_then(|rest| rest.strip_prefix(printed))
                .is_some_and(|rest| rest.starts_with(b"="))
        });
        starts.next_back().map(|space| space + 1)
    });
    let (name, rest) = text.split_at(end.or_else(|| next_key(text)).unwrap_or(text.len()));
    (name.trim_ascii_end(), rest)
}

/// The value of any key: quoted text, an array, a number, or whatever stands before the next key.
fn any_value<'a>(names: &mut Names, text: &'a [u8]) -> (Value, &'a [u8]) {
    if let Some((quoted, rest)) = text.strip_prefix(b"\"").and_then(quoted) {
        return (Value::Text(names.word(quoted)), rest);
    }
    if let Some((items, rest)) = text.strip_prefix(b"{").and_then(array) {
        let items = if items.is_empty() {
            Vec::new()
        } else {
            items.split(|byte| *byte == b',').map(|item| number(names, item)).collect()
        };
        return (Value::Array(items), rest.trim_ascii_start());
    }
    let (shown, rest) = text.split_at(next_key(text).unwrap_or(text.len()));
    let shown = shown.trim_ascii_end();
    let shown = shown.strip_suffix(b" ==>").or_else(|| shown.strip_suffix(b",")).unwrap_or(shown);
    (number(names, shown), rest)
}

/// Up to the brace that the array ends with, which is not far.
fn array(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr(b'}', text.get(..LONGEST_ARRAY).unwrap_or(text))?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

/// Up to the quote that the value ends with: kprobes do not escape quotes inside.
fn quoted(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let ends = |rest: &[u8]| rest.is_empty() || rest.strip_prefix(b" ").and_then(split_key).is_some();
    let end = memchr::memchr_iter(b'"', text).find(|at| text.get(at + 1..).is_some_and(ends))?;
    Some((text.get(..end)?, text.get(end + 1..)?.trim_ascii_start()))
}

/// A number where it is one, else the text.
pub(super) fn number(names: &mut Names, shown: &[u8]) -> Value {
    let hex = || match shown.strip_prefix(b"0x").and_then(hexadecimal)? {
        (value, []) => Some(Value::Unsigned(value)),
        _ => None,
    };
    let large = || match super::bytes::decimal(shown)? {
        (value, []) => Some(Value::Unsigned(value)),
        _ => None,
    };
    let value = signed(shown).map(Value::Signed).or_else(hex).or_else(large);
    value.unwrap_or_else(|| Value::Text(names.word(shown)))
}

/// `prev_state` by letter, as `include/trace/events/sched.h` prints it since 4.14, and as `view` shows it.
pub(super) fn state(shown: &[u8]) -> Option<i64> {
    const PREEMPTED: i64 = 0x100;
    let (letters, preempted) = match shown.strip_suffix(b"+") {
        Some(letters) => (letters, PREEMPTED),
        None => (shown, 0),
    };
    letters.split(|byte| *byte == b'|').try_fold(preempted, |state, letter| {
        let bit = match letter {
            b"R" => 0,
            b"S" => 1,
            b"D" => 2,
            b"T" => 4,
            b"t" => 8,
            b"X" => 0x10,
            b"Z" => 0x20,
            b"P" => 0x40,
            b"I" => 0x80,
            _ => return None,
        };
        Some(state | bit)
    })
}

/// Whether the line could be a piece of an event's fields: it has a key.
pub(super) fn has_key(text: &[u8]) -> bool {
    memchr(b'=', text).is_some()
        && (split_key(text).is_some() || next_key(text).is_some() || memmem::find(text, b"==>").is_some())
}
