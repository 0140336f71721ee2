//! A recording as tracefs gives it: texts and pages.

use super::{Clock, Cpu, PageBytes};

/// The data saved from one tracing instance.
#[derive(Clone, Debug, Default)]
pub struct Recording<'a> {
    /// `events/header_page`.
    pub header_page: &'a str,
    /// `events/GROUP/NAME/format` of every event that may occur, in any order.
    pub formats: Vec<&'a str>,
    /// One per CPU, in any order.
    pub cpus: Vec<CpuRecording<'a>>,
    /// `saved_cmdlines`. A name may have any bytes.
    pub saved_cmdlines: &'a [u8],
    /// `printk_formats`: the formats of `trace_printk()` by their addresses.
    pub printk_formats: &'a str,
    /// True if events may have stayed in a buffer when recording stopped, which are not lost: `trace-cmd record` saves the
    /// counters of a buffer that it has not read to its end.
    pub may_leave_events: bool,
    /// The buffers of other instances, whose events stand among those of `cpus` in the order of time. An event says of which it is
    /// ([`crate::EventDetails::instance`]).
    pub instances: Vec<InstanceRecording<'a>>,
    /// The clock of all buffers.
    pub clock: Clock<'a>,
}

/// The buffer of an instance (`instances/NAME`).
#[derive(Clone, Debug, Default)]
pub struct InstanceRecording<'a> {
    /// Its name.
    pub name: &'a str,
    /// One per CPU, in any order.
    pub cpus: Vec<CpuRecording<'a>>,
    /// Its clock, where that is another one than the recording's: the events cannot be put in order then, and are not read.
    pub other_clock: Option<&'a str>,
}

/// The data saved from one CPU's ring buffer.
#[derive(Clone, Debug, Default)]
pub struct CpuRecording<'a> {
    /// Which CPU.
    pub cpu: Cpu,
    /// All that `per_cpu/cpuN/trace_pipe_raw` gave, page by page.
    pub pages: PageBytes<'a>,
    /// `per_cpu/cpuN/stats`, read after the pages.
    pub stats: &'a str,
}
