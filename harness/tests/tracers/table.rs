//! The table of an image in the documentation: tracer × option.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use crate::plan::{CLOCK, DEFAULT, Recording, USUAL};
use crate::text::Reading;

/// The worst reading of each option's texts, by option and tracer.
#[derive(Debug, Default)]
pub(crate) struct Table {
    tracers: BTreeSet<String>,
    cells: BTreeMap<(Row, String), Cell>,
}

/// A row.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Row {
    /// The options that the tracer begins with.
    Default,
    Option(String),
    Clock(String),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Cell {
    NoEffect,
    Read,
    Quoted,
    Refused,
}

impl Table {
    /// Notes how a text was read, which is `usual` if it is that of the usual options.
    pub(crate) fn add(&mut self, tracer: &str, recording: &Recording, part: &str, reading: Reading, usual: bool) {
        let row = match (recording.option, recording.name.strip_prefix(CLOCK)) {
            (Some(option), _) => Row::Option(option.name.to_owned()),
            (None, Some(clock)) => Row::Clock(clock.to_owned()),
            (None, None) if [DEFAULT, USUAL].contains(&part) => Row::Default,
            (None, None) => Row::Option(part.to_owned()),
        };
        let shows_nothing = usual && recording.option.is_none() && matches!(row, Row::Option(_));
        let cell = match reading {
            Reading::Read if shows_nothing => Cell::NoEffect,
            Reading::Read => Cell::Read,
            Reading::Quoted => Cell::Quoted,
            Reading::Refused => Cell::Refused,
        };
        self.tracers.insert(tracer.to_owned());
        let known = self.cells.entry((row, tracer.to_owned())).or_insert(cell);
        *known = cell.max(*known);
    }

    /// The section of the page.
    pub(crate) fn markdown(&self, image: &str, release: &str) -> String {
        let mut text = format!("{}\n\nLinux {}.\n\n| |", heading(image), release.trim());
        for tracer in &self.tracers {
            let _ = write!(text, " `{tracer}` |");
        }
        text += "\n|---|";
        self.tracers.iter().for_each(|_| text += "---|");
        text.push('\n');
        let rows: BTreeSet<&Row> = self.cells.keys().map(|(row, _)| row).collect();
        for row in rows {
            let _ = match row {
                Row::Default => write!(text, "| without options |"),
                Row::Option(name) => write!(text, "| `{name}` |"),
                Row::Clock(name) => write!(text, "| clock `{name}` |"),
            };
            for tracer in &self.tracers {
                text += match self.cells.get(&(row.clone(), tracer.clone())) {
                    Some(Cell::NoEffect) => " no effect |",
                    Some(Cell::Read) => " read |",
                    Some(Cell::Quoted) => " in part |",
                    Some(Cell::Refused) => " refused |",
                    None => " – |",
                };
            }
            text.push('\n');
        }
        text
    }
}

fn heading(image: &str) -> String {
    format!("## Image `{image}`")
}

/// The section of an image on a page, without empty lines at its end.
pub(crate) fn section_of(page: &str, image: &str) -> Option<String> {
    let begin = page.find(&(heading(image) + "\n"))?;
    let section = page.get(begin..)?;
    let end = section.find("\n## ").unwrap_or(section.len());
    Some(section.get(..end)?.trim_end().to_owned() + "\n")
}
