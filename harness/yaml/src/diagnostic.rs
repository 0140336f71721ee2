//! Errors in files that people write: where, what, and how to mend it.

use std::fmt;
use std::path::{Path, PathBuf};

use miette::{GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteDiagnostic, NamedSource, Report};

use crate::place::{Step, locate};

/// One mistake in a YAML file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Diagnostic {
    /// The file.
    pub path: PathBuf,
    /// Line, from 1.
    pub line: usize,
    /// Column in characters, from 1.
    pub column: usize,
    /// The error: a lowercase fragment without a final period.
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
        let length = length_of_value(&self.source[offset..]);
        let marked = MietteDiagnostic::new(&self.message).with_label(LabeledSpan::new(None, offset, length));
        let named = NamedSource::new(self.path.display().to_string(), self.source.clone());
        let report = Report::from(marked).with_source_code(named);
        let handler = GraphicalReportHandler::new_themed(GraphicalTheme::unicode_nocolor()).with_width(usize::MAX);
        let mut text = String::new();
        handler.with_links(false).render_report(&mut text, report.as_ref())?;
        // The command line puts its own `error: ` before the message.
        f.write_str(text.trim_start_matches([' ', '×']).trim_end())?;
        self.hint.iter().try_for_each(|hint| write!(f, "\n\nhint: {hint}"))
    }
}

impl std::error::Error for Diagnostic {}

fn byte_offset(text: &str, line: usize, column: usize) -> usize {
    let start: usize = text.split_inclusive('\n').take(line.saturating_sub(1)).map(str::len).sum();
    let within = text[start..].lines().next().unwrap_or_default();
    start + within.char_indices().nth(column.saturating_sub(1)).map_or(within.len(), |(at, _)| at)
}

/// Bytes of the word or quoted text that `text` starts with: what the mark stands under.
fn length_of_value(text: &str) -> usize {
    let quoted = text.chars().next().filter(|first| ['"', '\''].contains(first)).and_then(|quote| {
        let line = text.lines().next().unwrap_or_default();
        line[1..].find(quote).map(|end| end + 2)
    });
    quoted.unwrap_or_else(|| {
        let end = text.find(|c: char| c.is_whitespace() || ":,[]{}".contains(c)).unwrap_or(text.len());
        end.max(1).min(text.len())
    })
}

/// The candidate that is nearest to `wrong`, if any is near.
#[must_use]
pub fn nearest<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    candidates
        .into_iter()
        .map(|candidate| (strsim::damerau_levenshtein(wrong, candidate), candidate))
        .filter(|(distance, candidate)| *distance <= candidate.len().max(wrong.len()).div_ceil(3))
        .min()
        .map(|(_, candidate)| candidate)
}

/// ``did you mean `…`?`` for the [`nearest`] candidate.
#[must_use]
pub fn did_you_mean<'a>(wrong: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(wrong, candidates).map(|candidate| format!("did you mean `{candidate}`?"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mark_is_as_long_as_the_value() {
        let check = |text, expected| assert_eq!(length_of_value(text), expected, "{text}");
        check("copy_proces]", 11);
        check("\"parent: x\", y", 11);
        check("'never ends", 6);
        check("{ a: b }", 1);
        check("", 0);
    }

    #[test]
    fn the_nearest_name_is_proposed() {
        assert_eq!(did_you_mean("memroy", ["cpus", "memory"]), Some("did you mean `memory`?".into()));
        assert_eq!(did_you_mean("xyzzy", ["cpus", "memory"]), None);
    }
}
