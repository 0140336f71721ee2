//! How quickly recordings become events: `cargo bench -p kernsnap-trace`.
//!
//! The inputs are made here, always the same: a flood of system calls as a kernel's text, and a real recording of functions,
//! events and stacks, repeated, as text, as raw pages and as a `trace.dat`.

use std::error::Error;
use std::fmt::Write as _;
use std::hint::black_box;
use std::time::Duration;

use criterion::{Criterion, Throughput};
use kernsnap_trace::dat::TraceDat;
use kernsnap_trace::text::TextReader;
use kernsnap_trace::{Cpu, RawReader, Symbols, dat, decode};

/// Bytes of a text, and of the raw pages. A pass must not be over before the memory is warm.
const SIZE: usize = 16 << 20;

/// Bytes of a page of the ring buffer, of which the recording has only the used ones.
const PAGE: usize = 4096;

/// Nanoseconds from one page to the next.
const PAGE_NS: u64 = 1_000_000;

/// The events of ftrace itself in the recording.
const OWN_EVENTS: [&str; 3] = ["function", "kernel_stack", "print"];

macro_rules! recording {
    ($name:literal) => {
        concat!("../tests/data/recordings/", $name)
    };
}

fn main() -> Result<(), Box<dyn Error>> {
    let (flood, mixed) = (flood(), repeat(include_str!(recording!("function/trace.txt"))));
    let pages = repeat_page(include_bytes!(recording!("function/cpu1.raw")));
    let (symbols, _) = Symbols::from_system_map(include_str!(recording!("System.map")));
    let kallsyms = symbols.to_kallsyms();
    let formats = include_str!(recording!("formats"));
    let starts: Vec<usize> = formats.match_indices("name: ").map(|(at, _)| at).chain([formats.len()]).collect();
    let is_own = |format: &&str| OWN_EVENTS.iter().any(|name| format.starts_with(&format!("name: {name}\n")));
    let (own_formats, others): (Vec<&str>, Vec<&str>) =
        starts.windows(2).map(|ends| &formats[ends[0]..ends[1]]).partition(is_own);
    let file = dat::write(&TraceDat {
        header_page: include_str!(recording!("header_page")),
        own_formats,
        formats: vec![("events", others)],
        kallsyms: &kallsyms,
        saved_cmdlines: include_bytes!(recording!("function/saved_cmdlines")),
        cpus: vec![(Cpu(1), pages.as_slice().into())],
        stats: vec![(Cpu(1), include_str!(recording!("function/cpu1.stats")))],
        ..TraceDat::default()
    })?;
    let read = dat::read(&file)?;
    let recording = read.recording();
    let events = decode(&recording, &symbols).0.events.len() as u64;

    let mut criterion =
        Criterion::default().sample_size(20).measurement_time(Duration::from_secs(8)).configure_from_args();
    let mut group = criterion.benchmark_group("text");
    for (name, text) in [("flood", &flood), ("mixed", &mixed)] {
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| TextReader::new(text.as_bytes()).filter_map(Result::ok).map(black_box).count());
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
    group.throughput(Throughput::Bytes(file.len() as u64));
    group.bench_function("read", |bencher| bencher.iter(|| dat::read(&file).map(|file| file.cpus.len())));
    group.bench_function("symbols", |bencher| bencher.iter(|| Symbols::from_system_map(read.kallsyms)));
    group.finish();
    criterion.final_summary();
    Ok(())
}

/// A task that makes one system call after the other.
fn flood() -> String {
    let mut text = String::from("# tracer: nop\n#\n");
    let mut at = 1_000_000u64;
    while text.len() < SIZE {
        let (second, micro) = (at / 1_000_000, at % 1_000_000);
        // Writing to a String cannot fail.
        let _ = writeln!(
            text,
            "           flood-73      [001] ..... {second:5}.{micro:06}: sys_enter: NR 172 ({:x}, {micro:x}, 0, 0, 7ffc8e1, 40)\n           \
             flood-73      [001] ..... {second:5}.{:06}: sys_exit: NR 172 = {}",
            0x40_0000 + at,
            (at + 1) % 1_000_000,
            at % 97,
        );
        at += 3;
    }
    text
}

/// The events of a text over and over. Their times repeat too: a reader takes them as they come.
fn repeat(text: &str) -> String {
    let (comments, events): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
    let (comments, events) = (comments.join("\n"), events.join("\n"));
    let mut repeated = comments;
    while repeated.len() < SIZE {
        repeated.push('\n');
        repeated.push_str(&events);
    }
    repeated.push('\n');
    repeated
}

/// A page of the ring buffer over and over, each time later.
fn repeat_page(used: &[u8]) -> Vec<u8> {
    let mut pages = Vec::with_capacity(SIZE);
    let (time, rest) = used.split_at(8);
    let begin = u64::from_le_bytes(time.try_into().unwrap_or_default());
    for number in 0..(SIZE / PAGE) as u64 {
        pages.extend((begin + number * PAGE_NS).to_le_bytes());
        pages.extend(rest);
        pages.resize(pages.len().next_multiple_of(PAGE), 0);
    }
    pages
}
