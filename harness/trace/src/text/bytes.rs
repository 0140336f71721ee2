//! Small readers of bytes: each takes what it reads from the front and gives the rest.

/// The decimal number in front, and what follows it. `None` without a digit, or where it does not fit.
#[inline]
pub(super) fn decimal(bytes: &[u8]) -> Option<(u64, &[u8])> {
    /// As many digits fit into 64 bits, whatever they are.
    const SAFE: usize = 19;
    let (mut value, mut at) = (0_u64, 0);
    while let Some(digit) = bytes.get(at).map(|byte| byte.wrapping_sub(b'0')).filter(|digit| *digit < 10) {
        value = value.wrapping_mul(10).wrapping_add(digit.into());
        at += 1;
    }
    let (digits, rest) = bytes.split_at_checked(at).filter(|_| at > 0)?;
    Some((if at <= SAFE { value } else { checked(digits)? }, rest))
}

/// All of `digits` as a number; `None` where it does not fit.
#[cold]
fn checked(digits: &[u8]) -> Option<u64> {
    digits.iter().try_fold(0_u64, |value, byte| value.checked_mul(10)?.checked_add(u64::from(byte - b'0')))
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
    let (mut value, mut at) = (0_u64, 0);
    while let Some(digit) = digits.get(at).map(|byte| HEX[usize::from(*byte)]).filter(|digit| *digit < 16) {
        value = value << 4 | u64::from(digit);
        at += 1;
    }
    (1..=16).contains(&at).then(|| (value, digits.get(at..).unwrap_or_default()))
}

/// The hexadecimal number in front as the kernel prints it, in small letters and without `0x`; its number of digits, and what follows
/// it.
#[inline]
pub(super) fn small_hexadecimal(digits: &[u8]) -> Option<(u64, u8, &[u8])> {
    let (mut value, mut at) = (0_u64, 0);
    while let Some(digit) = digits.get(at).map(|byte| SMALL_HEX[usize::from(*byte)]).filter(|digit| *digit < 16) {
        value = value << 4 | u64::from(digit);
        at += 1;
    }
    let (count, behind) = (u8::try_from(at).ok()?, digits.get(at..)?);
    let whole = (1..=16).contains(&at) && !behind.first().is_some_and(u8::is_ascii_uppercase);
    whole.then_some((value, count, behind))
}

/// The value of each byte as a hexadecimal digit; 255 for a byte that is not one.
const HEX: [u8; 256] = worth(worth([u8::MAX; 256], b"0123456789ABCDEF"), b"0123456789abcdef");

/// The same without the capital letters.
const SMALL_HEX: [u8; 256] = worth([u8::MAX; 256], b"0123456789abcdef");

const fn worth(mut worth: [u8; 256], digits: &[u8; 16]) -> [u8; 256] {
    let mut digit = 0_u8;
    while digit < 16 {
        worth[digits[digit as usize] as usize] = digit;
        digit += 1;
    }
    worth
}

/// The first word and what follows it, without the spaces around.
#[inline]
pub(super) fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let bytes = bytes.trim_ascii_start();
    let end = bytes.iter().position(|byte| *byte == b' ').unwrap_or(bytes.len());
    let (word, rest) = bytes.split_at(end);
    (word, rest.trim_ascii_start())
}

/// The text before and after the first `separator`.
#[inline]
pub(super) fn split_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    // By its last byte: to prepare a search for several costs more than a line is long.
    memchr::memchr_iter(*separator.last()?, bytes).find_map(|at| split_behind(bytes, at + 1, separator))
}

/// The text before and after the last `separator`.
#[inline]
pub(super) fn rsplit_once<'a>(bytes: &'a [u8], separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    memchr::memrchr_iter(*separator.last()?, bytes).find_map(|at| split_behind(bytes, at + 1, separator))
}

#[inline]
fn split_behind<'a>(bytes: &'a [u8], end: usize, separator: &[u8]) -> Option<(&'a [u8], &'a [u8])> {
    let (before, behind) = bytes.split_at_checked(end)?;
    Some((before.strip_suffix(separator)?, behind))
}

/// A time in seconds as nanoseconds: `4.424030`, with three to nine decimals, or a bare count of a clock that has no unit
/// (`counter`, `x86-tsc`). Gives what follows it.
#[inline]
pub(super) fn time(bytes: &[u8]) -> Option<(u64, &[u8])> {
    clock(bytes).map(|(time, _, rest)| (time, rest))
}

/// As [`time`]; `true` in the middle of a time in seconds, `false` of a bare count.
#[inline]
pub(super) fn clock(bytes: &[u8]) -> Option<(u64, bool, &[u8])> {
    /// The value of a unit of the last decimal, by the number of decimals.
    const WORTH: [u64; 10] = [1_000_000_000, 100_000_000, 10_000_000, 1_000_000, 100_000, 10_000, 1000, 100, 10, 1];
    let (whole, rest) = decimal(bytes)?;
    let Some(decimals) = rest.strip_prefix(b".") else { return Some((whole, false, rest)) };
    let (fraction, behind) = decimal(decimals)?;
    let nanos = fraction * WORTH.get(decimals.len() - behind.len())?;
    Some((whole.checked_mul(1_000_000_000)?.checked_add(nanos)?, true, behind))
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
