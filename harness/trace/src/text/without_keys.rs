//! Events whose text has no keys, but always the same fields: system calls.

use super::bytes::{signed, small_hexadecimal, word};
use crate::{Hex, Value};

/// How to read a text without keys: into the values of these fields.
#[derive(Clone, Copy, Debug)]
pub(super) struct Raw {
    pub(super) fields: [&'static str; 2],
    pub(super) values: fn(&[u8]) -> Option<Vec<Value>>,
}

/// The reader of an event whose text has no keys.
pub(super) fn raw(name: &str) -> Option<Raw> {
    match name {
        "sys_enter" => Some(Raw { fields: ["id", "args"], values: raw_enter }),
        "sys_exit" => Some(Raw { fields: ["id", "ret"], values: raw_exit }),
        _ => None,
    }
}

/// A system call has six arguments (`struct trace_event_raw_sys_enter`).
const ARGUMENTS: usize = 6;

/// `NR 220 (1200011, 0, 0, 0, ffff8d2c50f0, 0)`.
fn raw_enter(rest: &[u8]) -> Option<Vec<Value>> {
    let (id, rest) = word(rest.strip_prefix(b"NR ")?);
    let mut rest = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
    let mut arguments = Vec::with_capacity(ARGUMENTS);
    while !rest.is_empty() {
        let (value, digits, behind) = small_hexadecimal(rest)?;
        arguments.push(Value::Hex(Hex { value, digits, prefixed: false }));
        rest = match behind.strip_prefix(b", ") {
            Some(more) => more,
            None if behind.is_empty() => behind,
            None => return None,
        };
    }
    Some(vec![Value::Signed(signed(id)?), Value::Array(arguments.into())])
}

/// `NR 220 = 53`.
fn raw_exit(rest: &[u8]) -> Option<Vec<Value>> {
    let (id, rest) = word(rest.strip_prefix(b"NR ")?);
    let result = rest.strip_prefix(b"= ")?;
    Some(vec![Value::Signed(signed(id)?), Value::Signed(signed(result)?)])
}
