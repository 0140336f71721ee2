//! The plan of a guest that records with each option and clock of a tracer, and saves the kernel's texts beside the raw pages.

use kernsnap_machine::machine::Region;
use kernsnap_machine::plan::{COLLECT, Plan, tracefs};

use crate::options::{Effect, OPTIONS, TraceOption};

/// The clocks of `trace_clock`.
pub(crate) const CLOCKS: [&str; 9] =
    ["local", "global", "counter", "uptime", "perf", "mono", "mono_raw", "boot", "tai"];

/// The records of tracers (`kernel/trace/trace_entries.h`).
pub(crate) const RECORDS: [&str; 18] = [
    "function",
    "funcgraph_entry",
    "funcgraph_exit",
    "context_switch",
    "wakeup",
    "kernel_stack",
    "user_stack",
    "bprint",
    "print",
    "raw_data",
    "bputs",
    "mmiotrace_rw",
    "mmiotrace_map",
    "branch",
    "hwlat",
    "func_repeats",
    "osnoise",
    "timerlat",
];

/// The functions that are traced.
const FUNCTIONS: [&str; 4] = ["*_fork*", "do_exit*", "wake_up_new_task", "schedule_tail"];
/// The events that are traced; a kernel may lack some of them.
const EVENTS: [&str; 6] = ["sched", "task", "signal", "raw_syscalls", "irq", "kernsnap"];

/// The begin of the names of recordings by clock.
pub(crate) const CLOCK: &str = "clock-";
/// The text with the usual options.
pub(crate) const USUAL: &str = "usual";
/// The text with the options that the tracer begins with.
pub(crate) const DEFAULT: &str = "default";

/// A recording.
#[derive(Clone, Debug)]
pub(crate) struct Recording {
    /// Its name, with which its sections begin.
    pub(crate) name: String,
    /// The clock.
    pub(crate) clock: &'static str,
    /// The option that differs from the usual value.
    pub(crate) option: Option<&'static TraceOption>,
    /// The options of which it has a text each.
    pub(crate) shown: Vec<&'static TraceOption>,
}

/// All recordings of a tracer.
pub(crate) fn recordings() -> Vec<Recording> {
    let with = |wanted: fn(&Effect) -> bool| OPTIONS.iter().filter(move |option| wanted(&option.effect));
    let shown = with(|effect| matches!(effect, Effect::Shown(_) | Effect::Refused(_) | Effect::Bare)).collect();
    let usual = Recording { name: "usual".into(), clock: "local", option: None, shown };
    let options = with(|effect| *effect == Effect::Recorded).map(|option| Recording {
        name: option.name.into(),
        clock: "local",
        option: Some(option),
        // User stacks have a form for each of these.
        shown: OPTIONS
            .iter()
            .filter(|shown| ["sym-addr", "sym-userobj", "latency-format"].contains(&shown.name))
            .collect(),
    });
    let clocks = CLOCKS.iter().map(|clock| Recording {
        name: format!("{CLOCK}{clock}"),
        clock,
        option: None,
        shown: OPTIONS.iter().filter(|shown| ["latency-format", "verbose"].contains(&shown.name)).collect(),
    });
    std::iter::once(usual).chain(options).chain(clocks).collect()
}

/// The section of a part of a recording.
pub(crate) fn section(recording: &str, part: &str) -> String {
    format!("{recording}/{part}")
}

/// The plan that asks for the tracers.
pub(crate) fn available_tracers(channel: Region) -> String {
    let mut plan = Plan::new(channel, false);
    plan.line(format_args!("phase {COLLECT}"));
    plan.line(format_args!("save available_tracers {}", tracefs("available_tracers")));
    plan.line(format_args!("end"));
    plan.text
}

/// The plan for one tracer. An option or an event that the kernel lacks is a step that fails, and the next step is tried, as everything is
/// after `phase collect`.
pub(crate) fn plan(channel: Region, cpus: u16, tracer: &str, program: &str, probed: &str) -> String {
    let mut plan = Plan::new(channel, false);
    plan.line(format_args!("phase {COLLECT}"));
    plan.expedite_rcu(true);
    plan.put("tracing_on", 0);
    plan.put("buffer_size_kb", 512);
    for function in FUNCTIONS {
        plan.add("set_ftrace_filter", function);
    }
    plan.add("kprobe_events", format_args!("p:kernsnap/enter {probed} first=$arg1:x64 second=$arg2:s32"));
    plan.add("kprobe_events", format_args!("r:kernsnap/leave {probed} ret=$retval:s64"));
    for event in EVENTS {
        plan.put(&format!("events/{event}/enable"), 1);
    }
    plan.put("current_tracer", tracer);
    for file in ["available_tracers", "current_tracer", "trace_options", "trace_clock"] {
        plan.line(format_args!("save {file} {}", tracefs(file)));
    }
    for record in RECORDS {
        plan.line(format_args!("save ftrace:{record} {}", tracefs(&format!("events/ftrace/{record}/format"))));
    }
    for probe in ["enter", "leave"] {
        plan.line(format_args!("save probe:{probe} {}", tracefs(&format!("events/kernsnap/{probe}/format"))));
    }
    let set =
        |plan: &mut Plan, option: &TraceOption, on: bool| plan.put(&format!("options/{}", option.name), u8::from(on));
    let usual = || OPTIONS.iter().filter(|option| option.usual != is_on(option.name));
    for (number, recording) in recordings().iter().enumerate() {
        plan.put("trace_clock", recording.clock);
        plan.put("trace", 0);
        if let Some(option) = recording.option {
            set(&mut plan, option, !option.usual);
        }
        plan.line(format_args!("start run-{number} 1 {program}"));
        plan.line(format_args!("wait run-{number}"));
        plan.put("tracing_on", 0);
        let save = |plan: &mut Plan, part: &str| {
            plan.line(format_args!("save {} {}", section(&recording.name, part), tracefs("trace")));
        };
        save(&mut plan, DEFAULT);
        usual().for_each(|option| set(&mut plan, option, option.usual));
        save(&mut plan, USUAL);
        for option in
            recording.shown.iter().filter(|option| recording.option.is_none_or(|other| other.name != option.name))
        {
            set(&mut plan, option, !option.usual);
            // `verbose` alone changes nothing.
            let also = OPTIONS.iter().filter(|other| option.name == "verbose" && other.name == "latency-format");
            also.clone().for_each(|other| set(&mut plan, other, true));
            save(&mut plan, option.name);
            also.for_each(|other| set(&mut plan, other, false));
            set(&mut plan, option, option.usual);
        }
        usual().for_each(|option| set(&mut plan, option, is_on(option.name)));
        for cpu in 0..cpus {
            let directory = tracefs(&format!("per_cpu/cpu{cpu}"));
            plan.line(format_args!(
                "drain {} {directory}/trace_pipe_raw",
                section(&recording.name, &format!("cpu{cpu}"))
            ));
            plan.line(format_args!("save {} {directory}/stats", section(&recording.name, &format!("stats{cpu}"))));
        }
        plan.line(format_args!("save {} {}", section(&recording.name, "names"), tracefs("saved_cmdlines")));
        if let Some(option) = recording.option {
            set(&mut plan, option, option.usual);
        }
    }
    plan.line(format_args!("end"));
    plan.text
}

/// True if tracers begin with the option on.
fn is_on(name: &str) -> bool {
    let off = ["sym-offset", "funcgraph-proc", "funcgraph-abstime", "funcgraph-tail"];
    OPTIONS.iter().any(|option| option.name == name && option.usual) && !off.contains(&name)
}
