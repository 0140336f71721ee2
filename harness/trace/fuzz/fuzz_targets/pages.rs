//! No ring buffer can break the decoder, with the formats of a real kernel; and events that are read over those before are
//! the same as events that are not.
#![no_main]

use kernsnap_trace::{Cpu, CpuRecording, RawReader, Recording, Symbols, decode};
use libfuzzer_sys::fuzz_target;

const FORMATS: &str = include_str!("../../tests/data/recordings/formats");
const HEADER_PAGE: &str = include_str!("../../tests/data/recordings/header_page");

fuzz_target!(|bytes: &[u8]| {
    let starts: Vec<_> = FORMATS.match_indices("name: ").map(|(at, _)| at).chain([FORMATS.len()]).collect();
    let (first, second) = bytes.split_at(bytes.len() / 2);
    let recording = Recording {
        header_page: HEADER_PAGE,
        formats: starts.windows(2).map(|ends| &FORMATS[ends[0]..ends[1]]).collect(),
        cpus: vec![
            CpuRecording { cpu: Cpu(0), pages: first.into(), stats: "entries: 0\nread events: 1\n" },
            CpuRecording { cpu: Cpu(1), pages: second.into(), stats: "" },
        ],
        saved_cmdlines: b"1 init\n",
        ..Recording::default()
    };
    let symbols = Symbols::default();
    let (trace, _) = decode(&recording, &symbols);
    let mut reader = RawReader::new(&recording, &symbols);
    let mut lent = Vec::new();
    while let Some(Ok((event, _))) = reader.next_ref() {
        lent.push(event.clone());
    }
    lent.sort_by_key(|event| (event.time, event.cpu));
    assert_eq!(lent, trace.events);
});
