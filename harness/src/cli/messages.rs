//! Errors, hints and notices in the reader's language. Each has its English text where it arises, in crates that know no languages. The
//! Korean text is put over it here, where it is printed, as the Korean help is put over the English one.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use kernsnap_analysis::language::Language;
use kernsnap_analysis::phrase::Phrase;
use kernsnap_yaml::from_yaml;

use super::language::language;

const KOREAN: &str = include_str!("messages/ko.yaml");

/// The place of a value in an English text.
const PLACE: &str = "{}";

/// The word before a hint.
const HINT: &str = "hint: ";

/// A message in both languages.
struct Message {
    /// The parts of the English text around its values.
    parts: Vec<String>,
    korean: String,
}

static TABLE: LazyLock<Vec<Message>> = LazyLock::new(|| {
    // A file that cannot be read is left out, and the tests tell.
    let mut table: Vec<Message> = read()
        .unwrap_or_default()
        .into_iter()
        .map(|(english, korean)| Message { parts: english.split(PLACE).map(str::to_owned).collect(), korean })
        .collect();
    // A text may fit several messages; the one that says most of it is meant.
    table.sort_by_key(|message| std::cmp::Reverse(message.parts.iter().map(String::len).sum::<usize>()));
    table
});

fn read() -> Result<BTreeMap<String, String>, String> {
    from_yaml(Path::new("harness/src/cli/messages/ko.yaml"), KOREAN).map_err(|mistake| mistake.to_string())
}

impl Message {
    /// The values in a text that this message is; `None` where the text is another one.
    fn values<'a>(&self, text: &'a str) -> Option<Vec<&'a str>> {
        let [first, between @ .., last] = self.parts.as_slice() else {
            return (self.parts.first()? == text).then(Vec::new);
        };
        let mut rest = text.strip_prefix(first.as_str())?;
        let mut values = Vec::new();
        for part in between {
            let (value, after) = rest.split_once(part.as_str())?;
            values.push(value);
            rest = after;
        }
        values.push(rest.strip_suffix(last.as_str())?);
        values.iter().all(|value| !value.is_empty()).then_some(values)
    }
}

/// A text for a person, in the language that was chosen.
pub(super) fn told(text: &str) -> String {
    in_language(text, language())
}

fn in_language(text: &str, language: Language) -> String {
    match language {
        Language::En => text.to_owned(),
        Language::Ko => text.split('\n').map(line).collect::<Vec<_>>().join("\n"),
    }
}

/// A line in Korean, as far as it has a translation.
fn line(text: &str) -> String {
    match text.strip_prefix(HINT) {
        Some(hint) => Phrase::new("hint").with("text", sentence(hint)).say(Language::Ko),
        None => sentence(text),
    }
}

/// A message, or a chain of an error and its causes.
fn sentence(text: &str) -> String {
    if let Some(whole) = message(text) {
        return whole;
    }
    for (at, separator) in text.match_indices(": ") {
        if let Some(error) = message(&text[..at]) {
            return format!("{error}: {}", sentence(&text[at + separator.len()..]));
        }
    }
    // The name of a scenario or of a file stands before what is said of it.
    match text.split_once(": ") {
        Some((name, said)) => format!("{name}: {}", sentence(said)),
        None => text.to_owned(),
    }
}

/// A text that is a message. Its values may be messages, too.
fn message(text: &str) -> Option<String> {
    let (message, values) = TABLE.iter().find_map(|message| Some((message, message.values(text)?)))?;
    let mut rest = message.korean.as_str();
    let mut said = String::new();
    while let Some((before, after)) = rest.split_once('{') {
        let (number, after) = after.split_once('}')?;
        said += before;
        let value = values.get(number.parse::<usize>().ok()?)?;
        // A name may be the same as a message.
        said += &if said.ends_with('`') { (*value).to_owned() } else { sentence(value) };
        rest = after;
    }
    Some(said + rest)
}

#[cfg(test)]
mod tests;
