//! The parts of a record that few recordings have.

use std::fmt;
use std::sync::Arc;

use super::symbol::Symbol;
use super::timestamp::Timestamp;
use super::value::Value;

/// The parts of an event that are there only with an option of the tracer.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct EventDetails {
    /// The stack in user space, innermost frame first (`userstacktrace`).
    pub user_stack: Option<Vec<UserFrame>>,
    /// The arguments of a call by name, an empty name where the kernel does not know it (`func-args`, `funcgraph-args`, 6.15 and later).
    pub arguments: Vec<(Arc<str>, Value)>,
    /// The value that a function returned (`funcgraph-retval`).
    pub return_value: Option<Value>,
    /// The address that a call returns to (`funcgraph-retaddr`).
    pub return_address: Option<Symbol>,
    /// How often the same call followed (`func-no-repeats`).
    pub repeats: Option<Repeats>,
    /// The name of the instance in whose buffer the event is; `None` for the top one.
    pub instance: Option<Arc<str>>,
}

/// Calls that the kernel counted instead of recording each.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Repeats {
    /// Their number.
    pub count: u64,
    /// The time of the last one.
    pub last: Timestamp,
}

/// A place in user space: in a mapped file, or an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserFrame {
    /// The mapped file, where the text says it (`sym-userobj`).
    pub object: Option<Arc<str>>,
    /// Bytes behind the begin of the mapping.
    pub offset: Option<u64>,
    /// The address, where the text says it.
    pub address: Option<u64>,
}

impl fmt::Display for UserFrame {
    /// The file and the place in it, or the address, or `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.object, self.offset, self.address) {
            (Some(object), Some(offset), _) => write!(f, "{object}[+{offset:#x}]"),
            (Some(object), None, _) => f.write_str(object),
            (None, _, Some(address)) => write!(f, "{address:#x}"),
            (None, _, None) => f.write_str("?"),
        }
    }
}
