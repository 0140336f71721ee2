//! The style of a printed view: colours, width, and the characters that may be used.

use anstyle::{AnsiColor, Effects, Style as Sgr};
use textwrap::core::display_width;

use super::frames::Context;
use crate::language::Language;
use crate::phrase::say;

/// The abilities of the reader's terminal. A file does not have any: [`Style::PLAIN`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// True if colours are understood.
    pub colour: bool,
    /// Columns. Only pictures look at it; text is never broken.
    pub width: usize,
    /// True if only ASCII can be shown in pictures.
    pub ascii: bool,
    /// True if stacks have a heading where another context begins. Snapshots have none.
    pub contexts: bool,
    /// The language of headings and legends, and of all of a lesson. A snapshot is the same in every language.
    pub language: Language,
}

/// The kind of a piece of text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ink {
    /// A task: the number picks the colour.
    Task(usize),
    /// Less important than the rest.
    Dim,
    /// A heading.
    Strong,
    /// There and should be, or now there.
    Good,
    /// Missing, or no longer there.
    Bad,
    /// Changed.
    Changed,
}

impl Style {
    /// For files and pipes.
    pub const PLAIN: Style = Style { colour: false, width: 100, ascii: false, contexts: false, language: Language::En };

    /// The control sequences that [`Style::paint`] writes before a text.
    pub const SEQUENCES: [&str; 9] =
        ["\x1b[1m", "\x1b[2m", "\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[34m", "\x1b[35m", "\x1b[36m", "\x1b[91m"];

    /// The control sequence after a painted text.
    pub const PLAIN_AGAIN: &str = "\x1b[0m";

    /// The text in this ink.
    #[must_use]
    pub fn paint(&self, ink: Ink, text: &str) -> String {
        const TASKS: [AnsiColor; 6] = [
            AnsiColor::Cyan,
            AnsiColor::Yellow,
            AnsiColor::Magenta,
            AnsiColor::Green,
            AnsiColor::Blue,
            AnsiColor::BrightRed,
        ];
        if !self.colour || text.is_empty() {
            return text.to_owned();
        }
        let plain = Sgr::new();
        let sgr = match ink {
            Ink::Task(number) => plain.fg_color(Some(TASKS[number % TASKS.len()].into())),
            Ink::Dim => plain.effects(Effects::DIMMED),
            Ink::Strong => plain.effects(Effects::BOLD),
            Ink::Good => plain.fg_color(Some(AnsiColor::Green.into())),
            Ink::Bad => plain.fg_color(Some(AnsiColor::Red.into())),
            Ink::Changed => plain.fg_color(Some(AnsiColor::Yellow.into())),
        };
        format!("{sgr}{text}{sgr:#}")
    }

    /// The text in this ink, with blanks after it up to a width.
    #[must_use]
    pub fn padded(&self, ink: Ink, text: &str, width: usize) -> String {
        let blanks = width.saturating_sub(text.chars().count());
        format!("{}{:blanks$}", self.paint(ink, text), "")
    }

    /// The heading of the frames of a context.
    #[must_use]
    pub fn heading_of(&self, context: Context) -> String {
        let rule = if self.ascii { "--" } else { "──" };
        self.paint(Ink::Dim, &format!("{rule} {} {rule}", say(self.language, context.sentence())))
    }

    /// The text with blanks before it up to a width. A Korean letter is two columns wide.
    #[must_use]
    pub fn right(text: &str, width: usize) -> String {
        format!("{:blanks$}{text}", "", blanks = width.saturating_sub(display_width(text)))
    }

    /// The text with blanks after it up to a width. A Korean letter is two columns wide.
    #[must_use]
    pub fn left(text: &str, width: usize) -> String {
        format!("{text}{:blanks$}", "", blanks = width.saturating_sub(display_width(text)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_gets_no_colours() {
        assert_eq!(Style::PLAIN.padded(Ink::Bad, "é", 3), "é  ");
        let colour = Style { colour: true, ..Style::PLAIN };
        for ink in [Ink::Dim, Ink::Strong, Ink::Good, Ink::Bad, Ink::Changed].into_iter().chain((0..6).map(Ink::Task)) {
            let painted = colour.paint(ink, "x");
            let sequence = painted.strip_suffix(&format!("x{}", Style::PLAIN_AGAIN));
            assert!(sequence.is_some_and(|sequence| Style::SEQUENCES.contains(&sequence)), "{painted:?}");
        }
        assert_eq!(colour.padded(Ink::Bad, "é", 3), "\u{1b}[31mé\u{1b}[0m  ");
    }
}
