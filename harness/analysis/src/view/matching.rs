//! Which events a pattern means.

use super::field;
use super::role_map::RoleMap;
use super::value::value_of;
use kernsnap_scenario::pattern;
use kernsnap_scenario::pattern::CALLER;
use kernsnap_scenario::{Comparison, Names, Pattern, What};
use kernsnap_trace::{Event, EventKind, Symbol, Value};

/// The meaning of a pattern's names.
#[derive(Clone, Copy, Debug)]
pub struct Matcher<'a> {
    /// Roles.
    pub role_map: &'a RoleMap,
    /// Logical names of functions.
    pub names: &'a Names,
}

impl Matcher<'_> {
    /// True if `event` is one that `pattern` means. A role that no task played matches nothing.
    #[must_use]
    pub fn matches(&self, pattern: &Pattern, event: &Event) -> bool {
        self.is_by(pattern, event) && self.what(&pattern.what, &event.kind) && self.has_fields(pattern, event)
    }

    /// True if the pattern's conditions on fields hold.
    #[must_use]
    pub fn has_fields(&self, pattern: &Pattern, event: &Event) -> bool {
        pattern.fields.iter().all(|(name, comparison, wanted)| self.holds(event, name, *comparison, wanted))
    }

    /// True if the pattern's role, if it has one, does the event.
    #[must_use]
    pub fn is_by(&self, pattern: &Pattern, event: &Event) -> bool {
        pattern.by.as_ref().is_none_or(|role| self.role_map.pid(role) == Some(event.pid))
    }

    fn what(&self, what: &What, body: &EventKind) -> bool {
        match (what, body) {
            (What::Call(name), EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. })
            | (What::Return(name), EventKind::GraphExit { function, .. }) => self.is(name, function),
            (What::Event(name), EventKind::Tracepoint(point)) => **name == **point.name(),
            (What::Event(name), EventKind::Marker { .. }) => name == "marker",
            _ => false,
        }
    }

    /// True if `symbol` is the function that `name` means.
    #[must_use]
    pub fn is(&self, name: &str, symbol: &Symbol) -> bool {
        symbol.base().is_some_and(|base| self.names.means(name, base))
    }

    /// True if a condition on a field holds; it does not where the event has no such field.
    fn holds(&self, event: &Event, name: &str, comparison: Comparison, wanted: &str) -> bool {
        let Some(value) = value_of(event, name) else { return false };
        let bits = || value.bits().zip(parse_int(wanted).map(i64::cast_unsigned));
        match comparison {
            Comparison::Equal => self.is_value(event, name, &value, wanted),
            Comparison::NotEqual => !self.is_value(event, name, &value, wanted),
            Comparison::AllOf => bits().is_some_and(|(value, wanted)| value & wanted == wanted),
            Comparison::NoneOf => bits().is_some_and(|(value, wanted)| value & wanted == 0),
        }
    }

    /// The number of a system call that is named where an event has one.
    fn syscall(&self, event: &str, field: &str, wanted: &str) -> Option<i64> {
        if pattern::is_syscall(event, field) { self.names.syscall(wanted) } else { None }
    }

    fn is_value(&self, event: &Event, name: &str, value: &Value, wanted: &str) -> bool {
        if field::is_pid(name)
            && let Some(pid) = self.role_map.pid(wanted)
        {
            return value.as_int() == Some(i64::from(pid.0));
        }
        match (&event.kind, value) {
            (EventKind::Function { .. }, Value::Text(caller)) if name == CALLER => self.names.means(wanted, caller),
            (EventKind::Tracepoint(point), _) => {
                let number = parse_int(wanted).or_else(|| self.syscall(point.name(), name, wanted));
                let number = number.map(i64::cast_unsigned);
                (number.is_some() && value.bits() == number) || field::show(point.name(), name, value) == wanted
            }
            _ => value.to_string() == wanted,
        }
    }
}

/// Decimal with a sign, or `0x` hexadecimal.
pub(crate) fn parse_int(text: &str) -> Option<i64> {
    // Hexadecimal is written for bits: flags and addresses, all 64 of them.
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok().map(u64::cast_signed),
        None => text.parse().ok(),
    }
}
