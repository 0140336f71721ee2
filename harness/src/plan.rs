//! A scenario compiled for the guest's init: the text of `/plan`. Pure; docs/guest-protocol.md has the grammar.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::module_file::ModuleFile;
use crate::scenario::diagnostic::Step as At;
use crate::scenario::{Kprobe, MachineEnd, Scenario, Step, TraceSetup, Tracer};
use crate::vm::machine::Region;
use crate::vm::schedule::Schedule;

/// Where tracefs is mounted in the guest.
const TRACEFS: &str = "/sys/kernel/tracing";

/// The kprobes' group in tracefs, and so in the names of their formats.
pub const PROBE_GROUP: &str = "kernsnap";

/// What a plan must know of the image it runs on.
#[derive(Clone, Copy, Debug)]
pub struct PlanContext<'a> {
    /// The channel's region.
    pub channel: Region,
    /// CPUs and their pace.
    pub schedule: Schedule,
    /// The numbers of each function in `available_filter_functions`, from 1: `set_ftrace_filter` takes them instead of the
    /// name and finds the function without comparing the names of all of them.
    pub functions: &'a BTreeMap<String, Vec<usize>>,
    /// The modules of the scenario, by the names `guest-programs/modules/` gives them.
    pub modules: &'a BTreeMap<String, ModuleFile>,
    /// What those depend on, in the order to load it.
    pub dependencies: &'a [String],
    /// The device that the channel is written to as well, where nobody can read the guest's memory.
    pub keep: Option<&'a str>,
}

/// Where a program or module stands in the guest.
#[must_use]
pub fn program_path(name: &str) -> String {
    format!("/bin/{name}")
}

/// Where a module's file stands in the guest.
#[must_use]
pub fn module_path(name: &str) -> String {
    format!("/lib/modules/{name}.ko")
}

/// The phase in which the scenario's steps are carried out. A step that fails before it is a setting that the kernel refuses.
pub const SCENARIO: &str = "scenario";

/// The phase in which what was recorded leaves the guest.
pub const COLLECT: &str = "collect";

/// The plan of one run of `scenario`.
#[must_use]
pub fn compile(scenario: &Scenario, context: &PlanContext<'_>) -> Plan {
    let mut plan = Plan::open(context.channel, loads_modules(scenario) || context.keep.is_some());
    for name in context.dependencies {
        plan.line(format_args!("insmod {}", module_path(name)));
    }
    if let Some(device) = context.keep {
        plan.line(format_args!("keep {device}"));
    }
    if scenario.trace.at_boot {
        plan.put("tracing_on", 0);
    } else {
        plan.expedite_rcu(true);
        plan.trace(&scenario.trace, context);
        plan.from.clear();
        plan.expedite_rcu(false);
    }
    plan.from = vec!["deadline-ms".into()];
    plan.line(format_args!("deadline {}", scenario.deadline_ms));
    plan.from.clear();
    plan.line(format_args!("phase {SCENARIO}"));
    for step in &scenario.steps {
        if context.schedule.offset_ns > 0 {
            plan.line(format_args!("spin {}", context.schedule.offset_ns));
        }
        plan.step(step, context);
    }
    plan.line(format_args!("phase {COLLECT}"));
    plan.expedite_rcu(true);
    plan.collect(&scenario.trace, context.schedule.cpus);
    plan.line(format_args!("end"));
    plan
}

fn loads_modules(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| matches!(step, Step::Load { .. }))
}

/// What a scenario adds to the kernel's command line (Documentation/admin-guide/kernel-parameters.txt).
#[must_use]
pub fn boot_parameters(scenario: &Scenario) -> String {
    let TraceSetup { tracer, at_boot, functions, events, buffer_kib, .. } = &scenario.trace;
    let mut parameters = Vec::new();
    if *at_boot {
        let functions: Vec<&str> = functions.iter().map(|function| function.symbol.as_str()).collect();
        let events: Vec<String> = events.iter().map(|event| format!("{}:{}", event.group, event.name)).collect();
        parameters.extend(tracer_name(*tracer).map(|name| format!("ftrace={name}")));
        parameters.push(format!("ftrace_filter={}", functions.join(",")));
        parameters.push(format!("trace_event={}", events.join(",")));
        parameters.push(format!("trace_buf_size={buffer_kib}k"));
    }
    if scenario.end == MachineEnd::Panic {
        parameters.push("ftrace_dump_on_oops".to_owned());
    }
    parameters.join(" ")
}

fn tracer_name(tracer: Tracer) -> Option<&'static str> {
    match tracer {
        Tracer::Nop => None,
        Tracer::Function => Some("function"),
        Tracer::FunctionGraph => Some("function_graph"),
    }
}

/// A plan that saves `files` (section name, path) and the format of every event, and nothing else: how the harness asks a
/// kernel about itself.
#[must_use]
pub fn inspect<'a>(channel: Region, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut plan = Plan::open(channel, false);
    plan.line(format_args!("phase {COLLECT}"));
    for (section, path) in files {
        plan.line(format_args!("save {section} {path}"));
    }
    plan.line(format_args!("save-formats {TRACEFS}/available_events {TRACEFS}/events"));
    plan.line(format_args!("end"));
    plan.text
}

/// The path of a file in tracefs.
#[must_use]
pub fn tracefs(file: &str) -> String {
    format!("{TRACEFS}/{file}")
}

/// A plan, with the places in the scenario's file that its lines come from.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Plan {
    /// The text of `/plan`.
    pub text: String,
    lines: usize,
    /// Where the lines that are written now come from.
    from: Vec<At>,
    origins: BTreeMap<usize, Vec<At>>,
}

impl Plan {
    /// A plan that no scenario was compiled to.
    #[must_use]
    pub fn of_text(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// The part of the scenario's file that this line, from 1, comes from; empty where it comes from none.
    #[must_use]
    pub fn origin(&self, line: usize) -> &[At] {
        self.origins.get(&line).map_or(&[], Vec::as_slice)
    }

    /// Mounts and the channel. The initramfs has the few device nodes that are needed always; devtmpfs is mounted only for
    /// modules, which may make more.
    fn open(channel: Region, modules: bool) -> Self {
        let mut plan = Self::default();
        plan.line(format_args!("kernsnap-plan 1"));
        plan.line(format_args!("mount proc /proc"));
        plan.line(format_args!("mount sysfs /sys"));
        if modules {
            plan.line(format_args!("mount devtmpfs /dev"));
        }
        plan.line(format_args!("mount tracefs {TRACEFS}"));
        plan.line(format_args!("channel {:#x} {:#x}", channel.address, channel.size));
        plan.line(format_args!("phase ready"));
        plan
    }

    /// Turning events and tracers on waits for several grace periods of RCU, 10 ms and more each. While nothing is watched
    /// they may be expedited; the scenario runs without that, as on any machine.
    fn expedite_rcu(&mut self, on: bool) {
        self.line(format_args!("put /sys/kernel/rcu_expedited {}", u8::from(on)));
    }

    fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{text}");
        self.lines += 1;
        if !self.from.is_empty() {
            self.origins.insert(self.lines, self.from.clone());
        }
    }

    /// What is written from here on comes from this part of `trace`.
    fn of<const N: usize>(&mut self, place: [At; N]) {
        self.from = std::iter::once("trace".into()).chain(place).collect();
    }

    fn put(&mut self, file: &str, value: impl std::fmt::Display) {
        self.line(format_args!("put {TRACEFS}/{file} {value}"));
    }

    fn add(&mut self, file: &str, value: impl std::fmt::Display) {
        self.line(format_args!("add {TRACEFS}/{file} {value}"));
    }

    fn trace(&mut self, trace: &TraceSetup, context: &PlanContext<'_>) {
        self.put("tracing_on", 0);
        self.of(["buffer-kib".into()]);
        self.put("buffer_size_kb", trace.buffer_kib);
        self.of(["functions".into()]);
        for function in &trace.functions {
            let numbers = context.functions.get(&function.symbol).filter(|_| function.module.is_none());
            match (numbers, &function.module) {
                (Some(numbers), _) => {
                    self.line(format_args!("# {}", function.symbol));
                    for number in numbers {
                        self.add("set_ftrace_filter", number);
                    }
                }
                // A filter for a module that is not loaded yet waits for it.
                (None, Some(module)) => self.add("set_ftrace_filter", format_args!("{}:mod:{module}", function.symbol)),
                (None, None) => self.add("set_ftrace_filter", &function.symbol),
            }
        }
        if let Some((roots, depth)) = &trace.graph {
            self.of(["graph".into()]);
            for root in roots {
                self.add("set_graph_function", root);
            }
            self.put("max_graph_depth", depth);
        }
        self.of(["stacks".into()]);
        if trace.stacks {
            self.put("options/func_stack_trace", 1);
        }
        for (index, probe) in trace.kprobes.iter().enumerate() {
            self.of(["kprobes".into(), index.into(), "fetch".into()]);
            let Kprobe { name, symbol, fetch, returns } = probe;
            let kind = if *returns { 'r' } else { 'p' };
            self.add("kprobe_events", format_args!("{kind}:{PROBE_GROUP}/{name} {symbol} {fetch}"));
            self.put(&format!("events/{PROBE_GROUP}/{name}/enable"), 1);
        }
        for (index, event) in trace.events.iter().enumerate() {
            self.of(["events".into(), index.into(), "filter".into()]);
            let directory = format!("events/{}/{}", event.group, event.name);
            if let Some(filter) = &event.filter {
                self.put(&format!("{directory}/filter"), filter);
            }
            self.put(&format!("{directory}/enable"), 1);
        }
        self.of(["tracer".into()]);
        if let Some(tracer) = tracer_name(trace.tracer) {
            self.put("current_tracer", tracer);
        }
    }

    fn step(&mut self, step: &Step, context: &PlanContext<'_>) {
        let on = |cpu: &Option<u16>| cpu.map_or_else(|| "any".to_owned(), |cpu| cpu.to_string());
        let words = |words: &[String]| words.iter().fold(String::new(), |all, word| all + " " + word);
        match step {
            Step::Start { task, program, args, cpu, .. } => {
                let path = program_path(program);
                self.line(format_args!("start {task} {} {path}{}", on(cpu), words(args)));
            }
            Step::Wait(task) => self.line(format_args!("wait {task}")),
            Step::Load { task, module, params, cpu } => {
                let path = module_path(module);
                self.line(format_args!("load {task} {} {path}{}", on(cpu), words(params)));
                // The addresses are gone when the module is.
                let kernel_name = crate::scenario::kernel_module_name(module);
                for section in context.modules.get(module).into_iter().flat_map(ModuleFile::sections) {
                    let file = format!("/sys/module/{kernel_name}/sections/{section}");
                    self.line(format_args!("save {} {file}", module_section(module, section)));
                }
            }
            Step::Unload { task, module, cpu } => {
                let kernel_name = crate::scenario::kernel_module_name(module);
                self.line(format_args!("unload {task} {} {kernel_name}", on(cpu)));
            }
            Step::SleepMs(ms) => self.line(format_args!("sleep {ms}")),
            Step::Become { program, args, cpu } => {
                self.line(format_args!("become {} {}{}", on(cpu), program_path(program), words(args)));
            }
            Step::Write { file, text } => self.line(format_args!("put {file} {text}")),
        }
    }

    fn collect(&mut self, trace: &TraceSetup, cpus: u16) {
        self.put("tracing_on", 0);
        for cpu in 0..cpus {
            let directory = format!("{TRACEFS}/per_cpu/cpu{cpu}");
            self.line(format_args!("drain {} {directory}/trace_pipe_raw", pages(cpu)));
            self.line(format_args!("save {} {directory}/stats", stats(cpu)));
        }
        self.line(format_args!("save {NAMES} {TRACEFS}/saved_cmdlines"));
        for probe in &trace.kprobes {
            let Kprobe { name, .. } = probe;
            self.line(format_args!("save {FORMAT}{name} {TRACEFS}/events/{PROBE_GROUP}/{name}/format"));
        }
    }
}

/// The section with the names of tasks.
pub const NAMES: &str = "saved_cmdlines";

/// What the names of the sections with event formats begin with.
pub const FORMAT: &str = "format/";

/// The section with a CPU's pages.
#[must_use]
pub fn pages(cpu: u16) -> String {
    format!("cpu{cpu}/pages")
}

/// The section with a CPU's counters.
#[must_use]
pub fn stats(cpu: u16) -> String {
    format!("cpu{cpu}/stats")
}

/// The section with the load address of a module's section.
#[must_use]
pub fn module_section(module: &str, section: &str) -> String {
    format!("module/{module}{section}")
}
