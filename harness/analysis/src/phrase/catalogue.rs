//! The sentences of one language, in a file of Project Fluent.

use fluent_bundle::concurrent::FluentBundle;
use fluent_bundle::{FluentArgs, FluentResource};
use unic_langid::LanguageIdentifier;

use crate::language::Language;

/// Sentences by name.
pub struct Catalogue {
    bundle: FluentBundle<FluentResource>,
    source: &'static str,
}

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue").field("sentences", &self.sentences().len()).finish_non_exhaustive()
    }
}

impl Catalogue {
    /// The sentences in the text of a file. A sentence that Fluent cannot read is left out, and the tests tell.
    #[must_use]
    pub fn new(language: Language, source: &'static str) -> Self {
        let identifier: LanguageIdentifier = language.code().parse().unwrap_or_default();
        let mut bundle = FluentBundle::new_concurrent(vec![identifier]);
        // Marks of the direction of writing would stand in terminals and in what is compared.
        bundle.set_use_isolating(false);
        let resource = match FluentResource::try_new(source.to_owned()) {
            Ok(resource) | Err((resource, _)) => resource,
        };
        bundle.add_resource_overriding(resource);
        Self { bundle, source }
    }

    /// True if there is a sentence with this name.
    #[must_use]
    pub fn has(&self, id: &str) -> bool {
        self.bundle.has_message(id)
    }

    /// A sentence with texts in its places; `None` where the sentence, or the text of a place, is missing.
    #[must_use]
    pub fn text(&self, id: &str, parts: &[(&str, String)]) -> Option<String> {
        let pattern = self.bundle.get_message(id)?.value()?;
        let arguments: FluentArgs<'_> = parts.iter().map(|(place, text)| (*place, text.as_str())).collect();
        let mut errors = Vec::new();
        let text = self.bundle.format_pattern(pattern, Some(&arguments), &mut errors);
        errors.is_empty().then(|| text.into_owned())
    }

    /// The names of the sentences, and the places of each, sorted.
    #[must_use]
    pub fn sentences(&self) -> Vec<(String, Vec<String>)> {
        let lines = self.source.lines().filter(|line| line.starts_with(|letter: char| letter.is_ascii_lowercase()));
        let mut all: Vec<(String, Vec<String>)> = lines
            .filter_map(|line| line.split_once(" = "))
            .filter(|(id, _)| self.has(id))
            .map(|(id, text)| {
                let places = text.split("{ $").skip(1).filter_map(|rest| rest.split(" }").next());
                let mut places: Vec<String> = places.map(str::to_owned).collect();
                places.sort();
                places.dedup();
                (id.to_owned(), places)
            })
            .collect();
        all.sort();
        all
    }
}
