//! The raw ring buffers of all CPUs as one stream of typed events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;

use super::cpu::{Printk, Shared, Stream};
use super::event_decoders::EventDecoders;
use super::format::HeaderPage;
use super::printk_formats::PrintkFormats;
use super::recording::{CpuRecording, Recording};
use super::stats::Stats;
use super::symbols::Symbols;
use super::task_names::TaskNames;
use super::{Cpu, Event, EventKind, IntegrityError, IssueKind, IssuePlace, ParseIssue, Timestamp};

/// Bytes of a task's name: 15 (`TASK_COMM_LEN`), each of which may have been replaced by three.
const LONGEST_NAME: usize = 48;

/// Calls whose entries are remembered: the kernel's own limit is 50 a task.
const CALLS: usize = 1 << 16;

/// Reads events one at a time: by time, then CPU, then the order in that CPU's buffer. A buffer whose clock went backwards
/// is read in its own order.
pub struct RawReader<'a> {
    shared: Shared,
    streams: Vec<Source<'a>>,
    /// The streams that are not being read, by their next events. Runs of one CPU are long: the reader stays with a stream
    /// while no other is due.
    others: BinaryHeap<Reverse<Key>>,
    current: usize,
    /// True if the first event of that stream was given away.
    lent: bool,
    issues: Vec<ParseIssue>,
    may_leave_events: bool,
    /// When the open calls were entered, by task and depth; `None` where the records of returns say it.
    entered: Option<BTreeMap<(i32, u32), Timestamp>>,
}

type Key = (Timestamp, Cpu, usize);

/// One CPU.
struct Source<'a> {
    cpu: Cpu,
    stream: Stream<'a>,
    /// The time of the event that comes next.
    due: Option<Timestamp>,
    stats: &'a str,
}

/// The summary of a recording whose events were all read.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RawSummary {
    /// The names that tasks had when the buffer was saved, and of those without one the latest that an event tells.
    pub names: BTreeMap<i32, String>,
    /// Why the trace must not be judged.
    pub defects: Vec<IntegrityError>,
    /// The parts that could not be understood.
    pub issues: Vec<ParseIssue>,
    /// True if the events came in the order of time.
    pub sorted: bool,
}

impl<'a> RawReader<'a> {
    /// A reader of what the guest saved.
    #[must_use]
    pub fn new(recording: &Recording<'a>, symbols: &'a Symbols) -> Self {
        let mut issues = Vec::new();
        let head = HeaderPage::parse(recording.header_page).unwrap_or_else(|why| {
            issues.push(ParseIssue { place: IssuePlace::HeaderPage, kind: IssueKind::Unreadable(why) });
            HeaderPage::BITS_64
        });
        issues.extend(
            recording.other_buffers.iter().map(|name| ParseIssue {
                place: IssuePlace::Instance((*name).to_owned()),
                kind: IssueKind::OtherBuffer,
            }),
        );
        let (plans, wrong) = EventDecoders::new(&recording.formats, head.long);
        issues.extend(wrong);
        let tasks = TaskNames::new(names(recording.saved_cmdlines, &mut issues));
        let entered = (!plans.say_when_entered()).then(BTreeMap::new);
        let printk = Printk { formats: PrintkFormats::parse(recording.printk_formats), long: head.long };
        let mut shared = Shared { plans, tasks, printk, ..Shared::default() };
        let source = |CpuRecording { cpu, pages, stats }: &CpuRecording<'a>| {
            let mut stream = Stream::new(*cpu, *pages, &head, symbols);
            let due = stream.due(&mut shared);
            Source { cpu: *cpu, stream, due, stats }
        };
        let streams: Vec<_> = recording.cpus.iter().map(source).collect();
        let heads = streams.iter().enumerate().filter_map(|(at, source)| Some(Reverse(source.key(at)?)));
        let mut others: BinaryHeap<_> = heads.collect();
        let current = others.pop().map_or(0, |Reverse((.., at))| at);
        let may_leave_events = recording.may_leave_events;
        Self { shared, streams, others, current, lent: false, issues, may_leave_events, entered }
    }

    /// The next event, until the one after it is asked for, which is read into the same memory; with the names of tasks that
    /// were saved with the buffer or that events have told so far, by pid.
    ///
    /// # Errors
    /// Pages that cannot be read to their end, once, after the last event.
    #[inline]
    pub fn next_ref(&mut self) -> Option<io::Result<(&Event, &BTreeMap<i32, String>)>> {
        self.go_on();
        if self.streams.get(self.current).is_none_or(|source| source.due.is_none()) {
            return self.streams.iter_mut().find_map(|source| source.stream.take_error()).map(Err);
        }
        self.streams.get_mut(self.current)?.stream.front().map(|event| Ok((&*event, &self.shared.tasks.names)))
    }

    /// Goes on to the event that is due after the one that was given away.
    #[inline]
    fn go_on(&mut self) {
        if std::mem::replace(&mut self.lent, true) {
            self.leave();
        }
        if let Some(open) = &mut self.entered
            && let Some(event) = self.streams.get_mut(self.current).and_then(|source| source.stream.front())
        {
            pair(open, event);
        }
    }

    /// Leaves the event that was given away, and finds the one that is due.
    #[inline]
    fn leave(&mut self) {
        let Some(source) = self.streams.get_mut(self.current) else { return };
        source.stream.pop();
        source.due = source.stream.due(&mut self.shared);
        let due = source.key(self.current);
        if let Some(Reverse(other)) = self.others.peek()
            && due.is_none_or(|due| *other < due)
        {
            let other = other.2;
            self.others.pop();
            self.others.extend(due.map(Reverse));
            self.current = other;
        }
    }

    /// The findings besides the events, when all were read.
    #[must_use]
    pub fn finish(self) -> RawSummary {
        let Self { shared, streams, mut issues, may_leave_events, .. } = self;
        let mut defects = Vec::new();
        let mut sorted = true;
        for Source { cpu, stream, stats, .. } in streams {
            let found = stream.finish();
            sorted &= found.sorted;
            defects.extend(found.defects);
            issues.extend(found.issues);
            match Stats::parse(stats) {
                Some(stats) => defects.extend(stats.defects(cpu, found.records, may_leave_events)),
                None => issues.push(ParseIssue { place: IssuePlace::Stats(cpu), kind: IssueKind::NoCounters }),
            }
        }
        issues.extend(shared.tally.issues());
        RawSummary { names: shared.tasks.names, defects, issues, sorted }
    }
}

/// Gives a return of a function the time of the entry before it of the same task and depth, where its record does not carry
/// it. Where there is no such entry, it stays as it is.
#[inline]
fn pair(open: &mut BTreeMap<(i32, u32), Timestamp>, event: &mut Event) {
    match &mut event.kind {
        EventKind::GraphEntry { depth, .. } => {
            if open.len() >= CALLS {
                open.clear();
            }
            open.insert((event.pid.0, *depth), event.time);
        }
        EventKind::GraphExit { depth, entered, .. } => {
            if let Some(time) = open.remove(&(event.pid.0, *depth)) {
                *entered = time;
            }
        }
        _ => {}
    }
}

impl Source<'_> {
    #[inline]
    fn key(&self, at: usize) -> Option<Key> {
        self.due.map(|time| (time, self.cpu, at))
    }
}

impl Iterator for RawReader<'_> {
    type Item = Event;

    #[inline]
    fn next(&mut self) -> Option<Event> {
        self.go_on();
        self.streams.get_mut(self.current)?.stream.front().map(std::mem::take)
    }
}

/// Reads `saved_cmdlines`: lines `PID NAME`. A name may have any bytes but NUL: those that are not UTF-8 are replaced, and what is no
/// line of the table goes on with the name before it, which has the end of a line in it.
fn names(table: &[u8], issues: &mut Vec<ParseIssue>) -> BTreeMap<i32, String> {
    let mut names: BTreeMap<i32, String> = BTreeMap::new();
    let mut last = None;
    let end = table.iter().rposition(|byte| !matches!(byte, b'\0' | b'\n')).map_or(0, |last| last + 1);
    let lines = table.get(..end).unwrap_or_default().split(|byte| *byte == b'\n');
    for (number, line) in lines.enumerate().filter(|_| end > 0) {
        let line = String::from_utf8_lossy(line);
        let entry = line.trim_start().split_once(' ').and_then(|(pid, name)| Some((pid.parse().ok()?, name)));
        match (entry, last.and_then(|pid| names.get_mut(&pid))) {
            (Some((pid, name)), _) => {
                names.insert(pid, name.to_owned());
                last = Some(pid);
            }
            (None, Some(name)) if name.len() + line.len() < LONGEST_NAME => {
                name.push('\n');
                name.push_str(&line);
            }
            (None, _) => issues.push(ParseIssue {
                place: IssuePlace::TaskNames(number + 1),
                kind: IssueKind::WrongTableLine { expected: "PID NAME", found: line.into_owned() },
            }),
        }
    }
    names
}
