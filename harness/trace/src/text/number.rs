//! Numbers as a text writes them, and what the name of their field says about them.

use super::bytes::{decimal, signed, small_hexadecimal};
use super::value::text;
use crate::{Hex, Value};

/// Fields that the kernel prints as hexadecimal without `0x` (`%p`, `%lx` in `include/trace/events/*.h`), whatever their digits look
/// like. Sorted.
const HEXADECIMAL: [&[u8]; 49] = [
    b"addr3",
    b"base_addr",
    b"bo",
    b"clone_flags",
    b"cpu_mask",
    b"cpumask",
    b"cpus",
    b"crc",
    b"cred",
    b"csum",
    b"ctx",
    b"dev_addr",
    b"dma_mask",
    b"entry",
    b"fbuf",
    b"fl",
    b"fl_blocker",
    b"fl_owner",
    b"folio",
    b"hrtimer",
    b"ki_flags",
    b"ki_ioprio",
    b"lease",
    b"lkb_id",
    b"location",
    b"mapping",
    b"mm",
    b"msg_id",
    b"op1",
    b"op2",
    b"op3",
    b"op4",
    b"page",
    b"page_pool",
    b"pmd",
    b"ptr",
    b"sa_flags",
    b"sa_handler",
    b"sb",
    b"sci",
    b"skb",
    b"skbaddr",
    b"sock_cookie",
    b"struct",
    b"sufile",
    b"timer",
    b"transfer_id",
    b"urb",
    b"worker",
];

/// Fields that are texts, even where the text has only digits: a task may be called `1`. Sorted.
const TEXTS: [&[u8]; 8] =
    [b"child_comm", b"comm", b"dev", b"filename", b"name", b"next_comm", b"parent_comm", b"prev_comm"];

/// The widths of a pointer in hexadecimal.
const POINTERS: [usize; 2] = [8, 16];

/// The knowledge about a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A number where it looks like one.
    Any,
    /// Hexadecimal, even without letters.
    Hexadecimal,
    /// Text, even with digits only.
    Text,
}

impl Form {
    /// The form that the field's name tells.
    pub(super) fn of_field(name: &[u8]) -> Self {
        if HEXADECIMAL.binary_search(&name).is_ok() {
            Self::Hexadecimal
        } else if TEXTS.binary_search(&name).is_ok() {
            Self::Text
        } else {
            Self::Any
        }
    }
}

/// A number where it is one, else the text.
#[inline]
pub(super) fn number(shown: &[u8], form: Form) -> Value {
    if form == Form::Text {
        return text(shown);
    }
    if let Some(digits) = shown.strip_prefix(b"0x") {
        return hex(digits, true).unwrap_or_else(|| text(shown));
    }
    // A decimal number is not padded with zeros to the width of a pointer.
    let padded = shown.first() == Some(&b'0') && POINTERS.contains(&shown.len());
    if form == Form::Any && !padded {
        if let Some(value) = signed(shown) {
            return Value::Signed(value);
        }
        if let Some((value, b"")) = decimal(shown) {
            return Value::Unsigned(value);
        }
    }
    let pointer = form == Form::Hexadecimal || POINTERS.contains(&shown.len());
    let found = if pointer { hex(shown, false) } else { None };
    found.unwrap_or_else(|| text(shown))
}

/// All of `digits` as a hexadecimal number, in the kernel's small letters.
pub(super) fn hex(digits: &[u8], prefixed: bool) -> Option<Value> {
    let (value, digits, b"") = small_hexadecimal(digits)? else { return None };
    Some(Value::Hex(Hex { value, digits, prefixed }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_names_of_fields_are_sorted() {
        assert!(HEXADECIMAL.is_sorted() && TEXTS.is_sorted());
        assert_eq!(Form::of_field(b"skbaddr"), Form::Hexadecimal);
        assert_eq!(Form::of_field(b"prev_comm"), Form::Text);
        assert_eq!(Form::of_field(b"len"), Form::Any);
    }

    #[test]
    fn hexadecimal_is_shown_as_it_was_written() {
        for (shown, form, is_hex) in [
            ("0xffff888003a1c000", Form::Any, true),
            ("0x0", Form::Any, true),
            ("0x00000001", Form::Any, true),
            ("0000000012345678", Form::Any, true),
            ("00000010", Form::Any, true),
            ("ffff888003a1c000", Form::Any, true),
            ("deadbeef", Form::Any, true),
            ("12345678", Form::Hexadecimal, true),
            ("1200011", Form::Hexadecimal, true),
            ("0", Form::Hexadecimal, true),
            ("12345678", Form::Any, false),
            ("1234567812345678", Form::Any, false),
            ("18446744073709551615", Form::Any, false),
            ("-5", Form::Any, false),
            ("00000000-00000000", Form::Any, false),
            ("1", Form::Text, false),
            ("0xfffffffffffffffff", Form::Any, false),
            ("DEADBEEF", Form::Any, false),
            ("(null)", Form::Hexadecimal, false),
            ("", Form::Hexadecimal, false),
        ] {
            let value = number(shown.as_bytes(), form);
            assert_eq!((value.to_string().as_str(), matches!(value, Value::Hex(_))), (shown, is_hex));
        }
    }
}
