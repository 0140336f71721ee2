//! `kernsnap export`.

use std::io;

use super::args::{Arguments, ExportArguments, ExportFormat};
use super::read_events::conclude;
use super::{Exit, Failure, csv_export, load_trace, recording_source, write_file};
use crate::session::recording::open;
use kernsnap_trace::Symbols;
use kernsnap_trace::dat;
use kernsnap_trace::dat::TraceDat;
use kernsnap_trace::perfetto::perfetto;
use kernsnap_trace::text;

pub(super) fn export(arguments: &Arguments, export: &ExportArguments) -> Result<Exit, Failure> {
    if export.format == ExportFormat::TraceDat {
        let opened = open(&recording_source::file(&export.file))?;
        let bytes = recording_source::with(arguments, &export.file, &opened, with_symbols)?;
        let bytes =
            bytes.map_err(|error| Failure::input(format!("cannot read `{}`: {error}", export.file.display())))?;
        write_file(&export.output, &bytes)?;
        return Ok(Exit::Passed);
    }
    // The same events as `view` has: not more than fit into memory, and in the order of time.
    load_trace::with_text(arguments, &export.file, |trace, summary, mut printed| {
        let bytes = match export.format {
            ExportFormat::Perfetto => perfetto(&trace),
            ExportFormat::Csv => {
                let mut bytes = Vec::new();
                csv_export::write(&trace.events, &summary.names, &mut bytes)
                    .map_err(|error| Failure::internal("write CSV", &error))?;
                bytes
            }
            ExportFormat::Text | ExportFormat::TraceDat => {
                let bytes = text::write_with(&trace, |event, out| printed.push(event, out)).into_bytes();
                printed.conclude();
                bytes
            }
        };
        let exit = conclude(&export.file, summary, trace.events.len() as u64)?;
        write_file(&export.output, &bytes)?;
        Ok(exit)
    })
}

/// The recording as a file that brings its symbols along.
fn with_symbols(dat: &TraceDat<'_>, symbols: &Symbols) -> io::Result<Vec<u8>> {
    let kallsyms = symbols.to_kallsyms();
    dat::write(&TraceDat { kallsyms: &kallsyms, ..dat.clone() })
}
