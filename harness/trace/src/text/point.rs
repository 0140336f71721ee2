//! An event's printed fields as the typed fields of its record, where the text allows it.

use memchr::{memchr, memmem};
use smol_str::SmolStr;

use super::both_forms::decimal_behind;
use super::bytes::{signed, word};
use super::intern::Names;
use super::known::{Known, Printed};
use super::layout::{Key, Kind};
use super::number::{Form, number};
use super::special;
use super::value::{Field, state, text};
use crate::{Hex, Point, Value};

/// A value without a key, in a field of its own.
pub(super) const TEXT: &str = "text";

/// Stands between the two halves of a switch.
const BETWEEN: &[u8] = b"==> ";

/// A probe's array has at most 64 items.
const LONGEST_ARRAY: usize = 64 * 21;
/// A task's name has at most 15 bytes.
const LONGEST_NAME: usize = 15;

/// The event `name` whose text is `rest`.
#[inline]
pub(super) fn read(names: &mut Names, name: &[u8], rest: &[u8]) -> Point {
    let known = names.event(name);
    let rest = rest.trim_ascii();
    if let Some(point) = known.raw(rest) {
        return point;
    }
    let (places, rest) = special::probe_places(rest).unwrap_or((Vec::new(), rest));
    if let Some(values) = as_before(known, &places, rest) {
        return Point::new(known.last_layout(), values);
    }
    let own = if places.is_empty() { special::read(known.name(), rest) } else { None };
    let own = own.unwrap_or_else(|| fields(known, rest));
    let (fields, values): (Vec<_>, Vec<_>) = places.into_iter().chain(own).unzip();
    let layout = known.layout(fields.iter().map(SmolStr::as_str));
    known.printed().iter().zip(&values).for_each(|(printed, value)| printed.learn(value));
    Point::new(layout, values)
}

/// Adds the fields in `rest`, which stand on a line behind the event's own, or behind a probe's place.
pub(super) fn go_on(names: &mut Names, point: &mut Point, rest: &[u8]) {
    let known = names.event(point.name().as_bytes());
    for (field, value) in fields(known, rest.trim_ascii()) {
        point.push(&*field, value);
    }
}

/// The values of an event that has the same fields as the last one of its name; `None` where it has others. A probe's
/// places come first.
#[inline]
fn as_before(known: &Known, places: &[Field], text: &[u8]) -> Option<Vec<Value>> {
    let (before, printed) = known.printed().split_at_checked(places.len())?;
    if !before.iter().map(|printed| &printed.key).eq(places.iter().map(|(field, _)| field)) {
        return None;
    }
    let mut values = Vec::with_capacity(places.len() + printed.len());
    values.extend(places.iter().map(|(_, value)| value.clone()));
    let mut rest = text;
    for printed in printed {
        let Printed { key, kind, next, .. } = printed;
        if kind.is_some() {
            rest = rest.strip_prefix(BETWEEN).unwrap_or(rest);
        }
        rest = rest.strip_prefix(key.as_bytes())?.strip_prefix(b"=")?;
        let (value, behind) = match kind {
            Some(kind) => known_value(*kind, next.map(str::as_bytes), rest),
            None => printed.read(rest),
        };
        values.push(value);
        rest = behind;
    }
    let repeated = || !known.keys().is_empty() && rest.starts_with(b"[") && next_key(rest).is_none();
    (rest.is_empty() || repeated()).then_some(values)
}

/// The fields of an event with whatever keys.
fn fields(known: &Known, mut rest: &[u8]) -> Vec<Field> {
    let keys = known.keys();
    let mut fields = Vec::with_capacity(keys.len());
    let mut due = 0;
    while !rest.is_empty() {
        let Some((printed, behind)) = split_key(rest) else {
            // Words without a key, up to the next one that has one.
            let (words, behind) = rest.split_at(next_key(rest).unwrap_or(rest.len()));
            // `==>` stands between the two halves of a switch, `[action=TIMER]` repeats a softirq's number, and `work`
            // stands before a work's `struct=`.
            let filling: [&[u8]; 3] = [b"==>", b"[", b"work"];
            if keys.is_empty() || !filling.iter().any(|word| words.starts_with(word)) {
                fields.push((SmolStr::new_static(TEXT), text(words.trim_ascii_end())));
            }
            rest = behind;
            continue;
        };
        let place = (due..keys.len())
            .chain(0..due.min(keys.len()))
            .find(|at| keys.get(*at).is_some_and(|key| key.printed.as_bytes() == printed));
        let (field, (value, behind)) = match place.and_then(|at| Some((at, keys.get(at)?))) {
            Some((at, Key { field, kind, .. })) => {
                due = at + 1;
                let next = keys.get(due).map(|key| key.printed.as_bytes());
                (SmolStr::new_static(field), known_value(*kind, next, behind))
            }
            None => (SmolStr::new(String::from_utf8_lossy(printed)), any_value(behind, known.form(printed))),
        };
        fields.push((field, value));
        rest = behind;
    }
    fields
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

/// The value of a key that the event's layout knows, and what follows it. `next` is the key that should stand after it.
#[inline]
fn known_value<'a>(kind: Kind, next: Option<&[u8]>, shown: &'a [u8]) -> (Value, &'a [u8]) {
    if kind == Kind::Name {
        let (name, rest) = name(shown, next);
        return (text(name), rest);
    }
    let (shown, mut rest) = word(shown);
    if let Some((decimal, behind)) = decimal_behind(shown, rest) {
        rest = behind;
        match (kind, u64::try_from(decimal)) {
            (Kind::Signed | Kind::State, _) => return (Value::Signed(decimal), rest),
            (Kind::Unsigned, Ok(decimal)) => return (Value::Unsigned(decimal), rest),
            _ => {}
        }
    }
    let shown = shown.strip_suffix(b",").unwrap_or(shown);
    let value = match kind {
        Kind::Signed => signed(shown).map(Value::Signed),
        Kind::Unsigned => {
            super::bytes::decimal(shown).filter(|(_, rest)| rest.is_empty()).map(|(v, _)| Value::Unsigned(v))
        }
        Kind::Hex => Some(number(shown, Form::Hexadecimal)),
        Kind::State => state(shown).map(Value::Signed),
        Kind::Handled => match shown {
            b"handled" => Some(Value::Signed(1)),
            b"unhandled" => Some(Value::Signed(0)),
            _ => None,
        },
        Kind::Name | Kind::Word | Kind::Other => None,
    };
    (value.unwrap_or_else(|| text(shown)), rest)
}

/// A task's name, which may hold spaces, and even what looks like the next key: it ends at the last ` NEXT=` that a name
/// can reach to.
#[inline]
fn name<'a>(text: &'a [u8], next: Option<&[u8]>) -> (&'a [u8], &'a [u8]) {
    let end = next.and_then(|printed| {
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

impl Printed {
    /// The value of a key that no layout knows. A field that was hexadecimal once stays so.
    #[inline]
    fn read<'a>(&self, shown: &'a [u8]) -> (Value, &'a [u8]) {
        let (value, rest) = any_value(shown, self.form.get());
        self.learn(&value);
        (value, rest)
    }

    /// Notes the form of a value.
    #[inline]
    fn learn(&self, value: &Value) {
        if matches!(value, Value::Hex(Hex { prefixed: false, .. })) {
            self.form.set(Form::Hexadecimal);
        }
    }
}

/// The value of any key: quoted text, an array, a number, or whatever stands before the next key.
#[inline]
fn any_value(shown: &[u8], form: Form) -> (Value, &[u8]) {
    if let Some((quoted, rest)) = shown.strip_prefix(b"\"").and_then(quoted) {
        return (text(quoted), rest);
    }
    if let Some((items, rest)) = shown.strip_prefix(b"{").and_then(array) {
        let items = if items.is_empty() {
            Box::default()
        } else {
            items.split(|byte| *byte == b',').map(|item| number(item, form)).collect()
        };
        return (Value::Array(items), rest.trim_ascii_start());
    }
    let (shown, rest) = shown.split_at(next_key(shown).unwrap_or(shown.len()));
    let shown = shown.trim_ascii_end();
    let shown = shown.strip_suffix(b" ==>").or_else(|| shown.strip_suffix(b",")).unwrap_or(shown);
    let (first, behind) = word(shown);
    let is_in_both = decimal_behind(first, behind).is_some_and(|(_, behind)| behind.is_empty());
    (number(if is_in_both { first } else { shown }, form), rest)
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

/// True if a line is the rest of the event before, whose line was broken: it begins with a key, and the event lacks keys that the
/// kernel prints.
pub(super) fn is_rest(names: &mut Names, point: &Point, text: &[u8]) -> bool {
    let keys = names.event(point.name().as_bytes()).keys();
    let begins = split_key(text).is_some() || text.starts_with(BETWEEN);
    begins && (keys.is_empty() || keys.iter().any(|key| point.field(key.field).is_none()))
}

/// True if the text could be an event's fields: it has a key.
pub(super) fn has_key(text: &[u8]) -> bool {
    memchr(b'=', text).is_some()
        && (split_key(text).is_some() || next_key(text).is_some() || memmem::find(text, b"==>").is_some())
}
