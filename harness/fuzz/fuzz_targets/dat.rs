//! No file can break the reader of `trace.dat`.
#![no_main]

use kernsnap::trace::dat::read;
use kernsnap::trace::{Symbols, decode};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(dat) = read(bytes) {
        let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
        let _ = decode(&dat.recording(), &symbols);
    }
});
