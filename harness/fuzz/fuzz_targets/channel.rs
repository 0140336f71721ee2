//! No bytes that a guest leaves in its memory, and no line on its console, can break their readers.
#![no_main]

use kernsnap_machine::Schedule;
use kernsnap_machine::capabilities::TraceCapabilities;
use kernsnap_machine::channel::{Header, kept_sections, sections};
use kernsnap_machine::report::{GuestReport, console_event};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(header) = Header::read(bytes) {
        let _ = sections(&header, bytes);
    }
    if let Ok(found) = kept_sections(bytes) {
        let kept: usize = found.values().map(|section| section.len()).sum();
        assert!(kept <= bytes.len(), "sections do not overlap");
        let facts = TraceCapabilities::from_answer(&found);
        let _ = facts.events();
    }
    let text = String::from_utf8_lossy(bytes);
    let _ = GuestReport::read(&text);
    for line in text.lines() {
        let _ = console_event(line);
        let _ = line.parse::<Schedule>();
    }
});
