//! The names that a pattern may use: the roles of a scenario, and what the scenario traces. A name that is written wrong would
//! never match, and what must be absent would be absent for that reason.

use std::collections::BTreeMap;

use super::pattern::{CALLER, FieldRef, OF_EVERY_EVENT, Pattern, What, array_element, is_pid, is_syscall};
use super::{Names, Role, Scenario, TraceSetup, TracedFunction, Tracer};
use kernsnap_trace::symbol::fold;
use kernsnap_yaml::did_you_mean;

/// Fields of the pseudo event `marker`.
const MARKER: (&str, &str) = ("marker", "text");

/// A name that means nothing in a scenario. It has no place: whoever wrote the name knows where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownName {
    /// The error: a lowercase fragment without a final period.
    pub message: String,
    /// How to mend it.
    pub hint: String,
}

/// The names that patterns may refer to.
#[derive(Clone, Copy, Debug)]
pub(super) struct Vocabulary<'a> {
    pub(super) trace: &'a TraceSetup,
    pub(super) roles: &'a [Role],
    pub(super) names: &'a Names,
    /// Tracepoints, `group:name` to the names of their fields; all that are traced, perhaps others.
    pub(super) of_tracepoints: &'a BTreeMap<String, Vec<String>>,
}

impl Scenario {
    /// True if each name in `pattern` means something in this scenario.
    ///
    /// # Errors
    /// The first that does not.
    pub fn understands(&self, pattern: &Pattern) -> Result<(), UnknownName> {
        let Scenario { trace, roles, names, event_fields: of_tracepoints, .. } = self;
        Vocabulary { trace, roles, names, of_tracepoints }.pattern(pattern)
    }
}

impl Vocabulary<'_> {
    pub(super) fn role(&self, role: &str) -> Result<(), UnknownName> {
        if self.roles.iter().any(|known| known.name == role) {
            return Ok(());
        }
        let hint = did_you_mean(role, self.roles.iter().map(|known| known.name.as_str()));
        let hint = hint.unwrap_or_else(|| "roles are the tasks that `run` starts, and what `roles` declares".into());
        Err(UnknownName { message: format!("there is no role `{role}`"), hint })
    }

    pub(super) fn pattern(&self, pattern: &Pattern) -> Result<(), UnknownName> {
        if let Some(role) = &pattern.by {
            self.role(role)?;
        }
        match &pattern.what {
            What::Call(name) | What::Return(name) => self.function(name)?,
            What::Event(name) => self.event(name)?,
        }
        for (field, _, value) in &pattern.fields {
            self.field_of(&pattern.what, field)?;
            if is_pid(field) && value.parse::<i32>().is_err() {
                self.role(value)?;
            }
            if let What::Event(event) = &pattern.what
                && is_syscall(event, field)
            {
                syscall(value, self.names)?;
            }
        }
        Ok(())
    }

    pub(super) fn field(&self, reference: &FieldRef) -> Result<(), UnknownName> {
        self.pattern(&reference.of)?;
        self.field_of(&reference.of.what, &reference.field)
    }

    /// True if what happens has this field: one of its own, or one that every event has.
    fn field_of(&self, what: &What, field: &str) -> Result<(), UnknownName> {
        match what {
            _ if OF_EVERY_EVENT.contains(&field) => Ok(()),
            What::Event(name) => self.field_of_event(array_element(field).0, name),
            What::Call(_) if field == CALLER && self.trace.tracer == Tracer::Function => Ok(()),
            What::Call(_) | What::Return(_) => {
                let hint = "a kprobe on the function can fetch its arguments".into();
                Err(UnknownName { message: format!("a function call has no field `{field}`"), hint })
            }
        }
    }

    pub(super) fn function(&self, name: &str) -> Result<(), UnknownName> {
        let traced = |function: &TracedFunction| self.names.means(name, fold(&function.symbol));
        if self.trace.absent.contains(name) || self.trace.functions.iter().any(traced) {
            return Ok(());
        }
        let traced = self.trace.functions.iter().map(|function| fold(&function.symbol));
        let hint = did_you_mean(name, traced).unwrap_or_else(|| "add it to `trace.functions`".into());
        Err(UnknownName { message: format!("function `{name}` is not traced by this scenario"), hint })
    }

    pub(super) fn event(&self, name: &str) -> Result<(), UnknownName> {
        if self.trace.absent.contains(name) { Ok(()) } else { self.fields(name).map(drop) }
    }

    /// The names of the event's fields.
    fn fields(&self, name: &str) -> Result<Vec<&str>, UnknownName> {
        if let Some(fields) = self.fields_of(name) {
            return Ok(fields);
        }
        let traced = self.trace.events.iter().map(|event| event.name.as_str());
        let traced = traced.chain(self.trace.kprobes.iter().map(|probe| probe.name.as_str()));
        let hint = did_you_mean(name, traced)
            .unwrap_or_else(|| format!("add it to `trace.events`, or write `{name}()` if it is a function"));
        Err(UnknownName { message: format!("event `{name}` is not traced by this scenario"), hint })
    }

    fn fields_of(&self, event: &str) -> Option<Vec<&str>> {
        if event == MARKER.0 {
            return Some(vec![MARKER.1]);
        }
        if let Some(probe) = self.trace.kprobes.iter().find(|probe| probe.name == event) {
            return Some(probe.fetch.split_whitespace().filter_map(|arg| Some(arg.split_once('=')?.0)).collect());
        }
        let traced = self.trace.events.iter().find(|traced| traced.name == event)?;
        let fields = self.of_tracepoints.get(&format!("{}:{}", traced.group, traced.name))?;
        Some(fields.iter().map(String::as_str).collect())
    }

    pub(super) fn field_of_event(&self, field: &str, event: &str) -> Result<(), UnknownName> {
        // The argument that a probe would fetch was not compiled for this kernel.
        if self.trace.absent.contains(event) {
            return Ok(());
        }
        let known = self.fields(event)?;
        if known.contains(&field) {
            return Ok(());
        }
        let hint = did_you_mean(field, known.iter().copied()).unwrap_or_else(|| {
            if known.is_empty() { "it has none".into() } else { format!("it has {}", known.join(", ")) }
        });
        Err(UnknownName { message: format!("event `{event}` has no field `{field}`"), hint })
    }
}

/// The number of the system call that is named, or given as a number.
pub(super) fn syscall(name: &str, names: &Names) -> Result<i64, UnknownName> {
    let number = name.parse().ok().or_else(|| names.syscall(name));
    number.ok_or_else(|| UnknownName {
        message: format!("there is no system call `{name}`"),
        hint: did_you_mean(name, names.syscalls())
            .unwrap_or_else(|| "images/syscalls.yaml has those that are known".into()),
    })
}
