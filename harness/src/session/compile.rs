//! A scenario compiled for the guest's init. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kernsnap_image::module_file::ModuleFile;
use kernsnap_machine::Schedule;
use kernsnap_machine::machine::Region;
use kernsnap_machine::plan::{
    COLLECT, FORMAT, KMSG, NAMES, PRINTK_FORMATS, Plan, SCENARIO, TRACEFS, module_path, module_section, pages,
    program_path, stats,
};
use kernsnap_scenario::{Kprobe, MachineEnd, Scenario, Step, TraceSetup, TracedFunction, Tracer};
use kernsnap_yaml::Step as At;

use crate::session::module_filter;

/// The kprobes' group in tracefs, and so in the names of their formats.
pub const PROBE_GROUP: &str = "kernsnap";

/// The properties of the image that a plan depends on.
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
    /// Their dependencies, in load order.
    pub dependencies: &'a [String],
    /// The device that the channel is written to as well, where the host cannot read the guest's memory.
    pub keep: Option<&'a str>,
}

/// The plan of one run of `scenario`.
#[must_use]
pub fn compile(scenario: &Scenario, context: &PlanContext<'_>) -> Plan {
    let mut plan = match context.keep {
        Some(_) => Plan::alone(context.channel, true),
        None => Plan::new(context.channel, loads_modules(scenario)),
    };
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
        set_up_trace(&mut plan, &scenario.trace, context);
        plan.set_origin(Vec::new());
        plan.expedite_rcu(false);
    }
    if !scenario.unconfined {
        plan.confine();
    }
    if is_guarded(scenario) && context.keep.is_none() {
        plan.guard(if is_marked(scenario) { context.schedule.cpus } else { 0 });
    }
    // A trace that began with the kernel would show it.
    if !scenario.trace.at_boot {
        plan.align();
    }
    plan.set_origin(vec!["deadline-ms".into()]);
    plan.line(format_args!("deadline {}", scenario.deadline_ms));
    plan.set_origin(Vec::new());
    plan.line(format_args!("phase {SCENARIO}"));
    for step in &scenario.steps {
        if context.schedule.offset_ns > 0 {
            plan.line(format_args!("spin {}", context.schedule.offset_ns));
        }
        add_step(&mut plan, step, context);
    }
    plan.line(format_args!("phase {COLLECT}"));
    plan.expedite_rcu(true);
    plan.put("tracing_on", 0);
    if is_guarded(scenario) && context.keep.is_none() {
        plan.unguard();
    }
    collect(&mut plan, &scenario.trace, context.schedule.cpus);
    if loads_modules(scenario) {
        // Modules bring texts of their own, whose addresses only the kernel knows.
        plan.line(format_args!("save {PRINTK_FORMATS} {TRACEFS}/{PRINTK_FORMATS}"));
    }
    plan.line(format_args!("end"));
    plan
}

/// True if init marks the begin and the end of the trace. The function tracer empties the buffer whenever tracing is switched on
/// (`function_trace_start()` of `kernel/trace/trace_functions.c`), so there a mark would not last.
#[must_use]
pub fn is_marked(scenario: &Scenario) -> bool {
    is_guarded(scenario) && scenario.trace.tracer != Tracer::Function
}

/// True if init looks after the trace. One that the kernel's command line sets up has begun before init, and a panic prints what is in
/// the buffer.
#[must_use]
pub fn is_guarded(scenario: &Scenario) -> bool {
    !scenario.trace.at_boot && scenario.end != MachineEnd::Panic
}

fn loads_modules(scenario: &Scenario) -> bool {
    scenario.steps.iter().any(|step| matches!(step, Step::Load { .. }))
}

/// The parameters that a scenario adds to the kernel's command line (Documentation/admin-guide/kernel-parameters.txt).
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

fn set_up_trace(plan: &mut Plan, trace: &TraceSetup, context: &PlanContext<'_>) {
    plan.put("tracing_on", 0);
    plan.set_origin(in_trace(["buffer-kib".into()]));
    plan.put("buffer_size_kb", trace.buffer_kib);
    plan.set_origin(in_trace(["functions".into()]));
    let mut of_modules: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for TracedFunction { symbol, module } in &trace.functions {
        match (module, context.functions.get(symbol)) {
            (Some(module), _) => drop(of_modules.entry(module).or_default().insert(symbol)),
            (None, Some(numbers)) => {
                plan.line(format_args!("# {symbol}"));
                for number in numbers {
                    plan.add("set_ftrace_filter", number);
                }
            }
            (None, None) => plan.add("set_ftrace_filter", symbol),
        }
    }
    for (module, symbols) in of_modules {
        // A filter for a module that is not loaded yet waits for it.
        for pattern in module_patterns(module, &symbols, context) {
            plan.add("set_ftrace_filter", format_args!("{pattern}:mod:{module}"));
        }
    }
    if let Some((roots, depth)) = &trace.graph {
        plan.set_origin(in_trace(["graph".into()]));
        for root in roots {
            plan.add("set_graph_function", root);
        }
        plan.put("max_graph_depth", depth);
    }
    plan.set_origin(in_trace(["stacks".into()]));
    if trace.stacks {
        plan.put("options/func_stack_trace", 1);
    }
    for Kprobe { name, symbol, fetch, returns, index } in &trace.kprobes {
        plan.set_origin(in_trace(["kprobes".into(), (*index).into(), "fetch".into()]));
        let kind = if *returns { 'r' } else { 'p' };
        plan.add("kprobe_events", format_args!("{kind}:{PROBE_GROUP}/{name} {symbol} {fetch}"));
        plan.put(&format!("events/{PROBE_GROUP}/{name}/enable"), 1);
    }
    for (index, event) in trace.events.iter().enumerate() {
        plan.set_origin(in_trace(["events".into(), index.into(), "filter".into()]));
        let directory = format!("events/{}/{}", event.group, event.name);
        if let Some(filter) = &event.filter {
            plan.put(&format!("{directory}/filter"), filter);
        }
        plan.put(&format!("{directory}/enable"), 1);
    }
    plan.set_origin(in_trace(["tracer".into()]));
    if let Some(tracer) = tracer_name(trace.tracer) {
        plan.put("current_tracer", tracer);
    }
}

/// The patterns for `symbols` of the module that the kernel calls `module`. The names themselves where its file is not known.
fn module_patterns(module: &str, symbols: &BTreeSet<&str>, context: &PlanContext<'_>) -> Vec<String> {
    let mut files = context.modules.iter();
    let Some((_, file)) = files.find(|(name, _)| kernsnap_scenario::kernel_module_name(name) == module) else {
        return symbols.iter().map(|symbol| (*symbol).to_owned()).collect();
    };
    let others = file.names().filter(|name| !symbols.contains(name)).collect();
    module_filter::patterns(symbols, &others)
}

fn add_step(plan: &mut Plan, step: &Step, context: &PlanContext<'_>) {
    let on = |cpu: &Option<u16>| cpu.map_or_else(|| "any".to_owned(), |cpu| cpu.to_string());
    let words = |words: &[String]| words.iter().fold(String::new(), |all, word| all + " " + word);
    match step {
        Step::Start { task, program, args, cpu, .. } => {
            let path = program_path(program);
            plan.line(format_args!("start {task} {} {path}{}", on(cpu), words(args)));
        }
        Step::Wait(task) => plan.line(format_args!("wait {task}")),
        Step::Load { task, module, params, cpu } => {
            let path = module_path(module);
            plan.line(format_args!("load {task} {} {path}{}", on(cpu), words(params)));
            // The addresses are gone when the module is.
            let kernel_name = kernsnap_scenario::kernel_module_name(module);
            for section in context.modules.get(module).into_iter().flat_map(ModuleFile::sections) {
                let file = format!("/sys/module/{kernel_name}/sections/{section}");
                plan.line(format_args!("save {} {file}", module_section(module, section)));
            }
        }
        Step::Unload { task, module, cpu } => {
            let kernel_name = kernsnap_scenario::kernel_module_name(module);
            plan.line(format_args!("unload {task} {} {kernel_name}", on(cpu)));
        }
        Step::SleepMs(ms) => plan.line(format_args!("sleep {ms}")),
        Step::Become { program, args, cpu } => {
            plan.line(format_args!("become {} {}{}", on(cpu), program_path(program), words(args)));
        }
        Step::Write { file, text } => plan.line(format_args!("put {file} {text}")),
    }
}

fn collect(plan: &mut Plan, trace: &TraceSetup, cpus: u16) {
    for cpu in 0..cpus {
        let directory = format!("{TRACEFS}/per_cpu/cpu{cpu}");
        plan.line(format_args!("drain {} {directory}/trace_pipe_raw", pages(cpu)));
        plan.line(format_args!("save {} {directory}/stats", stats(cpu)));
    }
    plan.line(format_args!("save {NAMES} {TRACEFS}/saved_cmdlines"));
    // It is read without waiting for the next message.
    plan.line(format_args!("drain {KMSG} /proc/kmsg"));
    for probe in &trace.kprobes {
        let Kprobe { name, .. } = probe;
        plan.line(format_args!("save {FORMAT}{name} {TRACEFS}/events/{PROBE_GROUP}/{name}/format"));
    }
}

/// The place of a value below `trace` in the scenario's file.
fn in_trace<const N: usize>(place: [At; N]) -> Vec<At> {
    std::iter::once("trace".into()).chain(place).collect()
}
