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
}

impl<'a> EventText<'a> {
    pub(super) fn new(printer: Printer<'a>) -> Self {
        Self { printer: Some(printer), unprinted: BTreeMap::new() }
    }

    /// Puts the text of a tracepoint behind `out`. `false` where it is not known; nothing is put there then.
    #[inline]
    pub(super) fn push(&mut self, event: &Event, out: &mut String) -> bool {
        let Some(printer) = &mut self.printer else { return false };
        let begin = out.len();
        match printer.print(event, out) {
            Printed::Evaluated => return true,
            Printed::Nothing => {}
            Printed::Fields { because } => {
                if let EventKind::Tracepoint(point) = &event.kind
                    && !self.unprinted.contains_key(&**point.name())
                {
                    self.unprinted.insert(point.name().to_string(), because.to_owned());
                }
            }
        }
        out.truncate(begin);
        false
    }

    /// Tells which formats could not be evaluated.
    pub(super) fn conclude(&self) {
        for (event, because) in &self.unprinted {
            talk(&format!("the print format of `{event}` cannot be evaluated ({because}): its fields are shown"));
        }
    }
}
