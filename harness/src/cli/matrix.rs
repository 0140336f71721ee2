//! `kernsnap matrix`, and `kernsnap diff` of two images.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::num::NonZeroUsize;
use std::thread;
use std::time::Duration;

use serde::Serialize;

use super::args::{DiffArguments, Format, MatrixArguments};
use super::progress::Progress;
use super::{
    Context, Exit, Failure, answer, answer_json, answer_painted, architecture, kcidb, options, results, terminal,
    write_file,
};
use crate::session::matrix::{Cell, Order, matrix};
use crate::session::record::Record;
use kernsnap_analysis::diff::{Diff, TaskLines};
use kernsnap_analysis::view::Ink;
use kernsnap_image::Options;

/// Host time after which a run is given up.
const LIMIT: Duration = Duration::from_secs(180);

pub(super) fn run(context: &Context, arguments: &MatrixArguments) -> Result<Exit, Failure> {
    if !arguments.from.is_empty() {
        return merge(context, arguments);
    }
    let options = options(&arguments.source)?;
    let images = if arguments.images.is_empty() { context.images_but_on_request()? } else { arguments.images.clone() };
    let order = Order {
        images,
        files: context.scenario_files(&arguments.scenarios)?,
        parallel: arguments.parallel.get(),
        limit: LIMIT,
    };
    Table::fill(context, &options, &order)?.tell(arguments.output.format())
}

/// One table of the results of several machines.
fn merge(context: &Context, arguments: &MatrixArguments) -> Result<Exit, Failure> {
    let mut records = Vec::new();
    for file in &arguments.from {
        records.extend(results::read(file)?);
    }
    records.sort_by(|a, b| (&a.image, &a.scenario, &a.schedule).cmp(&(&b.image, &b.scenario, &b.schedule)));
    if let Some(file) = &arguments.junit {
        let text = results::junit(&records).map_err(|error| Failure::internal("write JUnit's XML", &error))?;
        write_file(file, text.as_bytes())?;
    }
    let table = Table::from_records(&records);
    match arguments.output.format() {
        Format::Ktap => answer(results::ktap(&records).trim_end()),
        Format::Kcidb => {
            let mut report = kcidb::Report::default();
            report.add_runs(&arguments.origin.origin, &records, &|image| architecture(context, image));
            answer(&report.to_json().to_string());
        }
        format => return table.tell(format),
    }
    Ok(table.exit())
}

/// The differences of each scenario between two images.
pub(super) fn diff(
    context: &Context,
    (before, after): (&str, &str),
    arguments: &DiffArguments,
) -> Result<Exit, Failure> {
    let options = Options::default();
    let order = Order {
        images: vec![before.to_owned(), after.to_owned()],
        files: context.scenario_files(&arguments.scenarios)?,
        parallel: cores(),
        limit: LIMIT,
    };
    let table = Table::fill(context, &options, &order)?;
    let mut exit = Exit::Passed;
    for (scenario, cells) in &table.cells {
        let side = |image: &str| {
            let cell = cells.get(image)?;
            let tasks = TaskLines::read(cell.view.as_deref().unwrap_or_default());
            Some(TaskLines { verdict: Some(cell.verdict.word().to_owned()), ..tasks })
        };
        let (Some(one), Some(other)) = (side(before), side(after)) else { continue };
        let diff = Diff::new(&one, &other);
        if !diff.is_empty() {
            exit = exit.worst(Exit::Different);
        }
        if arguments.output.is_json() {
            let row = DiffRow { scenario, before, after, diff: &diff };
            answer_json(&row)?;
        } else if arguments.output.format() == Format::Markdown {
            answer(&format!("### {scenario}: {before} → {after}\n\n{}", diff.markdown().trim_end()));
        } else if diff.is_empty() {
            answer(&format!("{scenario}: no differences"));
        } else {
            let style = terminal::style();
            let text = format!(
                "{}\n{}",
                style.paint(Ink::Strong, &format!("{scenario}: {before} → {after}")),
                diff.show(&style)
            );
            answer_painted(&text, &style);
        }
    }
    Ok(exit)
}

#[derive(Serialize)]
struct DiffRow<'a> {
    scenario: &'a str,
    before: &'a str,
    after: &'a str,
    diff: &'a Diff,
}

fn cores() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Scenario → image → what came of it.
struct Table {
    /// In the order they were asked for: views are compared with the first one's.
    images: Vec<String>,
    cells: BTreeMap<String, BTreeMap<String, Cell>>,
}

/// One cell as `--json` prints it.
#[derive(Serialize)]
struct Row<'a> {
    #[serde(flatten)]
    cell: &'a Cell,
    /// True if its view is that of the first image with one.
    same_view: Option<bool>,
}

impl Table {
    fn fill(context: &Context, options: &Options, order: &Order) -> Result<Self, Failure> {
        let mut cells: BTreeMap<String, BTreeMap<String, Cell>> = BTreeMap::new();
        let progress = std::cell::RefCell::new(Progress::new());
        let mut done = 0;
        let total = order.images.len() * order.files.len();
        matrix(
            &context.session()?,
            context.images(options),
            order,
            &mut |event| progress.borrow_mut().show(event),
            &mut |cell| {
                done += 1;
                progress.borrow_mut().count(done, total, &format!("{} on {}", cell.scenario, cell.image));
                cells.entry(cell.scenario.clone()).or_default().insert(cell.image.clone(), cell);
            },
        )?;
        Ok(Self { images: order.images.clone(), cells })
    }

    /// The table of runs that took place elsewhere. Two results of one run that contradict each other are not hidden: the worse one
    /// counts.
    fn from_records(records: &[Record]) -> Self {
        let mut cells: BTreeMap<String, BTreeMap<String, Cell>> = BTreeMap::new();
        let mut images: Vec<String> = Vec::new();
        for record in records {
            if !images.contains(&record.image) {
                images.push(record.image.clone());
            }
            let row = cells.entry(record.scenario.clone()).or_default();
            let is_worse = |known: &Cell| Exit::from(record.verdict) > Exit::from(known.verdict);
            if row.get(&record.image).is_none_or(is_worse) {
                row.insert(record.image.clone(), record.into());
            }
        }
        Self { images, cells }
    }

    fn tell(&self, format: Format) -> Result<Exit, Failure> {
        match format {
            Format::Json => self.rows().try_for_each(|row| answer_json(&row))?,
            Format::Markdown => answer(self.markdown().trim_end()),
            _ => answer_painted(self.show().trim_end(), &terminal::style()),
        }
        Ok(self.exit())
    }

    fn rows(&self) -> impl Iterator<Item = Row<'_>> {
        self.cells
            .values()
            .flat_map(|cells| cells.values().map(|cell| Row { cell, same_view: self.same_view(cells, cell) }))
    }

    /// A line a scenario; after it what did not pass, with its reasons.
    fn show(&self) -> String {
        let images = &self.images;
        let style = terminal::style();
        let width = self.cells.keys().map(String::len).max().unwrap_or_default();
        let mut text = format!("{:width$}", "");
        for image in images {
            let _ = write!(text, "  {}", style.paint(Ink::Strong, image));
        }
        for (scenario, cells) in &self.cells {
            let _ = write!(text, "\n{scenario:width$}");
            for image in images {
                let column = image.len();
                let _ = match cells.get(image) {
                    None => write!(text, "  {:column$}", ""),
                    Some(cell) => {
                        let ink = if cell.verdict.is_good() { Ink::Good } else { Ink::Bad };
                        write!(text, "  {}", style.padded(ink, &self.word(cells, cell), column))
                    }
                };
            }
        }
        let counts: Vec<String> = images.iter().map(|image| format!("{image}: {}", self.count(image))).collect();
        let _ = write!(text, "\n\n≠ another view than on the first image\n{}\n", counts.join("\n"));
        for cell in self.cells.values().flat_map(BTreeMap::values).filter(|cell| !cell.reasons.is_empty()) {
            let _ = write!(text, "\n{} on {}: {}", cell.scenario, cell.image, cell.verdict.word());
            for reason in &cell.reasons {
                let _ = write!(text, "\n  {}", reason.trim_end().replace('\n', "\n  "));
            }
        }
        text
    }

    fn markdown(&self) -> String {
        let images = &self.images;
        let mut text = format!("| scenario | {} |\n|---|{}\n", images.join(" | "), "---|".repeat(images.len()));
        for (scenario, cells) in &self.cells {
            let words =
                images.iter().map(|image| cells.get(image).map(|cell| self.word(cells, cell)).unwrap_or_default());
            let _ = writeln!(text, "| {scenario} | {} |", words.collect::<Vec<_>>().join(" | "));
        }
        text
    }

    /// `57 passed, 2 does-not-apply`.
    fn count(&self, image: &str) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for cell in self.cells.values().filter_map(|cells| cells.get(image)) {
            *counts.entry(cell.verdict.word()).or_default() += 1;
        }
        counts.iter().map(|(word, count)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
    }

    fn exit(&self) -> Exit {
        self.cells
            .values()
            .flat_map(BTreeMap::values)
            .fold(Exit::Passed, |worst, cell| worst.worst(cell.verdict.into()))
    }

    /// True if a cell's view is that of the first image that has one; `None` where there is nothing to compare.
    fn same_view(&self, cells: &BTreeMap<String, Cell>, cell: &Cell) -> Option<bool> {
        let first = self.images.iter().find_map(|image| cells.get(image)?.view_sha256.as_ref())?;
        cell.view_sha256.as_ref().map(|view| view == first)
    }

    fn word(&self, cells: &BTreeMap<String, Cell>, cell: &Cell) -> String {
        let mark = if self.same_view(cells, cell) == Some(false) { " ≠" } else { "" };
        format!("{}{mark}", cell.verdict.word())
    }
}
