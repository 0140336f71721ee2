//! A page as Markdown, and the page that leads to all others.

use std::fmt::Write as _;

use textwrap::{Options, fill};

use super::language::Labels;
use super::page::{Stop, columns};
use super::terminal::wrapping;
use super::{Lesson, Page, Section};
use crate::language::Language;

/// Columns of the Markdown's own lines.
const WIDTH: usize = 110;

/// The file of a lesson's page.
fn file(lesson: &str, language: Language) -> String {
    match language {
        Language::En => format!("{lesson}.md"),
        Language::Ko => format!("{lesson}.ko.md"),
    }
}

/// Links to the same page in the other languages.
fn translations(page: &str, language: Language) -> String {
    let others = Language::ALL.into_iter().filter(|other| *other != language);
    let links = others.map(|other| format!("[{}]({})", other.own_name(), file(page, other)));
    links.collect::<Vec<_>>().join(" · ")
}

/// The name of the page that leads to all others.
const INDEX: &str = "README";

/// The page that leads to all lessons: its file and its text.
#[must_use]
pub fn index(lessons: &[Lesson], language: Language) -> (String, String) {
    let labels = language.labels();
    let mut text = format!("# {}\n\n{}\n\n", labels.lessons, translations(INDEX, language));
    text += &filled(labels.about);
    for section in Section::ALL {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "\n## {section}. {}\n", section.title(language));
        for lesson in lessons.iter().filter(|lesson| lesson.content.section == section) {
            let (id, title) = (&lesson.id, lesson.content.title.line(language));
            let numbers = lesson.content.book_sections.iter().map(|number| language.book_section(number));
            let numbers = numbers.collect::<Vec<_>>().join(", ");
            let numbers = if numbers.is_empty() { numbers } else { format!(" ({numbers})") };
            let _ = writeln!(text, "- [{id}]({}): {title}{numbers}", file(id, language));
        }
    }
    (file(INDEX, language), text)
}

impl Page {
    /// The page's file and its Markdown.
    #[must_use]
    pub fn markdown(&self) -> (String, String) {
        let labels = self.language.labels();
        let Page { lesson, language, title, scenario, image, .. } = self;
        let index = format!("[{}]({})", labels.lessons, file(INDEX, *language));
        let subject = self.place();
        let run = format!("{} `{scenario}`, {} `{image}`", labels.scenario, labels.on);
        let mut text = format!("# {title}\n\n{index} · {}\n\n", translations(lesson, *language));
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{subject} · {run}\n\n```console\n$ kernsnap lesson {lesson} --lang {language}\n```");
        let _ = writeln!(text, "\n## {}\n\n{}", labels.book, paragraphs(&self.book).trim_end());
        let _ = writeln!(text, "\n## {}", labels.walk);
        if !self.not_on_book_kernel.is_empty() {
            let _ = write!(text, "\n{}", labelled(labels.differs, &self.not_on_book_kernel));
        }
        for (number, stop) in (1..).zip(&self.steps) {
            let _ = write!(text, "\n### {number}\n\n{}", stop_text(stop, (image, self.book_image.as_deref()), labels));
        }
        (file(lesson, *language), text)
    }
}

/// The columns of two kernels' lines that a page can show without scrolling.
const COLUMNS: usize = 140;

/// The lines of the book's kernel beside those of the run, or after them where two columns are too wide.
fn beside(stop: &Stop, image: &str, book: &str, labels: &Labels) -> Option<String> {
    if stop.is_same_beside() {
        return Some(filled(&format!("{} (`{book}`).", labels.beside_same)));
    }
    if let Some(rows) = stop.columns(image, book, COLUMNS) {
        return Some(format!("**{}**\n\n```text\n{}\n```\n", labels.beside, rows.join("\n")));
    }
    let lines: Vec<&str> = stop.lines_there().collect();
    let text = || format!("**{}** (`{book}`)\n\n```text\n{}\n```\n", labels.beside_alone, lines.join("\n"));
    (!lines.is_empty()).then(text)
}

fn stop_text(stop: &Stop, (image, book): (&str, Option<&str>), labels: &Labels) -> String {
    let mut blocks = vec![paragraphs(&stop.text)];
    if !stop.lines.is_empty() {
        blocks.push(format!("```text\n{}\n```\n", stop.lines.join("\n")));
    }
    blocks.extend(book.and_then(|book| beside(stop, image, book, labels)));
    if let Some(log) = &stop.log {
        let (lines, rows) = (log.lines.join("\n"), columns(&log.beside, labels.log_here, &log.image).join("\n"));
        blocks.push(format!("**{}**\n\n```text\n{lines}\n```\n\n```text\n{rows}\n```\n", labels.log));
        blocks.push(labelled(labels.log_why, &log.why));
    }
    if !stop.lacks.is_empty() {
        let patterns = stop.lacks.iter().map(|pattern| format!("`{pattern}`"));
        blocks.push(labelled(labels.lacks, &[patterns.collect::<Vec<_>>().join(", ")]));
    }
    if !stop.differs.is_empty() {
        blocks.push(labelled(labels.differs, &stop.differs));
    }
    for corrected in &stop.corrects {
        blocks.push(labelled(labels.says, std::slice::from_ref(&corrected.says)));
        blocks.push(labelled(labels.truth, &corrected.truth));
    }
    if !stop.read.is_empty() {
        let sources = stop.read.iter().map(|source| format!("`{}`: `{}()`", source.file, source.function));
        blocks.push(labelled(labels.read, &[sources.collect::<Vec<_>>().join(", ")]));
    }
    if let Some(trial) = &stop.exercise {
        blocks.push(format!("**{}**\n", labels.exercise));
        blocks.push(labelled(labels.change, &trial.change));
        blocks.push(format!("```console\n$ {}\n```\n", trial.run));
        blocks.push(labelled(labels.expect, &trial.expect));
    }
    blocks.join("\n")
}

fn labelled(label: &str, text: &[String]) -> String {
    match text {
        [first, rest @ ..] => paragraphs(&[&[format!("**{label}**: {first}")], rest].concat()),
        [] => String::new(),
    }
}

fn paragraphs(text: &[String]) -> String {
    text.iter().map(|paragraph| filled(paragraph)).collect::<Vec<_>>().join("\n")
}

/// One paragraph with a line end.
fn filled(paragraph: &str) -> String {
    fill(paragraph, wrapping(Options::new(WIDTH))) + "\n"
}
