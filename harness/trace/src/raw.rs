//! The raw ring buffers of all CPUs as one stream of typed events.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};
use std::io;
use std::sync::Arc;

use super::clock::Conversion;
use super::cpu::{Kept, Printk, Shared, Stream};
use super::event_decoders::EventDecoders;
use super::format::HeaderPage;
use super::issue_counts::IssueCounts;
use super::printk_formats::PrintkFormats;
use super::recording::{CpuRecording, InstanceRecording, Recording};
use super::source::held_for_each;
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
    shared: Shared<'a>,
    streams: Vec<Source<'a>>,
    /// The streams that are not being read, by their next events. Runs of one CPU are long: the reader stays with a stream
    /// while no other is due.
    others: BinaryHeap<Reverse<Key>>,
    current: usize,
    /// True if the first event of that stream was given away.
    lent: bool,
    issues: Vec<ParseIssue>,
    may_leave_events: bool,
    /// When the open calls were entered, by buffer, task and depth; `None` where the records of returns say it.
    entered: Option<Entered>,
    /// The conversion of times that are not shown as they were recorded.
    conversion: Option<Conversion>,
    counts_instead_of_times: bool,
}

/// The times of entries, by the place of the instance, task and depth.
type Entered = BTreeMap<(Option<usize>, i32, u32), Timestamp>;

type Key = (Timestamp, Cpu, usize);

/// One CPU of a buffer.
struct Source<'a> {
    cpu: Cpu,
    /// The instance of the buffer, by its place and name; `None` for the top one.
    instance: Option<(usize, Arc<str>)>,
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
    /// True if times are counts of a clock without a unit (`counter`, `x86-tsc`), and not nanoseconds.
    pub counts_instead_of_times: bool,
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
        let (others, instances): (Vec<_>, Vec<_>) =
            recording.instances.iter().partition(|instance| instance.other_clock.is_some());
        issues.extend(others.into_iter().filter_map(|instance| {
            let place = IssuePlace::Instance(instance.name.to_owned());
            Some(ParseIssue { place, kind: IssueKind::OtherClock(instance.other_clock?.to_owned()) })
        }));
        let (plans, wrong) = EventDecoders::new(&recording.formats, head.long);
        issues.extend(wrong);
        let tasks = TaskNames::new(names(recording.saved_cmdlines, &mut issues));
        let entered = (!plans.say_when_entered()).then(BTreeMap::new);
        let printk = Printk { formats: PrintkFormats::parse(recording.printk_formats), long: head.long };
        let mut shared = Shared { plans, tally: IssueCounts::default(), tasks, printk, kept: Kept::new(symbols) };
        let cpus = recording.cpus.len() + instances.iter().map(|instance| instance.cpus.len()).sum::<usize>();
        let least = held_for_each(cpus);
        let mut source = |instance, CpuRecording { cpu, pages, stats }: &CpuRecording<'a>| {
            let mut stream = Stream::new(*cpu, *pages, &head, least);
            let due = stream.due(&mut shared);
            Source { cpu: *cpu, instance, stream, due, stats }
        };
        let mut streams: Vec<_> = recording.cpus.iter().map(|cpu| source(None, cpu)).collect();
        for (at, InstanceRecording { name, cpus, .. }) in instances.into_iter().enumerate() {
            let instance = Some((at, Arc::from(*name)));
            streams.extend(cpus.iter().map(|cpu| source(instance.clone(), cpu)));
        }
        let heads = streams.iter().enumerate().filter_map(|(at, source)| Some(Reverse(source.key(at)?)));
        let mut others: BinaryHeap<_> = heads.collect();
        let current = others.pop().map_or(0, |Reverse((.., at))| at);
        Self {
            shared,
            streams,
            others,
            current,
            lent: false,
            issues,
            may_leave_events: recording.may_leave_events,
            entered,
            conversion: recording.clock.conversion(),
            counts_instead_of_times: recording.clock.is_counter(),
        }
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
        let Some(source) = self.streams.get_mut(self.current) else { return };
        if self.entered.is_none() && self.conversion.is_none() && source.instance.is_none() {
            return;
        }
        let (cpu, instance) = (source.cpu, &source.instance);
        let Some(event) = source.stream.front() else { return };
        if let Some(conversion) = &self.conversion {
            event.time = conversion.convert(event.time, cpu);
            if let EventKind::GraphExit { entered, left, .. } = &mut event.kind {
                (*entered, *left) = (conversion.convert(*entered, cpu), conversion.convert(*left, cpu));
            }
        }
        if let Some(open) = &mut self.entered {
            pair(open, instance.as_ref().map(|(at, _)| *at), event);
        }
        if let Some((_, name)) = instance {
            event.details_mut().instance = Some(Arc::clone(name));
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
        let Self { shared, streams, mut issues, may_leave_events, counts_instead_of_times, .. } = self;
        let mut defects = Vec::new();
        let mut sorted = true;
        for Source { cpu, instance, stream, stats, .. } in streams {
            let mut found = stream.finish();
            sorted &= found.sorted;
            match Stats::parse(stats) {
                Some(stats) => found.defects.extend(stats.defects(cpu, found.records, may_leave_events)),
                None => found.issues.push(ParseIssue { place: IssuePlace::Stats(cpu), kind: IssueKind::NoCounters }),
            }
            let Some((_, name)) = instance else {
                defects.extend(found.defects);
                issues.extend(found.issues);
                continue;
            };
            defects.extend(found.defects.into_iter().map(|error| {
                let (name, error) = (name.to_string(), Box::new(error));
                IntegrityError::OfInstance { name, error }
            }));
            issues.extend(found.issues.into_iter().map(|ParseIssue { place, kind }| {
                let place = IssuePlace::OfInstance(name.to_string(), Box::new(place));
                ParseIssue { place, kind }
            }));
        }
        issues.extend(shared.tally.issues());
        RawSummary { names: shared.tasks.names, defects, issues, sorted, counts_instead_of_times }
    }
}

/// Gives a return of a function the time of the entry before it of the same task and depth, where its record does not carry
/// it. Where there is no such entry, it stays as it is.
#[inline]
fn pair(open: &mut Entered, instance: Option<usize>, event: &mut Event) {
    match &mut event.kind {
        EventKind::GraphEntry { depth, .. } => {
            if open.len() >= CALLS {
                open.clear();
            }
            open.insert((instance, event.pid.0, *depth), event.time);
        }
        EventKind::GraphExit { depth, entered, .. } => {
            if let Some(time) = open.remove(&(instance, event.pid.0, *depth)) {
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
