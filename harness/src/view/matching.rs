//! Which events a pattern means.

use super::cast::Cast;
use super::field;
use crate::scenario::{Comparison, Names, Pattern, What};
use crate::trace::{Body, Event, Symbol};

/// What a pattern's names refer to.
#[derive(Clone, Copy, Debug)]
pub struct Matcher<'a> {
    /// Roles.
    pub cast: &'a Cast,
    /// Logical names of functions.
    pub names: &'a Names,
}

impl Matcher<'_> {
    /// Whether `event` is one that `pattern` means. A role that no task played matches nothing.
    #[must_use]
    pub fn matches(&self, pattern: &Pattern, event: &Event) -> bool {
        self.is_by(pattern, event)
            && self.what(&pattern.what, &event.body)
            && pattern.fields.iter().all(|(name, comparison, wanted)| {
                let equal = self.field_is(&event.body, name, wanted);
                equal.is_some_and(|equal| equal == (*comparison == Comparison::Equal))
            })
    }

    /// Whether the pattern's role, if it has one, does the event.
    #[must_use]
    pub fn is_by(&self, pattern: &Pattern, event: &Event) -> bool {
        pattern.by.as_ref().is_none_or(|role| self.cast.pid(role) == Some(event.pid))
    }

    fn what(&self, what: &What, body: &Body) -> bool {
        match (what, body) {
            (What::Call(name), Body::Call { function, .. } | Body::Enter { function, .. })
            | (What::Return(name), Body::Leave { function, .. }) => self.is(name, function),
            (What::Event(name), Body::Point(point)) => **name == *point.name,
            (What::Event(name), Body::Marker { .. }) => name == "marker",
            _ => false,
        }
    }

    /// Whether `symbol` is the function that `name` means.
    #[must_use]
    pub fn is(&self, name: &str, symbol: &Symbol) -> bool {
        symbol.base().is_some_and(|base| self.names.means(name, base))
    }

    /// `None` where the event has no such field.
    fn field_is(&self, body: &Body, name: &str, wanted: &str) -> Option<bool> {
        match body {
            Body::Marker { text } => (name == "text").then(|| **text == *wanted),
            Body::Point(point) => {
                let value = point.field(name)?;
                if field::is_pid(name)
                    && let Some(pid) = self.cast.pid(wanted)
                {
                    return Some(value.as_int() == Some(i64::from(pid.0)));
                }
                let number = parse_int(wanted);
                let same_number = number.is_some() && value.as_int() == number;
                Some(same_number || field::show(&point.name, name, value) == wanted)
            }
            _ => None,
        }
    }
}

/// Decimal or `0x` hexadecimal, with a sign.
fn parse_int(text: &str) -> Option<i64> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (-1, digits),
        None => (1, text),
    };
    let value = match digits.strip_prefix("0x") {
        Some(hex) => i64::from_str_radix(hex, 16).ok()?,
        None => digits.parse().ok()?,
    };
    Some(sign * value)
}
