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
    for argument in split(arguments) {
        let (key, value) = split_once(argument, b": ")?;
        // The option `verbose` has the type in front of the name.
        let key = key.rsplit(|byte| matches!(byte, b' ' | b'*')).next()?;
        fields.push(String::from_utf8_lossy(key));
        // `%lx`; the text of a string or of flags by name since 6.18.
        values.push(number(value, Form::Hexadecimal));
    }
    let known = names.event(&[b"sys_enter_", call].concat());
    Some(Point::new(known.layout(fields.iter().map(|field| &**field)), values))
}

/// The arguments of a call, `NAME: VALUE` each. A value may have the string behind an address, in which anything can stand: it ends where
/// its quotation mark is followed by the next argument or by nothing.
fn split(arguments: &[u8]) -> Vec<&[u8]> {
    let mut found = Vec::new();
    let (mut begin, mut quoted) = (0, false);
    for (at, byte) in arguments.iter().enumerate() {
        let rest = arguments.get(at + 1..).unwrap_or_default();
        match byte {
            b'"' if quoted => quoted = !ends(rest.strip_prefix(b"...").unwrap_or(rest)),
            b'"' => quoted = arguments.get(..at).is_some_and(|before| before.ends_with(b" ")),
            b',' if !quoted && ends(&arguments[at..]) => {
                found.push(&arguments[begin..at]);
                begin = at + 2;
            }
            _ => {}
        }
    }
    if !arguments.is_empty() {
        found.push(&arguments[begin..]);
    }
    found
}

/// True where an argument ends in front of `rest`. It looks no further than the name of the next one, so that a line takes linear time.
fn ends(rest: &[u8]) -> bool {
    let is_name = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b' ' | b'*');
    let starts_argument = |next: &[u8]| {
        let end = next.iter().position(|byte| !is_name(byte)).unwrap_or(next.len());
        end > 0 && next[end..].starts_with(b": ")
    };
    rest.is_empty() || rest.strip_prefix(b", ").is_some_and(starts_argument)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_an_argument_is_left_out() {
        let split = |text: &str| -> Vec<String> {
            split(text.as_bytes()).iter().map(|argument| String::from_utf8_lossy(argument).into_owned()).collect()
        };
        assert_eq!(split(""), Vec::<String>::new());
        assert_eq!(split("clone_flags: 1200011, newsp: 0"), ["clone_flags: 1200011", "newsp: 0"]);
        assert_eq!(
            split(r#"dfd: 9c, filename: 0x55 "/etc/a b, c: "d", e", flags: O_RDONLY|0x8, mode: 0"#),
            ["dfd: 9c", r#"filename: 0x55 "/etc/a b, c: "d", e""#, "flags: O_RDONLY|0x8", "mode: 0"]
        );
        assert_eq!(split(r#"buf: 0x7f (2f:2c) "/,"..., count: 2"#), [r#"buf: 0x7f (2f:2c) "/,"..."#, "count: 2"]);
        assert_eq!(split("char * name: 1, unsigned long n: 2"), ["char * name: 1", "unsigned long n: 2"]);
        assert_eq!(split(r#"name: 0x55 "open, n: 2"#), [r#"name: 0x55 "open, n: 2"#]);
    }

    #[test]
    fn an_argument_without_a_name_is_no_call() {
        let mut names = Names::new();
        assert!(system_call(&mut names, b"sys_getpid()").is_some());
        assert!(system_call(&mut names, b"sys_close(3)").is_none());
    }
}
