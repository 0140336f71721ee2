//! A lesson in one language with the lines of one run: what is printed, in whatever form.

use serde::Serialize;
use textwrap::core::display_width;

use super::quote::{self, Contradiction, Run};
use super::{BookKernel, Lesson, Number, Pair, Section, ShownLog, Source};
use super::{beside, log};
use crate::language::Language;
use crate::phrase::Phrase;
use crate::view::Style;

/// A lesson, ready to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Page {
    /// The lesson's id.
    pub lesson: String,
    /// The language of all texts.
    pub language: Language,
    /// The section.
    pub section: Section,
    /// The chapters and sections of the book.
    pub book_sections: Vec<Number>,
    /// One line.
    pub title: String,
    /// The scenario.
    pub scenario: String,
    /// The image of the run.
    pub image: String,
    /// The image of the book's kernel, whose lines are beside those of the run.
    pub book_image: Option<String>,
    /// Paragraphs: what the book says.
    pub book: Vec<String>,
    /// Paragraphs: why the scenario does not apply to the book's kernel; empty where it does.
    pub not_on_book_kernel: Vec<String>,
    /// The walk through the run.
    pub steps: Vec<Stop>,
}

impl Page {
    /// The lines of the run that it shows, in its order.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().flat_map(|stop| &stop.lines).map(String::as_str)
    }
}

/// One stop of the walk. All texts are paragraphs; what there is nothing to say of is empty.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stop {
    /// The input.
    pub text: Vec<String>,
    /// Lines of the run's view.
    pub lines: Vec<String>,
    /// The same lines beside those of the book's kernel.
    pub beside: Vec<Pair>,
    /// The log of the book, beside the lines of its kernel here, or of the run where that is the book's kernel.
    pub log: Option<ShownLog>,
    /// Where a run is only looked at: the statement of the step that does not hold in it.
    #[serde(skip)]
    pub now: Option<String>,
    /// Patterns of what does not happen there.
    pub lacks: Vec<String>,
    /// The differences on the book's kernel.
    pub differs: Vec<String>,
    /// The mistakes of the notes.
    pub corrects: Vec<Corrected>,
    /// Further reading.
    pub read: Vec<Source>,
    /// The hint.
    pub exercise: Option<Trial>,
}

/// A wrong statement of the notes, and the right one.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Corrected {
    /// The statement's number.
    pub note: String,
    /// The statement.
    pub says: String,
    /// The true statement.
    pub truth: Vec<String>,
}

/// Something to try.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Trial {
    /// The change.
    pub change: Vec<String>,
    /// The command to run then.
    pub run: String,
    /// The expected result.
    pub expect: Vec<String>,
}

impl Stop {
    /// True if the book's kernel has the same lines.
    #[must_use]
    pub fn is_same_beside(&self) -> bool {
        !self.beside.is_empty() && self.beside.iter().all(Pair::is_same)
    }

    /// The lines of both kernels in two columns. `None` where they are the same, or where they do not fit.
    #[must_use]
    pub fn columns(&self, here: &str, there: &str, width: usize) -> Option<Vec<String>> {
        if self.beside.is_empty() || self.is_same_beside() {
            return None;
        }
        let rows = columns(&self.beside, here, there);
        rows.iter().all(|row| display_width(row) <= width).then_some(rows)
    }

    /// The lines of the book's kernel alone.
    pub fn lines_there(&self) -> impl Iterator<Item = &str> {
        self.beside.iter().filter_map(|pair| pair.there.as_deref())
    }
}

/// Pairs in two columns, as `diff --side-by-side` has them: `|` between lines that differ, `<` and `>` where one side has none.
pub(super) fn columns(pairs: &[Pair], here: &str, there: &str) -> Vec<String> {
    let text = |line: &Option<String>| line.clone().unwrap_or_default();
    let left =
        pairs.iter().map(|pair| display_width(&text(&pair.here))).chain([display_width(here)]).max().unwrap_or(0);
    let row =
        |one: &str, sign: char, other: &str| format!("{} {sign} {other}", Style::left(one, left)).trim_end().to_owned();
    let rows = pairs.iter().map(|pair| {
        let sign = match (&pair.here, &pair.there) {
            (Some(_), None) => '<',
            (None, _) => '>',
            _ if pair.is_same() => ' ',
            _ => '|',
        };
        row(&text(&pair.here), sign, &text(&pair.there))
    });
    [row(here, ' ', there)].into_iter().chain(rows).collect()
}

impl Page {
    /// Its place: the part of the subject, and the sections of the book.
    pub(super) fn place(&self) -> String {
        let labels = self.language.labels();
        let subject = format!("{} {}: {}", labels.section, self.section, self.section.title(self.language));
        let numbers = self.book_sections.iter().map(|number| self.language.book_section(number));
        std::iter::once(subject).chain(numbers).collect::<Vec<_>>().join(" · ")
    }

    /// The lesson with the lines of a run of its scenario.
    ///
    /// # Errors
    /// A [`Contradiction`] where the run is not what the lesson says of it.
    pub fn new(lesson: &Lesson, run: &Run<'_>, language: Language) -> Result<Self, Contradiction> {
        let (page, contradictions) = Self::looked_at(lesson, run, language);
        contradictions.into_iter().next().map_or(Ok(page), Err)
    }

    /// The lesson with the lines that a run of its scenario has, of a program that may be changed, and each step that does not hold in it.
    /// The page says so at these steps.
    #[must_use]
    pub fn looked_at(lesson: &Lesson, run: &Run<'_>, language: Language) -> (Self, Vec<Contradiction>) {
        let content = &lesson.content;
        let mut steps = Vec::new();
        let mut contradictions = Vec::new();
        for (number, step) in (1..).zip(&content.steps) {
            let (lines, now) = match quote::lines(step, run) {
                Ok(lines) => (lines, None),
                Err(what) => {
                    let now = Phrase::new("lesson-now").with("what", what.clone()).say(language);
                    contradictions.push(Contradiction { lesson: lesson.id.clone(), step: number, what });
                    (quote::lines_there(step, run), Some(now))
                }
            };
            let corrects = step.corrects.iter().map(|correction| Corrected {
                note: correction.note.clone(),
                says: correction.says.line(language),
                truth: correction.truth.paragraphs(language),
            });
            let trial = |exercise: &super::Exercise| Trial {
                change: exercise.change.paragraphs(language),
                run: exercise.run.clone(),
                expect: exercise.expect.paragraphs(language),
            };
            steps.push(Stop {
                text: step.text.paragraphs(language),
                beside: run.book.map(|book| beside::pairs(step, &lines, book, &run.scenario.names)).unwrap_or_default(),
                log: step.log.as_ref().map(|log| {
                    let own = lines.join("\n");
                    let image = run.book.unwrap_or(BookKernel { image: run.image, view: &own });
                    log::shown(log, step, run, image, language)
                }),
                lines,
                now,
                lacks: step.lacks.iter().map(ToString::to_string).collect(),
                differs: step.differs.as_ref().map(|text| text.paragraphs(language)).unwrap_or_default(),
                corrects: corrects.collect(),
                read: step.read.clone(),
                exercise: step.exercise.as_ref().map(trial),
            });
        }
        let page = Self {
            lesson: lesson.id.clone(),
            language,
            section: content.section,
            book_sections: content.book_sections.clone(),
            title: content.title.line(language),
            scenario: content.scenario.clone(),
            image: run.image.to_owned(),
            book_image: run.book.map(|book| book.image.to_owned()),
            book: content.book.paragraphs(language),
            not_on_book_kernel: content
                .book_kernel
                .as_ref()
                .map_or_else(Vec::new, |kernel| kernel.why.paragraphs(language)),
            steps,
        };
        (page, contradictions)
    }
}
