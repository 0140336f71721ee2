//! The value of a field.

use std::fmt;

use smol_str::SmolStr;

use super::hex::Hex;

/// One field's value, as wide as the format can make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A signed integer of 1 to 8 bytes.
    Signed(i64),
    /// An unsigned integer or a pointer of 1 to 8 bytes.
    Unsigned(u64),
    /// A number that a text writes in hexadecimal.
    Hex(Hex),
    /// A character array or a dynamic string, up to its first NUL; invalid UTF-8 replaced.
    Text(SmolStr),
    /// An array of anything else, in memory order.
    Array(Box<[Value]>),
}

impl Value {
    /// The value's bits, where it is an integer.
    #[must_use]
    pub fn bits(&self) -> Option<u64> {
        match self {
            Value::Signed(v) => Some(v.cast_unsigned()),
            Value::Unsigned(v) => Some(*v),
            Value::Hex(hex) => Some(hex.value),
            Value::Text(_) | Value::Array(_) => None,
        }
    }

    /// The value as a signed integer, where it is one that fits.
    #[must_use]
    pub fn as_int(&self) -> Option<i64> {
        match self {
            Value::Signed(v) => Some(*v),
            Value::Unsigned(v) => i64::try_from(*v).ok(),
            Value::Hex(hex) => i64::try_from(hex.value).ok(),
            Value::Text(_) | Value::Array(_) => None,
        }
    }

    /// The value's bits, sign-extended; 0 where it is not a number.
    pub(super) fn as_bits(&self) -> u64 {
        match self {
            Value::Signed(v) => v.cast_unsigned(),
            Value::Unsigned(v) => *v,
            Value::Hex(hex) => hex.value,
            Value::Text(_) | Value::Array(_) => 0,
        }
    }
}

impl Value {
    /// Puts it behind `text`, as [`fmt::Display`] does, without the machinery of formatting: recordings have millions.
    pub fn push_to(&self, text: &mut String) {
        match self {
            Value::Signed(v) => text.push_str(itoa::Buffer::new().format(*v)),
            Value::Unsigned(v) => text.push_str(itoa::Buffer::new().format(*v)),
            Value::Hex(hex) => hex.push_to(text),
            Value::Text(v) => text.push_str(v),
            Value::Array(items) => {
                text.push('{');
                for (i, item) in items.iter().enumerate() {
                    if i > 0 {
                        text.push(',');
                    }
                    item.push_to(text);
                }
                text.push('}');
            }
        }
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}
