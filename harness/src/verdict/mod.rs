//! Judgement: does a trace show what the scenario says must hold? Pure.

mod witness;

use std::collections::BTreeMap;
use std::fmt;

pub use witness::{Witness, witnesses};

use crate::scenario::{End, Expectation, FieldRef, Pattern, Rule, Scenario};
use crate::trace::{Body, Defect, Event, Trace};
use crate::view::{Cast, Matcher, field};

/// The outcome of a run that took place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Everything that must hold holds.
    Passed,
    /// The kernel, or a guest program, behaved differently.
    Failed(Vec<Violation>),
    /// The trace is incomplete, so nothing can be said.
    Unusable(Vec<String>),
}

/// Something that must hold and does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The claim, as the scenario words it.
    pub that: String,
    /// What was found instead.
    pub found: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.that, self.found)
    }
}

impl Verdict {
    /// One word, for machines: `passed`, `failed`, `unusable`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Verdict::Passed => "passed",
            Verdict::Failed(_) => "failed",
            Verdict::Unusable(_) => "unusable",
        }
    }
}

/// How the guest's steps ended, as far as it could tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GuestOutcome {
    /// The end of each task that was started; `None` where it was still running when the deadline passed.
    pub ends: BTreeMap<String, Option<End>>,
    /// Steps that failed, in words.
    pub failures: Vec<String>,
    /// Set when the deadline in guest time passed: its milliseconds and the tasks still running.
    pub timeout: Option<(u32, Vec<String>)>,
}

/// Judges one run.
#[must_use]
pub fn judge(scenario: &Scenario, trace: &Trace, cast: &Cast, guest: &GuestOutcome) -> Verdict {
    if !trace.defects.is_empty() {
        return Verdict::Unusable(trace.defects.iter().map(|defect| explain(defect, scenario)).collect());
    }
    let mut violations = guest_violations(scenario, guest);
    let court = judged_by(scenario, trace, cast);
    for Expectation { that, rule } in &scenario.expectations {
        if let Err(found) = court.holds(rule) {
            violations.push(Violation { that: that.clone(), found });
        }
    }
    if violations.is_empty() { Verdict::Passed } else { Verdict::Failed(violations) }
}

fn judged_by<'a>(scenario: &'a Scenario, trace: &'a Trace, cast: &'a Cast) -> Court<'a> {
    Court { events: &trace.events, matcher: Matcher { cast, names: &scenario.names } }
}

fn guest_violations(scenario: &Scenario, guest: &GuestOutcome) -> Vec<Violation> {
    let mut violations = Vec::new();
    for failure in &guest.failures {
        violations.push(Violation { that: "every step in the guest succeeds".into(), found: failure.clone() });
    }
    if let Some((ms, running)) = &guest.timeout {
        let who = if running.is_empty() { "nothing".to_owned() } else { running.join(", ") };
        let that = format!("the run ends within {ms} ms of guest time");
        violations.push(Violation { that, found: format!("still running: {who}") });
    }
    for (task, wanted) in scenario.ends() {
        match guest.ends.get(task) {
            Some(Some(end)) if *end == wanted => {}
            Some(Some(end)) => {
                let that = format!("program `{task}` ends with {wanted}");
                violations.push(Violation { that, found: format!("it ended with {end}") });
            }
            // Told above already: it was still running, or a step before it failed.
            Some(None) | None if guest.timeout.is_some() || !guest.failures.is_empty() => {}
            Some(None) | None => {
                let that = format!("program `{task}` ends with {wanted}");
                violations.push(Violation { that, found: "it never ended".into() });
            }
        }
    }
    violations
}

fn explain(defect: &Defect, scenario: &Scenario) -> String {
    let larger = format!("raise `trace.buffer-kib` above {}, or trace less", scenario.trace.buffer_kib);
    match defect {
        Defect::Overrun { cpu, events } => {
            format!("CPU {}: the buffer wrapped and {events} events were overwritten; {larger}", cpu.0)
        }
        Defect::Dropped { cpu, events } => format!("CPU {}: {events} events were dropped; {larger}", cpu.0),
        Defect::MissedBefore { cpu, page } => {
            format!("CPU {}: events are missing before page {page} of its buffer; {larger}", cpu.0)
        }
        Defect::ClockBackwards { cpu, at } => format!("CPU {}: the trace clock went backwards at {} ns", cpu.0, at.0),
        Defect::CountMismatch { cpu, found, written } => {
            format!("CPU {}: the kernel wrote {written} events, {found} were read", cpu.0)
        }
    }
}

struct Court<'a> {
    events: &'a [Event],
    matcher: Matcher<'a>,
}

impl Court<'_> {
    fn find(&self, pattern: &Pattern) -> Option<usize> {
        self.events.iter().position(|event| self.matcher.matches(pattern, event))
    }

    fn first(&self, pattern: &Pattern) -> Result<&Event, String> {
        self.find(pattern).map(|at| &self.events[at]).ok_or_else(|| self.nothing(pattern))
    }

    fn nothing(&self, pattern: &Pattern) -> String {
        let role = pattern.by.iter().find(|role| self.matcher.cast.pid(role).is_none());
        match role {
            Some(role) => format!("no task played the role `{role}`, so `{pattern}` never happened"),
            None => format!("`{pattern}` never happened"),
        }
    }

    /// `Err` says what was found instead.
    fn holds(&self, rule: &Rule) -> Result<(), String> {
        match rule {
            Rule::Order(patterns) => self.order(patterns),
            Rule::Present(pattern) => self.first(pattern).map(drop),
            Rule::Absent(pattern) => match self.find(pattern) {
                None => Ok(()),
                Some(_) => Err(format!("`{pattern}` happened {} times", self.count(pattern))),
            },
            Rule::Count(pattern, wanted) => match self.count(pattern) {
                found if found == *wanted => Ok(()),
                found => Err(format!("`{pattern}` happened {found} times, not {wanted}")),
            },
            Rule::First(pattern) => self.extreme(pattern, self.own(pattern).next(), "first"),
            Rule::Last(pattern) => self.extreme(pattern, self.own(pattern).last(), "last"),
            Rule::Stack(pattern, frames) => self.stack(pattern, frames),
            Rule::Same(fields) => self.same(fields),
        }
    }

    fn count(&self, pattern: &Pattern) -> usize {
        self.events.iter().filter(|event| self.matcher.matches(pattern, event)).count()
    }

    /// The events of the pattern's own role.
    fn own<'s>(&'s self, pattern: &'s Pattern) -> impl Iterator<Item = &'s Event> {
        let pid = pattern.by.as_ref().and_then(|role| self.matcher.cast.pid(role));
        self.events.iter().filter(move |event| Some(event.pid) == pid)
    }

    fn extreme(&self, pattern: &Pattern, event: Option<&Event>, which: &str) -> Result<(), String> {
        match event {
            None => Err(self.nothing(pattern)),
            Some(event) if self.matcher.matches(pattern, event) => Ok(()),
            Some(event) => Err(format!("its {which} event is `{}`", name_of(&event.body))),
        }
    }

    fn order(&self, patterns: &[Pattern]) -> Result<(), String> {
        let mut before: Option<(usize, &Pattern)> = None;
        for pattern in patterns {
            let at = self.find(pattern).ok_or_else(|| self.nothing(pattern))?;
            if let Some((earlier, name)) = before
                && at <= earlier
            {
                return Err(format!("`{pattern}` happened before `{name}`"));
            }
            before = Some((at, pattern));
        }
        Ok(())
    }

    fn stack(&self, pattern: &Pattern, wanted: &[String]) -> Result<(), String> {
        let event = self.first(pattern)?;
        let Some(stack) = &event.stack else { return Err(format!("`{pattern}` has no stack")) };
        let mut frames = stack.iter();
        for name in wanted {
            if !frames.any(|frame| self.matcher.is(name, frame)) {
                let found: Vec<String> = stack.iter().map(ToString::to_string).collect();
                return Err(format!("frame `{name}` is not in its place; the stack is {}", found.join(" <- ")));
            }
        }
        Ok(())
    }

    fn same(&self, fields: &[FieldRef]) -> Result<(), String> {
        let mut values = Vec::new();
        for reference in fields {
            let event = self.first(&reference.of)?;
            let Body::Point(point) = &event.body else { return Err(format!("`{}` has no fields", reference.of)) };
            let value = point.field(&reference.field).ok_or_else(|| format!("`{reference}` is not recorded"))?;
            values.push((reference, value, field::show(&point.name, &reference.field, value)));
        }
        let Some(((_, first, _), rest)) = values.split_first() else { return Ok(()) };
        if rest
            .iter()
            .all(|(_, value, _)| value == first || (value.as_int().is_some() && value.as_int() == first.as_int()))
        {
            return Ok(());
        }
        let told: Vec<String> =
            values.iter().map(|(reference, _, shown)| format!("`{reference}` is {shown}")).collect();
        Err(told.join(", "))
    }
}

fn name_of(body: &Body) -> String {
    match body {
        Body::Call { function, .. } | Body::Enter { function, .. } => format!("{function}()"),
        Body::Leave { function, .. } => format!("{function}() returns"),
        Body::Marker { text } => format!("marker text={text}"),
        Body::Point(point) => point.name.to_string(),
    }
}
