//! Values as a text writes them.

use smol_str::SmolStr;

use crate::Value;

/// One field, as the record calls it.
pub(super) type Field = (SmolStr, Value);

/// Text as a value; invalid UTF-8 replaced.
#[inline]
pub(super) fn text(shown: &[u8]) -> Value {
    Value::Text(match std::str::from_utf8(shown) {
        Ok(text) => SmolStr::new(text),
        Err(_) => SmolStr::new(String::from_utf8_lossy(shown)),
    })
}

/// `prev_state` by letter, as `include/trace/events/sched.h` prints it since 4.14, and as `view` shows it.
pub(super) fn state(shown: &[u8]) -> Option<i64> {
    const PREEMPTED: i64 = 0x100;
    let (letters, preempted) = match shown.strip_suffix(b"+") {
        Some(letters) => (letters, PREEMPTED),
        None => (shown, 0),
    };
    letters.split(|byte| *byte == b'|').try_fold(preempted, |state, letter| {
        let bit = match letter {
            b"R" => 0,
            b"S" => 1,
            b"D" => 2,
            b"T" => 4,
            b"t" => 8,
            b"X" => 0x10,
            b"Z" => 0x20,
            b"P" => 0x40,
            b"I" => 0x80,
            _ => return None,
        };
        Some(state | bit)
    })
}
