//! From names to meanings: a scenario's functions, events, programs and roles on one image.

use std::collections::{BTreeMap, BTreeSet};

use super::check::Known;
use super::needs;
use super::pattern::SYSCALL_EVENTS;
use super::raw::{RawEnd, RawFunction, RawMachineEnd, RawRole, RawStep, RawTracer};
use super::target::Target;
use super::vocabulary::{UnknownName, Vocabulary};
use super::{
    Draft, End, Kprobe, MachineEnd, Role, RoleRule, RootFileSystem, Scenario, Step, TraceSetup, TracedEvent,
    TracedFunction, Tracer, ViewRules, filter,
};
use crate::fetch;
use crate::fetch::FetchError;
use kernsnap_trace::symbol::fold;
use kernsnap_yaml::{Diagnostic, Step as At, did_you_mean};

/// The kernel's name of a module: dashes become underscores.
#[must_use]
pub fn kernel_module_name(module: &str) -> String {
    module.replace('-', "_")
}

/// Names that the first tasks of every kernel have.
const BUILT_IN_ROLES: [(&str, i32); 3] = [("idle", 0), ("init", 1), ("kthreadd", 2)];

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
    let event_fields = event_fields(&trace, target);
    let vocabulary = Vocabulary { trace: &trace, roles: &roles, names: target.names, of_tracepoints: &event_fields };
    let known = Known { draft, vocabulary, target };
    known.check_roles()?;
    known.check_view()?;
    known.check_cost()?;
    let expectations = known.expectations()?;
    Ok(Scenario {
        id: draft.id.clone(),
        title: raw.title.clone(),
        about: raw.about.clone(),
        claims: raw.claims.clone(),
        corrects: raw.corrects.clone(),
        root: raw.root,
        end: match raw.end {
            RawMachineEnd::PowerOff => MachineEnd::PowerOff,
            RawMachineEnd::Panic => MachineEnd::Panic,
        },
        deadline_ms: raw.deadline_ms,
        unconfined: raw.unconfined,
        allow_complaints: raw.allow_complaints.clone(),
        view: ViewRules {
            kind: raw.view.kind,
            only: raw.view.only.clone(),
            hide: raw.view.hide.clone(),
            stacks: raw.view.stacks.clone(),
            fields: raw.view.fields.clone(),
            hexadecimal: hexadecimal(&trace.kprobes),
            cpus: raw.view.cpus,
        },
        names: target.names.clone(),
        event_fields,
        path: draft.path.clone(),
        text: draft.text.clone(),
        steps,
        trace,
        roles,
        expectations,
        cost: raw.cost.clone(),
    })
}

/// The fields of the tracepoints that are traced.
fn event_fields(trace: &TraceSetup, target: &Target<'_>) -> BTreeMap<String, Vec<String>> {
    let names = trace.events.iter().map(|event| format!("{}:{}", event.group, event.name));
    names.filter_map(|name| target.events.get(&name).map(|fields| (name, fields.clone()))).collect()
}

/// The fetch arguments with a type `x8` to `x64`, or without one, which is as wide as a register and hexadecimal
/// (Documentation/trace/kprobetrace.rst).
fn hexadecimal(probes: &[Kprobe]) -> BTreeSet<(String, String)> {
    let fields = probes.iter().flat_map(|probe| probe.fetch.split_whitespace().map(move |argument| (probe, argument)));
    fields
        .filter(|(_, argument)| argument.rsplit_once(':').is_none_or(|(_, kind)| kind.starts_with('x')))
        .filter_map(|(probe, argument)| Some((probe.name.clone(), argument.split_once('=')?.0.to_owned())))
        .collect()
}

impl Resolver<'_> {
    fn error(&self, at: &[At], message: impl Into<String>, hint: Option<String>) -> Diagnostic {
        self.draft.mistake(at, message, hint)
    }

    fn steps(&self) -> Result<Vec<Step>, Diagnostic> {
        let mut started = BTreeSet::new();
        let mut steps = Vec::new();
        for (index, step) in self.draft.raw.run.iter().enumerate() {
            let at = |kind: &str, key: &str| [At::from("run"), index.into(), kind.into(), key.into()];
            let modules = self.target.modules;
            steps.push(match step {
                RawStep::Start { task, program, args, cpu, ends } => {
                    self.task_name(task, &mut started, &at("start", "task"))?;
                    self.program(program, &at("start", "program"))?;
                    self.words(args, &at("start", "args"))?;
                    self.cpu(*cpu, &at("start", "cpu"))?;
                    let ends = match ends {
                        RawEnd::Exit(code) => End::Exit(*code),
                        RawEnd::Signal(signal) => End::Signal(*signal),
                    };
                    Step::Start { task: task.clone(), program: program.clone(), args: args.clone(), cpu: *cpu, ends }
                }
                RawStep::Wait(task) => {
                    self.one_of(task, "started task", started.iter(), &at("wait", "")[..3])?;
                    Step::Wait(task.clone())
                }
                RawStep::Load { task, module, params, cpu } => {
                    self.task_name(task, &mut started, &at("load", "task"))?;
                    self.one_of(module, "guest module", modules.keys(), &at("load", "module"))?;
                    self.words(params, &at("load", "params"))?;
                    self.cpu(*cpu, &at("load", "cpu"))?;
                    Step::Load { task: task.clone(), module: module.clone(), params: params.clone(), cpu: *cpu }
                }
                RawStep::Unload { task, module, cpu } => {
                    self.task_name(task, &mut started, &at("unload", "task"))?;
                    self.one_of(module, "guest module", modules.keys(), &at("unload", "module"))?;
                    self.cpu(*cpu, &at("unload", "cpu"))?;
                    Step::Unload { task: task.clone(), module: module.clone(), cpu: *cpu }
                }
                RawStep::SleepMs(ms) => Step::SleepMs(*ms),
                RawStep::Become { program, args, cpu } => {
                    self.program(program, &at("become", "program"))?;
                    self.words(args, &at("become", "args"))?;
                    self.cpu(*cpu, &at("become", "cpu"))?;
                    Step::Become { program: program.clone(), args: args.clone(), cpu: *cpu }
                }
                RawStep::Write { file, text } => {
                    if !file.starts_with('/') {
                        let hint = "write its whole path in the guest, such as `/proc/sys/kernel/threads-max`";
                        let message = format!("`{file}` is not a path from the root");
                        return Err(self.error(&at("write", "file"), message, Some(hint.into())));
                    }
                    self.words(std::slice::from_ref(file), &at("write", "file")[..3])?;
                    self.line(text, &at("write", "text"))?;
                    Step::Write { file: file.clone(), text: text.clone() }
                }
            });
        }
        Ok(steps)
    }

    /// Task names become words of the plan and names of tasks: `TASK_COMM_LEN` holds 15 bytes.
    fn task_name(&self, task: &str, started: &mut BTreeSet<String>, at: &[At]) -> Result<(), Diagnostic> {
        let plain = !task.is_empty() && task.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        if !plain || task.len() > 15 {
            let message = format!("`{task}` is not a task name: 1 to 15 letters, digits, `-` or `_`");
            return Err(self.error(at, message, None));
        }
        if !started.insert(task.to_owned()) {
            return Err(self.error(at, format!("two tasks are named `{task}`"), None));
        }
        Ok(())
    }

    /// Arguments become words of the plan, which a space ends.
    fn words(&self, words: &[String], at: &[At]) -> Result<(), Diagnostic> {
        match words.iter().position(|word| word.is_empty() || !word.bytes().all(|b| b.is_ascii_graphic())) {
            None => Ok(()),
            Some(index) => {
                let message = format!("argument `{}` is not one word of ASCII without spaces", words[index]);
                Err(self.error(&[at, &[index.into()]].concat(), message, None))
            }
        }
    }

    /// The text that the kernel reads becomes a line of the plan.
    fn line(&self, text: &str, at: &[At]) -> Result<(), Diagnostic> {
        if text.contains(['\n', '\r', '\0']) {
            return Err(self.error(at, "this must be one line", None));
        }
        Ok(())
    }

    /// A program: one of the checkout, or a path in a root file system that has programs.
    fn program(&self, program: &str, at: &[At]) -> Result<(), Diagnostic> {
        if !program.starts_with('/') {
            return self.one_of(program, "guest program", self.target.programs.iter(), at);
        }
        if self.draft.raw.root == RootFileSystem::Debian {
            return Ok(());
        }
        let hint = "`root: debian` gives the guest Debian's programs".to_owned();
        Err(self.draft.mistake(at, format!("the root file system does not have `{program}`"), Some(hint)))
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
                let hint = format!("CPUs are numbered from 0 to {}", self.target.cpus.saturating_sub(1));
                Err(self.error(at, message, Some(hint)))
            }
            _ => Ok(()),
        }
    }

    fn trace(&self) -> Result<TraceSetup, Diagnostic> {
        let raw = &self.draft.raw.trace;
        let at = |list: &str, index: usize, key: &str| [At::from("trace"), list.into(), index.into(), key.into()];
        let mut absent = BTreeSet::new();
        let mut functions = Vec::new();
        for (index, RawFunction { name, if_present }) in raw.functions.iter().enumerate() {
            // A function is written as its name or as a map with a name; the nearest value that is there is shown.
            match self.functions(name, &at("functions", index, "name")) {
                Err(_) if *if_present => drop(absent.insert(name.clone())),
                found => functions.extend(found?),
            }
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
            let (group, name) = self.event(&event.name, &at("events", index, "name"))?;
            self.line(event.filter.as_deref().unwrap_or_default(), &at("events", index, "filter"))?;
            let filter = match &event.filter {
                Some(filter) if SYSCALL_EVENTS.contains(&name.as_str()) => {
                    let compiled = filter::with_numbers(filter, self.target.names);
                    Some(compiled.map_err(|UnknownName { message, hint }| {
                        self.error(&at("events", index, "filter"), message, Some(hint))
                    })?)
                }
                filter => filter.clone(),
            };
            events.push(TracedEvent { group, name, filter });
        }
        let mut kprobes = Vec::new();
        for (index, probe) in raw.kprobes.iter().enumerate() {
            let at = |key: &str| at("kprobes", index, key);
            if !needs::met(&probe.needs, self.target) {
                absent.insert(probe.name.clone());
                continue;
            }
            let found = match self.functions(&probe.at, &at("at")) {
                Err(_) if probe.if_present => {
                    absent.insert(probe.name.clone());
                    continue;
                }
                found => found?,
            };
            let symbol = found.into_iter().next().map(|function| function.symbol).unwrap_or_default();
            self.words(std::slice::from_ref(&probe.name), &at("name")[..3])?;
            self.line(&probe.fetch, &at("fetch"))?;
            let name = probe.name.clone();
            let fetch = fetch::compile(&probe.fetch, self.target.layouts, self.target.names)
                .map_err(|FetchError { message, hint }| self.error(&at("fetch"), message, hint))?;
            let fetch = match self.target.registers {
                Some(registers) => fetch::by_register(&fetch, registers),
                None => fetch,
            };
            kprobes.push(Kprobe { name, symbol, fetch, returns: probe.returns, index });
        }
        // Another probe of the same name may be for this kernel.
        absent.retain(|name| kprobes.iter().all(|probe: &Kprobe| probe.name != *name));
        let tracer = match raw.tracer {
            RawTracer::Nop => Tracer::Nop,
            RawTracer::Function => Tracer::Function,
            RawTracer::FunctionGraph => Tracer::FunctionGraph,
        };
        if tracer != Tracer::Nop && functions.is_empty() && !raw.all_functions {
            let message = "a tracer without functions records every function of the kernel";
            let hint = "name those to trace in `trace.functions`, or let `tracer` be `nop`";
            return Err(self.error(&[At::from("trace"), "tracer".into()], message, Some(hint.into())));
        }
        if raw.at_boot && (raw.stacks || graph.is_some() || !kprobes.is_empty()) {
            let message =
                "the kernel's command line sets up functions and events, and no `stacks`, `graph` or `kprobes`";
            return Err(self.error(&[At::from("trace"), "at-boot".into()], message, None));
        }
        let at_boot = raw.at_boot;
        Ok(TraceSetup {
            tracer,
            at_boot,
            functions,
            stacks: raw.stacks,
            graph,
            events,
            kprobes,
            absent,
            buffer_kib: raw.buffer_kib,
        })
    }

    /// The symbols that `name` means here: the kernel's, else those of the modules the scenario loads.
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
                Step::Wait(_) | Step::SleepMs(_) | Step::Write { .. } | Step::Become { .. } => None,
            })
            .map(|task| Role { name: task.clone(), rule: RoleRule::Started, followed: true })
            .collect();
        for (name, raw) in &self.draft.raw.roles {
            if roles.iter().any(|role| role.name == *name) {
                let message = format!("role `{name}` is already the name of a started task");
                return Err(self.error(&[At::from("roles"), At::Key(name.clone())], message, None));
            }
            let rule = match raw {
                RawRole::ForkedBy(role) => RoleRule::ForkedBy(role.role.clone(), role.nth),
                RawRole::Does(pattern) => RoleRule::Does(pattern.clone()),
                RawRole::Is(field) => RoleRule::Is(field.clone()),
                RawRole::RunsAfter(role) => RoleRule::RunsAfter(role.clone()),
                RawRole::Pid(pid) => RoleRule::Pid(*pid),
                RawRole::Serves { pid, client } => RoleRule::Serves { pid: *pid, client: client.clone() },
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
}
