//! Can an expectation fail? Changes a recorded trace so that what an expectation demands no longer holds in it, and looks
//! whether the expectation says so. One that stays satisfied demands less than it says.

use super::evaluate::{RuleEvaluator, with_innermost};
use crate::view::{Matcher, RoleMap, field};
use kernsnap_scenario::pattern::array_element;
use kernsnap_scenario::{Comparison, Expectation, FieldRef, Names, Pattern, Rule, Scenario, What};
use kernsnap_trace::{
    CodeLocation, Context, Cpu, Event, EventKind, FunctionName, Hex, Pid, Point, Symbol, Timestamp, Trace, Value,
};

/// Bits of [`Context::flags`]: `TRACE_FLAG_HARDIRQ` and `TRACE_FLAG_SOFTIRQ`.
const HARDIRQ: u8 = 0x08;
const SOFTIRQ: u8 = 0x10;

/// The result of changing a trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Mutation {
    /// The number of changed traces that were judged.
    pub tried: usize,
    /// Changes that an expectation should have noticed and did not: the claim, and the change.
    pub survived: Vec<(String, String)>,
}

/// Changes `trace` and `console`, for which all expectations of `scenario` hold, in every way that one of them should notice.
#[must_use]
pub fn mutate(scenario: &Scenario, trace: &Trace, role_map: &RoleMap, console: &str) -> Mutation {
    let matcher = Matcher { role_map, names: &scenario.names };
    let evaluator = RuleEvaluator { events: &trace.events, console, matcher };
    let mut mutation = Mutation::default();
    for expectation in &scenario.expectations {
        mutation.mutate_all(expectation, evaluator);
    }
    mutation
}

impl Mutation {
    fn mutate_all(&mut self, expectation: &Expectation, evaluator: RuleEvaluator<'_>) {
        if let Rule::Console(text) = &expectation.rule {
            let other = evaluator.console.lines().filter(|line| !line.contains(text)).collect::<Vec<_>>().join("\n");
            self.judge(expectation, RuleEvaluator { console: &other, ..evaluator }, "without that line".into());
            return;
        }
        let mutants = Mutator { evaluator, expectation }.mutants();
        if mutants.is_empty() {
            self.survived.push((expectation.that.clone(), "there is nothing to change".into()));
        }
        for (change, events) in mutants {
            self.judge(expectation, RuleEvaluator { events: &events, ..evaluator }, change);
        }
    }

    fn judge(&mut self, expectation: &Expectation, evaluator: RuleEvaluator<'_>, change: String) {
        self.tried += 1;
        if evaluator.check(expectation).is_ok() {
            self.survived.push((expectation.that.clone(), change));
        }
    }
}

/// A change in words, and the events with it.
type Mutant = (String, Vec<Event>);

struct Mutator<'a> {
    evaluator: RuleEvaluator<'a>,
    expectation: &'a Expectation,
}

impl Mutator<'_> {
    fn mutants(&self) -> Vec<Mutant> {
        match &self.expectation.rule {
            Rule::Order(patterns) => {
                let swapped = patterns.windows(2).filter_map(|pair| self.swapped(&pair[0], &pair[1]));
                patterns.iter().map(|pattern| self.without(pattern)).chain(swapped).collect()
            }
            Rule::InTurn(patterns) => patterns.iter().map(|pattern| self.without(pattern)).collect(),
            Rule::Present(pattern) | Rule::Last(pattern) => vec![self.without(pattern)],
            Rule::First(pattern) => {
                let marker = Pattern { what: What::Event("marker".into()), fields: Vec::new(), ..pattern.clone() };
                [Some(self.without(pattern)), self.with(&marker)].into_iter().flatten().collect()
            }
            Rule::Absent(pattern) => self.with(pattern).into_iter().collect(),
            Rule::Count(pattern, wanted) => {
                let one_less = self.positions(pattern).first().map(|at| self.removed(pattern, *at));
                let more = if *wanted == 0 { self.with(pattern) } else { self.doubled(pattern) };
                [one_less, more].into_iter().flatten().collect()
            }
            Rule::Stack(pattern, frames) => {
                frames.iter().filter_map(|frame| self.without_frame(pattern, frame)).collect()
            }
            Rule::Console(_) => Vec::new(),
            Rule::Same(fields) => fields.iter().filter_map(|field| self.altered(field)).collect(),
            Rule::Different(fields) => fields.windows(2).filter_map(|pair| self.copied(&pair[0], &pair[1])).collect(),
            Rule::Distinct(of, _) => self.without_one_value(of).into_iter().collect(),
            Rule::Apart { from, to, at_least_ms, at_most_ms } => {
                let late = self.delayed(from, to, u64::from(*at_most_ms) + 1);
                let early = if *at_least_ms == 0 { None } else { self.delayed(from, to, 0) };
                [late, early].into_iter().flatten().collect()
            }
        }
    }

    /// Where the events stand that match `pattern` and that the expectation is about.
    fn positions(&self, pattern: &Pattern) -> Vec<usize> {
        let range = self.evaluator.range(self.expectation).unwrap_or(0..0);
        self.evaluator.positions(pattern, range).collect()
    }

    fn without(&self, pattern: &Pattern) -> Mutant {
        let gone = self.positions(pattern);
        let kept = self.evaluator.events.iter().enumerate().filter(|(at, _)| !gone.contains(at));
        (format!("without `{pattern}`"), kept.map(|(_, event)| event.clone()).collect())
    }

    fn removed(&self, pattern: &Pattern, at: usize) -> Mutant {
        let mut events = self.evaluator.events.to_vec();
        events.remove(at);
        (format!("without the first `{pattern}`"), events)
    }

    fn doubled(&self, pattern: &Pattern) -> Option<Mutant> {
        let at = *self.positions(pattern).first()?;
        let mut events = self.evaluator.events.to_vec();
        events.insert(at, events[at].clone());
        Some((format!("with the first `{pattern}` twice"), events))
    }

    /// With the first event that matches `later` right before the first that matches `earlier`.
    fn swapped(&self, earlier: &Pattern, later: &Pattern) -> Option<Mutant> {
        let (to, from) = (*self.positions(earlier).first()?, *self.positions(later).first()?);
        let mut events = self.evaluator.events.to_vec();
        let event = events.remove(from);
        events.insert(to, event);
        Some((format!("with `{later}` before `{earlier}`"), events))
    }

    /// With an event that matches, at the beginning of what the expectation is about.
    fn with(&self, pattern: &Pattern) -> Option<Mutant> {
        let range = self.evaluator.range(self.expectation).ok()?;
        // Behind the event that opens a part; before all else in the whole trace.
        let at = if self.expectation.between.is_some() { range.start + 1 } else { range.start };
        let event = self.invented(pattern, self.evaluator.events.get(at).map_or(Timestamp(0), |event| event.time));
        let mut events = self.evaluator.events.to_vec();
        events.insert(at, event);
        Some((format!("with `{pattern}`"), events))
    }

    fn without_frame(&self, pattern: &Pattern, frame: &str) -> Option<Mutant> {
        let at = *self.positions(pattern).first()?;
        let mut events = self.evaluator.events.to_vec();
        let event = &mut events[at];
        let mut stack = with_innermost(&event.kind, event.stack.as_ref()?);
        stack.retain(|symbol| !self.evaluator.matcher.is(frame, symbol));
        event.stack = Some(stack);
        Some((format!("without the frame `{frame}`"), events))
    }

    fn altered(&self, reference: &FieldRef) -> Option<Mutant> {
        let at = *self.positions(&reference.of).first()?;
        let mut events = self.evaluator.events.to_vec();
        alter(&mut events[at], &reference.field)?;
        Some((format!("with another `{reference}`"), events))
    }

    /// With the value of the one field in the other.
    fn copied(&self, from: &FieldRef, to: &FieldRef) -> Option<Mutant> {
        let (source, target) = (*self.positions(&from.of).first()?, *self.positions(&to.of).first()?);
        let value = crate::view::value_of(&self.evaluator.events[source], &from.field)?.into_owned();
        let mut events = self.evaluator.events.to_vec();
        *own_field(&mut events[target].kind, &to.field)? = value;
        Some((format!("with `{to}` as `{from}`"), events))
    }

    fn without_one_value(&self, of: &FieldRef) -> Option<Mutant> {
        let value = |at: usize| crate::view::value_of(&self.evaluator.events[at], &of.field);
        let positions = self.positions(&of.of);
        let first = value(*positions.first()?)?;
        let gone: Vec<usize> = positions.into_iter().filter(|at| value(*at).as_ref() == Some(&first)).collect();
        let kept = self.evaluator.events.iter().enumerate().filter(|(at, _)| !gone.contains(at));
        Some((format!("without one value of `{of}`"), kept.map(|(_, event)| event.clone()).collect()))
    }

    /// With the first `to` behind `from` so many milliseconds after it.
    fn delayed(&self, from: &Pattern, to: &Pattern, ms: u64) -> Option<Mutant> {
        let start = *self.positions(from).first()?;
        let end = *self.positions(to).iter().find(|at| **at > start)?;
        let mut events = self.evaluator.events.to_vec();
        events[end].time = Timestamp(events[start].time.0 + ms * 1_000_000);
        Some((format!("with `{to}` {ms} ms behind `{from}`"), events))
    }

    /// An event that matches `pattern`.
    fn invented(&self, pattern: &Pattern, time: Timestamp) -> Event {
        let Matcher { role_map, names } = self.evaluator.matcher;
        let pid = pattern.by.as_ref().and_then(|role| role_map.pid(role)).unwrap_or(Pid(-1));
        let body = match &pattern.what {
            What::Call(name) => EventKind::Function { function: symbol(name, names), caller: symbol("nobody", names) },
            What::Return(name) => {
                EventKind::GraphExit { function: symbol(name, names), depth: 0, entered: time, left: time }
            }
            What::Event(name) if name == "marker" => EventKind::Marker { text: "invented".into() },
            What::Event(name) => EventKind::Tracepoint(Point::from_fields(name, [] as [(&str, Value); 0])),
        };
        let mut event =
            Event { time, cpu: Cpu(0), pid, context: Context::default(), kind: body, stack: None, details: None };
        for (name, comparison, wanted) in &pattern.fields {
            let pid = field::is_pid(name).then(|| role_map.pid(wanted)).flatten();
            let number = pid.map(|pid| i64::from(pid.0)).or_else(|| crate::view::matching::parse_int(wanted));
            match comparison {
                Comparison::Equal => set(&mut event, name, wanted, number, names),
                Comparison::NotEqual => set(&mut event, name, "invented", Some(-2), names),
                Comparison::AllOf => set_bits(&mut event, name, number.unwrap_or(0).cast_unsigned()),
                Comparison::NoneOf => set_bits(&mut event, name, 0),
            }
        }
        event
    }
}

fn symbol(name: &str, names: &Names) -> Symbol {
    let name = names.candidates(name).next().unwrap_or(name);
    let place = CodeLocation { function: FunctionName::new(name), offset: None, module: None, followed_by: None };
    Symbol::Function { place: place.into(), address: None }
}

/// Makes a condition `name=wanted` hold.
fn set(event: &mut Event, name: &str, wanted: &str, number: Option<i64>, names: &Names) {
    let value = number.map_or_else(|| Value::Text(wanted.into()), Value::Signed);
    match (name, &mut event.kind) {
        ("by_pid", _) => event.pid = Pid(number.and_then(|pid| i32::try_from(pid).ok()).unwrap_or(-2)),
        ("on_cpu", _) => event.cpu = Cpu(number.and_then(|cpu| u16::try_from(cpu).ok()).unwrap_or(u16::MAX)),
        ("context", _) => {
            event.context.flags = match wanted {
                "softirq" => SOFTIRQ,
                "task" => 0,
                _ => HARDIRQ,
            };
        }
        (_, EventKind::Marker { text }) => *text = wanted.into(),
        (_, EventKind::Function { caller, .. }) => *caller = symbol(wanted, names),
        (_, EventKind::Tracepoint(point)) => {
            let (name, index) = array_element(name);
            match index {
                None => point.push(name, value),
                Some(index) => {
                    let mut elements = vec![Value::Signed(0); index];
                    elements.push(value);
                    point.push(name, Value::Array(elements.into()));
                }
            }
        }
        (_, EventKind::GraphEntry { .. } | EventKind::GraphExit { .. }) => {}
    }
}

/// Adds bits to those that another condition on the field has set.
fn set_bits(event: &mut Event, name: &str, bits: u64) {
    let EventKind::Tracepoint(point) = &mut event.kind else { return };
    match point.field_mut(name) {
        Some(Value::Unsigned(value) | Value::Hex(Hex { value, .. })) => *value |= bits,
        _ => point.push(name, Value::Unsigned(bits)),
    }
}

/// A tracepoint's own field, or an element of it.
fn own_field<'e>(body: &'e mut EventKind, name: &str) -> Option<&'e mut Value> {
    let EventKind::Tracepoint(point) = body else { return None };
    let (name, index) = array_element(name);
    match (point.field_mut(name)?, index) {
        (Value::Array(elements), Some(index)) => elements.get_mut(index),
        (value, None) => Some(value),
        (_, Some(_)) => None,
    }
}

/// Gives a field another value.
fn alter(event: &mut Event, name: &str) -> Option<()> {
    if let Some(value) = own_field(&mut event.kind, name) {
        *value = match value {
            Value::Signed(v) => Value::Signed(v.wrapping_add(1)),
            Value::Unsigned(v) => Value::Unsigned(v.wrapping_add(1)),
            Value::Hex(hex) => Value::Hex(Hex { value: hex.value.wrapping_add(1), ..*hex }),
            Value::Text(text) => Value::Text(format!("{text}?").into()),
            Value::Array(_) => Value::Array(Box::default()),
        };
        return Some(());
    }
    match (name, &mut event.kind) {
        ("on_cpu", _) => event.cpu.0 = event.cpu.0.wrapping_add(1),
        ("by_pid", _) => event.pid.0 = event.pid.0.wrapping_add(1),
        ("context", _) => event.context.flags ^= HARDIRQ,
        (_, EventKind::Marker { text }) => *text = format!("{text}?").into(),
        (_, EventKind::Function { caller, .. }) => *caller = Symbol::Unknown,
        _ => return None,
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn marker(ms: u64, text: &str) -> Event {
        let (time, kind) = (Timestamp(ms * 1_000_000), EventKind::Marker { text: text.into() });
        Event { time, cpu: Cpu(0), pid: Pid(1), context: Context::default(), kind, stack: None, details: None }
    }

    /// The changes that go unnoticed in a trace of the markers a, b, a, c, a millisecond apart.
    fn survivors(rule: Rule, between: Option<(&str, &str)>) -> Vec<String> {
        let pattern = |text: &str| text.parse::<Pattern>().expect("a pattern");
        let between = between.map(|(from, to)| (pattern(from), pattern(to)));
        let expectation = Expectation { that: "it is so".into(), rule, between };
        let events: Vec<Event> = (1..).zip(["a", "b", "a", "c"]).map(|(ms, text)| marker(ms, text)).collect();
        let (role_map, names) = (RoleMap::default(), Names::default());
        let matcher = Matcher { role_map: &role_map, names: &names };
        let evaluator = RuleEvaluator { events: &events, console: "one line\nanother", matcher };
        assert_eq!(evaluator.check(&expectation), Ok(()));
        let mut mutation = Mutation::default();
        mutation.mutate_all(&expectation, evaluator);
        mutation.survived.into_iter().map(|(_, change)| change).collect()
    }

    #[test]
    fn an_expectation_that_demands_something_notices_every_change() {
        let [a, b, c, d] =
            ["a", "b", "c", "d"].map(|text| format!("marker text={text}").parse::<Pattern>().expect("one"));
        let none = Vec::<String>::new();
        for rule in [
            Rule::Order(vec![a.clone(), b.clone(), c.clone()]),
            Rule::InTurn(vec![b.clone(), a.clone(), c.clone()]),
            Rule::Present(b.clone()),
            Rule::Absent(d),
            Rule::Count(a.clone(), 2),
            Rule::Console("other".into()),
            Rule::Distinct(FieldRef { of: "marker".parse().expect("one"), field: "text".into() }, 3),
            Rule::Apart { from: a.clone(), to: c.clone(), at_least_ms: 3, at_most_ms: 3 },
        ] {
            assert_eq!(survivors(rule.clone(), None), none, "{rule:?}");
        }
        assert_eq!(survivors(Rule::Count(a, 1), Some(("marker text=b", "marker text=c"))), none);
    }

    #[test]
    fn an_expectation_that_cannot_fail_is_found() {
        let field: FieldRef = "marker .text".parse().expect("a field");
        assert_eq!(survivors(Rule::Same(vec![field.clone()]), None), ["with another `marker .text`"]);
        assert_eq!(survivors(Rule::Different(vec![field]), None), ["there is nothing to change"]);
    }
}
