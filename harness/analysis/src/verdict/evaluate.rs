//! Rules against events: what an expectation demands, and what is found instead.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::phrase::Phrase;
use crate::view::{Matcher, field, one_line, value_of};
use kernsnap_scenario::{Expectation, FieldRef, Pattern, Rule};
use kernsnap_trace::{Event, EventKind, Symbol, Value};

/// Nanoseconds in a millisecond.
const MS: u64 = 1_000_000;

/// The events that rules are judged by.
#[derive(Clone, Copy)]
pub(super) struct RuleEvaluator<'a> {
    pub(super) events: &'a [Event],
    /// The guest's console output.
    pub(super) console: &'a str,
    pub(super) matcher: Matcher<'a>,
}

impl RuleEvaluator<'_> {
    /// `Err` says what was found instead.
    pub(super) fn check(&self, expectation: &Expectation) -> Result<(), Phrase> {
        RuleEvaluator { events: &self.events[self.range(expectation)?], ..*self }.holds(&expectation.rule)
    }

    /// Where the events stand that an expectation is about.
    pub(super) fn range(&self, expectation: &Expectation) -> Result<Range<usize>, Phrase> {
        let Some((from, to)) = &expectation.between else { return Ok(0..self.events.len()) };
        let start = self.find(from).ok_or_else(|| self.nothing(from))?;
        let behind = RuleEvaluator { events: &self.events[start + 1..], ..*self };
        let end = behind.find(to).ok_or_else(|| after(behind.nothing(to), from))?;
        Ok(start..start + 1 + end + 1)
    }

    /// Where the events stand within `range` that match `pattern`.
    pub(super) fn positions(self, pattern: &Pattern, range: Range<usize>) -> impl Iterator<Item = usize> {
        range.filter(move |at| self.matcher.matches(pattern, &self.events[*at]))
    }

    pub(super) fn position(self, pattern: &Pattern, range: Range<usize>) -> Option<usize> {
        self.positions(pattern, range).next()
    }

    fn find(&self, pattern: &Pattern) -> Option<usize> {
        self.events.iter().position(|event| self.matcher.matches(pattern, event))
    }

    fn first(&self, pattern: &Pattern) -> Result<&Event, Phrase> {
        self.find(pattern).map(|at| &self.events[at]).ok_or_else(|| self.nothing(pattern))
    }

    fn nothing(&self, pattern: &Pattern) -> Phrase {
        let nothing = match self.unplayed(pattern) {
            Some(role) => Phrase::new("no-task-played").with_text("role", role),
            None => Phrase::new("never-happened"),
        };
        nothing.with_text("pattern", pattern)
    }

    /// The role of a pattern that no task played.
    fn unplayed<'p>(&self, pattern: &'p Pattern) -> Option<&'p String> {
        pattern.by.as_ref().filter(|role| self.matcher.role_map.pid(role).is_none())
    }

    fn holds(&self, rule: &Rule) -> Result<(), Phrase> {
        match rule {
            Rule::Order(patterns) => self.order(patterns),
            Rule::InTurn(patterns) => self.in_turn(patterns),
            Rule::Present(pattern) => self.first(pattern).map(drop),
            // An absent role must not satisfy `absent` vacuously.
            Rule::Absent(pattern) | Rule::Count(pattern, _) if self.unplayed(pattern).is_some() => {
                Err(self.nothing(pattern))
            }
            Rule::Absent(pattern) => match self.count(pattern) {
                0 => Ok(()),
                found => Err(Phrase::new("happened").with_text("pattern", pattern).with_text("found", found)),
            },
            Rule::Count(pattern, wanted) => match self.count(pattern) {
                found if found == *wanted => Ok(()),
                found => {
                    let otherwise = Phrase::new("happened-otherwise").with_text("pattern", pattern);
                    Err(otherwise.with_text("found", found).with_text("wanted", wanted))
                }
            },
            Rule::First(pattern) => self.extreme(pattern, self.own(pattern).next(), "first-is"),
            Rule::Last(pattern) => self.extreme(pattern, self.own(pattern).last(), "last-is"),
            Rule::Console(text) if self.console.lines().any(|line| line.contains(text)) => Ok(()),
            Rule::Console(text) => Err(Phrase::new("no-console-line").with_text("text", text)),
            Rule::Stack(pattern, frames) => self.stack(pattern, frames),
            Rule::Same(fields) => self.same(fields),
            Rule::Different(fields) => self.different(fields),
            Rule::Distinct(of, wanted) => self.distinct(of, *wanted),
            Rule::Apart { from, to, at_least_ms, at_most_ms } => self.apart(from, to, *at_least_ms, *at_most_ms),
        }
    }

    fn count(&self, pattern: &Pattern) -> usize {
        self.events.iter().filter(|event| self.matcher.matches(pattern, event)).count()
    }

    /// The events of the pattern's own role.
    fn own<'s>(&'s self, pattern: &'s Pattern) -> impl Iterator<Item = &'s Event> {
        let pid = pattern.by.as_ref().and_then(|role| self.matcher.role_map.pid(role));
        self.events.iter().filter(move |event| Some(event.pid) == pid)
    }

    fn extreme(&self, pattern: &Pattern, event: Option<&Event>, otherwise: &'static str) -> Result<(), Phrase> {
        match event {
            None => Err(self.nothing(pattern)),
            Some(event) if self.matcher.matches(pattern, event) => Ok(()),
            Some(event) => Err(Phrase::new(otherwise).with("event", name_of(&event.kind))),
        }
    }

    fn order(&self, patterns: &[Pattern]) -> Result<(), Phrase> {
        let mut before: Option<(usize, &Pattern)> = None;
        for pattern in patterns {
            let at = self.find(pattern).ok_or_else(|| self.nothing(pattern))?;
            if let Some((earlier, name)) = before
                && at <= earlier
            {
                return Err(Phrase::new("happened-before").with_text("pattern", pattern).with_text("other", name));
            }
            before = Some((at, pattern));
        }
        Ok(())
    }

    fn in_turn(&self, patterns: &[Pattern]) -> Result<(), Phrase> {
        let mut left = *self;
        let mut before: Option<&Pattern> = None;
        for pattern in patterns {
            let at = left.find(pattern).ok_or_else(|| match before {
                Some(before) => after(left.nothing(pattern), before),
                None => left.nothing(pattern),
            })?;
            left.events = &left.events[at + 1..];
            before = Some(pattern);
        }
        Ok(())
    }

    fn apart(&self, from: &Pattern, to: &Pattern, at_least_ms: u32, at_most_ms: u32) -> Result<(), Phrase> {
        let start = self.find(from).ok_or_else(|| self.nothing(from))?;
        let behind = RuleEvaluator { events: &self.events[start + 1..], ..*self };
        let end = behind.first(to).map_err(|nothing| after(nothing, from))?;
        let passed = end.time.0.saturating_sub(self.events[start].time.0);
        if (u64::from(at_least_ms) * MS..=u64::from(at_most_ms) * MS).contains(&passed) {
            return Ok(());
        }
        let ms = format!("{}.{:06}", passed / MS, passed % MS);
        Err(Phrase::new("time-passes").with_text("from", from).with_text("to", to).with("ms", ms))
    }

    fn stack(&self, pattern: &Pattern, wanted: &[String]) -> Result<(), Phrase> {
        let event = self.first(pattern)?;
        let Some(stack) = &event.stack else { return Err(Phrase::new("no-stack").with_text("pattern", pattern)) };
        let stack = with_innermost(&event.kind, stack);
        let mut frames = stack.iter();
        for name in wanted {
            if !frames.any(|frame| self.matcher.is(name, frame)) {
                let found: Vec<String> = stack.iter().map(ToString::to_string).collect();
                let missing = Phrase::new("frame-missing").with_text("frame", name);
                return Err(missing.with("stack", found.join(" <- ")));
            }
        }
        Ok(())
    }

    /// The value of each field, and how it is shown.
    fn values<'f>(&self, fields: &'f [FieldRef]) -> Result<Vec<(&'f FieldRef, Value, String)>, Phrase> {
        let value = |reference: &'f FieldRef| {
            let event = self.first(&reference.of)?;
            let value = value_of(event, &reference.field)
                .ok_or_else(|| Phrase::new("not-recorded").with_text("field", reference))?;
            let shown = match &event.kind {
                EventKind::Tracepoint(point) => field::show(point.name(), &reference.field, &value),
                _ => value.to_string(),
            };
            Ok((reference, value.into_owned(), shown))
        };
        fields.iter().map(value).collect()
    }

    fn same(&self, fields: &[FieldRef]) -> Result<(), Phrase> {
        let values = self.values(fields)?;
        let Some(((_, first, _), rest)) = values.split_first() else { return Ok(()) };
        if rest.iter().all(|(_, value, _)| is_equal(first, value)) { Ok(()) } else { Err(told(&values)) }
    }

    fn different(&self, fields: &[FieldRef]) -> Result<(), Phrase> {
        let values = self.values(fields)?;
        let met = values
            .iter()
            .enumerate()
            .any(|(i, (_, value, _))| values[..i].iter().any(|(_, earlier, _)| is_equal(earlier, value)));
        if met { Err(told(&values)) } else { Ok(()) }
    }

    fn distinct(&self, of: &FieldRef, wanted: usize) -> Result<(), Phrase> {
        let matching = self.events.iter().filter(|event| self.matcher.matches(&of.of, event));
        let values: BTreeSet<String> =
            matching.filter_map(|event| value_of(event, &of.field)).map(|value| value.to_string()).collect();
        if values.len() == wanted {
            return Ok(());
        }
        let list = values.into_iter().collect::<Vec<_>>();
        let other = Phrase::new("other-values").with_text("field", of).with_text("found", list.len());
        Err(other.with_text("wanted", wanted).with("values", list.join(", ")))
    }
}

/// Numbers are equal by value: one event may hold signed what another holds unsigned.
fn is_equal(one: &Value, other: &Value) -> bool {
    one == other || (one.as_int().is_some() && one.as_int() == other.as_int())
}

/// Something that did not happen after `before`.
fn after(nothing: Phrase, before: &Pattern) -> Phrase {
    Phrase::new("behind").with("what", nothing).with_text("pattern", before)
}

fn told(values: &[(&FieldRef, Value, String)]) -> Phrase {
    let one = |(field, _, shown): &(&FieldRef, Value, String)| {
        Phrase::new("value-is").with_text("field", field).with_text("value", shown)
    };
    Phrase::Several(values.iter().map(one).collect())
}

fn name_of(body: &EventKind) -> String {
    match body {
        EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => format!("{function}()"),
        EventKind::GraphExit { function, .. } => format!("{function}() returns"),
        EventKind::Marker { text } => format!("marker text={}", one_line(text)),
        EventKind::Tracepoint(point) => point.name().to_string(),
    }
}

/// The stack of a call with its innermost frames. 32-bit Arm leaves out two: the function, and the one it was called from. Both
/// stand in the call itself.
pub(super) fn with_innermost(body: &EventKind, stack: &[Symbol]) -> Vec<Symbol> {
    let known: Vec<Symbol> = match body {
        EventKind::Function { function, caller } => vec![function.clone(), caller.clone()],
        _ => Vec::new(),
    };
    let base = |symbol: &Symbol| symbol.base().map(str::to_owned);
    let whole = stack.first().is_none_or(|first| known.iter().any(|known| base(known) == base(first)));
    let missing = if whole { Vec::new() } else { known };
    missing.into_iter().chain(stack.iter().cloned()).collect()
}
