//! Text for a terminal or a pipe: nothing that a guest or a stranger's file wrote can control it.

use std::borrow::Cow;
use std::fmt::Write as _;

/// How an escaped character is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\u{1b}`, for people.
    Text,
    /// `\u001b`, inside of a JSON string.
    Json,
}

/// The text with every character escaped that could control a terminal or reorder what it shows: control characters but line feeds and
/// tabs, and bidirectional marks (Unicode Standard Annex 9). Colours that a style set stay: `ESC [ … m`.
pub(super) fn printable(text: &str, escape: Escape) -> Cow<'_, str> {
    if !text.as_bytes().chunks(CHUNK).any(may_hold_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = if let Some(length) = colour(rest).filter(|_| escape == Escape::Text) {
            out.push_str(rest.get(..length).unwrap_or_default());
            length
        } else {
            match (is_control(first), escape) {
                (false, _) => out.push(first),
                // Writing to a String cannot fail.
                (true, Escape::Text) => drop(write!(out, "{}", first.escape_unicode())),
                (true, Escape::Json) => drop(write!(out, "\\u{:04x}", u32::from(first))),
            }
            first.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    Cow::Owned(out)
}

/// Bytes that are looked at in one step.
const CHUNK: usize = 256;

/// True if one of the bytes can begin a character that is escaped: most texts have none, and are not copied. Without a branch a
/// byte, so that the compiler looks at many at once.
fn may_hold_control(chunk: &[u8]) -> bool {
    let begins = |byte: u8| {
        let control = u8::from(byte < 9) | u8::from(byte.wrapping_sub(11) < 21) | u8::from(byte == 127);
        control | u8::from(byte == 0xc2) | u8::from(byte == 0xd8) | u8::from(byte == 0xe2)
    };
    chunk.iter().fold(0, |found, byte| found | begins(*byte)) != 0
}

fn is_control(character: char) -> bool {
    let marks_direction = matches!(
        character,
        '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{2028}' | '\u{2029}'
    );
    marks_direction || (character.is_control() && !matches!(character, '\n' | '\t'))
}

/// The length of the colour (ECMA-48 SGR) that the text begins with.
fn colour(text: &str) -> Option<usize> {
    let digits = text.strip_prefix("\x1b[")?;
    let end = digits.find(|character: char| !character.is_ascii_digit() && character != ';')?;
    (digits.as_bytes().get(end) == Some(&b'm')).then_some(end + 3)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_but_colours_reaches_a_terminal() {
        let check = |text: &str, expected: &str| assert_eq!(printable(text, Escape::Text), expected);
        check("parent  do_exit() {\n\tchild", "parent  do_exit() {\n\tchild");
        check("\x1b[1;31mbad\x1b[0m", "\x1b[1;31mbad\x1b[0m");
        check("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}");
        check("\x1b[2J\x1b[H", "\\u{1b}[2J\\u{1b}[H");
        check("a\rb\u{9b}31m", "a\\u{d}b\\u{9b}31m");
        check("x\u{202e}gpj.exe", "x\\u{202e}gpj.exe");
        check("한국어 → ✓", "한국어 → ✓");
        assert_eq!(printable("\"\u{202e}\u{85}\"", Escape::Json), "\"\\u202e\\u0085\"");
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(text in any::<String>()) {
            let plain = text.replace('\x1b', "");
            prop_assert!(!printable(&plain, Escape::Text).chars().any(is_control));
            prop_assert!(!printable(&text, Escape::Json).chars().any(is_control));
        }
    }
}
