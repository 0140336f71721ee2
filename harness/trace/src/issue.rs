//! Parts of the input that could not be understood.

use std::fmt;

use super::Cpu;

/// A part of the input that could not be understood. The rest of the trace is read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIssue {
    /// Where it is.
    pub place: IssuePlace,
    /// The reason.
    pub kind: IssueKind,
}

/// A place in the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssuePlace {
    /// A line of a text, from 1.
    Line(u64),
    /// A text as a whole.
    Text,
    /// The text on a console.
    Console,
    /// The records of an event, by its number in the event's format.
    Event(u16),
    /// A format, by its number in the recording, from 1.
    Format(usize),
    /// The format of pages (`events/header_page`).
    HeaderPage,
    /// The records of kernel stacks.
    KernelStack,
    /// The symbol table: a line of it, from 1, or all of it.
    Symbols(Option<usize>),
    /// A line of `saved_cmdlines`, from 1.
    TaskNames(usize),
    /// The ring buffer of a CPU.
    Cpu(Cpu),
    /// The counters of a CPU (`per_cpu/cpuN/stats`).
    Stats(Cpu),
    /// A page of a CPU's ring buffer, from 0.
    Page(Cpu, usize),
    /// The buffer of an instance, by its name.
    Instance(String),
    /// A place in the buffer of an instance.
    OfInstance(String, Box<IssuePlace>),
}

/// The error in a part of the input.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum IssueKind {
    /// A line that is not anything that a kernel or `trace-cmd` prints. The line, shortened.
    UnknownLine(String),
    /// A line whose head is that of an event, without an event. The rest of the line, shortened.
    NoEvent(String),
    /// A line of the function-graph tracer that is not a whole call, return or comment. The line, shortened.
    BrokenGraphLine(String),
    /// A line that is longer than the kernel prints. Its end is left out.
    LineTooLong,
    /// A frame that does not follow a stack.
    FrameWithoutStack,
    /// A stack that does not follow an event.
    StackWithoutEvent,
    /// A function without its caller.
    CallerMissing,
    /// A line that continues the line before.
    ContinuedLine,
    /// From here on the text has durations only.
    NoTimes,
    /// From here on the text has no durations: those of calls on one line are shown as 0.
    NoDurations,
    /// From here on the text does not name tasks.
    NoTasks,
    /// A text in a form that is not read, from here on.
    OtherFormat {
        /// The form.
        name: &'static str,
        /// Its lines.
        lines: u64,
    },
    /// So many more lines that are not understood.
    MoreLines(u64),
    /// So many records of an event that does not have a format.
    UnknownEvent(u64),
    /// So many records that end before a field of their format does.
    ShortRecords(u64),
    /// So many records of `trace_printk()` whose formats are not in the recording (`printk_formats`).
    NoPrintkFormat(u64),
    /// So many stacks without an event before them.
    OrphanStacks(u64),
    /// The CPU does not have counters, so it is unknown whether events were lost.
    NoCounters,
    /// Every address in the symbol table is zero (`kptr_restrict`).
    HiddenAddresses,
    /// A line of a table that is not of its form.
    WrongTableLine {
        /// The form.
        expected: &'static str,
        /// The line.
        found: String,
    },
    /// A buffer whose clock is another one than that of the other buffers: the name of its clock.
    OtherClock(String),
    /// A format, a page or a file that cannot be read, with the reason.
    Unreadable(String),
}

impl fmt::Display for IssuePlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Line(number) => write!(f, "line {number}"),
            Self::Text => f.write_str("text"),
            Self::Console => f.write_str("console"),
            Self::Event(id) => write!(f, "event {id}"),
            Self::Format(number) => write!(f, "format {number}"),
            Self::HeaderPage => f.write_str("header_page"),
            Self::KernelStack => f.write_str("kernel_stack"),
            Self::Symbols(None) => f.write_str("symbol table"),
            Self::Symbols(Some(line)) => write!(f, "symbol table, line {line}"),
            Self::TaskNames(line) => write!(f, "saved_cmdlines, line {line}"),
            Self::Cpu(cpu) => write!(f, "cpu {}", cpu.0),
            Self::Stats(cpu) => write!(f, "cpu {}, stats", cpu.0),
            Self::Instance(name) => write!(f, "instance `{name}`"),
            Self::OfInstance(name, place) => write!(f, "instance `{name}`, {place}"),
            Self::Page(cpu, page) => write!(f, "cpu {}, page {page}", cpu.0),
        }
    }
}

impl fmt::Display for IssueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownLine(line) => write!(f, "not understood: `{line}`"),
            Self::NoEvent(rest) => write!(f, "no event behind the time: `{rest}`"),
            Self::BrokenGraphLine(line) => write!(f, "no call, no return and no comment that is whole: `{line}`"),
            Self::LineTooLong => f.write_str("the line is too long, and its end is left out"),
            Self::FrameWithoutStack => f.write_str("a frame of no stack"),
            Self::StackWithoutEvent => f.write_str("a stack without an event before it"),
            Self::CallerMissing => f.write_str("the caller is missing"),
            Self::ContinuedLine => f.write_str("the line before goes on here"),
            Self::NoTimes => f.write_str("no times from here on, only durations: `funcgraph-abstime` was off"),
            Self::NoDurations => {
                f.write_str("no durations from here on, and calls on one line have 0: `funcgraph-duration` was off")
            }
            Self::NoTasks => f.write_str("no tasks from here on: `funcgraph-proc` was off"),
            Self::OtherFormat { name, lines } => write!(f, "{name} is not read ({lines} lines)"),
            Self::MoreLines(count) => write!(f, "{count} more lines that are not understood"),
            Self::UnknownEvent(count) => write!(f, "{count} records, but no format"),
            Self::ShortRecords(count) => write!(f, "{count} records shorter than the format"),
            Self::NoPrintkFormat(count) => {
                write!(f, "{count} records of trace_printk, but their formats are not in the recording")
            }
            Self::OrphanStacks(count) => write!(f, "{count} stacks without an event before them"),
            Self::NoCounters => f.write_str("no counters: whether events were lost is unknown"),
            Self::HiddenAddresses => {
                f.write_str("every address is zero: it was read without the right to see addresses (`kptr_restrict`)")
            }
            Self::WrongTableLine { expected, found } => write!(f, "expected `{expected}`, found `{found}`"),
            Self::OtherClock(clock) => {
                write!(f, "its events are not shown: its clock is `{clock}`, and the times of two clocks have no order")
            }
            Self::Unreadable(why) => f.write_str(why),
        }
    }
}

impl fmt::Display for ParseIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.kind)
    }
}
