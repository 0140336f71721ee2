//! Sentences that every language has. A finding is kept as a [`Phrase`]: the sentence's name and its parts. It becomes text only where
//! a person reads it, in that person's language. Its `Display` is English, which machines and snapshots have.

mod about;
mod catalogue;
mod written;

use std::borrow::Cow;
use std::fmt;
use std::sync::LazyLock;

pub use self::about::{scenarios as described_scenarios, words as words_of};
use self::catalogue::Catalogue;
pub use self::catalogue::Catalogue as Texts;
pub use self::written::sentences as written_sentences;
use crate::language::Language;

/// The texts of this crate and of the program, by language.
static CATALOGUES: [LazyLock<Catalogue>; Language::ALL.len()] = [
    LazyLock::new(|| Catalogue::new(Language::En, include_str!("en.ftl"))),
    LazyLock::new(|| Catalogue::new(Language::Ko, include_str!("ko.ftl"))),
];

/// Something to say, in no language yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Phrase {
    /// A text that is the same in every language: a name, a number, a line of a recording.
    Verbatim(String),
    /// A sentence of the catalogue.
    Sentence {
        /// Its name there.
        id: Cow<'static, str>,
        /// The texts that stand in it, by the names of their places.
        parts: Vec<(&'static str, Phrase)>,
    },
    /// A sentence or the description of a scenario, or a sentence of the table of claims, in English. Those of the catalogue have
    /// translations.
    Written(String),
    /// Several, with commas between them.
    Several(Vec<Phrase>),
}

impl Phrase {
    /// The sentence with this name.
    #[must_use]
    pub fn new(id: &'static str) -> Self {
        Self::Sentence { id: id.into(), parts: Vec::new() }
    }

    /// The sentence with a name that comes from elsewhere; `None` where no sentence has it.
    #[must_use]
    pub fn named(id: &str) -> Option<Self> {
        let known = CATALOGUES[Language::En as usize].has(id);
        known.then(|| Self::Sentence { id: id.to_owned().into(), parts: Vec::new() })
    }

    /// A sentence that a scenario or the table of claims has in English.
    #[must_use]
    pub fn written(text: &str) -> Self {
        Self::Written(text.to_owned())
    }

    /// The same sentence with a text in one of its places.
    #[must_use]
    pub fn with(mut self, place: &'static str, part: impl Into<Self>) -> Self {
        if let Self::Sentence { parts, .. } = &mut self {
            parts.push((place, part.into()));
        }
        self
    }

    /// The same sentence with the text of something that is the same in every language in one of its places.
    #[must_use]
    pub fn with_text(self, place: &'static str, part: impl fmt::Display) -> Self {
        self.with(place, part.to_string())
    }

    /// The text. A sentence without a translation is its English one, and one that is in no catalogue is its name.
    #[must_use]
    pub fn say(&self, language: Language) -> String {
        match self {
            Self::Verbatim(text) => text.clone(),
            Self::Written(text) => {
                let sentence = written::translated(text, language).or_else(|| about::translated(text, language));
                sentence.unwrap_or(text).to_owned()
            }
            Self::Several(all) => all.iter().map(|one| one.say(language)).collect::<Vec<_>>().join(", "),
            Self::Sentence { id, parts } => {
                let parts: Vec<(&str, String)> =
                    parts.iter().map(|(place, part)| (*place, part.say(language))).collect();
                let catalogues = [language, Language::En].map(|language| &CATALOGUES[language as usize]);
                let text = catalogues.iter().find_map(|catalogue| catalogue.text(id, &parts));
                text.unwrap_or_else(|| id.clone().into_owned())
            }
        }
    }
}

/// The sentence with this name and no places, in a language.
#[must_use]
pub fn say(language: Language, id: &'static str) -> String {
    Phrase::new(id).say(language)
}

impl From<String> for Phrase {
    fn from(text: String) -> Self {
        Self::Verbatim(text)
    }
}

impl From<&str> for Phrase {
    fn from(text: &str) -> Self {
        Self::Verbatim(text.to_owned())
    }
}

impl PartialEq<str> for Phrase {
    /// True of the English text.
    fn eq(&self, text: &str) -> bool {
        self.say(Language::En) == text
    }
}

impl fmt::Display for Phrase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.say(Language::En))
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::complaints::SILENT;
    use crate::model::{Measure, State};

    #[test]
    fn every_sentence_is_in_every_language_with_the_same_places() {
        let [english, korean] = CATALOGUES.each_ref().map(|catalogue| catalogue.sentences());
        assert_eq!(english, korean, "en.ftl and ko.ftl differ");
        let ids: BTreeSet<&String> = english.iter().map(|(id, _)| id).collect();
        assert_eq!(ids.len(), english.len(), "a sentence is there twice");
    }

    #[test]
    fn english_is_what_machines_read() {
        for measure in Measure::ALL {
            assert_eq!(say(Language::En, measure.sentence()), measure.words());
        }
        for state in State::ALL {
            assert_eq!(say(Language::En, state.sentence()), state.word());
        }
        assert_eq!(say(Language::En, "kernel-silent"), SILENT);
    }

    #[test]
    fn a_sentence_is_said_in_the_language_of_its_reader() {
        let never = Phrase::new("never-happened").with_text("pattern", "child: do_exit()");
        let behind = Phrase::new("behind").with("what", never).with("pattern", "a {b}");
        assert_eq!(behind.to_string(), "`child: do_exit()` never happened, behind `a {b}`");
        let korean = behind.say(Language::Ko);
        assert!(korean.contains("`child: do_exit()`") && korean.contains("`a {b}`"), "{korean}");
        assert!(!korean.contains("never"), "{korean}");
    }
}
