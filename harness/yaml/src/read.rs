//! Reads YAML, and says where a mistake stands and what it is in words for people who do not know the reader's types.

use std::collections::BTreeSet;
use std::fmt;
use std::path::Path;

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};

use crate::diagnostic::{Diagnostic, did_you_mean};

/// Reads a YAML document into `T`, where enum values are written as one-key maps (`start: {…}`).
///
/// # Errors
/// A [`Diagnostic`] with the place of the first mistake.
pub fn from_yaml<'de, T: Deserialize<'de>>(path: &Path, text: &'de str) -> Result<T, Diagnostic> {
    // A byte order mark may begin a stream (YAML 1.2.2, 5.2).
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    if text.lines().all(|line| line.trim().is_empty() || line.trim_start().starts_with('#')) {
        return Err(Diagnostic::new(path, text, (1, 1), "the file is empty"));
    }
    if let Some(place) = second_document(text) {
        return Err(Diagnostic::new(path, text, place, "a second document begins here; a file holds one"));
    }
    let document = || serde_yaml::Deserializer::from_str(text);
    // Of two values with one key the reader would take the last, or name no place. Other mistakes are for the second look,
    // which knows what is wanted.
    let mistake = Unique.deserialize(document()).err().filter(|error| error.to_string().contains(TWICE));
    let result = match mistake {
        Some(error) => Err(error),
        None => serde_yaml::with::singleton_map_recursive::deserialize(document()),
    };
    result.map_err(|error| {
        let place = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let full = error.to_string();
        // The reader repeats the place in its text; the snippet shows it already.
        let said = full.rfind(" at line ").map_or(full.as_str(), |at| &full[..at]);
        Diagnostic::new(path, text, place, in_words(said)).with_hint(hint(said, text, place.0))
    })
}

/// Where a second document begins. The reader says that there is one, but not where.
fn second_document(text: &str) -> Option<(usize, usize)> {
    let is_mark = |line: &str| line == "---" || line.starts_with("--- ");
    let is_content = |line: &str| !line.trim().is_empty() && !line.starts_with(['#', '%']);
    let begun = text.lines().position(|line| is_content(line) && !is_mark(line))?;
    let number = text.lines().skip(begun).position(is_mark)?;
    Some((begun + number + 1, 1))
}

/// Types of the reader's language, and what they are to a person who writes YAML.
const WORDS: [(&str, &str); 6] = [
    ("sequence", "list"),
    ("expected u8", "expected a whole number from 0 to 255"),
    ("expected u16", "expected a whole number from 0 to 65535"),
    ("expected u32", "expected a whole number from 0 to 4294967295"),
    ("expected i32", "expected a whole number"),
    ("expected usize", "expected a whole number"),
];

fn in_words(said: &str) -> String {
    let said = match said.split_once("expected struct ") {
        Some((before, _)) => format!("{before}expected a map of keys and values"),
        None => said.to_owned(),
    };
    WORDS.iter().fold(said, |said, (types, words)| said.replace(types, words))
}

fn hint(said: &str, text: &str, line: usize) -> Option<String> {
    let shown = text.lines().nth(line - 1).unwrap_or_default();
    if said.contains("cannot start any token") && shown.trim_start_matches(' ').starts_with('\t') {
        return Some("YAML is indented with spaces, not with tabs".into());
    }
    if said.contains("did not find expected") || said.contains("unexpected end") {
        return Some("a quote or a bracket further up may not be closed".into());
    }
    hint_for_unknown(said)
}

/// serde says ``unknown field `memroy`, expected one of `cpus`, `memory` ``: propose the nearest.
fn hint_for_unknown(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("unknown field ").or_else(|| message.split_once("unknown variant "))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    did_you_mean(wrong, quoted)
}

const TWICE: &str = "stands here for the second time";

/// Visits everything, and fails at a key that its map already has.
struct Unique;

impl<'de> DeserializeSeed<'de> for Unique {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Unique {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("anything")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut seen = BTreeSet::new();
        while map.next_key_seed(NewKey(&mut seen))?.is_some() {
            map.next_value_seed(Unique)?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        while seq.next_element_seed(Unique)?.is_some() {}
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        Ok(())
    }

    fn visit_str<E>(self, _: &str) -> Result<(), E> {
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        Ok(())
    }
}

/// A key that is not among these yet.
struct NewKey<'a>(&'a mut BTreeSet<String>);

impl<'de> DeserializeSeed<'de> for NewKey<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl Visitor<'_> for NewKey<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a key")
    }

    fn visit_str<E: serde::de::Error>(self, key: &str) -> Result<(), E> {
        if self.0.insert(key.to_owned()) { Ok(()) } else { Err(E::custom(format!("key `{key}` {TWICE}"))) }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn a_byte_order_mark_is_not_a_part_of_the_first_key() {
        let read: BTreeMap<String, u8> = from_yaml(Path::new("x.yaml"), "\u{feff}a: 1\n").expect("it is valid");
        assert_eq!(read, BTreeMap::from([("a".to_owned(), 1)]));
    }

    #[test]
    fn one_document_may_begin_with_a_mark() {
        assert_eq!(second_document("# x\n---\na: 1\n"), None);
        assert_eq!(second_document("---\na: 1\n---\nb: 1\n"), Some((3, 1)));
        assert_eq!(second_document("a: |\n  ---\n"), None);
    }
}
