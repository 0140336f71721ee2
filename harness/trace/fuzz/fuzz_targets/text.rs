//! No text can break the reader of texts, and what it reads it writes and reads again.
#![no_main]

use kernsnap_trace::text::{parse, write};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let (trace, _) = parse(bytes);
    let (again, _) = parse(write(&trace).as_bytes());
    assert!(again.events.len() <= 2 * trace.events.len() + 2);
});
