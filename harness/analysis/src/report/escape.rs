//! The one way in which text of a recording gets into a page.

use std::fmt::Write as _;

/// Text that means itself in HTML, in an element as in an attribute. A control character is shown as `\u{7f}`.
pub(crate) fn escape(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            letter if is_hidden(letter) => escaped.extend(letter.escape_unicode()),
            letter => escaped.push(letter),
        }
    }
    escaped
}

/// JSON that means itself inside of `<script>`: nothing in it can end the element or open a comment, and no character is a control
/// character, of which JSON itself escapes those below U+0020 alone.
pub(crate) fn in_script(json: &str) -> String {
    let mut escaped = String::with_capacity(json.len());
    for letter in json.chars() {
        if matches!(letter, '<' | '>' | '&') || is_hidden(letter) {
            let _ = write!(escaped, "\\u{:04x}", u32::from(letter));
        } else {
            escaped.push(letter);
        }
    }
    escaped
}

fn is_hidden(letter: char) -> bool {
    letter.is_control() && !matches!(letter, '\n' | '\t')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_means_itself() {
        assert_eq!(escape("<b a='\"'>&"), "&lt;b a=&#39;&quot;&#39;&gt;&amp;");
        assert_eq!(escape("a\u{1b}[2J\u{7f}\u{9b}\n"), "a\\u{1b}[2J\\u{7f}\\u{9b}\n");
    }

    #[test]
    fn json_in_a_script_is_the_same_json() {
        let text = "</script><!-- & \u{1b}\u{7f}\u{9b}";
        let json = in_script(&serde_json::to_string(text).unwrap_or_default());
        assert!(!json.contains(['<', '>', '&']) && !json.chars().any(char::is_control), "{json}");
        assert_eq!(serde_json::from_str::<String>(&json).unwrap_or_default(), text);
    }
}
