//! Lessons: what a book says, held against what a kernel does in a run. A lesson file names a scenario and walks through its
//! trace, in English and in Korean; the lines that it shows are picked out of the run by patterns.
//!
//! Pure: [`Lesson::read`] takes a file's text, [`Page::new`] a lesson and a run, and a page prints itself for terminals and as
//! Markdown. The pages in `docs/lessons/` are made that way, and the tests make them again.

mod beside;
pub mod language;
mod log;
mod markdown;
mod number;
mod page;
mod quote;
mod terminal;
#[cfg(test)]
mod tests;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use kernsnap_scenario::{Pattern, Scenario, UnknownName, What};
use kernsnap_yaml::{Diagnostic, Step as At, from_yaml};

pub use beside::{BookKernel, Pair};
pub use language::{Section, Text};
pub use log::{Log, ShownLog};
pub use markdown::index;
pub use number::{Number, of_book_section};
pub use page::Page;
pub use quote::{Contradiction, Run};

/// A lesson, as its file says it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lesson {
    /// The file's stem.
    pub id: String,
    /// The content of the file.
    pub content: Content,
    path: PathBuf,
    text: String,
}

/// The content of a lesson file.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Content {
    /// The scenario whose run it looks at.
    pub scenario: String,
    /// The part of the subject it belongs to.
    pub section: Section,
    /// The chapters and sections of the book that it follows, as far as their numbers are known.
    #[serde(default, rename = "book-sections")]
    pub book_sections: Vec<Number>,
    /// One line.
    pub title: Text,
    /// The statement of the book.
    pub book: Text,
    /// Where its scenario does not apply to the book's kernel: the reason, and a scenario that shows the like there.
    #[serde(rename = "book-kernel")]
    pub book_kernel: Option<OnBookKernel>,
    /// The walk through the run.
    pub steps: Vec<Step>,
}

/// The part of a lesson that the book's kernel shows, where its own scenario does not apply.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OnBookKernel {
    /// The scenario whose lines are shown beside those of the run.
    pub scenario: Option<String>,
    /// The reason.
    pub why: Text,
}

/// One stop of the walk.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// The input.
    pub text: Text,
    /// The lines that show it: all that match one of these.
    #[serde(default)]
    pub shows: Vec<Pattern>,
    /// Patterns that no recorded event may match.
    #[serde(default)]
    pub lacks: Vec<Pattern>,
    /// Functions whose stacks are shown with their lines, besides those of the scenario's view.
    #[serde(default)]
    pub stacks: Vec<String>,
    /// The part of the run that this is about, as in an expectation: from the first event that matches the one pattern to the
    /// first after it that matches the other.
    pub between: Option<[Pattern; 2]>,
    /// The log of this that the book prints.
    pub log: Option<Log>,
    /// The differences on the book's kernel, Linux 4.19 for 32-bit ARM.
    pub differs: Option<Text>,
    /// Statements of the notes around the book that are wrong.
    #[serde(default)]
    pub corrects: Vec<Correction>,
    /// Further reading.
    #[serde(default)]
    pub read: Vec<Source>,
    /// The hint.
    pub exercise: Option<Exercise>,
}

/// A statement that is wrong, or holds for other kernels only.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Correction {
    /// Its number, as scenarios name it in `corrects`.
    pub note: String,
    /// The statement.
    pub says: Text,
    /// The true statement.
    pub truth: Text,
}

/// A function of the kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Source {
    /// The file, in the kernel's tree.
    pub file: String,
    /// The function.
    pub function: String,
}

/// Something to try.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exercise {
    /// The change.
    pub change: Text,
    /// The command to run then.
    pub run: String,
    /// The expected result.
    pub expect: Text,
}

impl Lesson {
    /// Reads the lesson `text` that stands in the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first mistake in the file's shape; a missing translation is one.
    pub fn read(path: &Path, text: String) -> Result<Self, Diagnostic> {
        let content = from_yaml(path, &text)?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { id, content, path: path.into(), text })
    }

    /// True if its patterns mean something in its scenario, whose names are resolved for an image.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first that does not.
    pub fn check(&self, scenario: &Scenario) -> Result<(), Diagnostic> {
        for (index, step) in self.content.steps.iter().enumerate() {
            let below = |list: &str, item: usize| [At::from("steps"), index.into(), list.into(), item.into()];
            let stacks = step.stacks.iter().map(|function| Pattern {
                by: None,
                what: What::Call(function.clone()),
                fields: Vec::new(),
            });
            let lacks = step.lacks.iter().enumerate().map(|(item, p)| (below("lacks", item), p.clone()));
            let between =
                step.between.iter().flatten().enumerate().map(|(item, p)| (below("between", item), p.clone()));
            let shows = step.shows.iter().enumerate().map(|(item, p)| (below("shows", item), p.clone()));
            let stacks = stacks.enumerate().map(|(item, p)| (below("stacks", item), p));
            for (at, pattern) in between.chain(shows).chain(lacks).chain(stacks) {
                scenario.understands(&pattern).map_err(|misnomer| self.mistake(&at, misnomer))?;
            }
        }
        Ok(())
    }

    /// The scenario that shows it on the book's kernel.
    #[must_use]
    pub fn scenario_on_book_kernel(&self) -> &str {
        let other = self.content.book_kernel.as_ref().and_then(|kernel| kernel.scenario.as_deref());
        other.unwrap_or(&self.content.scenario)
    }

    fn mistake(&self, at: &[At], UnknownName { message, hint }: UnknownName) -> Diagnostic {
        Diagnostic::at(&self.path, &self.text, at, message).with_hint(Some(hint))
    }
}
