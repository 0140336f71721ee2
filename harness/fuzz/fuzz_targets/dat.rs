//! No file can break the reader of `trace.dat`.
#![no_main]

use kernsnap::trace::dat::{inflate, read};
use kernsnap::trace::{Symbols, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let inflated = inflate(bytes).ok().flatten();
    if let Ok(dat) = read(inflated.as_deref().unwrap_or(bytes)) {
        let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
        let _ = decode(&dat.recording(), &symbols);
    }
});
