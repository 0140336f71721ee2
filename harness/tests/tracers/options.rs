//! The options of the kernel's tracers (`TRACE_FLAGS` of `kernel/trace/trace.h`, and the `tracer_opt` tables of the tracers), with what
//! each does to the text.

/// A part of an event that a text does not have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    /// The time of the event.
    Time,
    /// The CPU.
    Cpu,
    /// The task.
    Task,
    /// Interrupt and preemption state.
    Context,
    /// The place of an address in its function.
    Offset,
    /// The duration of a call.
    Duration,
    /// The caller of a function.
    Caller,
    /// The names of fields and of the event: the text of each event has a form of its own.
    Form,
}

/// The effect of an option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// The same records are shown in another way, without these parts.
    Shown(&'static [Part]),
    /// The text has a form of its own, which is refused by this name.
    Refused(&'static str),
    /// The texts that programs and `trace_printk()` write are shown alone, without a head: lines that are quoted as not understood.
    Bare,
    /// Other records are written.
    Recorded,
    /// The kernel does not take it while this test runs, or it changes nothing that is recorded or shown.
    Nothing,
}

/// An option.
#[derive(Clone, Copy, Debug)]
pub(crate) struct TraceOption {
    /// Its file in `options/`.
    pub(crate) name: &'static str,
    /// Its value in the texts that the others are compared with. Tracers do not begin with this value where it costs the text something.
    pub(crate) usual: bool,
    pub(crate) effect: Effect,
}

const fn shown(name: &'static str, usual: bool, lost: &'static [Part]) -> TraceOption {
    TraceOption { name, usual, effect: Effect::Shown(lost) }
}

const fn refused(name: &'static str, by: &'static str) -> TraceOption {
    TraceOption { name, usual: false, effect: Effect::Refused(by) }
}

const fn recorded(name: &'static str, usual: bool) -> TraceOption {
    TraceOption { name, usual, effect: Effect::Recorded }
}

const fn nothing(name: &'static str) -> TraceOption {
    TraceOption { name, usual: false, effect: Effect::Nothing }
}

const WITHOUT_CONTEXT: &str = "a text without the option `context-info`";

/// All options that the kernels from 4.4 to 7.x have.
pub(crate) const OPTIONS: &[TraceOption] = &[
    shown("print-parent", true, &[Part::Caller]),
    shown("sym-offset", true, &[Part::Offset]),
    shown("sym-addr", false, &[]),
    shown("verbose", false, &[]),
    shown("annotate", true, &[]),
    TraceOption { name: "printk-msg-only", usual: false, effect: Effect::Bare },
    TraceOption { name: "context-info", usual: true, effect: Effect::Refused(WITHOUT_CONTEXT) },
    shown("latency-format", false, &[Part::Time]),
    shown("irq-info", true, &[Part::Context]),
    shown("hash-ptr", true, &[]),
    shown("fields", false, &[Part::Form]),
    shown("sym-userobj", false, &[]),
    shown("display-graph", false, &[]),
    refused("raw", "a text with the option `raw`"),
    refused("hex", "a text with the option `hex`"),
    refused("bin", "a text with the option `bin`"),
    recorded("userstacktrace", false),
    recorded("stacktrace", false),
    recorded("record-cmd", true),
    recorded("record-tgid", false),
    recorded("overwrite", true),
    recorded("markers", true),
    recorded("event-fork", false),
    recorded("function-fork", false),
    recorded("function-trace", true),
    nothing("block"),
    nothing("trace_printk"),
    nothing("trace_printk_dest"),
    nothing("copy_trace_marker"),
    nothing("disable_on_free"),
    nothing("pause-on-trace"),
    nothing("test_nop_accept"),
    nothing("test_nop_refuse"),
    nothing("bitmask-list"),
    // `function`
    recorded("func_stack_trace", false),
    recorded("func-no-repeats", false),
    recorded("func-args", false),
    // `function_graph`
    shown("funcgraph-overrun", false, &[]),
    shown("funcgraph-cpu", true, &[Part::Cpu]),
    shown("funcgraph-overhead", true, &[]),
    shown("funcgraph-proc", true, &[Part::Task]),
    shown("funcgraph-duration", true, &[Part::Duration]),
    shown("funcgraph-abstime", true, &[Part::Time]),
    shown("funcgraph-tail", true, &[]),
    recorded("funcgraph-irqs", true),
    recorded("funcgraph-retval", false),
    recorded("funcgraph-retval-hex", false),
    recorded("funcgraph-retval-trim", false),
    recorded("funcgraph-retaddr", false),
    recorded("funcgraph-args", false),
    recorded("sleep-time", true),
    recorded("graph-time", true),
    // `blk`
    // It turns `context-info` off.
    refused("blk_classic", WITHOUT_CONTEXT),
    recorded("blk_cgroup", false),
    shown("blk_cgname", false, &[]),
];

/// True if a line of `trace_options` is that of the option, on or off.
pub(crate) fn has(line: &str, name: &str) -> bool {
    line == name || line.strip_prefix("no") == Some(name)
}
