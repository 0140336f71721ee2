//! Small readers of bytes: each takes what it reads from the front and gives the rest.

/// The decimal number in front, and what follows it. `None` without a digit, or where it does not fit.
#[inline]
pub(super) fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let mut value: u64 = 0;
    let mut at = 0;
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.checked_mul(10)?.checked_add(digit.into())?;
        at += 1;
    }
    (at > 0).then(|| (value, bytes.get(at..).unwrap_or_default()))
}

/// The whole of `bytes` as a decimal number with a sign.
#[inline]
pub(super) fn signed(bytes: &[u8]) -> Option<i64> {
    let (digits, negative) = match bytes.strip_prefix(b"-") {
        Some(digits) => (digits, true),
        None => (bytes, false),
    };
    match decimal(digits)? {
        (value, []) if negative => 0_i64.checked_sub_unsigned(value),
        (value, []) => i64::try_from(value).ok(),
        _ => None,
    }
}

/// The hexadecimal number in front, with or without `0x`, and what follows it.
#[inline]
pub(super) fn hexadecimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let digits = bytes.strip_prefix(b"0x").unwrap_or(bytes);
    let length = digits.iter().position(|byte| !byte.is_ascii_hexdigit()).unwrap_or(digits.len());
    if !(1..=16).contains(&length) {
        return None;
    }
    let (digits, rest) = digits.split_at(length);
    let digit = |byte: &u8| u64::from(if *byte <= b'9' { byte - b'0' } else { (byte | 0x20) - b'a' + 10 });
    Some((digits.iter().fold(0, |value, byte| value << 4 | digit(byte)), rest))
}

/// The first word and what follows it, without the spaces around.
#[inline]
pub(super) fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at(end);
    (word, rest.trim_ascii_start())
}

/// What stands before and behind the first `separator`.
pub(super) fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::find(bytes, separator)?;
    Some((bytes.get(..at)?, bytes.get(at + separator.len()..)?))
}

/// What stands before and behind the last `separator`.
pub(super) fn rsplit_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let at = memchr::memmem::rfind(bytes, separator)?;
    Some((bytes.get(..at)?, bytes.get(at + separator.len()..)?))
}

/// A time in seconds as nanoseconds: `4.424030`, with three to nine decimals, or a bare count of a clock that has no unit
/// (`counter`, `x86-tsc`). Gives what follows it.
#[inline]
pub(super) fn time(bytes: &[u8]) -> Option<(u64, &[u8])> {
    let (whole, rest) = decimal(bytes)?;
    let Some(decimals) = rest.strip_prefix(b".") else { return Some((whole, rest)) };
    let (fraction, behind) = decimal(decimals)?;
    let digits = u32::try_from(decimals.len() - behind.len()).ok()?;
    let nanos = fraction.checked_mul(10_u64.checked_pow(9_u32.checked_sub(digits)?)?)?;
    Some((whole.checked_mul(1_000_000_000)?.checked_add(nanos)?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_read_to_their_end() {
        assert_eq!(decimal(b"12a"), Some((12, &b"a"[..])));
        assert_eq!((decimal(b"a"), decimal(b"18446744073709551616")), (None, None));
        assert_eq!((signed(b"-5"), signed(b"007"), signed(b"-"), signed(b"5 ")), (Some(-5), Some(7), None, None));
        assert_eq!(signed(b"-9223372036854775808"), Some(i64::MIN));
        assert_eq!(hexadecimal(b"0xFFg"), Some((255, &b"g"[..])));
        assert_eq!((hexadecimal(b"0x"), hexadecimal(b"11112222333344445")), (None, None));
        assert_eq!(word(b"  a  b c"), (&b"a"[..], &b"b c"[..]));
    }

    #[test]
    fn times_keep_their_decimals() {
        assert_eq!(time(b"4.424030:"), Some((4_424_030_000, &b":"[..])));
        assert_eq!(time(b"4.424030123"), Some((4_424_030_123, &b""[..])));
        assert_eq!(time(b"77"), Some((77, &b""[..])));
        assert_eq!((time(b"1."), time(b"1.0000000001"), time(b"99999999999999.1")), (None, None, None));
    }
}
