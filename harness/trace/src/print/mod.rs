//! Events as the kernel prints them: the `print fmt:` of an event's format, evaluated for a record.
//!
//! A print format is C: a format of `printf`, and expressions over the record's fields. It is read when the first record of its
//! event is printed. A part whose value only the kernel knows (the size of a structure, a function, a constant that is not
//! translated) is told, and the fields stand in the place of the text.

mod addresses;
mod conversion;
mod evaluate;
mod lexer;
mod load;
mod number;
mod parser;
mod program;
mod states;
mod tree;
mod types;

use std::cell::Cell;
use std::collections::BTreeMap;
use std::sync::Arc;

pub(super) use conversion::{Address, Conversion, Kind, Piece, Size, pieces};
use evaluate::{Record, Shape};
pub(super) use lexer::unescaped;
use program::Program;
pub(super) use program::push_place;
pub(super) use states::task_states;

use crate::event::Layout;
use crate::format::{Format, HeaderPage, name_of, parse_format};
use crate::printk_formats::{PrintkFormats, TEXT};
use crate::task_states::TaskStates;
use crate::{Event, EventKind, Point, Recording, Symbols, Value};

/// The events of `trace_printk()`.
const EVENTS: [&str; 3] = ["bprint", "bputs", "print"];

/// The part of a print format that is not evaluated where a number has no name.
const NAMELESS: &str = "a constant in a list of names";

/// Layouts that are remembered: the events that take turns in a recording.
const REMEMBERED: usize = 64;

/// Prints events of one recording by their formats.
///
/// ```
/// use kernsnap_trace::{Printed, Printer, RawReader, Symbols, dat};
///
/// let file = include_bytes!("../../fuzz/corpus/dat/function");
/// let dat = dat::read(file)?;
/// let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
/// let recording = dat.recording();
/// let mut printer = Printer::new(&recording, &symbols);
/// let mut text = String::new();
/// for event in RawReader::new(&recording, &symbols) {
///     if printer.print(&event, &mut text) == Printed::Evaluated {
///         text.push('\n');
///     }
/// }
/// assert!(text.contains("prev_comm=swapper/2 prev_pid=0 prev_prio=120 prev_state=R ==> next_comm=init next_pid=53"));
/// # Ok::<(), dat::DatError>(())
/// ```
pub struct Printer<'a> {
    events: Vec<Known>,
    by_name: BTreeMap<Arc<str>, Vec<usize>>,
    /// The formats of the other events, by the name of the event. A recording has records of few of those that a kernel has.
    formats: BTreeMap<&'a str, Vec<&'a str>>,
    remembered: Vec<Option<(Arc<Layout>, Found)>>,
    symbols: &'a Symbols,
    strings: PrintkFormats,
    long: u32,
}

/// What [`Printer::print`] has printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Printed<'p> {
    /// The text that the event's print format gives.
    Evaluated,
    /// The same, with a part that only the kernel knows: a number in the place of its name, or `?` in the place of a value. The text has
    /// all fields of the event.
    Partly {
        /// The part.
        because: &'p str,
    },
    /// The fields as `name=value`, because the print format cannot be evaluated.
    Fields {
        /// The part that has no value.
        because: &'p str,
    },
    /// Nothing: the event is not a tracepoint, and does not have a print format.
    Nothing,
}

/// How the records of a layout are printed.
#[derive(Clone, Copy)]
enum Found {
    /// By the format of this event.
    Event(usize),
    /// As the text that is their only field.
    Text,
}

/// An event whose format is known.
struct Known {
    format: Format,
    shapes: Vec<Shape>,
    states: Option<TaskStates>,
    program: Option<Result<Program, String>>,
}

impl Known {
    fn new(format: Format, long: u32) -> Self {
        let own = format.fields.iter().filter(|field| !field.name.starts_with("common_"));
        let shapes = own.map(|field| Shape::new(field, long)).collect();
        let states = task_states(&format, long);
        Self { format, shapes, states, program: None }
    }

    fn is_of(&self, layout: &Layout) -> bool {
        let own = self.format.fields.iter().map(|field| &field.name).filter(|name| !name.starts_with("common_"));
        own.eq(&layout.fields)
    }
}

impl<'a> Printer<'a> {
    /// A printer with the formats of a recording.
    #[must_use]
    pub fn new(recording: &Recording<'a>, symbols: &'a Symbols) -> Self {
        let long = HeaderPage::parse(recording.header_page).unwrap_or(HeaderPage::BITS_64).long;
        let mut formats: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for text in &recording.formats {
            formats.entry(name_of(text).unwrap_or_default()).or_default().push(*text);
        }
        let strings = PrintkFormats::parse(recording.printk_formats);
        let remembered = vec![None; REMEMBERED];
        Self { events: Vec::new(), by_name: BTreeMap::new(), formats, remembered, symbols, strings, long }
    }

    /// Puts the text of an event behind `out`. Functions, graphs and markers do not have a print format here: their kinds say
    /// all about them.
    pub fn print(&mut self, event: &Event, out: &mut String) -> Printed<'_> {
        let EventKind::Tracepoint(point) = &event.kind else { return Printed::Nothing };
        let at = match (self.find(point.layout()), point.value(0)) {
            (Some(Found::Event(at)), _) => at,
            (Some(Found::Text), Some(Value::Text(text))) => {
                out.push_str(text);
                return Printed::Evaluated;
            }
            _ => {
                push_fields(out, point);
                return Printed::Fields { because: "the format of the event" };
            }
        };
        let Self { events, symbols, strings, long, .. } = self;
        let Some(Known { format, shapes, states, program }) = events.get_mut(at) else { return Printed::Nothing };
        let program = program.get_or_insert_with(|| Program::new(format, *long));
        let begin = out.len();
        let nameless = Cell::new(false);
        let states = states.as_ref();
        let record = Record { event, point, shapes, long: *long, strings, states, nameless: &nameless };
        let because = match program {
            Ok(program) => match program.print(&record, symbols, out) {
                Ok(None) if nameless.get() => return Printed::Partly { because: NAMELESS },
                Ok(None) => return Printed::Evaluated,
                Ok(Some(because)) => return Printed::Partly { because },
                Err(because) => because,
            },
            Err(because) => because,
        };
        out.truncate(begin);
        push_fields(out, point);
        Printed::Fields { because }
    }

    /// How the records of this layout are printed.
    #[inline]
    fn find(&mut self, layout: &Arc<Layout>) -> Option<Found> {
        // The allocator's addresses are multiples of 16.
        let slot = (Arc::as_ptr(layout).addr() >> 4) % REMEMBERED;
        if let Some(Some((known, found))) = self.remembered.get(slot)
            && Arc::ptr_eq(known, layout)
        {
            return Some(*found);
        }
        let found = self.search(layout)?;
        if let Some(place) = self.remembered.get_mut(slot) {
            *place = Some((Arc::clone(layout), found));
        }
        Some(found)
    }

    fn search(&mut self, layout: &Layout) -> Option<Found> {
        if is_text(layout) {
            return Some(Found::Text);
        }
        for text in self.formats.remove(&*layout.name).into_iter().flatten() {
            if let Ok(format) = parse_format(text) {
                self.by_name.entry(Arc::clone(&format.name)).or_default().push(self.events.len());
                self.events.push(Known::new(format, self.long));
            }
        }
        let mut named = self.by_name.get(&layout.name)?.iter().copied();
        let at = named.find(|at| self.events.get(*at).is_some_and(|known| known.is_of(layout)))?;
        Some(Found::Event(at))
    }
}

impl std::fmt::Debug for Printer<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Printer").field("events", &self.events.len()).finish_non_exhaustive()
    }
}

/// True if the records are texts of `trace_printk()` that were read with their formats.
fn is_text(layout: &Layout) -> bool {
    EVENTS.contains(&&*layout.name) && matches!(&*layout.fields, [only] if **only == *TEXT)
}

fn push_fields(out: &mut String, point: &Point) {
    for (number, (name, value)) in point.fields().enumerate() {
        out.push_str(if number > 0 { " " } else { "" });
        out.push_str(name);
        out.push('=');
        value.push_to(out);
    }
}

#[cfg(test)]
mod tests;
