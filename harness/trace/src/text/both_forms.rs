//! Numbers as the option `fields` writes them: in hexadecimal, and behind it the same number in decimal (`print_fields()` of
//! `kernel/trace/trace_output.c`).

use super::bytes::signed;
use super::number::{Form, number};
use crate::Value;

/// The decimal number in `rest`, which stands behind the word `hex`, and what follows it; `None` where it is not the same number.
#[inline]
pub(super) fn decimal_behind<'a>(hex: &[u8], rest: &'a [u8]) -> Option<(i64, &'a [u8])> {
    let inside = rest.strip_prefix(b"(")?;
    if !hex.starts_with(b"0x") {
        return None;
    }
    let Value::Hex(written) = number(hex, Form::Hexadecimal) else { return None };
    let (decimal, behind) = inside.split_at(memchr::memchr(b')', inside)?);
    let decimal = signed(decimal)?;
    // A number of 2 or 4 bytes has its sign in the decimal form only.
    let cut = [u64::from(u16::MAX), u64::from(u32::MAX), u64::MAX].into_iter();
    let is_same = cut.map(|all| decimal.cast_unsigned() & all).any(|bits| bits == written.value);
    is_same.then(|| (decimal, behind.get(1..).unwrap_or_default().trim_ascii_start()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_in_both_forms_where_they_say_the_same() {
        for (hex, rest, expected) in [
            ("0x21be", "(8638) prev_prio=0x78 (120)", Some((8638, "prev_prio=0x78 (120)"))),
            ("0xffffffff", "(-1)", Some((-1, ""))),
            ("0xffff888104eb8918", "(-131387262007016) x", Some((-131_387_262_007_016, "x"))),
            ("0x21be", "(8639)", None),
            ("0x21be", "8638", None),
            ("21", "(33)", None),
            ("0x21", "(33", None),
        ] {
            let found = decimal_behind(hex.as_bytes(), rest.as_bytes());
            let expected = expected.map(|(number, rest)| (number, rest.as_bytes()));
            assert_eq!(found, expected, "{hex} {rest}");
        }
    }
}
