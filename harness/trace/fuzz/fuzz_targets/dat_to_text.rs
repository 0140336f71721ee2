//! No `trace.dat` can break the writers: its text has no control characters and is read again, and its Perfetto trace is written.
#![no_main]

use kernsnap_trace::dat::{inflate, read};
use kernsnap_trace::perfetto::perfetto;
use kernsnap_trace::text::{parse, write};
use kernsnap_trace::{Symbols, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let inflated = inflate(bytes).ok().flatten();
    let Ok(dat) = read(inflated.as_deref().unwrap_or(bytes)) else { return };
    let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
    let (trace, _) = decode(&dat.recording(), &symbols);
    let text = write(&trace);
    assert!(!text.chars().any(|character| character.is_control() && character != '\n'), "a control character");
    assert!(text.len() < 4096 * (trace.events.len() + 1) + 64 * bytes.len(), "{} bytes", text.len());
    let (again, _) = parse(text.as_bytes());
    assert!(again.events.len() <= trace.events.len());
    let _ = perfetto(&trace);
});
