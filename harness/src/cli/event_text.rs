//! The text of an event as its print format in the recording says, which is what the kernel and `trace-cmd report` print.

use std::collections::BTreeMap;

use super::talk;
use kernsnap_trace::{Event, EventKind, Printed, Printer};

/// Prints events by the formats of a recording; a text has no formats, and its events are printed by their fields.
#[derive(Debug, Default)]
pub(super) struct EventText<'a> {
    printer: Option<Printer<'a>>,
    /// The events whose formats cannot be evaluated, with the reason.
    unprinted: BTreeMap<String, String>,
    /// The events whose formats are evaluated but for a part.
    partly_printed: BTreeMap<String, String>,
}

impl<'a> EventText<'a> {
    pub(super) fn new(printer: Printer<'a>) -> Self {
        Self { printer: Some(printer), ..Self::default() }
    }

    /// Puts the text of a tracepoint behind `out`. `false` where it is not known; nothing is put there then.
    #[inline]
    pub(super) fn push(&mut self, event: &Event, out: &mut String) -> bool {
        let Some(printer) = &mut self.printer else { return false };
        let begin = out.len();
        match printer.print(event, out) {
            Printed::Evaluated => return true,
            Printed::Nothing => {}
            Printed::Partly { because } => {
                note(&mut self.partly_printed, event, because);
                return true;
            }
            Printed::Fields { because } => note(&mut self.unprinted, event, because),
        }
        out.truncate(begin);
        false
    }

    /// Tells which formats could not be evaluated, or not wholly.
    pub(super) fn conclude(&self) {
        for (event, because) in &self.partly_printed {
            let what = "a number or `?` is shown in its place";
            talk(&format!("a part of the print format of `{event}` cannot be evaluated ({because}): {what}"));
        }
        for (event, because) in &self.unprinted {
            talk(&format!("the print format of `{event}` cannot be evaluated ({because}): its fields are shown"));
        }
    }
}

fn note(events: &mut BTreeMap<String, String>, event: &Event, because: &str) {
    if let EventKind::Tracepoint(point) = &event.kind
        && !events.contains_key(&**point.name())
    {
        events.insert(point.name().to_string(), because.to_owned());
    }
}
