//! Do the parts of a scenario fit together? Each pattern of the file is held against the scenario's vocabulary, and a mistake is
//! told with its place.

use super::pattern::{FieldRef, Pattern};
use super::raw::{RawApart, RawExpectation, RawRole};
use super::vocabulary::{UnknownName, Vocabulary};
use super::{Draft, Expectation, Rule, Target, needs};
use kernsnap_yaml::{Diagnostic, Step as At};

/// A file, and what its patterns may refer to.
pub(super) struct Known<'a> {
    pub(super) draft: &'a Draft,
    pub(super) vocabulary: Vocabulary<'a>,
    pub(super) target: &'a Target<'a>,
}

/// The place of something inside of what stands at `at`.
fn below(at: &[At], step: impl Into<At>) -> Vec<At> {
    [at, &[step.into()]].concat()
}

impl Known<'_> {
    /// True if the rules by which roles are found make sense.
    pub(super) fn check_roles(&self) -> Result<(), Diagnostic> {
        for (name, role) in &self.draft.raw.roles {
            let at = |rule: &str| [At::from("roles"), name.as_str().into(), rule.into()];
            match role {
                RawRole::Does(pattern) => self.pattern(pattern, &at("does"))?,
                RawRole::Is(field) => self.field(field, &at("is"))?,
                RawRole::ForkedBy(role) => self.known(&at("forked-by"), self.vocabulary.role(&role.role))?,
                RawRole::RunsAfter(role) => self.known(&at("runs-after"), self.vocabulary.role(role))?,
                RawRole::Serves { client, .. } => {
                    self.known(&below(&at("serves"), "for"), self.vocabulary.role(client))?;
                }
                RawRole::Pid(_) => {}
            }
        }
        Ok(())
    }

    /// True if the ends of costs are there.
    pub(super) fn check_cost(&self) -> Result<(), Diagnostic> {
        for (index, anchors) in self.draft.raw.cost.iter().enumerate() {
            let at = |key: &str| [At::from("cost"), index.into(), key.into()];
            self.pattern(&anchors.from, &at("from"))?;
            self.pattern(&anchors.to, &at("to"))?;
        }
        Ok(())
    }

    /// True if the view shows and hides what is there.
    pub(super) fn check_view(&self) -> Result<(), Diagnostic> {
        let view = &self.draft.raw.view;
        let at = |key: &str| [At::from("view"), key.into()];
        for (key, patterns) in [("only", &view.only), ("hide", &view.hide)] {
            for (index, pattern) in patterns.iter().enumerate() {
                self.pattern(pattern, &below(&at(key), index))?;
            }
        }
        for (index, function) in view.stacks.iter().enumerate() {
            self.known(&below(&at("stacks"), index), self.vocabulary.function(function))?;
        }
        for (event, shown) in &view.fields {
            let at = below(&at("fields"), event.as_str());
            self.known(&at, self.vocabulary.event(event))?;
            for (index, field) in shown.iter().enumerate() {
                self.known(&below(&at, index), self.vocabulary.field_of_event(field, event))?;
            }
        }
        Ok(())
    }

    /// The expectations that are about this kernel. The others are checked as well.
    pub(super) fn expectations(&self) -> Result<Vec<Expectation>, Diagnostic> {
        let mut expectations = Vec::new();
        for (index, raw) in self.draft.raw.expect.iter().enumerate() {
            let expectation = self.expectation(raw, &[At::from("expect"), index.into()])?;
            if needs::met(&raw.needs, self.target) {
                expectations.push(expectation);
            }
        }
        Ok(expectations)
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

    fn patterns(&self, patterns: &[Pattern], at: &[At]) -> Result<(), Diagnostic> {
        patterns.iter().enumerate().try_for_each(|(index, pattern)| self.pattern(pattern, &below(at, index)))
    }

    fn pattern(&self, pattern: &Pattern, at: &[At]) -> Result<(), Diagnostic> {
        self.known(at, self.vocabulary.pattern(pattern))
    }

    fn field(&self, reference: &FieldRef, at: &[At]) -> Result<(), Diagnostic> {
        self.known(at, self.vocabulary.field(reference))
    }

    /// The pattern at `at` was checked against the vocabulary.
    fn known(&self, at: &[At], found: Result<(), UnknownName>) -> Result<(), Diagnostic> {
        found.map_err(|UnknownName { message, hint }| self.draft.mistake(at, message, Some(hint)))
    }
}
