//! From the raw ring buffers of all CPUs to one typed trace.

use super::raw::{RawReader, RawSummary};
use super::recording::Recording;
use super::symbols::Symbols;
use super::{Event, ParseIssue, Trace};

/// Bytes of a ring buffer to an event, roughly: a record of a function takes 24, an event with its stack a hundred and more.
const BYTES_PER_EVENT: u64 = 64;

/// Events for which there is room from the start, at most: growing in place costs more than reading.
const RESERVED: usize = 1 << 20;

/// Decodes a recording as a whole. Whatever cannot be understood becomes an issue; whatever makes the trace as a whole unfit
/// to be judged becomes one of its defects.
#[must_use]
pub fn decode(recording: &Recording<'_>, symbols: &Symbols) -> (Trace, Vec<ParseIssue>) {
    let mut reader = RawReader::new(recording, symbols);
    let instances = recording.instances.iter().flat_map(|instance| &instance.cpus);
    let bytes: u64 = recording.cpus.iter().chain(instances).map(|cpu| cpu.pages.size()).sum();
    let expected = usize::try_from(bytes / BYTES_PER_EVENT).unwrap_or(usize::MAX).min(RESERVED);
    let mut events: Vec<Event> = Vec::with_capacity(expected);
    events.extend(reader.by_ref());
    let RawSummary { names, defects, issues, sorted, .. } = reader.finish();
    if !sorted {
        events.sort_by_key(|event| (event.time, event.cpu));
    }
    (Trace { events, names, defects }, issues)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{Cpu, CpuRecording, EventDetails, EventKind, IntegrityError, Repeats, Timestamp};

    const MAP: &str = "1000 t fork\n1100 t wake.part.0\n1200 t irq\n2000 T _etext\n";

    const FIELDS: [(u16, &str, &str); 6] = [
        (1, "function", "unsigned long ip;offset:8;size:L;|unsigned long parent_ip;offset:P;size:L;"),
        (4, "kernel_stack", "int size;offset:8;size:4;signed:1;|unsigned long caller[8];offset:Q;size:64;"),
        (5, "print", "unsigned long ip;offset:8;size:L;|char buf[];offset:P;size:0;"),
        (10, "funcgraph_exit", "unsigned long func;offset:8;size:L;|int depth;offset:P;size:4;signed:1;"),
        (11, "funcgraph_entry", "unsigned long func;offset:8;size:L;|int depth;offset:P;size:4;signed:1;"),
        (300, "task_rename", "pid_t pid;offset:8;size:4;signed:1;|char comm[4];offset:12;size:4;"),
    ];

    /// The guest's word size decides where fields lie.
    #[derive(Clone, Copy)]
    enum Guest {
        Bits32,
        Bits64,
    }

    impl Guest {
        fn long(self) -> usize {
            match self {
                Self::Bits32 => 4,
                Self::Bits64 => 8,
            }
        }

        fn header_page(self) -> String {
            let long = self.long();
            format!(
                "field: u64 timestamp;offset:0;size:8;\nfield: local_t commit;offset:8;size:{long};\n\
                 field: char data;offset:{};size:200;\n",
                8 + long
            )
        }

        fn formats(self) -> Vec<String> {
            let common = "field:unsigned short common_type;offset:0;size:2;\n\
                          field:unsigned char common_flags;offset:2;size:1;\n\
                          field:unsigned char common_preempt_count;offset:3;size:1;\n\
                          field:int common_pid;offset:4;size:4;signed:1;\n";
            let long = self.long().to_string();
            let second = (8 + self.long()).to_string();
            let frames = if self.long() == 8 { "16" } else { "12" };
            let place = |text: &str| text.replace('L', &long).replace('P', &second).replace('Q', frames);
            let format = |(id, name, fields): &(u16, &str, &str)| {
                let own: Vec<_> = fields.split('|').map(|field| format!("field:{}", place(field))).collect();
                format!("name: {name}\nID: {id}\nformat:\n{common}{}\n", own.join("\n"))
            };
            FIELDS.iter().map(format).collect()
        }

        /// A record's payload: `ID PID FLAGS`, then words: `@N` a long, `N` an int, anything else text.
        fn record(self, text: &str) -> Vec<u8> {
            let mut words = text.split(' ');
            let mut number = || words.next().and_then(|word| word.parse::<i32>().ok()).expect("ID PID FLAGS");
            let (id, pid, flags) = (number().to_le_bytes(), number().to_le_bytes(), number().to_le_bytes());
            let mut bytes = vec![id[0], id[1], flags[0], 0, pid[0], pid[1], pid[2], pid[3]];
            for word in words {
                if let Some(long) = word.strip_prefix('@') {
                    bytes.resize(bytes.len().next_multiple_of(self.long()), 0);
                    let long = i64::from_str_radix(long, 16).expect("hexadecimal").to_le_bytes();
                    bytes.extend(&long[..self.long()]);
                } else if let Ok(int) = word.parse::<i32>() {
                    bytes.extend(int.to_le_bytes());
                } else {
                    bytes.extend(word.replace('_', " ").bytes());
                }
            }
            bytes.resize(bytes.len().next_multiple_of(4), 0);
            bytes
        }

        /// A page whose records are each one nanosecond behind the one before.
        fn page(self, time: u64, flags: u32, records: &[&str]) -> Vec<u8> {
            let mut data = Vec::new();
            for record in records {
                let payload = self.record(record);
                let head = u32::try_from(payload.len() / 4).expect("short") | 1 << 5;
                data.extend([&head.to_le_bytes()[..], &payload].concat());
            }
            let commit = u64::from(u32::try_from(data.len()).expect("short") | flags).to_le_bytes();
            let mut page = [&time.to_le_bytes(), &commit[..self.long()], &data].concat();
            page.resize(8 + self.long() + 200, 0);
            page
        }
    }

    fn shown(event: &Event) -> String {
        let Event { time, cpu, pid, kind: body, stack, .. } = event;
        let what = match body {
            EventKind::Function { function, caller } => format!("{function} < {caller}"),
            EventKind::GraphEntry { function, depth } => format!("{function} {{ {depth}"),
            EventKind::GraphExit { function, depth, entered, left } => {
                format!("{function} }} {depth} {}..{}", entered.0, left.0)
            }
            EventKind::Marker { text } => format!("# {text}"),
            EventKind::Tracepoint(point) => {
                let fields: Vec<_> = point.fields().map(|(name, value)| format!(" {name}={value}")).collect();
                format!("{}{}", point.name(), fields.concat())
            }
        };
        let frames = |stack: &Vec<_>| stack.iter().map(|frame| format!(" ^{frame}")).collect::<Vec<_>>().concat();
        format!("{}@{} {}: {what}{}", time.0, cpu.0, pid.0, stack.as_ref().map(frames).unwrap_or_default())
    }

    /// The CPUs' pages, and what they decode to: events, then issues.
    #[track_caller]
    fn check(guest: Guest, cpus: &[&[Vec<u8>]], expected: &[&str]) -> Vec<IntegrityError> {
        let (symbols, _) = Symbols::from_system_map(MAP);
        let (head, formats) = (guest.header_page(), guest.formats());
        let pages: Vec<_> = cpus.iter().map(|pages| pages.concat()).collect();
        let recording = Recording {
            header_page: &head,
            formats: formats.iter().map(String::as_str).collect(),
            cpus: (0..)
                .zip(&pages)
                .map(|(cpu, pages)| CpuRecording {
                    cpu: Cpu(cpu),
                    pages: pages[..].into(),
                    stats: "entries: 0\nread events: 3\n",
                })
                .collect(),
            ..Recording::default()
        };
        let (trace, issues) = decode(&recording, &symbols);
        assert_eq!(lent(&recording, &symbols), trace.events);
        let issues = issues.iter().map(|issue| format!("{}: {}", issue.place, issue.kind));
        let lines: Vec<_> = trace.events.iter().map(shown).chain(issues).collect();
        assert_eq!(lines, expected);
        trace.defects
    }

    /// The events one at a time, each read into the memory of those before.
    fn lent(recording: &Recording<'_>, symbols: &Symbols) -> Vec<Event> {
        let mut reader = RawReader::new(recording, symbols);
        let mut events = Vec::new();
        while let Some(Ok((event, _))) = reader.next_ref() {
            events.push(event.clone());
        }
        events.sort_by_key(|event| (event.time, event.cpu));
        events
    }

    #[test]
    fn both_word_sizes_give_the_same_trace() {
        let records = ["1 7 0 @1004 @1104", "4 7 0 2 @1008 @1204", "5 7 0 @0 two_words\n"];
        let more = ["300 8 0 -5 sh", "11 8 0 @1000 0", "10 8 0 @1000 0"];
        for guest in [Guest::Bits32, Guest::Bits64] {
            let (first, second) = (guest.page(100, 0, &records), guest.page(101, 0, &more));
            let defects = check(
                guest,
                &[&[first], &[second]],
                &[
                    "101@0 7: fork < wake ^fork ^irq",
                    "102@1 8: task_rename pid=-5 comm=sh",
                    "103@0 7: # two words",
                    "103@1 8: fork { 0",
                    "104@1 8: fork } 0 103..104",
                ],
            );
            assert_eq!(defects, []);
        }
    }

    #[test]
    fn a_stack_goes_to_the_event_of_its_own_level_and_task() {
        let check = |records: &[&str], expected: &[&str]| {
            check(Guest::Bits64, &[&[Guest::Bits64.page(0, 0, records)]], expected);
        };
        check(
            &["1 7 0 @1000 @0", "1 7 8 @1200 @0", "4 7 8 1 @1200", "4 7 0 1 @1100"],
            &["1@0 7: fork < 0x0 ^wake", "2@0 7: irq < 0x0 ^irq"],
        );
        check(
            &["1 7 0 @1000 @0", "4 8 0 1 @1100", "4 7 0 1 @1100"],
            &["1@0 7: fork < 0x0", "kernel_stack: 2 stacks without an event before them"],
        );
        check(
            &["1 7 0 @1000 @0", "77 7 0 5", "4 7 0 1 @1100", "77 7 0"],
            &["1@0 7: fork < 0x0", "event 77: 2 records, but no format"],
        );
        check(
            &["1 7 0 @1000", "4 7 0 9 @1100"],
            &["event 1: 1 records shorter than the format", "event 4: 1 records shorter than the format"],
        );
    }

    /// The events of `trace_printk()` on a 32-bit machine, with these formats.
    fn printk(formats: &str, records: &[&str]) -> Vec<String> {
        let guest = Guest::Bits32;
        let (symbols, _) = Symbols::from_system_map(MAP);
        let common = guest.formats()[0].lines().skip(2).take(5).collect::<Vec<_>>().join("\n") + "\n";
        let bprint = "name: bprint\nID: 6\n".to_owned()
            + &common
            + "field:unsigned long ip;offset:8;size:4;\nfield:const char *fmt;offset:12;size:4;\n\
               field:u32 buf[];offset:16;size:0;\n";
        let bputs = "name: bputs\nID: 7\n".to_owned()
            + &common
            + "field:unsigned long ip;offset:8;size:4;\nfield:const char *str;offset:12;size:4;\n";
        let mut all = guest.formats();
        all.extend([bprint, bputs]);
        let (head, pages) = (guest.header_page(), guest.page(0, 0, records));
        let recording = Recording {
            header_page: &head,
            formats: all.iter().map(String::as_str).collect(),
            cpus: vec![CpuRecording { cpu: Cpu(0), pages: pages[..].into(), stats: "entries: 0\nread events: 1\n" }],
            printk_formats: formats,
            ..Recording::default()
        };
        let (trace, issues) = decode(&recording, &symbols);
        assert_eq!(lent(&recording, &symbols), trace.events);
        let issues = issues.iter().map(ToString::to_string);
        trace.events.iter().map(shown).chain(issues).collect()
    }

    #[test]
    fn events_name_tasks_and_strings_of_the_kernel() {
        let guest = Guest::Bits32;
        let common = guest.formats()[0].lines().skip(2).take(5).collect::<Vec<_>>().join("\n") + "\n";
        let fork = "name: sched_process_fork\nID: 400\n".to_owned()
            + &common
            + "field:char child_comm[4];offset:8;size:4;\nfield:pid_t child_pid;offset:12;size:4;signed:1;\n";
        let other = "name: other\nID: 401\n".to_owned()
            + &common
            + "field:char comm[4];offset:8;size:4;\nfield:pid_t pid;offset:12;size:4;signed:1;\n\
               field:const char *s;offset:16;size:4;\n";
        let records = ["400 7 0 abc\0 41", "400 7 0 def\0 42", "401 7 0 xyz\0 43 4096", "401 7 0 xyz\0 43 4097"];
        let (head, pages) = (guest.header_page(), guest.page(0, 0, &records));
        let recording = Recording {
            header_page: &head,
            formats: vec![&fork, &other],
            cpus: vec![CpuRecording { cpu: Cpu(0), pages: pages[..].into(), stats: "entries: 0\nread events: 4\n" }],
            saved_cmdlines: b"42 saved\n",
            printk_formats: "0x1000 : \"Start\"\n",
            ..Recording::default()
        };
        let (trace, issues) = decode(&recording, &Symbols::default());
        assert_eq!((issues, &trace.defects), (vec![], &vec![]));
        let names = [(41, "abc"), (42, "saved")].map(|(pid, name)| (pid, name.to_owned()));
        assert_eq!(trace.names, BTreeMap::from(names));
        let lines: Vec<_> = trace.events.iter().skip(2).map(shown).collect();
        assert_eq!(lines, ["3@0 7: other comm=xyz pid=43 s=Start", "4@0 7: other comm=xyz pid=43 s=4097"]);
    }

    #[test]
    fn stacks_of_user_space_and_counted_calls_are_parts_of_events() {
        let guest = Guest::Bits32;
        let common = guest.formats()[0].lines().skip(2).take(5).collect::<Vec<_>>().join("\n") + "\n";
        let user = "name: user_stack\nID: 8\n".to_owned()
            + &common
            + "field:unsigned int tgid;offset:8;size:4;\nfield:unsigned long caller[3];offset:12;size:12;\n";
        let repeats = "name: func_repeats\nID: 9\n".to_owned()
            + &common
            + "field:unsigned long ip;offset:8;size:4;\nfield:unsigned long parent_ip;offset:12;size:4;\n\
               field:u16 count;offset:16;size:2;\nfield:u16 top_delta_ts;offset:18;size:2;\n\
               field:u32 bottom_delta_ts;offset:20;size:4;\n";
        let mut formats = guest.formats();
        formats.extend([user, repeats]);
        // Seven calls, the last of them two nanoseconds before.
        let records = [
            "1 7 0 @1000 @1104",
            "4 7 0 1 @1200",
            "8 7 0 7 @5000 @6000 @0",
            "8 7 0 7 @5000 @0 @0",
            "9 7 0 @1000 @1104 7 2",
        ];
        let (symbols, _) = Symbols::from_system_map(MAP);
        let (head, pages) = (guest.header_page(), guest.page(0, 0, &records));
        let recording = Recording {
            header_page: &head,
            formats: formats.iter().map(String::as_str).collect(),
            cpus: vec![CpuRecording { cpu: Cpu(0), pages: pages[..].into(), stats: "entries: 0\nread events: 5\n" }],
            ..Recording::default()
        };
        let (trace, issues) = decode(&recording, &symbols);
        assert_eq!(lent(&recording, &symbols), trace.events);
        let issues: Vec<_> = issues.iter().map(ToString::to_string).collect();
        assert_eq!(issues, ["kernel_stack: 1 stacks without an event before them"]);
        assert_eq!(
            trace.events.iter().map(shown).collect::<Vec<_>>(),
            ["1@0 7: fork < wake ^irq", "5@0 7: fork < wake"]
        );
        let details: Vec<_> = trace.events.iter().filter_map(|event| event.details.as_deref()).collect();
        let user =
            |details: &EventDetails| details.user_stack.iter().flatten().map(ToString::to_string).collect::<Vec<_>>();
        assert_eq!(user(details[0]), ["0x5000", "0x6000"]);
        assert_eq!(details[1].repeats, Some(Repeats { count: 7, last: Timestamp(3) }));
    }

    #[test]
    fn trace_printk_gives_its_text() {
        let formats = "0x9000 : \"n=%d of %x\\n\"\n0x9100 : \"done\\n\"\n";
        let records = ["6 7 0 @1004 @9000 -5 255", "7 7 0 @1100 @9100", "5 7 0 @1204 as_text\n", "4 7 0 1 @1008"];
        assert_eq!(
            printk(formats, &records),
            [
                "1@0 7: bprint text=fork: n=-5 of ff",
                "2@0 7: bputs text=wake.part.0: done",
                "3@0 7: print text=irq: as text ^fork"
            ]
        );
        assert_eq!(
            printk("", &records[..2]),
            [
                "1@0 7: bprint ip=4100 fmt=36864 buf={4294967291,255}",
                "2@0 7: bputs ip=4352 str=37120",
                "event 6: 1 records of trace_printk, but their formats are not in the recording",
                "event 7: 1 records of trace_printk, but their formats are not in the recording",
            ]
        );
    }

    #[test]
    fn what_is_missing_or_out_of_order_is_a_defect() {
        let guest = Guest::Bits64;
        let cpu = Cpu(0);
        let late = [guest.page(50, 0, &["300 1 0 1 a"]), guest.page(20, 1 << 31, &["300 1 0 2 b"])];
        let defects = check(guest, &[&late], &["21@0 1: task_rename pid=2 comm=b", "51@0 1: task_rename pid=1 comm=a"]);
        assert_eq!(
            defects,
            [
                IntegrityError::MissedBefore { cpu, page: 1 },
                IntegrityError::ClockBackwards { cpu, at: Timestamp(21) },
                IntegrityError::CountMismatch { cpu, found: 2, written: 3 },
            ]
        );
    }

    #[test]
    fn an_empty_recording_is_not_a_panic_but_issues() {
        let recording = Recording {
            formats: vec!["name: a", "name: a\nID: 3"],
            cpus: vec![CpuRecording::default()],
            saved_cmdlines: b"x\n    1 a b\nc\n    2 \xff\n",
            ..Recording::default()
        };
        let (trace, issues) = decode(&recording, &Symbols::default());
        assert_eq!(trace.names, BTreeMap::from([(1, "a b\nc".to_owned()), (2, "\u{fffd}".to_owned())]));
        assert_eq!(
            issues.iter().map(|issue| issue.place.to_string()).collect::<Vec<_>>(),
            ["header_page", "format 1", "format 2", "saved_cmdlines, line 1", "cpu 0, stats"]
        );
    }

    proptest::proptest! {
        #[test]
        fn no_bytes_can_break_it(bytes: Vec<u8>, ids in proptest::collection::vec((0_usize..6, 0_u8..60), 0..8)) {
            let (symbols, _) = Symbols::from_system_map(MAP);
            for guest in [Guest::Bits32, Guest::Bits64] {
                // Known events with arbitrary payloads of arbitrary lengths, then no page at all.
                let words: Vec<_> = ids
                    .iter()
                    .map(|(event, size)| {
                        let payload: Vec<_> = bytes.iter().take(usize::from(*size)).map(|b| i32::from(*b).to_string()).collect();
                        format!("{} 1 {} {}", FIELDS[*event].0, size, payload.join(" ")).trim_end().to_owned()
                    })
                    .collect();
                let words: Vec<_> = words.iter().map(String::as_str).collect();
                let pages = [guest.page(1, 0, &words), bytes.clone()].concat();
                let (head, formats) = (guest.header_page(), guest.formats());
                let recording = Recording {
                    header_page: &head,
                    formats: formats.iter().map(String::as_str).collect(),
                    cpus: vec![CpuRecording { cpu: Cpu(0), pages: pages[..].into(), stats: "" }],
                    ..Recording::default()
                };
                let (trace, _) = decode(&recording, &symbols);
                proptest::prop_assert_eq!(lent(&recording, &symbols), trace.events);
            }
        }
    }
}
