//! The plan: what the guest's init does, line by line. docs/guest-protocol.md has the grammar.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use kernsnap_yaml::Step as At;

use crate::machine::Region;

/// Where tracefs is mounted in the guest.
pub const TRACEFS: &str = "/sys/kernel/tracing";

/// The path of a program in the guest. A name that is a path is that of a program in the root file system.
#[must_use]
pub fn program_path(name: &str) -> String {
    if name.starts_with('/') { name.to_owned() } else { format!("/bin/{name}") }
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

/// A plan that saves `files` (section name, path) and the format of every event, and nothing else: how the harness asks a
/// kernel about itself.
#[must_use]
pub fn inspect<'a>(channel: Region, files: impl IntoIterator<Item = (&'a str, &'a str)>) -> String {
    let mut plan = Plan::new(channel, false);
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

/// Kibibytes of a CPU's trace buffer where a scenario does not say another size.
const USUAL_BUFFER_KIB: u32 = 1024;

/// A multiple of the ticks with HZ=100, 250 and 1000, in nanoseconds.
const ALIGNED_NS: u32 = 20_000_000;

/// Files that each run reads: the names of tasks, and the settings that are compared.
const WARM_UP_READS: [&str; 9] = [
    NAMES,
    "buffer_size_kb",
    "current_tracer",
    "kprobe_events",
    "set_event",
    "set_event_pid",
    "trace_clock",
    "trace_options",
    "tracing_cpumask",
];

/// The events of many scenarios.
const WARM_UP_EVENTS: [&str; 6] = [
    "task/task_newtask",
    "sched/sched_process_fork",
    "sched/sched_waking",
    "sched/sched_wakeup_new",
    "sched/sched_switch",
    "sched/sched_process_exit",
];

/// How a machine is warmed up.
#[derive(Clone, Copy, Debug)]
pub struct WarmUp<'a> {
    /// The channel's region.
    pub channel: Region,
    /// CPUs that the kernel brings up.
    pub cpus: u16,
    /// Functions, as `set_ftrace_filter` takes them.
    pub functions: &'a [String],
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
    pub fn from_text(text: String) -> Self {
        Self { text, ..Self::default() }
    }

    /// The part of the scenario's file that this line, from 1, comes from; empty where it comes from none.
    #[must_use]
    pub fn origin(&self, line: usize) -> &[At] {
        self.origins.get(&line).map_or(&[], Vec::as_slice)
    }

    /// The plan in an initramfs that holds init alone: it goes on with the plan in the payload.
    ///
    /// With `warm`, init first does twice what most runs do. QEMU then has translated that code before a run is forked, which
    /// leaves half as much of it to translate. Guest time before the payload is the same for all runs, so nothing else changes.
    #[must_use]
    pub fn base(payload: Region, warm: Option<&WarmUp<'_>>) -> String {
        let mut plan = Self::default();
        plan.mounts();
        if let Some(warm) = warm {
            plan.warm_up(warm);
        }
        plan.line(format_args!("payload {:#x} {:#x}", payload.address, payload.size));
        plan.line(format_args!("end"));
        plan.text
    }

    /// Sets up a trace, starts a program, reads what a run reads, and takes all of it back but the size of the trace's buffer, which
    /// the plan of each run sets. All of it comes twice: the kernel goes other ways where there was a trace before.
    fn warm_up(&mut self, warm: &WarmUp<'_>) {
        let WarmUp { channel, cpus, functions } = warm;
        self.line(format_args!("channel {:#x} {:#x}", channel.address, channel.size));
        self.expedite_rcu(true);
        for name in ["warm-up-1", "warm-up-2"] {
            self.put("tracing_on", 0);
            self.put("buffer_size_kb", USUAL_BUFFER_KIB);
            for function in *functions {
                self.add("set_ftrace_filter", function);
            }
            self.switch_warm_up(1);
            self.put("current_tracer", "function");
            self.put("tracing_on", 1);
            self.put("trace_marker", name);
            let cpu = cpus.saturating_sub(1).min(1);
            self.line(format_args!("start {name} {cpu} /init warm-up"));
            self.line(format_args!("wait {name}"));
            self.put("tracing_on", 0);
            for cpu in 0..*cpus {
                self.line(format_args!("drain {} {TRACEFS}/per_cpu/cpu{cpu}/trace_pipe_raw", pages(cpu)));
                self.line(format_args!("save {} {TRACEFS}/per_cpu/cpu{cpu}/stats", stats(cpu)));
            }
            for file in WARM_UP_READS {
                self.line(format_args!("save {file} {TRACEFS}/{file}"));
            }
            self.put("current_tracer", "nop");
            self.switch_warm_up(0);
            for function in *functions {
                self.add("set_ftrace_filter", format_args!("!{function}"));
            }
            self.put("trace", 0);
        }
        self.put("tracing_on", 1);
        self.expedite_rcu(false);
    }

    fn switch_warm_up(&mut self, on: u8) {
        for event in WARM_UP_EVENTS {
            self.put(&format!("events/{event}/enable"), on);
        }
        self.put("options/func_stack_trace", on);
    }

    /// The beginning of a plan in a payload, after [`Plan::base`].
    #[must_use]
    pub fn new(channel: Region, modules: bool) -> Self {
        let mut plan = Self::default();
        plan.line(format_args!("kernsnap-plan 1"));
        plan.open(channel, modules);
        plan
    }

    /// The beginning of a plan in an initramfs that holds everything, for a board whose memory the host cannot write.
    #[must_use]
    pub fn alone(channel: Region, modules: bool) -> Self {
        let mut plan = Self::default();
        plan.mounts();
        plan.open(channel, modules);
        plan
    }

    fn mounts(&mut self) {
        self.line(format_args!("kernsnap-plan 1"));
        self.line(format_args!("mount proc /proc"));
        self.line(format_args!("mount sysfs /sys"));
        self.line(format_args!("mount tracefs {TRACEFS}"));
    }

    /// The channel. The initramfs has the few device nodes that are needed always; devtmpfs is mounted only for modules, which
    /// may make more.
    fn open(&mut self, channel: Region, modules: bool) {
        if modules {
            self.line(format_args!("mount devtmpfs /dev"));
        }
        self.line(format_args!("channel {:#x} {:#x}", channel.address, channel.size));
        self.line(format_args!("phase ready"));
    }

    /// The scenario begins behind a tick of any usual `CONFIG_HZ`, whatever came before it: a change of the preparations does not move
    /// the ticks that interrupt the scenario. The CPUs are idle until then, which takes guest time alone.
    pub fn align(&mut self) {
        self.line(format_args!("align {ALIGNED_NS}"));
    }

    /// From here on, programs are root without what they could forge evidence with.
    pub fn confine(&mut self) {
        self.line(format_args!("confine"));
    }

    /// Notes the settings of the trace, and marks its begin on `cpus` CPUs. Tracing is off before and after it.
    pub fn guard(&mut self, cpus: u16) {
        self.line(format_args!("guard {TRACEFS} {cpus}"));
    }

    /// Ends all programs, compares the settings, and marks the end of a trace whose begin is marked. Tracing is off before and after it.
    pub fn unguard(&mut self) {
        self.line(format_args!("unguard"));
    }

    /// Turning events and tracers on waits for several grace periods of RCU, 10 ms and more each. While nothing is watched
    /// they may be expedited; the scenario runs without that, as on any machine.
    pub fn expedite_rcu(&mut self, on: bool) {
        self.line(format_args!("put /sys/kernel/rcu_expedited {}", u8::from(on)));
    }

    /// Appends one line.
    pub fn line(&mut self, text: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _ = writeln!(self.text, "{text}");
        self.lines += 1;
        if !self.from.is_empty() {
            self.origins.insert(self.lines, self.from.clone());
        }
    }

    /// Sets the part of the scenario's file that the following lines come from; empty for none.
    pub fn set_origin(&mut self, place: Vec<At>) {
        self.from = place;
    }

    /// Sets a file of tracefs to a value (`put`).
    pub fn put(&mut self, file: &str, value: impl std::fmt::Display) {
        self.line(format_args!("put {TRACEFS}/{file} {value}"));
    }

    /// Appends a value to a file of tracefs (`add`).
    pub fn add(&mut self, file: &str, value: impl std::fmt::Display) {
        self.line(format_args!("add {TRACEFS}/{file} {value}"));
    }
}

/// The section with the names of tasks.
pub const NAMES: &str = "saved_cmdlines";

/// The section with the texts of `trace_printk()`, and its file in tracefs.
pub const PRINTK_FORMATS: &str = "printk_formats";

/// The section with the kernel's log, as /proc/kmsg hands it out.
pub const KMSG: &str = "kmsg";

/// The prefix of the names of sections with event formats.
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
