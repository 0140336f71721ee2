//! The numbers of the book's chapters and sections, and the lessons that belong to them.

use std::fmt;
use std::str::FromStr;

use serde::de::{Deserializer, Error, Visitor};
use serde::{Deserialize, Serialize, Serializer};

use super::Lesson;

/// The number of a chapter or a section: `4`, `4.6.1`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Number(Vec<u16>);

impl Number {
    /// True for a chapter.
    #[must_use]
    pub fn is_chapter(&self) -> bool {
        self.0.len() == 1
    }

    /// True if `other` is this chapter or section, or a part of it.
    #[must_use]
    pub fn contains(&self, other: &Self) -> bool {
        other.0.starts_with(&self.0)
    }

    /// The chapter or section that this one is a part of.
    fn parent(&self) -> Option<Self> {
        match self.0.as_slice() {
            [above @ .., _] if !above.is_empty() => Some(Self(above.to_vec())),
            _ => None,
        }
    }
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.iter().map(u16::to_string).collect::<Vec<_>>().join("."))
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let part = |part: &str| part.parse().ok().filter(|number: &u16| *number > 0 && !part.starts_with('+'));
        let parts: Option<Vec<u16>> = text.split('.').map(part).collect();
        parts.map(Self).ok_or_else(|| format!("`{text}` is not the number of a chapter or a section, like `4.6.1`"))
    }
}

impl Serialize for Number {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Number {
    /// Deserializes through a visitor, so that the YAML reader knows where a wrong number stands.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct NumberText;
        impl Visitor<'_> for NumberText {
            type Value = Number;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the number of a chapter or a section in quotes")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Number, E> {
                text.parse().map_err(E::custom)
            }
        }
        deserializer.deserialize_str(NumberText)
    }
}

/// The lessons of the book's chapter or section `wanted`. Where none belongs to it or to a part of it, those of the closest
/// section around it, whose number comes along.
#[must_use]
pub fn of_book_section<'a>(lessons: &'a [Lesson], wanted: &Number) -> (Number, Vec<&'a Lesson>) {
    let numbered = |number: &Number, exactly: bool| -> Vec<&'a Lesson> {
        let fits = |own: &Number| if exactly { own == number } else { number.contains(own) };
        lessons.iter().filter(|lesson| lesson.content.book_sections.iter().any(fits)).collect()
    };
    let mut around = wanted.clone();
    let mut found = numbered(wanted, false);
    while found.is_empty() {
        let Some(parent) = around.parent() else { return (wanted.clone(), Vec::new()) };
        found = numbered(&parent, true);
        around = parent;
    }
    (around, found)
}
