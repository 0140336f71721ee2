//! System calls as the events of each call print them.

use super::bytes::{hexadecimal, split_once};
use super::intern::Names;
use super::number::{Form, number};
use crate::{Point, Value};

/// `sys_clone(clone_flags: 1200011, newsp: 0)` or `sys_clone -> 0x35`: the events `sys_enter_clone` and `sys_exit_clone`.
pub(super) fn system_call(names: &mut Names, text: &[u8]) -> Option<Point> {
    let call = text.strip_prefix(b"sys_")?;
    let end = call.iter().position(|byte| !(byte.is_ascii_alphanumeric() || *byte == b'_'))?;
    let (call, rest) = call.split_at(end);
    if let Some(result) = rest.strip_prefix(b" -> ") {
        let (value, _) = hexadecimal(result)?;
        let known = names.event(&[b"sys_exit_", call].concat());
        return Some(Point::new(known.layout(["ret"].into_iter()), vec![Value::Signed(value.cast_signed())]));
    }
    let arguments = rest.strip_prefix(b"(")?.strip_suffix(b")")?;
    let (mut fields, mut values) = (Vec::new(), Vec::new());
    for argument in arguments.split(|byte| *byte == b',') {
        if let Some((key, value)) = split_once(argument, b": ") {
            fields.push(String::from_utf8_lossy(key.trim_ascii()));
            // `%lx`; the text of a string or of flags by name since 6.18.
            values.push(number(value, Form::Hexadecimal));
        }
    }
    let known = names.event(&[b"sys_enter_", call].concat());
    Some(Point::new(known.layout(fields.iter().map(|field| &**field)), values))
}
