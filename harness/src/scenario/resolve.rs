//! From names to meanings: a scenario's functions, events, programs and roles on one image.

use std::collections::{BTreeMap, BTreeSet};

use super::diagnostic::{Diagnostic, Step as At, did_you_mean};
use super::pattern::{FieldRef, Pattern, What};
use super::raw::{RawEnd, RawExpectation, RawRole, RawStep, RawTracer};
use super::{
    Draft, End, Expectation, Kprobe, Names, Role, RoleRule, Rule, Scenario, Step, TraceSetup, TracedEvent,
    TracedFunction, Tracer, ViewRules,
};
use crate::trace::symbol::fold;

/// What a scenario's names can mean on one image.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The image's name, for messages.
    pub image: &'a str,
    /// Functions the kernel can trace, as it spells them, with their numbers in `available_filter_functions`.
    pub functions: &'a BTreeMap<String, Vec<usize>>,
    /// Tracepoints, `group:name` to the names of their fields.
    pub events: &'a BTreeMap<String, Vec<String>>,
    /// Programs in `guest-programs/user/`.
    pub programs: &'a BTreeSet<String>,
    /// Modules in `guest-programs/modules/`, with the functions of those that the scenario loads.
    pub modules: &'a BTreeMap<String, Vec<String>>,
    /// Logical names.
    pub names: &'a Names,
    /// Number of CPUs.
    pub cpus: u16,
}

/// The kernel's name of a module: dashes become underscores.
#[must_use]
pub fn kernel_module_name(module: &str) -> String {
    module.replace('-', "_")
}

const BUILT_IN_ROLES: [(&str, i32); 3] = [("idle", 0), ("init", 1), ("kthreadd", 2)];

/// Fields of the pseudo event `marker`.
const MARKER: (&str, &str) = ("marker", "text");

struct Resolver<'a> {
    draft: &'a Draft,
    target: &'a Target<'a>,
}

pub(super) fn resolve(draft: &Draft, target: &Target<'_>) -> Result<Scenario, Diagnostic> {
    let resolver = Resolver { draft, target };
    let raw = &draft.raw;
    let steps = resolver.steps()?;
    let trace = resolver.trace()?;
    let roles = resolver.roles(&steps)?;
    let known = Known { trace: &trace, roles: &roles, target };
    for (index, (_, role)) in raw.roles.iter().enumerate() {
        let at = || vec!["roles".into(), At::Key(raw.roles.keys().nth(index).cloned().unwrap_or_default())];
        match role {
            RawRole::Does(pattern) => resolver.check_pattern(pattern, &known, at)?,
            RawRole::Is(field) => resolver.check_field(field, &known, at)?,
            RawRole::ForkedBy(role) | RawRole::RunsAfter(role) => resolver.check_role(role, &known, at)?,
            RawRole::Pid(_) => {}
        }
    }
    for (key, patterns) in [("only", &raw.view.only), ("hide", &raw.view.hide)] {
        for (index, pattern) in patterns.iter().enumerate() {
            resolver.check_pattern(pattern, &known, || vec!["view".into(), key.into(), index.into()])?;
        }
    }
    let mut expectations = Vec::new();
    for (index, expectation) in raw.expect.iter().enumerate() {
        expectations.push(resolver.expectation(expectation, index, &known)?);
    }
    Ok(Scenario {
        id: draft.id.clone(),
        title: raw.title.clone(),
        about: raw.about.clone(),
        claims: raw.claims.clone(),
        corrects: raw.corrects.clone(),
        deadline_ms: raw.deadline_ms,
        view: ViewRules {
            only: raw.view.only.clone(),
            hide: raw.view.hide.clone(),
            stacks: raw.view.stacks.clone(),
            fields: raw.view.fields.clone(),
            cpus: raw.view.cpus,
        },
        names: target.names.clone(),
        steps,
        trace,
        roles,
        expectations,
    })
}

/// What patterns may refer to.
struct Known<'a> {
    trace: &'a TraceSetup,
    roles: &'a [Role],
    target: &'a Target<'a>,
}

impl Known<'_> {
    fn traces_function(&self, name: &str) -> bool {
        let names = self.target.names;
        self.trace.functions.iter().any(|function| names.means(name, fold(&function.symbol)))
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
}

impl Resolver<'_> {
    fn error(&self, at: &[At], message: impl Into<String>, hint: Option<String>) -> Diagnostic {
        Diagnostic::at(&self.draft.path, &self.draft.text, at, message).with_hint(hint)
    }

    fn steps(&self) -> Result<Vec<Step>, Diagnostic> {
        let mut started = BTreeSet::new();
        let mut steps = Vec::new();
        for (index, step) in self.draft.raw.run.iter().enumerate() {
            let at = |kind: &str, key: &str| [At::from("run"), index.into(), kind.into(), key.into()];
            if let RawStep::Start { task, .. } | RawStep::Load { task, .. } | RawStep::Unload { task, .. } = step {
                self.task_name(task, &mut started, &[At::from("run"), index.into()])?;
            }
            steps.push(match step {
                RawStep::Start { task, program, args, cpu, ends } => {
                    let (task, program) = (task.clone(), program.clone());
                    self.one_of(&program, "guest program", self.target.programs.iter(), &at("start", "program"))?;
                    self.cpu(*cpu, &at("start", "cpu"))?;
                    let ends = match ends {
                        RawEnd::Exit(code) => End::Exit(*code),
                        RawEnd::Signal(signal) => End::Signal(*signal),
                    };
                    Step::Start { task, program, args: args.clone(), cpu: *cpu, ends }
                }
                RawStep::Wait(task) => {
                    self.one_of(task, "started task", started.iter(), &at("wait", "")[..3])?;
                    Step::Wait(task.clone())
                }
                RawStep::Load { task, module, params, cpu } => {
                    self.one_of(module, "guest module", self.target.modules.keys(), &at("load", "module"))?;
                    self.cpu(*cpu, &at("load", "cpu"))?;
                    Step::Load { task: task.clone(), module: module.clone(), params: params.clone(), cpu: *cpu }
                }
                RawStep::Unload { task, module, cpu } => {
                    self.one_of(module, "guest module", self.target.modules.keys(), &at("unload", "module"))?;
                    self.cpu(*cpu, &at("unload", "cpu"))?;
                    Step::Unload { task: task.clone(), module: module.clone(), cpu: *cpu }
                }
                RawStep::SleepMs(ms) => Step::SleepMs(*ms),
            });
        }
        Ok(steps)
    }

    /// Task names become words of the plan and names of tasks: `TASK_COMM_LEN` holds 15 bytes.
    fn task_name(&self, task: &str, started: &mut BTreeSet<String>, at: &[At]) -> Result<(), Diagnostic> {
        let plain = !task.is_empty() && task.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain || task.len() > 15 {
            let message = format!("`{task}` is no task name: 1 to 15 letters, digits, `-` or `_`");
            return Err(self.error(at, message, None));
        }
        if !started.insert(task.to_owned()) {
            return Err(self.error(at, format!("two tasks are named `{task}`"), None));
        }
        Ok(())
    }

    fn one_of<'s>(
        &self,
        name: &str,
        kind: &str,
        mut known: impl Iterator<Item = &'s String> + Clone,
        at: &[At],
    ) -> Result<(), Diagnostic> {
        if known.clone().any(|candidate| candidate == name) {
            return Ok(());
        }
        let hint = did_you_mean(name, known.by_ref().map(String::as_str));
        Err(self.error(at, format!("there is no {kind} `{name}`"), hint))
    }

    fn cpu(&self, cpu: Option<u16>, at: &[At]) -> Result<(), Diagnostic> {
        match cpu {
            Some(cpu) if cpu >= self.target.cpus => {
                let message = format!("there is no CPU {cpu}: {} has {} CPUs", self.target.image, self.target.cpus);
                Err(self.error(at, message, None))
            }
            _ => Ok(()),
        }
    }

    fn trace(&self) -> Result<TraceSetup, Diagnostic> {
        let raw = &self.draft.raw.trace;
        let at = |key: &str, index: usize| [At::from("trace"), key.into(), index.into()];
        let mut functions = Vec::new();
        for (index, name) in raw.functions.iter().enumerate() {
            functions.extend(self.functions(name, &at("functions", index))?);
        }
        let graph = match &raw.graph {
            None => None,
            Some(graph) => {
                let mut roots = Vec::new();
                for (index, name) in graph.roots.iter().enumerate() {
                    let at = [At::from("trace"), "graph".into(), "roots".into(), index.into()];
                    roots.extend(self.functions(name, &at)?.into_iter().map(|function| function.symbol));
                }
                Some((roots, graph.depth))
            }
        };
        let mut events = Vec::new();
        for (index, event) in raw.events.iter().enumerate() {
            let (group, name) = self.event(&event.name, &at("events", index))?;
            events.push(TracedEvent { group, name, filter: event.filter.clone() });
        }
        let mut kprobes = Vec::new();
        for (index, probe) in raw.kprobes.iter().enumerate() {
            let at = at("kprobes", index);
            let found = self.functions(&probe.at, &at)?;
            let symbol = found.into_iter().next().map(|function| function.symbol).unwrap_or_default();
            let (name, fetch) = (probe.name.clone(), probe.fetch.clone());
            kprobes.push(Kprobe { name, symbol, fetch, returns: probe.returns });
        }
        let tracer = match raw.tracer {
            RawTracer::Nop => Tracer::Nop,
            RawTracer::Function => Tracer::Function,
            RawTracer::FunctionGraph => Tracer::FunctionGraph,
        };
        if tracer != Tracer::Nop && functions.is_empty() {
            let message = "a tracer without functions records every function of the kernel; name those to trace";
            return Err(self.error(&[At::from("trace"), "tracer".into()], message, None));
        }
        Ok(TraceSetup { tracer, functions, stacks: raw.stacks, graph, events, kprobes, buffer_kib: raw.buffer_kib })
    }

    /// The symbols that `name` stands for here: the kernel's, else those of the modules the scenario loads.
    fn functions(&self, name: &str, at: &[At]) -> Result<Vec<TracedFunction>, Diagnostic> {
        let Target { functions, modules, names, image, .. } = self.target;
        for candidate in names.candidates(name) {
            // All that fold to one name stand side by side but for the plain one: `a.isra.0` sorts behind `a`.
            let found: Vec<_> = functions
                .range(candidate.to_owned()..)
                .map(|(symbol, _)| symbol)
                .take_while(|symbol| symbol.starts_with(candidate))
                .filter(|symbol| fold(symbol) == candidate)
                .map(|symbol| TracedFunction { symbol: symbol.clone(), module: None })
                .collect();
            if !found.is_empty() {
                return Ok(found);
            }
            for (module, symbols) in *modules {
                if symbols.iter().any(|symbol| symbol == candidate) {
                    let module = Some(kernel_module_name(module));
                    return Ok(vec![TracedFunction { symbol: candidate.into(), module }]);
                }
            }
        }
        let known = functions.keys().map(|symbol| fold(symbol)).chain(names.logical());
        let hint = did_you_mean(name, known.chain(modules.values().flatten().map(String::as_str)));
        let hint = hint.or_else(|| Some("it may be inlined or not traceable: trace its caller or an event".into()));
        Err(self.error(at, format!("image `{image}` has no traceable function `{name}`"), hint))
    }

    fn event(&self, name: &str, at: &[At]) -> Result<(String, String), Diagnostic> {
        let Target { events, image, .. } = self.target;
        let found = events.keys().find(|full| *full == name || full.split_once(':').is_some_and(|(_, n)| n == name));
        if let Some((group, name)) = found.and_then(|full| full.split_once(':')) {
            return Ok((group.into(), name.into()));
        }
        let hint = did_you_mean(name, events.keys().filter_map(|full| Some(full.split_once(':')?.1)));
        Err(self.error(at, format!("image `{image}` has no event `{name}`"), hint))
    }

    /// Tasks that are started come first, then what the file declares, then the names every kernel's first tasks have.
    fn roles(&self, steps: &[Step]) -> Result<Vec<Role>, Diagnostic> {
        let mut roles: Vec<Role> = steps
            .iter()
            .filter_map(|step| match step {
                Step::Start { task, .. } | Step::Load { task, .. } | Step::Unload { task, .. } => Some(task),
                Step::Wait(_) | Step::SleepMs(_) => None,
            })
            .map(|task| Role { name: task.clone(), rule: RoleRule::Started, followed: true })
            .collect();
        for (name, raw) in &self.draft.raw.roles {
            if roles.iter().any(|role| role.name == *name) {
                let message = format!("role `{name}` is already the name of a started task");
                return Err(self.error(&[At::from("roles"), At::Key(name.clone())], message, None));
            }
            let rule = match raw {
                RawRole::ForkedBy(role) => RoleRule::ForkedBy(role.clone()),
                RawRole::Does(pattern) => RoleRule::Does(pattern.clone()),
                RawRole::Is(field) => RoleRule::Is(field.clone()),
                RawRole::RunsAfter(role) => RoleRule::RunsAfter(role.clone()),
                RawRole::Pid(pid) => RoleRule::Pid(*pid),
            };
            roles.push(Role { name: name.clone(), rule, followed: true });
        }
        for (name, pid) in BUILT_IN_ROLES {
            if !roles.iter().any(|role| role.name == name) {
                roles.push(Role { name: name.into(), rule: RoleRule::Pid(pid), followed: false });
            }
        }
        Ok(roles)
    }

    fn expectation(&self, raw: &RawExpectation, index: usize, known: &Known<'_>) -> Result<Expectation, Diagnostic> {
        let at = |key: &str| vec![At::from("expect"), index.into(), key.into()];
        let mut rules = Vec::new();
        let pattern = |key: &str, pattern: &Option<Pattern>| match pattern {
            None => Ok(None),
            Some(pattern) => self.check_pattern(pattern, known, || at(key)).map(|()| Some(pattern.clone())),
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
                    return Err(self.error(&at(key), message, None));
                }
                rules.push(rule(pattern));
            }
        }
        if let Some(patterns) = &raw.order {
            for (i, pattern) in patterns.iter().enumerate() {
                self.check_pattern(pattern, known, || [at("order"), vec![i.into()]].concat())?;
            }
            rules.push(Rule::Order(patterns.clone()));
        }
        if let Some(count) = &raw.count {
            self.check_pattern(&count.of, known, || [at("count"), vec!["of".into()]].concat())?;
            rules.push(Rule::Count(count.of.clone(), count.is));
        }
        if let Some(stack) = &raw.stack {
            self.check_pattern(&stack.of, known, || [at("stack"), vec!["of".into()]].concat())?;
            rules.push(Rule::Stack(stack.of.clone(), stack.has.clone()));
        }
        if let Some(fields) = &raw.same {
            for (i, field) in fields.iter().enumerate() {
                self.check_field(field, known, || [at("same"), vec![i.into()]].concat())?;
            }
            rules.push(Rule::Same(fields.clone()));
        }
        let mut rules = rules.into_iter();
        if let (Some(rule), None) = (rules.next(), rules.next()) {
            return Ok(Expectation { that: raw.that.clone(), rule });
        }
        let message = "an expectation has exactly one rule";
        let hint = "one of `order`, `present`, `absent`, `count`, `first`, `last`, `stack`, `same`";
        Err(self.error(&[At::from("expect"), index.into()], message, Some(hint.into())))
    }

    fn check_role(&self, role: &str, known: &Known<'_>, at: impl Fn() -> Vec<At>) -> Result<(), Diagnostic> {
        if known.roles.iter().any(|known| known.name == role) {
            return Ok(());
        }
        let hint = did_you_mean(role, known.roles.iter().map(|known| known.name.as_str()));
        Err(self.error(&at(), format!("there is no role `{role}`"), hint))
    }

    fn check_pattern(&self, pattern: &Pattern, known: &Known<'_>, at: impl Fn() -> Vec<At>) -> Result<(), Diagnostic> {
        if let Some(role) = &pattern.by {
            self.check_role(role, known, &at)?;
        }
        match &pattern.what {
            What::Call(name) | What::Return(name) => {
                if !known.traces_function(name) {
                    let message = format!("function `{name}` is not traced by this scenario");
                    let traced = known.trace.functions.iter().map(|function| fold(&function.symbol));
                    let hint = did_you_mean(name, traced).or(Some("add it to `trace.functions`".into()));
                    return Err(self.error(&at(), message, hint));
                }
                if let Some((field, _, _)) = pattern.fields.first() {
                    return Err(self.error(&at(), format!("a function call has no field `{field}`"), None));
                }
            }
            What::Event(name) => {
                let Some(fields) = known.fields_of(name) else {
                    let traced = known.trace.events.iter().map(|event| event.name.as_str());
                    let traced = traced.chain(known.trace.kprobes.iter().map(|probe| probe.name.as_str()));
                    let hint = did_you_mean(name, traced)
                        .or_else(|| Some(format!("add it to `trace.events`, or write `{name}()` if it is a function")));
                    return Err(self.error(&at(), format!("event `{name}` is not traced by this scenario"), hint));
                };
                for (field, _, _) in &pattern.fields {
                    self.check_field_name(field, name, &fields, &at)?;
                }
            }
        }
        Ok(())
    }

    fn check_field(&self, reference: &FieldRef, known: &Known<'_>, at: impl Fn() -> Vec<At>) -> Result<(), Diagnostic> {
        self.check_pattern(&reference.of, known, &at)?;
        match &reference.of.what {
            What::Event(name) => {
                let fields = known.fields_of(name).unwrap_or_default();
                self.check_field_name(&reference.field, name, &fields, &at)
            }
            What::Call(_) | What::Return(_) => {
                Err(self.error(&at(), format!("a function call has no field `{}`", reference.field), None))
            }
        }
    }

    fn check_field_name(
        &self,
        field: &str,
        event: &str,
        fields: &[&str],
        at: impl Fn() -> Vec<At>,
    ) -> Result<(), Diagnostic> {
        if fields.contains(&field) {
            return Ok(());
        }
        let hint = did_you_mean(field, fields.iter().copied());
        let hint = hint.or_else(|| Some(format!("it has {}", fields.join(", "))));
        Err(self.error(&at(), format!("event `{event}` has no field `{field}`"), hint))
    }
}
