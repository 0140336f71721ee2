//! The kind of a line, and its effect on the events before it.

use std::collections::BTreeMap;

use memchr::{memchr, memchr_iter, memmem};

use super::bytes::{decimal, signed, split_once};
use super::facts::Facts;
use super::graph::Graph;
use super::head::{Head, Unit};
use super::held_lines::Prefix;
use super::intern::Names;
use super::issues::Issues;
use super::lines::{Class, LineCounts};
use super::other_format::{self, Before};
use super::point;
use super::prefix::unescaped;
use super::summary::Summary;
use super::task_name::{is_plain_name, is_possible_name};
use super::window::{Stack, Window};
use crate::{Context, Cpu, Event, EventDetails, EventKind, IntegrityError, IssueKind, Pid, Symbol, Timestamp};

/// Tasks whose names are kept.
const TASKS: usize = 1 << 16;
/// Last pids seen, by their low bits: a name is looked up once while its task goes on.
const RECENT: usize = 256;

/// Bytes of a line in which the columns of an event are looked for.
const LOOKED_AT: usize = 256;
/// Defects that are kept apart by CPU.
const DEFECTS: usize = 1024;
/// U+00A0 in UTF-8.
const NO_BREAK_SPACE: &[u8] = b"\xc2\xa0";

/// Reads lines; gives events back when nothing can be added to them.
#[derive(Debug)]
pub(super) struct Parser {
    /// The line that is being read, from 1.
    pub(super) number: u64,
    /// Lines that were taken from the text, those that are held back among them.
    pub(super) read: u64,
    pub(super) lines: LineCounts,
    /// Lines with an event in front of the last header.
    pub(super) events_before: u64,
    pub(super) facts: Facts,
    pub(super) prefix: Prefix,
    pub(super) names: Names,
    pub(super) window: Window,
    pub(super) graph: Graph,
    /// A line is tried first for what the one before was.
    pub(super) graph_lines: bool,
    pub(super) tasks: BTreeMap<i32, String>,
    pub(super) recent: Vec<(i32, Box<[u8]>)>,
    pub(super) issues: Issues,
    pub(super) lost: Vec<IntegrityError>,
    /// The last time of each CPU, and whether it went backwards there already.
    pub(super) clocks: Vec<(Timestamp, bool)>,
    pub(super) said: Once,
    /// The details of the event that is being read.
    pub(super) details: Option<Box<EventDetails>>,
    /// The line before was understood, so this one may be its continuation.
    pub(super) whole: bool,
    /// Events were read, and times of another clock may follow.
    pub(super) clocked: bool,
}

/// The issues that are reported once per text, and not once per line.
#[derive(Debug, Default)]
#[expect(clippy::struct_excessive_bools, reason = "each is an issue that was reported or was not")]
pub(super) struct Once {
    pub(super) timeless: bool,
    pub(super) taskless: bool,
    pub(super) without_durations: bool,
    clocks: bool,
}

impl Parser {
    pub(super) fn new() -> Self {
        Self {
            number: 0,
            read: 0,
            lines: LineCounts::default(),
            events_before: 0,
            facts: Facts::default(),
            prefix: Prefix::default(),
            names: Names::new(),
            window: Window::default(),
            graph: Graph::default(),
            graph_lines: false,
            tasks: BTreeMap::new(),
            recent: vec![(-1, Box::default()); RECENT],
            issues: Issues::default(),
            lost: Vec::new(),
            clocks: Vec::new(),
            said: Once::default(),
            details: None,
            whole: false,
            clocked: false,
        }
    }

    pub(super) fn finish(self) -> Summary {
        let one_clock = !self.said.timeless && !self.said.clocks;
        let Self { tasks: names, lost: defects, issues, facts, lines, .. } = self;
        Summary { names, defects, issues: issues.finish(), one_clock, facts, lines }
    }

    /// Notes that the end of a line is left out.
    pub(super) fn cut_line(&mut self) {
        self.issues.add(self.number, IssueKind::LineTooLong);
    }

    /// Reads a line, with `escapes` one that may have some; `None` where it may have a prefix that other lines tell.
    #[inline]
    pub(super) fn class(&mut self, line: &[u8], escapes: bool) -> Option<Class> {
        if escapes && let Some(plain) = unescaped(line) {
            return self.class_of(plain.trim_ascii_end());
        }
        self.class_of(line)
    }

    #[inline]
    fn class_of(&mut self, line: &[u8]) -> Option<Class> {
        if let Some(class) = self.own_class(line) {
            return Some(class);
        }
        let spaced = || String::from_utf8_lossy(line).replace('\u{a0}', " ");
        if !line.is_ascii() && memmem::find(line, NO_BREAK_SPACE).is_some() {
            // Text that went through a web page or a word processor.
            return self.class_of(spaced().trim_ascii_end().as_bytes());
        }
        let behind = self.behind_prefix(line);
        if behind.is_some() || Self::may_have_prefix(line) { behind } else { Some(self.last_resort(line)) }
    }

    /// A line as it stands, without a prefix.
    #[inline]
    pub(super) fn own_class(&mut self, line: &[u8]) -> Option<Class> {
        if line.is_empty() {
            return Some(Class::Header);
        }
        self.frame_line(line)
            .or_else(|| self.known_line(line, false))
            .or_else(|| self.other_line(line))
            .or_else(|| self.block_line(line))
    }

    /// A line that has no prefix, whatever it looks like.
    pub(super) fn last_resort(&mut self, line: &[u8]) -> Class {
        if let Some(class) = self.event_line(line, true) {
            return class;
        }
        if let Some(class) = self.rest_of_event(line) {
            return class;
        }
        let before = match &self.facts.tracer {
            None => Before::Untraced,
            Some(_) if self.lines.events == self.events_before => Before::Header,
            Some(_) => Before::Events,
        };
        let name = other_format::name(line, before);
        let may_be_event = name.is_none() && looks_like_event(line);
        if !may_be_event && self.issues.add_other_format(self.number, name) {
            return Class::NotRead;
        }
        if may_be_event {
            self.window.close_all();
        }
        self.issues.add_quoted(self.number, IssueKind::UnknownLine, line);
        Class::NotRead
    }

    /// The rest of the event before, whose line was broken.
    pub(super) fn rest_of_event(&mut self, line: &[u8]) -> Option<Class> {
        self.continues(line.trim_ascii_start()).then_some(Class::Part)
    }

    /// A frame of a stack as the kernel writes it, which most lines of a text with stacks are.
    #[inline]
    fn frame_line(&mut self, line: &[u8]) -> Option<Class> {
        let frame = line.strip_prefix(b" => ").filter(|frame| frame.is_ascii())?;
        Some(self.frame(frame))
    }

    fn frame(&mut self, frame: &[u8]) -> Class {
        if self.window.frame(&mut self.names, frame.trim_ascii()) {
            return Class::Part;
        }
        self.issues.add(self.number, IssueKind::FrameWithoutStack);
        Class::NotRead
    }

    /// A line with the columns of an event, tried first for what the line before was.
    #[inline]
    fn known_line(&mut self, line: &[u8], any_name: bool) -> Option<Class> {
        if self.graph_lines {
            return self.graph_line(line).or_else(|| self.event_line(line, any_name));
        }
        self.event_line(line, any_name).or_else(|| self.graph_line(line))
    }

    /// A line with the columns of an event. `None` where the task's name says that there is something in front of it; with `any_name` only
    /// where no task can have that name.
    #[inline]
    pub(super) fn event_line(&mut self, line: &[u8], any_name: bool) -> Option<Class> {
        let head = Head::read(line)?;
        if !self.is_recent(head.pid, head.name) {
            let accepted = is_plain_name(head.name) || any_name && is_possible_name(head.name);
            if !accepted {
                return None;
            }
            self.task(head.pid, head.name);
        }
        let graph_lines = std::mem::replace(&mut self.graph_lines, false);
        if head.unit == Unit::Count {
            self.facts.counts_instead_of_times = true;
        }
        if let Some(group) = head.group {
            self.facts.group(head.pid, group);
        }
        let Head { pid, cpu, context, mut rest, .. } = head;
        if rest.starts_with(b"(+") {
            rest = without_difference(rest);
        }
        if let Some(stack) = stack_of(rest) {
            if self.window.open_stack(cpu, context.level(), pid, stack) {
                return Some(Class::Part);
            }
            // A line of the graph has neither flags nor, without `funcgraph-proc`, a task; the stack has both.
            if graph_lines && self.window.open_stack_of_graph(cpu, pid, stack) {
                self.graph.runs(cpu, pid);
                return Some(Class::Part);
            }
            self.issues.add(self.number, IssueKind::StackWithoutEvent);
            return Some(Class::NotRead);
        }
        let Some((time, body)) = self.kind(rest, &head) else {
            self.not_an_event(cpu, context, rest);
            return Some(Class::NotRead);
        };
        let details = self.details.take();
        self.event(Event { time, cpu, pid, context, kind: body, stack: None, details });
        Some(Class::Event)
    }

    /// The text behind the columns of an event was not understood.
    #[cold]
    fn not_an_event(&mut self, cpu: Cpu, context: Context, rest: &[u8]) {
        self.details = None;
        self.window.close(cpu, context.level());
        self.issues.add_quoted(self.number, IssueKind::NoEvent, rest);
    }

    #[inline]
    pub(super) fn event(&mut self, event: Event) {
        self.event_of_line(event.time, event);
    }

    /// Takes an event of a line that was written at `line`. A return that shares the line of its call comes later, by a duration that
    /// another clock may have measured: the tracer takes the local one, whatever `trace_clock` says.
    #[inline]
    pub(super) fn event_of_line(&mut self, line: Timestamp, event: Event) {
        self.clocked = true;
        let cpu = usize::from(event.cpu.0);
        if self.clocks.len() <= cpu {
            self.clocks.resize(cpu + 1, (Timestamp(0), false));
        }
        let (last, backwards) = &mut self.clocks[cpu];
        if line < *last && !*backwards && !self.said.timeless {
            *backwards = true;
            self.lost.push(IntegrityError::ClockBackwards { cpu: event.cpu, at: line });
        }
        *last = line;
        self.window.push(event);
    }

    /// A line that is not an event. `None` where it is nothing that is known.
    fn other_line(&mut self, line: &[u8]) -> Option<Class> {
        let bare = line.trim_ascii_start();
        // A scan makes `->` of `=>`.
        let frame = bare.strip_prefix(b"=>").or_else(|| bare.strip_prefix(b"->")).filter(|rest| rest.starts_with(b" "));
        if let Some(frame) = frame {
            return Some(self.frame(frame));
        }
        // The header of a histogram is the begin of what is not read.
        if let Some(said) = bare.strip_prefix(b"#").filter(|said| !said.starts_with(b" event histogram")) {
            self.header(said.trim_ascii());
        } else if !self.loss(bare) && !is_furniture(bare) {
            return None;
        }
        Some(Class::Header)
    }

    /// A comment of the text itself.
    fn header(&mut self, said: &[u8]) {
        if said.starts_with(b"tracer:") {
            // A text of its own: its clock may be another boot's.
            self.said.clocks |= self.clocked;
            self.clocks.clear();
            self.graph = Graph::default();
            self.events_before = self.lines.events;
        }
        if let Some(counts) = said.strip_prefix(b"entries-in-buffer/entries-written:") {
            if let Some((there, rest)) = decimal(counts.trim_ascii_start())
                && let Some((written, _)) = rest.strip_prefix(b"/").and_then(decimal)
                && there < written
            {
                self.lose(None, Some(written - there));
            }
        } else if let Some(lost) = self.facts.header(said) {
            self.lose(None, Some(lost));
        }
    }

    /// `CPU:3 [LOST 45 EVENTS]`, or `[EVENTS DROPPED]` and `[45 EVENTS DROPPED]` of `trace-cmd`.
    fn loss(&mut self, text: &[u8]) -> bool {
        let told = || {
            let (cpu, rest) = decimal(text.strip_prefix(b"CPU:")?)?;
            let inside = rest.trim_ascii().strip_prefix(b"[")?.strip_suffix(b"]")?;
            let lost = inside.starts_with(b"LOST ") || inside.ends_with(b"EVENTS DROPPED");
            let count = decimal(inside.strip_prefix(b"LOST ").unwrap_or(inside)).map(|(count, _)| count);
            lost.then_some((Cpu(u16::try_from(cpu).ok()?), count))
        };
        let told = told();
        if let Some((cpu, count)) = told {
            self.lose(Some(cpu), count);
        }
        told.is_some()
    }

    /// One defect a CPU, however often the text says it.
    fn lose(&mut self, cpu: Option<Cpu>, count: Option<u64>) {
        let cpu = cpu.filter(|_| self.lost.len() < DEFECTS);
        let known = self.lost.iter_mut().find_map(|defect| match defect {
            IntegrityError::Lost { cpu: known, events } if *known == cpu => Some(events),
            _ => None,
        });
        match known {
            Some(events) => *events = events.zip(count).map(|(a, b)| a.saturating_add(b)),
            None => self.lost.push(IntegrityError::Lost { cpu, events: count }),
        }
    }

    /// A piece of the event before: a line that was broken.
    fn continues(&mut self, text: &[u8]) -> bool {
        let Some(event) = self.window.last().filter(|_| self.whole) else { return false };
        match &mut event.kind {
            EventKind::Tracepoint(point) if point::is_rest(&mut self.names, point, text) => {
                point::go_on(&mut self.names, point, text);
                self.issues.add(self.number, IssueKind::ContinuedLine);
                true
            }
            EventKind::Function { caller: caller @ Symbol::Unknown, .. } if memchr(b'+', text).is_some() => {
                *caller = self.names.symbol(text);
                true
            }
            _ => false,
        }
    }

    /// True if the task was seen with this name before.
    #[inline]
    fn is_recent(&self, pid: Pid, name: &[u8]) -> bool {
        let slot = usize::try_from(pid.0).ok().and_then(|at| self.recent.get(at % RECENT));
        slot.is_some_and(|(known, before)| *known == pid.0 && **before == *name)
    }

    /// Notes a task's name.
    #[inline]
    pub(super) fn task(&mut self, pid: Pid, name: &[u8]) {
        let Some(slot) = usize::try_from(pid.0).ok().and_then(|pid| self.recent.get_mut(pid % RECENT)) else { return };
        if (slot.0, &*slot.1) == (pid.0, name) {
            return;
        }
        *slot = (pid.0, name.into());
        // `<...>` and `<idle>` are what the kernel writes where it has no name.
        if name.is_empty() || name.starts_with(b"<") || self.tasks.len() >= TASKS {
            return;
        }
        // The graph's columns cut names: a longer one that begins alike stays.
        let name = String::from_utf8_lossy(name);
        let known = self.tasks.entry(pid.0).or_default();
        if !known.starts_with(&*name) {
            *known = name.into_owned();
        }
    }
}

/// The text behind `(+33)`, the time since the line before (`trace-cmd report --ts-diff`).
fn without_difference(rest: &[u8]) -> &[u8] {
    let inside = rest.strip_prefix(b"(+").and_then(|inside| split_once(inside, b")"));
    let found = inside.filter(|(number, _)| signed(number).is_some());
    found.map_or(rest, |(_, behind)| behind.trim_ascii_start())
}

/// The stack that a line opens.
#[inline]
fn stack_of(rest: &[u8]) -> Option<Stack> {
    match rest.first()? {
        b'<' if rest == b"<stack trace>" || rest == b"<stack trace >" => Some(Stack::Kernel),
        b'<' if rest == b"<user stack trace>" => Some(Stack::User),
        b'k' if rest.starts_with(b"kernel_stack:") => Some(Stack::Kernel),
        b'u' if rest.starts_with(b"user_stack:") => Some(Stack::User),
        _ => None,
    }
}

/// True if a line that was not understood may be an event all the same, and not a message between events: it has a CPU in brackets,
/// or a time in microseconds.
fn looks_like_event(line: &[u8]) -> bool {
    let line = line.get(..LOOKED_AT).unwrap_or(line);
    let after = |open: usize| line.get(open + 1..).and_then(decimal);
    memchr_iter(b'[', line).filter_map(after).any(|(_, rest)| rest.starts_with(b"] "))
        || memmem::find(line, b"us : ").is_some()
}

/// Lines that say nothing about events: rules, and what `trace-cmd report` opens with.
fn is_furniture(line: &[u8]) -> bool {
    line.iter().all(|byte| *byte == b'-')
        || line.starts_with(b"##### CPU")
        || line.starts_with(b"cpus=")
        || line.starts_with(b"version = ")
        || line.starts_with(b"CPU ") && line.ends_with(b" is empty")
        // The fences of Markdown.
        || line.starts_with(b"```")
        || line.starts_with(b"~~~")
}
