//! The words of a `print fmt:`, which is C.

/// One word of an expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Token<'a> {
    /// A name.
    Word(&'a str),
    /// A number, with the letters behind it.
    Number(u64, &'a str),
    /// A string without its quotes, with escapes as they stand.
    Text(&'a str),
    /// A character.
    Character(u8),
    /// An operator or a bracket.
    Sign(&'static str),
    /// A byte that begins nothing of these.
    Other(char),
}

/// Signs, of which those that begin alike stand by length.
const SIGNS: [&str; 35] = [
    "<<=", ">>=", "->", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "(", ")", "[", "]", "{", "}", ",", "?", ":",
    "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">", ".", "=", ";",
];

/// The words of `text`.
pub(crate) fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut rest = text.trim_start();
    let mut tokens = Vec::new();
    while let Some(first) = rest.chars().next() {
        let (token, behind) = token(rest, first);
        tokens.push(token);
        rest = behind.trim_start();
    }
    tokens
}

fn token(rest: &str, first: char) -> (Token<'_>, &str) {
    if first == '"' {
        let (text, behind) = quoted(rest, '"');
        return (Token::Text(text), behind);
    }
    if first == '\'' {
        let (text, behind) = quoted(rest, '\'');
        let character = unescaped(text).bytes().next().unwrap_or(0);
        return (Token::Character(character), behind);
    }
    if first.is_ascii_digit() {
        return number(rest);
    }
    if first.is_alphabetic() || first == '_' {
        let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
        let (word, behind) = rest.split_at(end);
        return (Token::Word(word), behind);
    }
    match SIGNS.into_iter().find_map(|sign| Some((sign, rest.strip_prefix(sign)?))) {
        Some((sign, behind)) => (Token::Sign(sign), behind),
        None => (Token::Other(first), rest.get(first.len_utf8()..).unwrap_or_default()),
    }
}

/// The text between two quotes, and what follows the second one. Without a second one, all that is there.
fn quoted(rest: &str, quote: char) -> (&str, &str) {
    let inside = rest.get(1..).unwrap_or_default();
    let mut escaped = false;
    for (at, c) in inside.char_indices() {
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            _ if c == quote => return (inside.get(..at).unwrap_or_default(), inside.get(at + 1..).unwrap_or_default()),
            _ => {}
        }
    }
    (inside, "")
}

fn number(rest: &str) -> (Token<'_>, &str) {
    let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
    let (word, behind) = rest.split_at(end);
    let hexadecimal = word.strip_prefix("0x").or_else(|| word.strip_prefix("0X"));
    let (digits, radix) = match hexadecimal {
        Some(digits) => (digits, 16),
        None if word.len() > 1 && word.starts_with('0') => (word, 8),
        None => (word, 10),
    };
    let end = digits.find(|c: char| !c.is_digit(radix)).unwrap_or(digits.len());
    let (digits, letters) = digits.split_at(end);
    match u64::from_str_radix(digits, radix) {
        Ok(value) => (Token::Number(value, letters), behind),
        Err(_) => (Token::Word(word), behind),
    }
}

/// A string of C as what it means.
pub(crate) fn unescaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text.chars();
    while let Some(c) = rest.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match rest.next() {
            Some('n') => out.push('\n'),
            Some('t') => out.push('\t'),
            Some('r') => out.push('\r'),
            Some('0') => out.push('\0'),
            Some(other) => out.push(other),
            None => out.push('\\'),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_told_apart() {
        use Token::{Character, Number, Other, Sign, Text, Word};
        let check = |text: &str, expected: &[Token<'_>]| assert_eq!(tokens(text), expected, "{text}");
        check("\"a=%d\\\"\\n\", REC->a", &[Text("a=%d\\\"\\n"), Sign(","), Word("REC"), Sign("->"), Word("a")]);
        check(
            "0x10UL|017 9ULL'\\n'",
            &[Number(16, "UL"), Sign("|"), Number(15, ""), Number(9, "ULL"), Character(b'\n')],
        );
        check("a<<1>=2!b", &[Word("a"), Sign("<<"), Number(1, ""), Sign(">="), Number(2, ""), Sign("!"), Word("b")]);
        check("\"open 'x' @é", &[Text("open 'x' @é")]);
        check("@ 0x 99999999999999999999", &[Other('@'), Word("0x"), Word("99999999999999999999")]);
        assert_eq!(unescaped("a\\tb\\\\\\\"\\"), "a\tb\\\"\\");
    }

    proptest::proptest! {
        #[test]
        fn no_text_can_break_it(text: String) {
            let _ = tokens(&text);
        }
    }
}
