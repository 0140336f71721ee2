//! Text of a guest inside of a line of a view: it cannot end the line, and cannot control a terminal.

use std::borrow::Cow;

/// The text with its control characters escaped: `\n`, `\t`, `\u{1b}`.
#[must_use]
pub fn one_line(text: &str) -> Cow<'_, str> {
    if !has_control(text) {
        return Cow::Borrowed(text);
    }
    let mut escaped = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        if character.is_control() {
            escaped.extend(character.escape_default());
        } else {
            escaped.push(character);
        }
    }
    Cow::Owned(escaped)
}

/// Escapes what stands in `text` from the byte `begin` on.
#[inline]
pub fn one_line_from(text: &mut String, begin: usize) {
    if let Some(line) = text.get(begin..).filter(|line| has_control(line)) {
        let line = one_line(line).into_owned();
        text.truncate(begin);
        text.push_str(&line);
    }
}

/// True if it may have one. Without a branch a byte, so that the compiler looks at many at once.
#[inline]
fn has_control(text: &str) -> bool {
    text.bytes().fold(0, |found, byte| found | u8::from(byte < 32) | u8::from(byte == 127) | u8::from(byte == 0xc2))
        != 0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_end_a_line_or_control_a_terminal() {
        for (text, expected) in [
            ("plain é 한", "plain é 한"),
            ("two\nlines\r", "two\\nlines\\r"),
            ("\x1b[31mred\t", "\\u{1b}[31mred\\t"),
            ("\u{9b}31m\u{7f}", "\\u{9b}31m\\u{7f}"),
            ("\u{a9}", "\u{a9}"),
        ] {
            assert_eq!(one_line(text), expected);
            let mut behind = "a\nb: ".to_owned() + text;
            one_line_from(&mut behind, 5);
            assert_eq!(behind, "a\nb: ".to_owned() + expected);
        }
    }
}
