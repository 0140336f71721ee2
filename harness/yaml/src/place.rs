//! The place of a value in a YAML document.

use std::fmt;

use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One step down a YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the value of a mapping's key.
    Key(String),
    /// Into a sequence's item, from 0.
    Item(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.into())
    }
}

impl From<usize> for Step {
    fn from(item: usize) -> Self {
        Step::Item(item)
    }
}

/// Line and column, from 1, of the value at `steps`; of the nearest value above it where there is none.
///
/// The YAML reader keeps no positions of values. But it attaches one to every error, so the document is read once more with a
/// reader that fails on purpose when it arrives.
pub(crate) fn locate(text: &str, steps: &[Step]) -> (usize, usize) {
    (0..=steps.len())
        .rev()
        .find_map(|depth| {
            let error = Walk(&steps[..depth]).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
            let arrived = error.to_string().starts_with(ARRIVED) || error.to_string().contains(ARRIVED);
            error.location().filter(|_| arrived).map(|at| (at.line(), at.column()))
        })
        .unwrap_or((1, 1))
}

const ARRIVED: &str = "\u{1}arrived";

struct Walk<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ARRIVED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.0.split_first() else { return Err(A::Error::custom(ARRIVED)) };
        while let Some(key) = map.next_key::<String>()? {
            if key == *wanted {
                return map.next_value_seed(Walk(rest));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Item(wanted), rest)) = self.0.split_first() else { return Err(A::Error::custom(ARRIVED)) };
        for _ in 0..*wanted {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        seq.next_element_seed(Walk(rest)).map(drop)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[Step], expected: (usize, usize)) {
        let text = "title: x\ntrace:\n  functions: [a, bcd]\nrun:\n  - start: { task: p }\n  - wait: p\n";
        assert_eq!(locate(text, steps), expected, "{steps:?}");
    }

    #[test]
    fn values_are_found_where_they_stand() {
        check(&["title".into()], (1, 8));
        check(&["trace".into(), "functions".into(), 1.into()], (3, 18));
        check(&["run".into(), 1.into(), "wait".into()], (6, 11));
    }

    #[test]
    fn a_missing_value_is_found_at_what_is_above_it() {
        check(&["trace".into(), "nothing".into()], (3, 3));
    }
}
