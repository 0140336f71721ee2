//! No file can break the reader of `trace.dat`, and pages that stay in the file are read as those in memory.
#![no_main]

use std::sync::Arc;

use kernsnap_trace::dat::{TraceDat, inflate, read, read_beginning};
use kernsnap_trace::{DatFile, ReadAt, Symbols, Trace, decode};
use libfuzzer_sys::fuzz_target;

fn trace(dat: &TraceDat<'_>) -> Trace {
    let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
    decode(&dat.recording(), &symbols).0
}

fuzz_target!(|bytes: &[u8]| {
    let in_file = DatFile::over(Arc::new(bytes.to_vec()), bytes.len() as u64);
    let in_file = in_file.ok().and_then(|file| Some(trace(&file.read().ok()?)));
    let inflated = inflate(bytes).ok().flatten();
    if let Ok(dat) = read(inflated.as_deref().unwrap_or(bytes)) {
        let whole = trace(&dat);
        if let Some(in_file) = in_file {
            assert_eq!(in_file, whole);
        }
        let file = bytes.to_vec();
        let (beginning, _) = bytes.split_at(bytes.len() / 2);
        if let Ok(dat) = read_beginning(beginning, &file, bytes.len() as u64) {
            assert_eq!(trace(&dat), whole);
        }
    }
});
