//! `kernsnap export`.

use std::{fs, io};

use super::args::{Arguments, ExportArguments, ExportFormat};
use super::view::conclude;
use super::{Exit, Failure, recording_source};
use crate::session::recording::{Opened, open};
use kernsnap_trace::dat;
use kernsnap_trace::dat::TraceDat;
use kernsnap_trace::perfetto::perfetto;
use kernsnap_trace::text;
use kernsnap_trace::text::Summary;
use kernsnap_trace::{Symbols, Trace, decode};

pub(super) fn export(arguments: &Arguments, export: &ExportArguments) -> Result<Exit, Failure> {
    let opened = open(&recording_source::file(&export.file))?;
    if export.format == ExportFormat::TraceDat {
        let bytes = recording_source::with(arguments, &export.file, &opened, with_symbols)?;
        let bytes =
            bytes.map_err(|error| Failure::input(format!("cannot read `{}`: {error}", export.file.display())))?;
        write(export, &bytes)?;
        return Ok(Exit::Passed);
    }
    let (trace, issues) = match opened {
        Opened::Text(mut reader) => {
            let mut trace = Trace::default();
            for event in reader.by_ref() {
                trace.events.push(event.map_err(|error| Failure::internal("read the recording", &error))?);
            }
            let Summary { names, defects, issues, .. } = reader.finish();
            (trace.names, trace.defects) = (names, defects);
            (trace, issues)
        }
        raw => recording_source::with(arguments, &export.file, &raw, |dat, symbols| decode(&dat.recording(), symbols))?,
    };
    let bytes = match export.format {
        ExportFormat::Perfetto => perfetto(&trace),
        ExportFormat::Text | ExportFormat::TraceDat => text::write(&trace).into_bytes(),
    };
    write(export, &bytes)?;
    let events = trace.events.len() as u64;
    let summary = Summary { names: trace.names, defects: trace.defects, issues, one_clock: true };
    conclude(&export.file, summary, events)
}

/// The recording as a file that brings its symbols along.
fn with_symbols(dat: &TraceDat<'_>, symbols: &Symbols) -> io::Result<Vec<u8>> {
    let kallsyms = symbols.to_kallsyms();
    dat::write(&TraceDat { kallsyms: &kallsyms, ..dat.clone() })
}

fn write(export: &ExportArguments, bytes: &[u8]) -> Result<(), Failure> {
    let error = |error| Failure::input(format!("cannot write `{}`: {error}", export.output.display()));
    fs::write(&export.output, bytes).map_err(error)
}
