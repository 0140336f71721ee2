//! The pure core that turns ftrace's bytes into a typed trace. No files, no processes, no clock.

mod cpu;
pub mod dat;
mod dat_file;
mod decode;
pub mod event;
mod event_decoders;
mod event_queue;
mod fields;
mod format;
mod frames;
#[cfg(test)]
mod golden;
mod integrity;
mod issue_counts;
mod noreturn;
mod page;
pub mod perfetto;
mod proto;
mod raw;
mod record_pool;
mod source;
mod stats;
pub mod symbol;
mod symbol_cache;
mod symbols;
pub mod text;

use std::collections::BTreeMap;

pub use dat_file::DatFile;
pub use decode::{CpuRecording, Recording, decode};
pub use event::{Context, Cpu, Event, EventKind, Pid, Point, Timestamp, Value};
pub use integrity::IntegrityError;
pub use noreturn::never_returns;
pub use raw::{RawReader, RawSummary};
pub use source::{PageBytes, ReadAt};
pub use symbol::{CodeLocation, FunctionName, Symbol};
pub use symbols::Symbols;

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

/// Something in the input that could not be understood; the rest of the trace stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ParseIssue {
    /// Where: a section's name, a CPU and page, or a line.
    pub place: String,
    /// What is wrong there.
    pub message: String,
}

/// The names of an event's own fields, from its `format` file; empty where that cannot be read.
#[must_use]
pub fn field_names(format: &str) -> Vec<String> {
    let fields = format::parse_format(format).map(|format| format.fields).unwrap_or_default();
    fields.iter().map(|field| field.name.to_string()).filter(|name| !name.starts_with("common_")).collect()
}
