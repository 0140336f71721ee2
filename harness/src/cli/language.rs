//! The language that this process speaks to its reader, chosen once. Texts for machines are not in it.

use std::ffi::OsStr;
use std::sync::OnceLock;

use kernsnap_analysis::language::Language;
use kernsnap_analysis::phrase::Phrase;

static CHOSEN: OnceLock<Language> = OnceLock::new();

/// The language of the help, which is printed while the arguments are read: by the words of the command line, else by
/// `KERNSNAP_LANG`, else by the locale. A word that means no language is refused where the arguments are read.
pub(super) fn of_help<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Language {
    let asked = option(words).or_else(|| variable("KERNSNAP_LANG").and_then(|code| code.parse().ok()));
    asked.unwrap_or_else(of_locale)
}

/// Chooses the language: the one that is asked for, else that of the locale.
pub(super) fn choose(asked: Option<Language>) {
    CHOSEN.get_or_init(|| asked.unwrap_or_else(of_locale));
}

/// The language that was chosen.
pub(super) fn language() -> Language {
    CHOSEN.get().copied().unwrap_or_default()
}

/// A phrase in that language.
pub(super) fn said(phrase: &Phrase) -> String {
    phrase.say(language())
}

/// The value of `--lang` among the words of a command line.
fn option<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> Option<Language> {
    let mut words = words.into_iter();
    while let Some(word) = words.next() {
        let word = word.as_ref().to_string_lossy().into_owned();
        match word.strip_prefix("--lang") {
            // The words of a guest's program follow.
            None if word == "--" => return None,
            Some("") => return words.next()?.as_ref().to_str()?.parse().ok(),
            Some(value) => return value.strip_prefix('=')?.parse().ok(),
            None => {}
        }
    }
    None
}

/// The language of messages, by the variables that setlocale(3) looks at.
fn of_locale() -> Language {
    let locale = ["LC_ALL", "LC_MESSAGES", "LANG"].into_iter().find_map(variable);
    locale.as_deref().map(Language::of_locale).unwrap_or_default()
}

#[expect(clippy::disallowed_methods, reason = "the environment is read here and passed on")]
fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_names_a_language() {
        let of = |line: &str| option(line.split(' '));
        assert_eq!(of("kernsnap run --lang ko user-exit"), Some(Language::Ko));
        assert_eq!(of("kernsnap --lang=en run"), Some(Language::En));
        assert_eq!(of("kernsnap run --lang"), None);
        assert_eq!(of("kernsnap run --lang tlh"), None);
        assert_eq!(of("kernsnap record -- sh --lang ko"), None);
    }
}
