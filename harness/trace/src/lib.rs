//! Reads ftrace recordings as typed events: the text that a kernel or `trace-cmd report` prints, the `trace.dat` files of
//! `trace-cmd record`, and the raw pages of the ring buffer.
//!
//! [`Reader::open`] recognises the format by the file's first bytes. Its [`events`](Reader::events) are an iterator with one error
//! type, and [`Events::next_ref`] lends each event for as long as the next one is not asked for, without an allocation for each.
//! When all events were read, [`Events::finish`] says what else is known: the names of tasks, the parts of the input that were not
//! understood, and why the recording is incomplete, where it is.
//!
//! ```
//! use std::collections::BTreeMap;
//!
//! use kernsnap_trace::{EventKind, Reader};
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! # let path = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/recordings/function/trace.txt");
//! let mut reader = Reader::open(path)?;
//! let mut events = reader.events()?;
//! let mut counts = BTreeMap::new();
//! while let Some(event) = events.next_ref() {
//!     if let EventKind::Tracepoint(point) = &event?.0.kind {
//!         *counts.entry(point.name().to_string()).or_insert(0) += 1;
//!     }
//! }
//! let summary = events.finish();
//! assert_eq!(counts["sched_switch"], 6);
//! assert!(summary.defects.is_empty(), "no events were lost");
//! # Ok(())
//! # }
//! ```
//!
//! A text of a recording parses into the same events as its pages, as far as the text says them:
//!
//! ```
//! use kernsnap_trace::{EventKind, Reader, Timestamp};
//!
//! let text = "bash-946 [003] d..2. 12.000001: sched_waking: comm=ls pid=950 prio=120 target_cpu=001\n";
//! let mut reader = Reader::new(text.as_bytes());
//! let event = reader.events().unwrap().next().unwrap().unwrap();
//! assert_eq!((event.pid.0, event.cpu.0, event.time), (946, 3, Timestamp(12_000_001_000)));
//! let EventKind::Tracepoint(point) = event.kind else { panic!("a tracepoint") };
//! assert_eq!(point.name().to_string(), "sched_waking");
//! ```
//!
//! Recordings are written, too: as the kernel's text ([`text::write`]), as a `trace.dat` ([`dat::write`]), and for
//! [Perfetto](https://ui.perfetto.dev) ([`perfetto::perfetto`]).
//!
//! ```
//! use kernsnap_trace::{Reader, text};
//!
//! let printed = "  ls-950 [001] d..2. 12.000001: sched_process_exit: comm=ls pid=950 prio=120\n";
//! let (trace, issues) = text::parse(printed.as_bytes());
//! assert!(issues.is_empty());
//! assert!(text::write(&trace).contains("sched_process_exit: comm=ls pid=950 prio=120"));
//! ```
//!
//! The parser of a stranger's bytes never fails as a whole, holds a bounded part of a text in memory, and does not use `unsafe`.
//! The only module that opens files is the one of [`Reader`]; everything else is a function of its arguments.

mod clock;
mod cpu;
pub mod dat;
mod dat_file;
mod decode;
pub mod event;
mod event_decoders;
mod event_details;
mod event_queue;
mod fields;
mod format;
mod frames;
#[cfg(test)]
mod golden;
mod hex;
mod integrity;
mod issue;
mod issue_counts;
pub mod marks;
mod noreturn;
mod page;
pub mod perfetto;
mod print;
mod printk;
mod printk_formats;
mod proto;
mod raw;
mod reader;
mod record_pool;
mod recording;
mod source;
mod stats;
pub mod symbol;
mod symbol_cache;
mod symbols;
mod task_names;
mod task_states;
pub mod text;
mod timestamp;
mod value;

use std::collections::BTreeMap;

pub use clock::Clock;
pub use dat_file::DatFile;
pub use decode::decode;
pub use event::{Context, Cpu, Event, EventKind, Pid, Point};
pub use event_details::{EventDetails, Repeats, UserFrame};
pub use hex::Hex;
pub use integrity::IntegrityError;
pub use issue::{IssueKind, IssuePlace, ParseIssue};
pub use noreturn::never_returns;
pub use print::{Printed, Printer};
pub use raw::{RawReader, RawSummary};
pub use reader::{Events, LentEvent, ReadError, Reader};
pub use recording::{CpuRecording, InstanceRecording, Recording};
pub use source::{PageBytes, ReadAt};
pub use symbol::{CodeLocation, FunctionName, Symbol};
pub use symbols::Symbols;
pub use timestamp::Timestamp;
pub use value::Value;

/// A whole recording: the events of all CPUs in one order, and what is known about its completeness.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Trace {
    /// Sorted by time, then CPU, then the order in that CPU's buffer.
    pub events: Vec<Event>,
    /// The names tasks had when the recording was read (`saved_cmdlines`).
    pub names: BTreeMap<i32, String>,
    /// Why the trace must not be judged; empty for a complete recording.
    pub defects: Vec<IntegrityError>,
}

/// The names of an event's own fields, from its `format` file; empty where that cannot be read.
#[must_use]
pub fn field_names(format: &str) -> Vec<String> {
    let fields = format::parse_format(format).map(|format| format.fields).unwrap_or_default();
    fields.iter().map(|field| field.name.to_string()).filter(|name| !name.starts_with("common_")).collect()
}
