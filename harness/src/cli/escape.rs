//! Text for a terminal or a pipe: nothing that a guest or a stranger's file wrote can control it.

use std::borrow::Cow;
use std::fmt::Write as _;

use kernsnap_analysis::view::Style;

/// How an escaped character is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Escape {
    /// `\u{1b}`, for people.
    Text,
    /// The same, in a text that [`Style::paint`] has painted: its own sequences stay, and none lasts beyond the text.
    Painted,
    /// `\u001b`, inside of a JSON string.
    Json,
}

/// The text with every character escaped that could control a terminal or reorder what it shows: control characters but line feeds and
/// tabs, and bidirectional marks (Unicode Standard Annex 9). A guest's own colours are escaped too: the kernel's console has some, and
/// they mean nothing here.
pub(super) fn printable(text: &str, escape: Escape) -> Cow<'_, str> {
    if !text.as_bytes().chunks(CHUNK).any(may_hold_control) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    let (mut rest, mut is_painted) = (text, false);
    while let Some(first) = rest.chars().next() {
        let length = if let Some(sequence) = sequence(rest).filter(|_| escape == Escape::Painted) {
            is_painted = sequence != Style::PLAIN_AGAIN;
            out.push_str(sequence);
            sequence.len()
        } else {
            match (is_control(first), escape) {
                (false, _) => out.push(first),
                // Writing to a String cannot fail.
                (true, Escape::Text | Escape::Painted) => drop(write!(out, "{}", first.escape_unicode())),
                (true, Escape::Json) => drop(write!(out, "\\u{:04x}", u32::from(first))),
            }
            first.len_utf8()
        };
        rest = rest.get(length..).unwrap_or_default();
    }
    if is_painted {
        out.push_str(Style::PLAIN_AGAIN);
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

/// The sequence of a painted text that the text begins with.
fn sequence(text: &str) -> Option<&'static str> {
    let mut known = Style::SEQUENCES.into_iter().chain([Style::PLAIN_AGAIN]);
    known.find(|sequence| text.starts_with(sequence))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_that_controls_a_terminal_reaches_it() {
        let check = |text: &str, expected: &str| assert_eq!(printable(text, Escape::Text), expected);
        check("parent  do_exit() {\n\tchild", "parent  do_exit() {\n\tchild");
        check("\x1b[1;31mbad\x1b[0m", "\\u{1b}[1;31mbad\\u{1b}[0m");
        check("\x1b[31mbad", "\\u{1b}[31mbad");
        check("\x1b]0;title\x07", "\\u{1b}]0;title\\u{7}");
        check("\x1b[2J\x1b[H", "\\u{1b}[2J\\u{1b}[H");
        check("a\rb\u{9b}31m", "a\\u{d}b\\u{9b}31m");
        check("x\u{202e}gpj.exe", "x\\u{202e}gpj.exe");
        check("한국어 → ✓", "한국어 → ✓");
        assert_eq!(printable("\"\u{202e}\u{85}\"", Escape::Json), "\"\\u202e\\u0085\"");
    }

    #[test]
    fn of_a_painted_text_only_the_paint_stays() {
        let check = |text: &str, expected: &str| assert_eq!(printable(text, Escape::Painted), expected);
        check("\x1b[31mbad\x1b[0m", "\x1b[31mbad\x1b[0m");
        check("\x1b[31mbad", "\x1b[31mbad\x1b[0m");
        check("\x1b[1;31mbad\x1b[5m\x1b[0m", "\\u{1b}[1;31mbad\\u{1b}[5m\x1b[0m");
        check("\x1b[2J", "\\u{1b}[2J");
    }

    proptest! {
        #[test]
        fn no_control_character_is_left(text in any::<String>()) {
            prop_assert!(!printable(&text, Escape::Text).chars().any(is_control));
            prop_assert!(!printable(&text, Escape::Json).chars().any(is_control));
        }
    }
}
