//! Numbers that a text writes as hexadecimal.

use std::fmt;

/// A number as a text writes it in hexadecimal: an address, a hashed pointer, a mask. It is shown as it was written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex {
    /// The number.
    pub value: u64,
    /// The number of digits that were written, with the zeros in front.
    pub digits: u8,
    /// True if `0x` stood in front.
    pub prefixed: bool,
}

impl Hex {
    /// Puts it behind `text`, as [`fmt::Display`] does.
    pub fn push_to(self, text: &mut String) {
        const DIGITS: [u8; 16] = *b"0123456789abcdef";
        if self.prefixed {
            text.push_str("0x");
        }
        let needed = 16 - self.value.leading_zeros() / 4;
        for place in (0..needed.max(self.digits.clamp(1, 16).into())).rev() {
            text.push(
                DIGITS[usize::from(self.value.to_le_bytes()[place as usize / 2] >> (place % 2 * 4) & 0xf)].into(),
            );
        }
    }
}

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}
