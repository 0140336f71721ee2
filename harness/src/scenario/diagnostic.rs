//! Errors in files that people write: where, what, and how to mend it.

use std::fmt;
use std::path::{Path, PathBuf};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};
use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};

/// One mistake in a YAML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// What is wrong: a lowercase fragment without a final period.
    pub message: String,
    /// How to mend it.
    pub hint: Option<String>,
    source: String,
}

impl Diagnostic {
    /// A mistake at `line`:`column` (both from 1) of `text`, the content of the file at `path`.
    #[must_use]
    pub fn new(path: &Path, text: &str, (line, column): (usize, usize), message: impl Into<String>) -> Self {
        Self { path: path.into(), line, column, message: message.into(), hint: None, source: text.into() }
    }

    /// A mistake that the YAML reader reported.
    #[must_use]
    pub fn from_yaml(path: &Path, text: &str, error: &serde_yaml::Error) -> Self {
        let place = error.location().map_or((1, 1), |at| (at.line(), at.column()));
        let full = error.to_string();
        // serde_yaml repeats the location in its text; the snippet shows it already.
        let message = full.rfind(" at line ").map_or(full.as_str(), |at| &full[..at]);
        let hint = hint_for_unknown(message);
        Self::new(path, text, place, message).with_hint(hint)
    }

    /// A mistake in the value at `steps` below the document's root.
    #[must_use]
    pub fn at(path: &Path, text: &str, steps: &[Step], message: impl Into<String>) -> Self {
        Self::new(path, text, locate(text, steps), message)
    }

    /// The same mistake with a hint.
    #[must_use]
    pub fn with_hint(mut self, hint: Option<String>) -> Self {
        self.hint = hint.or(self.hint);
        self
    }
}

impl fmt::Display for Diagnostic {
    /// Several lines: the message, `path:line:column`, the source line with a mark under it, and the hint.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let offset = byte_offset(&self.source, self.line, self.column);
        let rest = &self.source[offset..];
        let word = rest.find(|c: char| c.is_whitespace() || c == ':').unwrap_or(rest.len()).max(1).min(rest.len());
        let mut diagnostic =
            MietteDiagnostic::new(&self.message).with_label(LabeledSpan::new(Some("here".into()), offset, word));
        if let Some(hint) = &self.hint {
            diagnostic = diagnostic.with_help(hint);
        }
        let named = NamedSource::new(format!("{}", self.path.display()), self.source.clone());
        let report = Report::from(diagnostic).with_source_code(named);
        GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor())
            .with_links(false)
            .render_report(f, report.as_ref())
    }
}

impl std::error::Error for Diagnostic {}

/// One step down a YAML document.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Into the value of a mapping's key.
    Key(String),
    /// Into a sequence's item, from 0.
    Item(usize),
}

impl From<&str> for Step {
    fn from(key: &str) -> Self {
        Step::Key(key.into())
    }
}

impl From<usize> for Step {
    fn from(item: usize) -> Self {
        Step::Item(item)
    }
}

/// Line and column, from 1, of the value at `steps`; of the nearest value above it where there is none.
///
/// The YAML reader keeps no positions of values. But it attaches one to every error, so the document is read once more with a
/// reader that fails on purpose when it arrives.
fn locate(text: &str, steps: &[Step]) -> (usize, usize) {
    (0..=steps.len())
        .rev()
        .find_map(|depth| {
            let error = Walk(&steps[..depth]).deserialize(serde_yaml::Deserializer::from_str(text)).err()?;
            let arrived = error.to_string().starts_with(ARRIVED) || error.to_string().contains(ARRIVED);
            error.location().filter(|_| arrived).map(|at| (at.line(), at.column()))
        })
        .unwrap_or((1, 1))
}

const ARRIVED: &str = "\u{1}arrived";

struct Walk<'a>(&'a [Step]);

impl<'de> DeserializeSeed<'de> for Walk<'_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Walk<'_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(ARRIVED)
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let Some((Step::Key(wanted), rest)) = self.0.split_first() else { return Err(A::Error::custom(ARRIVED)) };
        while let Some(key) = map.next_key::<String>()? {
            if key == *wanted {
                return map.next_value_seed(Walk(rest));
            }
            map.next_value::<IgnoredAny>()?;
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let Some((Step::Item(wanted), rest)) = self.0.split_first() else { return Err(A::Error::custom(ARRIVED)) };
        for _ in 0..*wanted {
            if seq.next_element::<IgnoredAny>()?.is_none() {
                return Ok(());
            }
        }
        seq.next_element_seed(Walk(rest)).map(drop)
    }
}

fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let within = text[start..].lines().next().unwrap_or_default();
    start + within.char_indices().nth(column.saturating_sub(1)).map_or(within.len(), |(at, _)| at)
}

/// serde says ``unknown field `memroy`, expected one of `cpus`, `memory` ``: propose the nearest.
fn hint_for_unknown(message: &str) -> Option<String> {
    let (_, rest) = message.split_once("unknown field ").or_else(|| message.split_once("unknown variant "))?;
    let mut quoted = rest.split('`').skip(1).step_by(2);
    let wrong = quoted.next()?;
    did_you_mean(wrong, quoted)
}

/// ``did you mean `…`?`` for the candidate that is nearest to `wrong`, if any is near.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(wrong.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| format!("did you mean `{candidate}`?"))
}

/// Reads a YAML document into `T`, where enum values are written as one-key maps (`start: {…}`).
///
/// # Errors
/// A [`Diagnostic`] with the place of the first mistake.
pub fn from_yaml<'de, T: Deserialize<'de>>(path: &Path, text: &'de str) -> Result<T, Diagnostic> {
    // A duplicate key is reported without its place by serde_yaml; see `duplicate_key`.
    serde_yaml::with::singleton_map_recursive::deserialize(serde_yaml::Deserializer::from_str(text)).map_err(|error| {
        let diagnostic = Diagnostic::from_yaml(path, text, &error);
        match duplicate_key(text, &diagnostic.message) {
            Some(place) => Diagnostic { line: place.0, column: place.1, ..diagnostic },
            None => diagnostic,
        }
    })
}

/// The second place where the key that `message` complains of stands at the same indentation.
fn duplicate_key(text: &str, message: &str) -> Option<(usize, usize)> {
    let at = message.find("duplicate ")?;
    let key = message[at..].split(['`', '"']).nth(1)?;
    let mut seen = std::collections::BTreeSet::new();
    text.lines().enumerate().find_map(|(number, line)| {
        let bare = line.trim_start_matches([' ', '-']);
        let indent = line.len() - bare.len();
        let same = bare.strip_prefix(key).is_some_and(|rest| rest.trim_start().starts_with(':'));
        (same && !seen.insert(indent)).then_some((number + 1, indent + 1))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(steps: &[Step], expected: (usize, usize)) {
        let text = "title: x\ntrace:\n  functions: [a, bcd]\nrun:\n  - start: { task: p }\n  - wait: p\n";
        assert_eq!(locate(text, steps), expected, "{steps:?}");
    }

    #[test]
    fn values_are_found_where_they_stand() {
        check(&["title".into()], (1, 8));
        check(&["trace".into(), "functions".into(), 1.into()], (3, 18));
        check(&["run".into(), 1.into(), "wait".into()], (6, 11));
    }

    #[test]
    fn a_missing_value_is_found_at_what_is_above_it() {
        check(&["trace".into(), "nothing".into()], (3, 3));
    }

    #[test]
    fn the_nearest_name_is_proposed() {
        assert_eq!(did_you_mean("memroy", ["cpus", "memory"]), Some("did you mean `memory`?".into()));
        assert_eq!(did_you_mean("xyzzy", ["cpus", "memory"]), None);
    }
}
