//! No description of pages and events can break the decoder and the printer, nor can pages that it does not fit.
#![no_main]

use kernsnap_trace::{Cpu, CpuRecording, Printer, Recording, Symbols, decode};
use libfuzzer_sys::fuzz_target;

const PAGES: &[u8] = include_bytes!("../../tests/data/recordings/function/cpu1.raw");

fuzz_target!(|text: &str| {
    let recording = Recording {
        header_page: text,
        formats: text.split("\n\n").collect(),
        cpus: vec![CpuRecording { cpu: Cpu(0), pages: PAGES.into(), stats: text }],
        saved_cmdlines: text.as_bytes(),
        printk_formats: text,
        ..Recording::default()
    };
    let (symbols, _) = Symbols::from_system_map(text);
    let (trace, _) = decode(&recording, &symbols);
    let mut printer = Printer::new(&recording, &symbols);
    for event in &trace.events {
        printer.print(event, &mut String::new());
    }
});
