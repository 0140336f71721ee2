//! Do the parts of a scenario fit together? Patterns may only name what the scenario traces and who plays a role in it:
//! a name that is written wrong would never match, and what must be absent would be absent for that reason.

use super::diagnostic::{Diagnostic, Step as At, did_you_mean};
use super::pattern::{CALLER, FieldRef, OF_EVERY_EVENT, Pattern, What, array_element, is_pid};
use super::raw::{RawApart, RawExpectation, RawRole};
use super::{Draft, Expectation, Role, Rule, Target, TraceSetup, Tracer};
use crate::trace::symbol::fold;

/// Fields of the pseudo event `marker`.
const MARKER: (&str, &str) = ("marker", "text");

/// What patterns may refer to.
pub(super) struct Known<'a> {
    pub(super) draft: &'a Draft,
    pub(super) trace: &'a TraceSetup,
    pub(super) roles: &'a [Role],
    pub(super) target: &'a Target<'a>,
}

/// The place of something inside of what stands at `at`.
fn below(at: &[At], step: impl Into<At>) -> Vec<At> {
    [at, &[step.into()]].concat()
}

impl Known<'_> {
    /// Whether the rules by which roles are found make sense.
    pub(super) fn check_roles(&self) -> Result<(), Diagnostic> {
        for (name, role) in &self.draft.raw.roles {
            let at = |rule: &str| [At::from("roles"), name.as_str().into(), rule.into()];
            match role {
                RawRole::Does(pattern) => self.pattern(pattern, &at("does"))?,
                RawRole::Is(field) => self.field(field, &at("is"))?,
                RawRole::ForkedBy(role) => self.role(&role.role, &at("forked-by"))?,
                RawRole::RunsAfter(role) => self.role(role, &at("runs-after"))?,
                RawRole::Serves { client, .. } => self.role(client, &below(&at("serves"), "for"))?,
                RawRole::Pid(_) => {}
            }
        }
        Ok(())
    }

    /// Whether the view shows and hides what is there.
    pub(super) fn check_view(&self) -> Result<(), Diagnostic> {
        let view = &self.draft.raw.view;
        let at = |key: &str| [At::from("view"), key.into()];
        for (key, patterns) in [("only", &view.only), ("hide", &view.hide)] {
            for (index, pattern) in patterns.iter().enumerate() {
                self.pattern(pattern, &below(&at(key), index))?;
            }
        }
        for (index, function) in view.stacks.iter().enumerate() {
            self.function(function, &below(&at("stacks"), index))?;
        }
        for (event, shown) in &view.fields {
            let at = below(&at("fields"), event.as_str());
            let known = self.event(event, &at)?;
            for (index, field) in shown.iter().enumerate() {
                self.field_name(field, event, &known, &below(&at, index))?;
            }
        }
        Ok(())
    }

    pub(super) fn expectations(&self) -> Result<Vec<Expectation>, Diagnostic> {
        let written = self.draft.raw.expect.iter().enumerate();
        written.map(|(index, raw)| self.expectation(raw, &[At::from("expect"), index.into()])).collect()
    }

    fn expectation(&self, raw: &RawExpectation, at: &[At]) -> Result<Expectation, Diagnostic> {
        let mut rules = Vec::new();
        let pattern = |key: &str, written: &Option<Pattern>| match written {
            None => Ok(None),
            Some(pattern) => self.pattern(pattern, &below(at, key)).map(|()| Some(pattern.clone())),
        };
        rules.extend(pattern("present", &raw.present)?.map(Rule::Present));
        rules.extend(pattern("absent", &raw.absent)?.map(Rule::Absent));
        for (key, written, rule) in [
            ("first", &raw.first, Rule::First as fn(Pattern) -> Rule),
            ("last", &raw.last, Rule::Last as fn(Pattern) -> Rule),
        ] {
            if let Some(pattern) = pattern(key, written)? {
                if pattern.by.is_none() {
                    let message = format!("`{key}` needs a role: whose {key} event is meant?");
                    let hint = format!("write `{key}: \"ROLE: {pattern}\"`");
                    return Err(self.draft.mistake(&below(at, key), message, Some(hint)));
                }
                rules.push(rule(pattern));
            }
        }
        for (key, written, rule) in [
            ("order", &raw.order, Rule::Order as fn(Vec<Pattern>) -> Rule),
            ("in-turn", &raw.in_turn, Rule::InTurn as fn(Vec<Pattern>) -> Rule),
        ] {
            if let Some(patterns) = written {
                self.patterns(patterns, &below(at, key))?;
                rules.push(rule(patterns.clone()));
            }
        }
        if let Some(count) = &raw.count {
            self.pattern(&count.of, &below(&below(at, "count"), "of"))?;
            rules.push(Rule::Count(count.of.clone(), count.is));
        }
        if let Some(stack) = &raw.stack {
            self.pattern(&stack.of, &below(&below(at, "stack"), "of"))?;
            rules.push(Rule::Stack(stack.of.clone(), stack.has.clone()));
        }
        for (key, written, rule) in [
            ("same", &raw.same, Rule::Same as fn(Vec<FieldRef>) -> Rule),
            ("different", &raw.different, Rule::Different as fn(Vec<FieldRef>) -> Rule),
        ] {
            if let Some(fields) = written {
                for (index, field) in fields.iter().enumerate() {
                    self.field(field, &below(&below(at, key), index))?;
                }
                rules.push(rule(fields.clone()));
            }
        }
        if let Some(distinct) = &raw.distinct {
            self.field(&distinct.of, &below(&below(at, "distinct"), "of"))?;
            rules.push(Rule::Distinct(distinct.of.clone(), distinct.are));
        }
        if let Some(RawApart { from, to, at_least_ms, at_most_ms }) = &raw.apart {
            self.pattern(from, &below(&below(at, "apart"), "from"))?;
            self.pattern(to, &below(&below(at, "apart"), "to"))?;
            let (from, to) = (from.clone(), to.clone());
            rules.push(Rule::Apart { from, to, at_least_ms: *at_least_ms, at_most_ms: *at_most_ms });
        }
        rules.extend(raw.console.clone().map(Rule::Console));
        let between = match &raw.between {
            None => None,
            Some(ends) => {
                self.patterns(ends, &below(at, "between"))?;
                let [from, to] = ends.clone();
                Some((from, to))
            }
        };
        let found = rules.len();
        match rules.pop() {
            Some(rule) if found == 1 => Ok(Expectation { that: raw.that.clone(), rule, between }),
            _ => {
                let message = format!("an expectation has exactly one rule, and this one has {found}");
                let hint = "one of `order`, `in-turn`, `present`, `absent`, `count`, `first`, `last`, `stack`, `same`, \
                            `different`, `distinct`, `apart`, `console`";
                Err(self.draft.mistake(at, message, Some(hint.into())))
            }
        }
    }

    fn role(&self, role: &str, at: &[At]) -> Result<(), Diagnostic> {
        if self.roles.iter().any(|known| known.name == role) {
            return Ok(());
        }
        let hint = did_you_mean(role, self.roles.iter().map(|known| known.name.as_str()));
        let hint = hint.or_else(|| Some("roles are the tasks that `run` starts, and what `roles` declares".into()));
        Err(self.draft.mistake(at, format!("there is no role `{role}`"), hint))
    }

    fn patterns(&self, patterns: &[Pattern], at: &[At]) -> Result<(), Diagnostic> {
        patterns.iter().enumerate().try_for_each(|(index, pattern)| self.pattern(pattern, &below(at, index)))
    }

    fn pattern(&self, pattern: &Pattern, at: &[At]) -> Result<(), Diagnostic> {
        if let Some(role) = &pattern.by {
            self.role(role, at)?;
        }
        match &pattern.what {
            What::Call(name) | What::Return(name) => {
                self.function(name, at)?;
            }
            What::Event(name) => {
                self.event(name, at)?;
            }
        }
        for (field, _, value) in &pattern.fields {
            self.field_of(&pattern.what, field, at)?;
            if is_pid(field) && value.parse::<i32>().is_err() {
                self.role(value, at)?;
            }
        }
        Ok(())
    }

    fn field(&self, reference: &FieldRef, at: &[At]) -> Result<(), Diagnostic> {
        self.pattern(&reference.of, at)?;
        self.field_of(&reference.of.what, &reference.field, at)
    }

    /// Whether what happens has this field: one of its own, or one that every event has.
    fn field_of(&self, what: &What, field: &str, at: &[At]) -> Result<(), Diagnostic> {
        match what {
            _ if OF_EVERY_EVENT.contains(&field) => Ok(()),
            What::Event(name) => self.field_name(array_element(field).0, name, &self.event(name, at)?, at),
            What::Call(_) if field == CALLER && self.trace.tracer == Tracer::Function => Ok(()),
            What::Call(_) | What::Return(_) => {
                let hint = "a kprobe on the function can fetch its arguments";
                Err(self.draft.mistake(at, format!("a function call has no field `{field}`"), Some(hint.into())))
            }
        }
    }

    fn function(&self, name: &str, at: &[At]) -> Result<(), Diagnostic> {
        let names = self.target.names;
        if self.trace.functions.iter().any(|function| names.means(name, fold(&function.symbol))) {
            return Ok(());
        }
        let traced = self.trace.functions.iter().map(|function| fold(&function.symbol));
        let hint = did_you_mean(name, traced).or_else(|| Some("add it to `trace.functions`".into()));
        Err(self.draft.mistake(at, format!("function `{name}` is not traced by this scenario"), hint))
    }

    /// The names of the event's fields.
    fn event(&self, name: &str, at: &[At]) -> Result<Vec<&str>, Diagnostic> {
        if let Some(fields) = self.fields_of(name) {
            return Ok(fields);
        }
        let traced = self.trace.events.iter().map(|event| event.name.as_str());
        let traced = traced.chain(self.trace.kprobes.iter().map(|probe| probe.name.as_str()));
        let hint = did_you_mean(name, traced)
            .unwrap_or_else(|| format!("add it to `trace.events`, or write `{name}()` if it is a function"));
        Err(self.draft.mistake(at, format!("event `{name}` is not traced by this scenario"), Some(hint)))
    }

    fn fields_of(&self, event: &str) -> Option<Vec<&str>> {
        if event == MARKER.0 {
            return Some(vec![MARKER.1]);
        }
        if let Some(probe) = self.trace.kprobes.iter().find(|probe| probe.name == event) {
            return Some(probe.fetch.split_whitespace().filter_map(|arg| Some(arg.split_once('=')?.0)).collect());
        }
        let traced = self.trace.events.iter().find(|traced| traced.name == event)?;
        let fields = self.target.events.get(&format!("{}:{}", traced.group, traced.name))?;
        Some(fields.iter().map(String::as_str).collect())
    }

    fn field_name(&self, field: &str, event: &str, known: &[&str], at: &[At]) -> Result<(), Diagnostic> {
        if known.contains(&field) {
            return Ok(());
        }
        let hint = did_you_mean(field, known.iter().copied()).unwrap_or_else(|| {
            if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) }
        });
        Err(self.draft.mistake(at, format!("event `{event}` has no field `{field}`"), Some(hint)))
    }
}
