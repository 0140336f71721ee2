//! A page for a terminal. Texts are wrapped at spaces, and a Korean letter is two columns wide.

use textwrap::{Options, WordSeparator, WordSplitter, fill};

use super::Page;
use super::language::Labels;
use super::page::{Stop, columns};
use crate::view::{Ink, Style};

/// Texts are easier to read in lines of this length, however wide the terminal is.
const WIDEST: usize = 80;

/// Narrower than this nothing can be laid out.
const NARROWEST: usize = 40;

impl Page {
    /// The page as text.
    #[must_use]
    pub fn show(&self, style: &Style) -> String {
        let mut sheet = Sheet { style: *style, text: String::new() };
        let labels = self.language.labels();
        sheet.heading(0, &format!("{}: {}", self.lesson, self.title));
        let run = format!("{} `{}` · {} {}", labels.scenario, self.scenario, labels.on, self.image);
        sheet.paragraph(0, &format!("{} · {run}", self.place()));
        sheet.gap();
        sheet.heading(0, labels.book);
        sheet.paragraphs(2, &self.book);
        if !self.not_on_book_kernel.is_empty() {
            sheet.gap();
            sheet.heading(0, labels.differs);
            sheet.paragraphs(2, &self.not_on_book_kernel);
        }
        for (number, stop) in (1..).zip(&self.steps) {
            sheet.gap();
            sheet.numbered(number, &stop.text);
            sheet.stop(stop, (&self.image, self.book_image.as_deref()), labels);
        }
        sheet.text
    }
}

struct Sheet {
    style: Style,
    text: String,
}

impl Sheet {
    fn stop(&mut self, stop: &Stop, (image, book): (&str, Option<&str>), labels: &Labels) {
        if !stop.lines.is_empty() {
            self.gap();
            self.lines(&stop.lines);
        }
        if let Some(book) = book {
            self.beside(stop, image, book, labels);
        }
        if let Some(log) = &stop.log {
            self.gap();
            self.heading(3, labels.log);
            self.lines(&log.lines);
            self.gap();
            self.lines(&columns(&log.beside, labels.log_here, &log.image));
            self.gap();
            self.labelled(labels.log_why, &log.why);
        }
        if let Some(now) = &stop.now {
            self.gap();
            self.paragraph(5, &format!("· {now}"));
        }
        if !stop.lacks.is_empty() {
            self.gap();
            self.paragraph(5, &format!("{}: {}", labels.lacks, stop.lacks.join(" · ")));
        }
        if !stop.differs.is_empty() {
            self.gap();
            self.heading(3, labels.differs);
            self.paragraphs(5, &stop.differs);
        }
        for corrected in &stop.corrects {
            self.gap();
            self.heading(3, labels.says);
            self.paragraph(5, &corrected.says);
            self.heading(3, labels.truth);
            self.paragraphs(5, &corrected.truth);
        }
        if !stop.read.is_empty() {
            self.gap();
            self.heading(3, labels.read);
            for source in &stop.read {
                self.paragraph(5, &format!("{}: {}()", source.file, source.function));
            }
        }
        if let Some(trial) = &stop.exercise {
            self.gap();
            self.heading(3, labels.exercise);
            self.labelled(labels.change, &trial.change);
            self.labelled(labels.run, std::slice::from_ref(&trial.run));
            self.labelled(labels.expect, &trial.expect);
        }
    }

    fn beside(&mut self, stop: &Stop, image: &str, book: &str, labels: &Labels) {
        if stop.is_same_beside() {
            self.gap();
            self.paragraph(5, &format!("{} ({book}).", labels.beside_same));
        } else if let Some(rows) = stop.columns(image, book, self.style.width.saturating_sub(5)) {
            self.gap();
            self.heading(3, labels.beside);
            self.lines(&rows);
        } else if stop.lines_there().next().is_some() {
            self.gap();
            self.heading(3, &format!("{} ({book})", labels.beside_alone));
            self.lines(&stop.lines_there().map(str::to_owned).collect::<Vec<_>>());
        }
    }

    /// Lines of a view, which are never broken.
    fn lines(&mut self, lines: &[String]) {
        for line in lines {
            self.text += "     ";
            self.text += line;
            self.gap();
        }
    }

    fn gap(&mut self) {
        self.text.push('\n');
    }

    fn heading(&mut self, indent: usize, text: &str) {
        let indent = " ".repeat(indent);
        for line in self.wrapped(&indent, &indent, text).lines() {
            self.text += &self.style.paint(Ink::Strong, line);
            self.gap();
        }
    }

    fn numbered(&mut self, number: usize, text: &[String]) {
        let mut first = format!("{:<3}", format!("{number}."));
        for (index, paragraph) in text.iter().enumerate() {
            if index > 0 {
                self.gap();
                first = "   ".into();
            }
            let wrapped = self.wrapped(&first, "   ", paragraph);
            self.text += &wrapped;
            self.gap();
        }
    }

    fn labelled(&mut self, label: &str, text: &[String]) {
        let wrapped = self.wrapped("     ", "       ", &format!("{label}: {}", text.join(" ")));
        self.text += &wrapped;
        self.gap();
    }

    fn paragraphs(&mut self, indent: usize, text: &[String]) {
        for (index, paragraph) in text.iter().enumerate() {
            if index > 0 {
                self.gap();
            }
            self.paragraph(indent, paragraph);
        }
    }

    fn paragraph(&mut self, indent: usize, text: &str) {
        let indent = " ".repeat(indent);
        let wrapped = self.wrapped(&indent, &indent, text);
        self.text += &wrapped;
        self.gap();
    }

    fn wrapped(&self, first: &str, others: &str, text: &str) -> String {
        let options =
            Options::new(self.style.width.clamp(NARROWEST, WIDEST)).initial_indent(first).subsequent_indent(others);
        fill(text, wrapping(options))
    }
}

/// Lines end at spaces, in Korean too, and what is longer than a line stays whole: it is a name or a command.
pub(super) fn wrapping(options: Options<'_>) -> Options<'_> {
    options.word_separator(WordSeparator::AsciiSpace).word_splitter(WordSplitter::NoHyphenation).break_words(false)
}
