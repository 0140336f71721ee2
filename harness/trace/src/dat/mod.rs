//! `trace.dat`, the file of `trace-cmd record` (trace-cmd.dat.v6(5), v7(5)): what a tracing session saved, behind one
//! another. Version 6 is written and read; version 7 is read, compressed by zstd and zlib too.

mod chunks;
mod compression;
mod cursor;
mod parts;
mod read;
mod version_7;
mod write;

pub use read::{read, read_beginning};
pub(super) use version_7::Version7;
pub use version_7::inflate;
pub use write::write;

use super::{Clock, Cpu, CpuRecording, InstanceRecording, PageBytes, Recording};

/// The first bytes of the file.
pub const MAGIC: &[u8] = b"\x17\x08\x44tracing";

/// The content of a file, as far as events need it. The texts are tracefs's own files.
#[derive(Clone, Debug, Default)]
pub struct TraceDat<'a> {
    /// `events/header_page`.
    pub header_page: &'a str,
    /// `events/ftrace/NAME/format`.
    pub own_formats: Vec<&'a str>,
    /// `events/GROUP/NAME/format`, by group.
    pub formats: Vec<(&'a str, Vec<&'a str>)>,
    /// `/proc/kallsyms`, or as much of it as occurs.
    pub kallsyms: &'a str,
    /// `saved_cmdlines`. A name may have any bytes.
    pub saved_cmdlines: &'a [u8],
    /// `printk_formats`: the formats of `trace_printk()` by their addresses.
    pub printk_formats: &'a str,
    /// True of a file: events may have stayed in a buffer when recording stopped ([`Recording::may_leave_events`]).
    pub may_leave_events: bool,
    /// The content of `trace_pipe_raw` of each CPU.
    pub cpus: Vec<(Cpu, PageBytes<'a>)>,
    /// `per_cpu/cpuN/stats` of each CPU that has one.
    pub stats: Vec<(Cpu, &'a str)>,
    /// The buffers of other instances (`instances/NAME`).
    pub instances: Vec<Instance<'a>>,
    /// The clock of the top buffer, and how times are converted.
    pub clock: Clock<'a>,
}

/// The buffer of an instance.
#[derive(Clone, Debug, Default)]
pub struct Instance<'a> {
    /// Its name.
    pub name: &'a str,
    /// The content of its `trace_pipe_raw` of each CPU.
    pub cpus: Vec<(Cpu, PageBytes<'a>)>,
    /// Its `per_cpu/cpuN/stats` of each CPU that has one.
    pub stats: Vec<(Cpu, &'a str)>,
    /// The name of its clock, where the file has it.
    pub clock: Option<&'a str>,
}

impl Instance<'_> {
    /// Bytes of its pages.
    #[must_use]
    pub fn size(&self) -> u64 {
        self.cpus.iter().map(|(_, pages)| pages.size()).fold(0, u64::saturating_add)
    }
}

/// The error in a file, and its place.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DatError {
    /// Something ends after the end of the file, or is not what has to stand there.
    #[error("it is cut off or damaged at byte {at}: no {expected}")]
    Damaged {
        /// Bytes from the beginning.
        at: usize,
        /// The expected content.
        expected: &'static str,
    },
    /// The file is of a kind that is not read.
    #[error("{0}")]
    Unsupported(String),
}

impl<'a> TraceDat<'a> {
    /// The same as a recording, with the buffers of all instances.
    #[must_use]
    pub fn recording(&self) -> Recording<'a> {
        // Without events of its own, the clock of the top buffer says nothing about the others.
        let has_events = self.cpus.iter().any(|(_, pages)| pages.size() > 0);
        let filled = || self.instances.iter().filter(|instance| instance.size() > 0);
        let first = || filled().find_map(|instance| instance.clock);
        let clock = if has_events { self.clock.name } else { first().or(self.clock.name) };
        let instance = |instance: &Instance<'a>| InstanceRecording {
            name: instance.name,
            cpus: recorded(&instance.cpus, &instance.stats),
            other_clock: instance.clock.filter(|own| clock.is_some_and(|clock| clock != *own)),
        };
        Recording {
            header_page: self.header_page,
            formats: self.formats.iter().flat_map(|(_, formats)| formats).chain(&self.own_formats).copied().collect(),
            cpus: recorded(&self.cpus, &self.stats),
            saved_cmdlines: self.saved_cmdlines,
            printk_formats: self.printk_formats,
            may_leave_events: self.may_leave_events,
            instances: filled().map(instance).collect(),
            clock: Clock { name: clock, ..self.clock.clone() },
        }
    }

    /// The same file with the buffer of one instance only; `None` where no instance has this name.
    #[must_use]
    pub fn only(&self, instance: &str) -> Option<Self> {
        let found = self.instances.iter().find(|found| found.name == instance)?;
        Some(Self { cpus: Vec::new(), stats: Vec::new(), instances: vec![found.clone()], ..self.clone() })
    }
}

/// The buffers of CPUs with their counters.
fn recorded<'a>(cpus: &[(Cpu, PageBytes<'a>)], stats: &[(Cpu, &'a str)]) -> Vec<CpuRecording<'a>> {
    let of = |cpu: Cpu| stats.iter().find(|(of, _)| *of == cpu).map_or("", |(_, stats)| *stats);
    cpus.iter().map(|(cpu, pages)| CpuRecording { cpu: *cpu, pages: *pages, stats: of(*cpu) }).collect()
}

/// Options that stand in a file: a number, a length, bytes.
mod option {
    pub(super) const DONE: u16 = 0;
    pub(super) const DATE: u16 = 1;
    pub(super) const CPU_STATS: u16 = 2;
    pub(super) const BUFFER: u16 = 3;
    pub(super) const TRACE_CLOCK: u16 = 4;
    pub(super) const OFFSET: u16 = 7;
    pub(super) const TIME_SHIFT: u16 = 12;
    pub(super) const TSC_TO_NANOSECONDS: u16 = 14;
    pub(super) const HEADER_INFO: u16 = 16;
    pub(super) const FTRACE_EVENTS: u16 = 17;
    pub(super) const EVENT_FORMATS: u16 = 18;
    pub(super) const KALLSYMS: u16 = 19;
    pub(super) const PRINTK: u16 = 20;
    pub(super) const CMDLINES: u16 = 21;
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Symbols, decode};

    fn file() -> Vec<u8> {
        write(&TraceDat {
            header_page: "head",
            own_formats: vec!["name: function\nID: 1\n"],
            formats: vec![("sched", vec!["name: a\nID: 300\n", "name: b\nID: 301\n"])],
            kallsyms: "10 T f\n",
            saved_cmdlines: b"1 init\n",
            printk_formats: "0x10 : \"a %d\\n\"\n",
            may_leave_events: false,
            cpus: vec![(Cpu(0), [1; 4096][..].into()), (Cpu(1), PageBytes::default()), (Cpu(2), [2; 8192][..].into())],
            stats: vec![(Cpu(2), "entries: 1\n")],
            instances: vec![
                Instance {
                    name: "first",
                    cpus: vec![(Cpu(1), [3; 4096][..].into())],
                    stats: vec![(Cpu(1), "entries: 7\n"), (Cpu(2), "entries: 8\n")],
                    clock: Some("mono"),
                },
                Instance { name: "empty", ..Instance::default() },
            ],
            clock: Clock { name: Some("global"), offset: -5, scale: Some((6, 7)), time_shift: Some(b"8 bytes.") },
        })
        .expect("memory")
    }

    #[test]
    fn what_was_written_is_read() {
        let file = file();
        let found = read(&file).expect("a whole file");
        assert_eq!((found.header_page, &found.own_formats), ("head", &vec!["name: function\nID: 1\n"]));
        assert_eq!(found.formats, [("sched", vec!["name: a\nID: 300\n", "name: b\nID: 301\n"])]);
        assert_eq!((found.kallsyms, found.saved_cmdlines), ("10 T f\n", &b"1 init\n"[..]));
        assert_eq!(found.printk_formats, "0x10 : \"a %d\\n\"\n");
        let cpus: Vec<_> = found.cpus.iter().map(|(cpu, pages)| (cpu.0, pages.size())).collect();
        assert_eq!(cpus, [(0, 4096), (1, 0), (2, 8192)]);
        assert_eq!(found.stats, [(Cpu(2), "entries: 1\n")]);
        let instances = found.instances.iter().map(|instance| (instance.name, instance.size())).collect::<Vec<_>>();
        assert_eq!(instances, [("first", 4096), ("empty", 0)]);
        assert_eq!(*found.instances[0].cpus[1].1.read().expect("memory"), [3; 4096]);
        assert_eq!(
            found.clock,
            Clock { name: Some("global"), offset: -5, scale: Some((6, 7)), time_shift: Some(b"8 bytes.") }
        );
        let first = &found.instances[0];
        assert_eq!(
            (first.clock, &first.stats),
            (Some("mono"), &vec![(Cpu(1), "entries: 7\n"), (Cpu(2), "entries: 8\n")])
        );
        let recording = found.recording();
        assert_eq!((recording.cpus.len(), recording.instances.len()), (3, 1));
        assert_eq!((recording.instances[0].name, recording.instances[0].other_clock), ("first", Some("mono")));
        assert_eq!(recording.instances[0].cpus[1].stats, "entries: 7\n");
        let alone = found.only("first").expect("an instance");
        let recording = alone.recording();
        assert_eq!((recording.cpus.len(), recording.clock.name), (0, Some("mono")), "the only buffer with pages");
        assert_eq!((recording.instances[0].other_clock, found.only("none").is_none()), (None, true));
    }

    #[test]
    fn pages_behind_the_beginning_stay_in_the_file() {
        let file = file();
        let whole = read(&file).expect("a whole file");
        let length = file.len() as u64;
        let mut found = Vec::new();
        for end in 0..=file.len() {
            let Ok(dat) = read_beginning(&file[..end], &file, length) else { continue };
            assert_eq!((dat.kallsyms, &dat.stats), (whole.kallsyms, &whole.stats));
            for ((_, pages), (_, expected)) in dat.cpus.iter().zip(&whole.cpus) {
                assert_eq!(pages.read().expect("readable"), expected.read().expect("memory"));
            }
            found.push(dat.cpus.iter().filter(|(_, pages)| matches!(pages, PageBytes::File { .. })).count());
        }
        found.dedup();
        assert_eq!(found, [2, 1, 0], "as the beginning grows, more of the pages are in it");
        let cut = read_beginning(&file[..file.len() - 1], &file, length - 1);
        assert!(cut.is_err(), "the file ends within the pages");
    }

    #[test]
    fn what_is_compressed_is_the_same_recording() {
        let plain = include_bytes!("../../fuzz/corpus/dat/function");
        let packed = include_bytes!("../../fuzz/corpus/dat/compressed");
        assert_eq!(inflate(plain), Ok(None));
        assert!(matches!(read(packed), Err(DatError::Unsupported(_))));
        let inflated = inflate(packed).expect("a whole file").expect("a compressed one");
        let (found, expected) = (read(&inflated).expect("a file"), read(plain).expect("a file"));
        assert_eq!(found.kallsyms, expected.kallsyms);
        let decoded = |dat: &TraceDat<'_>| {
            let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
            decode(&dat.recording(), &symbols).0.events
        };
        assert!(!decoded(&found).is_empty());
        assert_eq!(decoded(&found), decoded(&expected));
    }

    #[test]
    fn no_byte_of_a_compressed_file_breaks_it() {
        let packed = include_bytes!("../../fuzz/corpus/dat/compressed");
        for at in (0..packed.len()).step_by(7) {
            let mut bad = packed.to_vec();
            bad[at] ^= 0x81;
            let _ = inflate(&bad).map(|file| file.map(|file| read(&file).map(|dat| dat.cpus.len())));
            // Not all that stands in a file is read.
            assert!(inflate(&packed[..at]).is_err() || at > packed.len() / 2, "cut at {at}");
        }
    }

    #[test]
    fn every_cut_is_an_error_and_no_byte_a_panic() {
        let whole = file();
        for end in 0..whole.len().min(6000) {
            assert!(read(&whole[..end]).is_err(), "cut at {end}");
        }
        for at in 0..whole.len().min(1000) {
            let mut bad = whole.clone();
            bad[at] ^= 0x81;
            let _ = read(&bad).map(|dat| dat.recording());
        }
    }
}
