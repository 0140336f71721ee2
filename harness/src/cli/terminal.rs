//! The terminal that views are shown on: asked once, with the environment.

use std::io::{IsTerminal as _, stdout};

use rustix::termios::tcgetwinsize;

use super::language::language;
use kernsnap_analysis::view::Style;

/// The style that stdout can show. Colours only on a terminal, and not where `NO_COLOR` (no-color.org) is set; ASCII only on a terminal
/// whose locale has no UTF-8.
pub(super) fn style() -> Style {
    #[expect(clippy::disallowed_methods, reason = "the environment is read here and passed on")]
    let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
    if !stdout().is_terminal() {
        return Style { contexts: true, language: language(), ..Style::PLAIN };
    }
    let width = tcgetwinsize(stdout()).map_or(0, |size| size.ws_col);
    // The order of setlocale(3).
    let locale = variable("LC_ALL").or_else(|| variable("LC_CTYPE")).or_else(|| variable("LANG"));
    let utf8 = locale.is_some_and(|locale| locale.to_lowercase().replace('-', "").contains("utf8"));
    Style {
        colour: variable("NO_COLOR").is_none() && variable("TERM").is_none_or(|term| term != "dumb"),
        width: if width == 0 { Style::PLAIN.width } else { width.into() },
        ascii: !utf8,
        contexts: true,
        language: language(),
    }
}
