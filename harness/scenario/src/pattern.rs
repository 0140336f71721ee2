//! Patterns: how a scenario names events. They read like the lines of a view.
//!
//! ```text
//! parent: copy_process()                            the role `parent` enters copy_process
//! child: sched_switch prev_state=Z                  a tracepoint with a field's value
//! sched_wakeup pid=parent                           by whomever; a role's name means its pid
//! child: copy_process() returns                     the function-graph tracer saw it return
//! parent: sched_process_fork .child_pid             a field of the first such event (a `FieldRef`)
//! child: dead flags&0x4 flags!&0x40                 bits that are all set, bits of which none is
//! parent: release_task() caller=wait_consider_task  what every record tells besides its own fields
//! sys_enter args[0]=0x11                            an element of an array
//! ```
//!
//! Besides its own fields each event has `by_pid`, `on_cpu` and `context`, and a call of the function tracer has `caller`.

use std::fmt;

use serde::Deserialize;
use serde::de::{Deserializer, Error, Visitor};

/// Which events are meant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The role of the task that does it; anybody where it is `None`.
    pub by: Option<String>,
    /// The event.
    pub what: What,
    /// Conditions on fields, all of which must hold.
    pub fields: Vec<(String, Comparison, String)>,
}

/// The kind of event that a pattern means, and its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// `name()`: a function is entered.
    Call(String),
    /// `name() returns`: a function returns.
    Return(String),
    /// `name`: a tracepoint, a kprobe, or `marker`.
    Event(String),
}

/// How a field is compared with the pattern's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Comparison {
    /// `=`
    Equal,
    /// `!=`
    NotEqual,
    /// `&`: all these bits are set.
    AllOf,
    /// `!&`: none of these bits is set.
    NoneOf,
}

impl Comparison {
    /// Every comparison with its sign; a sign that begins another stands after it.
    const SIGNS: [(&str, Comparison); 4] =
        [("!=", Self::NotEqual), ("!&", Self::NoneOf), ("=", Self::Equal), ("&", Self::AllOf)];

    fn sign(self) -> &'static str {
        Self::SIGNS.iter().find(|(_, comparison)| *comparison == self).map_or("", |(sign, _)| sign)
    }

    /// The word as field, comparison and value; the sign that stands first counts.
    fn split(word: &str) -> Option<(&str, Self, &str)> {
        let at = word.find(['!', '=', '&'])?;
        let (sign, comparison) = Self::SIGNS.into_iter().find(|(sign, _)| word[at..].starts_with(sign))?;
        Some((&word[..at], comparison, &word[at + sign.len()..]))
    }
}

/// A field of the first event that matches a pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldRef {
    /// The event.
    pub of: Pattern,
    /// The field's name.
    pub field: String,
}

/// Why a text is not a pattern: a fragment for the author.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum PatternError {
    /// There is nothing behind the role.
    #[error("pattern names no function and no event")]
    Empty,
    /// A word is no `field=value`.
    #[error("`{0}` is not a condition; write `field=value`, `field!=value`, `field&bits` or `field!&bits`")]
    Condition(String),
    /// A reference lacks its field.
    #[error("reference ends without a field; write `event .field`")]
    NoField,
    /// A field was given where a whole event is meant.
    #[error("`{0}` names a field, but a whole event is meant here")]
    UnexpectedField(String),
}

/// True if a field holds a pid, so that a role's name can stand for its value.
#[must_use]
pub fn is_pid(field: &str) -> bool {
    field == "pid" || field.ends_with("_pid")
}

/// True if a field holds the number of a system call.
#[must_use]
pub fn is_syscall(event: &str, field: &str) -> bool {
    SYSCALL_EVENTS.contains(&event) && field == "id"
}

/// The events of the group `raw_syscalls`.
pub const SYSCALL_EVENTS: [&str; 2] = ["sys_enter", "sys_exit"];

/// The fields of every event besides its own: the pid of the task that does it, its CPU, and whether that is in a
/// `task`, a `hardirq` or a `softirq`.
pub const OF_EVERY_EVENT: [&str; 3] = ["by_pid", "on_cpu", "context"];

/// The caller of a function that the function tracer recorded.
pub const CALLER: &str = "caller";

/// A field's name without the index of an element: `args[0]` is an element of `args`.
#[must_use]
pub fn array_element(field: &str) -> (&str, Option<usize>) {
    let indexed = field.strip_suffix(']').and_then(|field| field.split_once('['));
    match indexed.and_then(|(name, index)| Some((name, index.parse().ok()?))) {
        Some((name, index)) => (name, Some(index)),
        None => (field, None),
    }
}

fn parse(text: &str) -> Result<(Pattern, Option<String>), PatternError> {
    let (by, rest) = match text.split_once(": ") {
        Some((role, rest)) => (Some(role.trim().to_owned()), rest),
        None => (None, text),
    };
    let mut words = rest.split_whitespace().peekable();
    let name = words.next().ok_or(PatternError::Empty)?;
    let what = match name.strip_suffix("()") {
        Some(function) if words.next_if_eq(&"returns").is_some() => What::Return(function.into()),
        Some(function) => What::Call(function.into()),
        None => What::Event(name.into()),
    };
    let (mut fields, mut field) = (Vec::new(), None);
    for word in words {
        if let Some(name) = word.strip_prefix('.') {
            field = Some(name.to_owned());
        } else if let Some((name, comparison, value)) = Comparison::split(word) {
            fields.push((name.into(), comparison, value.into()));
        } else {
            return Err(PatternError::Condition(word.into()));
        }
    }
    Ok((Pattern { by, what, fields }, field))
}

impl std::str::FromStr for Pattern {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        match parse(text)? {
            (pattern, None) => Ok(pattern),
            (_, Some(field)) => Err(PatternError::UnexpectedField(field)),
        }
    }
}

impl std::str::FromStr for FieldRef {
    type Err = PatternError;

    fn from_str(text: &str) -> Result<Self, PatternError> {
        let (of, field) = parse(text)?;
        Ok(FieldRef { of, field: field.ok_or(PatternError::NoField)? })
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(role) = &self.by {
            write!(f, "{role}: ")?;
        }
        match &self.what {
            What::Call(name) => write!(f, "{name}()")?,
            What::Return(name) => write!(f, "{name}() returns")?,
            What::Event(name) => f.write_str(name)?,
        }
        for (name, comparison, value) in &self.fields {
            write!(f, " {name}{}{value}", comparison.sign())?;
        }
        Ok(())
    }
}

impl fmt::Display for FieldRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} .{}", self.of, self.field)
    }
}

/// Deserializes through a visitor, so that the YAML reader knows where a bad pattern stands.
fn visit<'de, T, D>(deserializer: D, example: &'static str) -> Result<T, D::Error>
where
    T: std::str::FromStr<Err = PatternError>,
    D: Deserializer<'de>,
{
    struct Text<T>(&'static str, std::marker::PhantomData<T>);
    impl<T: std::str::FromStr<Err = PatternError>> Visitor<'_> for Text<T> {
        type Value = T;
        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str(self.0)
        }
        fn visit_str<E: Error>(self, text: &str) -> Result<T, E> {
            text.parse().map_err(E::custom)
        }
    }
    deserializer.deserialize_str(Text(example, std::marker::PhantomData))
}

impl<'de> Deserialize<'de> for Pattern {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        visit(deserializer, "a pattern such as `child: sched_switch prev_state=Z`")
    }
}

impl<'de> Deserialize<'de> for FieldRef {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        visit(deserializer, "a field reference such as `parent: sched_process_fork .child_pid`")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: Result<&str, PatternError>) {
        assert_eq!(text.parse::<Pattern>().map(|p| p.to_string()), expected.map(str::to_owned), "{text}");
    }

    #[test]
    fn patterns_read_like_view_lines() {
        check("parent: copy_process()", Ok("parent: copy_process()"));
        check("copy_process() returns", Ok("copy_process() returns"));
        check("child: dead flags&0x4 flags!&0x40", Ok("child: dead flags&0x4 flags!&0x40"));
        check("marker text=a=b!&c", Ok("marker text=a=b!&c"));
        check(
            "child:  sched_switch  prev_state=Z next_pid!=parent",
            Ok("child: sched_switch prev_state=Z next_pid!=parent"),
        );
    }

    #[test]
    fn what_is_no_pattern_is_said_in_words() {
        check("parent: ", Err(PatternError::Empty));
        check("a b", Err(PatternError::Condition("b".into())));
        check("a .b", Err(PatternError::UnexpectedField("b".into())));
        assert_eq!("a b=1".parse::<FieldRef>(), Err(PatternError::NoField));
    }
}
