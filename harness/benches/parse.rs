//! How quickly recordings become events: `cargo bench --bench parse`.
//!
//! A flood of system calls as raw pages and as text, and a text of many kinds of events with their stacks.

use std::error::Error;
use std::fs;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use kernsnap_trace::text::{TextReader, write};
use kernsnap_trace::{RawReader, Symbols, dat, decode};

#[expect(dead_code, reason = "another benchmark uses the rest")]
mod recordings;

/// Long enough that a pass is not over before the memory is warm.
const TEXT: u64 = 16 << 20;

fn main() -> Result<(), Box<dyn Error>> {
    let directory = tempfile::tempdir()?;
    let bytes = fs::read(recordings::flood(directory.path())?)?;
    let file = dat::read(&bytes)?;
    let (symbols, _) = Symbols::from_system_map(file.kallsyms);
    let recording = file.recording();
    let (trace, _) = decode(&recording, &symbols);
    let events = trace.events.len() as u64;
    let flood = write(&trace);
    drop(trace);
    let mut mixed = Vec::new();
    recordings::repeat(include_str!("../trace/tests/data/recordings/function/trace.txt"), TEXT, &mut mixed)?;

    let mut criterion =
        Criterion::default().sample_size(20).measurement_time(Duration::from_secs(8)).configure_from_args();
    let mut group = criterion.benchmark_group("text");
    for (name, text) in [("flood", flood.as_bytes()), ("mixed", &mixed)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| TextReader::new(text).filter_map(Result::ok).map(black_box).count());
        });
    }
    group.finish();

    let mut group = criterion.benchmark_group("raw pages");
    group.throughput(Throughput::Elements(events));
    group.bench_function("streamed", |bencher| {
        bencher.iter(|| {
            let mut reader = RawReader::new(&recording, &symbols);
            while let Some(event) = reader.next_ref() {
                let _ = black_box(event);
            }
        });
    });
    group.bench_function("as a whole", |bencher| bencher.iter(|| decode(&recording, &symbols)));
    group.finish();

    let mut group = criterion.benchmark_group("trace.dat");
    group.throughput(Throughput::Bytes(bytes.len() as u64));
    group.bench_function("read", |bencher| bencher.iter(|| dat::read(&bytes).map(|file| file.cpus.len())));
    group.bench_function("symbols", |bencher| bencher.iter(|| Symbols::from_system_map(file.kallsyms)));
    group.finish();
    criterion.final_summary();
    Ok(())
}
