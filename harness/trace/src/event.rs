//! The typed trace: what one ftrace record says, with names resolved and nothing interpreted yet.

use std::sync::Arc;

use super::event_details::EventDetails;
use super::symbol::Symbol;
use super::timestamp::Timestamp;
use super::value::Value;

/// A guest CPU's number.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cpu(pub u16);

/// A task's id in the initial pid namespace (`task_struct.pid`: the kernel's pid, user space's tid). 0 is an idle task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pid(pub i32);

impl Pid {
    /// The task of a text that does not say who ran (`function_graph` without `funcgraph-proc`). No task has this id.
    pub const UNKNOWN: Self = Self(-1);
}

/// Where a record was taken: `common_flags` and `common_preempt_count` of every record (`struct trace_entry`).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// `TRACE_FLAG_*` bits of `include/linux/trace_events.h`.
    pub flags: u8,
    /// Preemption depth in the low four bits; migration depth above them (5.13 and later).
    pub preempt_count: u8,
}

impl Context {
    /// Taken inside a hardware interrupt (`TRACE_FLAG_HARDIRQ`).
    #[must_use]
    pub fn in_hardirq(self) -> bool {
        self.flags & 0x08 != 0
    }

    /// How deep preemption is disabled, up to 15.
    #[must_use]
    pub fn preempt_depth(self) -> u8 {
        self.preempt_count & 0xf
    }

    /// How deep migration is disabled, up to 15; 0 from kernels before 5.13.
    #[must_use]
    pub fn migrate_disable_depth(self) -> u8 {
        self.preempt_count >> 4
    }

    /// Taken inside a softirq (`TRACE_FLAG_SOFTIRQ`).
    #[must_use]
    pub fn in_softirq(self) -> bool {
        self.flags & 0x10 != 0
    }

    /// How deep in interrupts: 0 for a task, 1 for a softirq, 2 for a hardware interrupt, 3 for an NMI.
    pub(super) fn level(self) -> usize {
        const NMI: u8 = 0x40;
        match self {
            _ if self.flags & NMI != 0 => 3,
            _ if self.in_hardirq() => 2,
            _ if self.in_softirq() => 1,
            _ => 0,
        }
    }
}

/// One record of the ring buffer.
#[derive(Clone, Debug, PartialEq)]
pub struct Event {
    /// When it was written.
    pub time: Timestamp,
    /// The CPU whose buffer holds it.
    pub cpu: Cpu,
    /// The task that was running (`common_pid`).
    pub pid: Pid,
    /// Interrupt and preemption state.
    pub context: Context,
    /// The event.
    pub kind: EventKind,
    /// The kernel stack recorded with it, innermost frame first; `None` where no stack was asked for.
    pub stack: Option<Vec<Symbol>>,
    /// Further parts, which few recordings have; `None` where this event has none of them.
    pub details: Option<Box<EventDetails>>,
}

impl Event {
    /// Its further parts, to be filled.
    pub fn details_mut(&mut self) -> &mut EventDetails {
        self.details.get_or_insert_default()
    }
}

impl Default for Event {
    /// A placeholder for an event that has not been read yet.
    fn default() -> Self {
        Self {
            time: Timestamp::default(),
            cpu: Cpu::default(),
            pid: Pid::UNKNOWN,
            context: Context::default(),
            kind: EventKind::GraphEntry { function: Symbol::Unknown, depth: 0 },
            stack: None,
            details: None,
        }
    }
}

/// The kind of an event.
#[derive(Clone, Debug, PartialEq)]
pub enum EventKind {
    /// The function tracer: `function` was entered from `caller`.
    Function {
        /// The traced function.
        function: Symbol,
        /// The return address, as a symbol.
        caller: Symbol,
    },
    /// The function-graph tracer: entry.
    GraphEntry {
        /// The traced function.
        function: Symbol,
        /// Nesting depth below the graph root, 0 for the root.
        depth: u32,
    },
    /// The function-graph tracer: return.
    GraphExit {
        /// The traced function.
        function: Symbol,
        /// Nesting depth below the graph root, 0 for the root.
        depth: u32,
        /// When it had been entered.
        entered: Timestamp,
        /// When it returned.
        left: Timestamp,
    },
    /// User space wrote to `trace_marker`.
    Marker {
        /// The text, without a trailing newline.
        text: Arc<str>,
    },
    /// A tracepoint, a syscall event or a kprobe.
    Tracepoint(Point),
}

/// The part that all records of one event share: its name and the names of its fields.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The event's name, without its group: `sched_switch`.
    pub name: Arc<str>,
    /// Its fields in the order of its format, without the `common_` ones.
    pub fields: Vec<Arc<str>>,
}

/// A tracepoint's name and fields. The names are shared by all records of the event; each has only its values.
#[derive(Clone, Debug, PartialEq)]
pub struct Point {
    layout: Arc<Layout>,
    values: Vec<Value>,
}

impl Point {
    /// A record with the `values` of the fields of `layout`, in their order. Values without a field are left out.
    #[must_use]
    pub fn new(layout: Arc<Layout>, mut values: Vec<Value>) -> Self {
        values.truncate(layout.fields.len());
        Self { layout, values }
    }

    /// A record of `layout` whose values are to be read yet.
    pub(super) fn blank(layout: &Arc<Layout>) -> Self {
        Self { layout: Arc::clone(layout), values: vec![Value::Unsigned(0); layout.fields.len()] }
    }

    /// True if it is a record of this very `layout`.
    #[inline]
    pub(super) fn is_of(&self, layout: &Arc<Layout>) -> bool {
        Arc::ptr_eq(&self.layout, layout) && self.values.len() == layout.fields.len()
    }

    /// Its values, in the order of its fields.
    pub(super) fn values_mut(&mut self) -> &mut [Value] {
        &mut self.values
    }

    /// A record of `name` with these fields.
    pub fn from_fields<N: Into<Arc<str>>>(name: &str, fields: impl IntoIterator<Item = (N, Value)>) -> Self {
        let (fields, values) = fields.into_iter().map(|(field, value)| (field.into(), value)).unzip();
        Self { layout: Arc::new(Layout { name: name.into(), fields }), values }
    }

    /// The event's name, without its group: `sched_switch`.
    #[must_use]
    pub fn name(&self) -> &Arc<str> {
        &self.layout.name
    }

    /// The names that it shares with other records of its event.
    #[inline]
    pub(super) fn layout(&self) -> &Arc<Layout> {
        &self.layout
    }

    /// The value of the field at this place.
    #[inline]
    pub(super) fn value(&self, place: usize) -> Option<&Value> {
        self.values.get(place)
    }

    /// Its fields in the order of its format, without the `common_` ones.
    pub fn fields(&self) -> impl Iterator<Item = (&Arc<str>, &Value)> {
        self.layout.fields.iter().zip(&self.values)
    }

    /// The field called `name`.
    #[must_use]
    pub fn field(&self, name: &str) -> Option<&Value> {
        self.values.get(self.place(name)?)
    }

    /// The field called `name`, to be changed.
    pub fn field_mut(&mut self, name: &str) -> Option<&mut Value> {
        let place = self.place(name)?;
        self.values.get_mut(place)
    }

    /// Adds a field behind the others.
    pub fn push(&mut self, name: impl Into<Arc<str>>, value: Value) {
        let layout = Arc::make_mut(&mut self.layout);
        layout.fields.truncate(self.values.len());
        layout.fields.push(name.into());
        self.values.push(value);
    }

    fn place(&self, name: &str) -> Option<usize> {
        self.layout.fields.iter().position(|field| **field == *name)
    }

    /// The field called `name`, where it is an integer that fits.
    #[must_use]
    pub fn int(&self, name: &str) -> Option<i64> {
        self.field(name).and_then(Value::as_int)
    }

    /// The field called `name`, where it is a text.
    #[must_use]
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.field(name) {
            Some(Value::Text(text)) => Some(text),
            _ => None,
        }
    }
}
