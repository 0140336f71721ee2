//! One CPU's ring buffer to events: the hot path. A record costs one look-up by event number and a few loads.

use std::io;
use std::ops::Range;
use std::sync::Arc;

use super::event::Layout;
use super::event_decoders::{EventDecoders, Plan, RecordKind};
use super::event_queue::EventQueue;
use super::frames::frames;
use super::issue_counts::IssueCounts;
use super::page::{Page, Pages, Record, Records};
use super::printk;
use super::printk_formats::PrintkFormats;
use super::record_pool::RecordPool;
use super::source::PageBytes;
use super::symbol_cache::SymbolCache;
use super::symbols::Symbols;
use super::task_names::TaskNames;
use super::{
    CodeLocation, Context, Cpu, Event, EventKind, IntegrityError, IssueKind, IssuePlace, ParseIssue, Point, Repeats,
    Timestamp, UserFrame, Value,
};
use super::{fields, format::HeaderPage};

/// Events held at most while their stacks may come. The kernel writes a stack right behind its event; in between only
/// interrupts write.
const HELD: usize = 128;

/// Events with a stack that wait for the stack of user space before it is clear that there are none.
const WAITS: u32 = 64;

/// The state that the CPUs share.
pub(super) struct Shared<'a> {
    pub(super) plans: EventDecoders,
    pub(super) tally: IssueCounts,
    pub(super) tasks: TaskNames,
    pub(super) printk: Printk,
    pub(super) kept: Kept<'a>,
}

/// The state that one record leaves for the next. All CPUs share it: a file can name thousands of them.
pub(super) struct Kept<'a> {
    spare: RecordPool,
    memo: SymbolCache<'a>,
}

impl<'a> Kept<'a> {
    pub(super) fn new(symbols: &'a Symbols) -> Self {
        Self { spare: RecordPool::default(), memo: SymbolCache::new(symbols) }
    }
}

/// What `trace_printk()` keeps outside of its records.
#[derive(Clone, Debug, Default)]
pub(super) struct Printk {
    pub(super) formats: PrintkFormats,
    /// Bytes of the machine's `long`.
    pub(super) long: u32,
}

/// The content of `trace_pipe_raw` of one CPU, one event at a time: by the order of the buffer, which is that of time unless the
/// clock went backwards.
pub(super) struct Stream<'a> {
    pages: Pages<'a>,
    /// The page that is being read, and its records.
    open_page: Option<(Page, Records)>,
    assembler: Assembler,
    /// Why its pages cannot be read any further.
    error: Option<io::Error>,
}

/// Makes events of records.
struct Assembler {
    cpu: Cpu,
    held: EventQueue<Event>,
    /// The event that a stack would belong to, per nesting level.
    open: [Owner; 4],
    /// So many more events with a stack wait for the one of user space. A recording has both with every event or with none, and waiting
    /// costs time. One that comes all the same is told as a stack without an event, and events wait again.
    waits: u32,
    /// Data records found, those that became no event included.
    found: u64,
    last: u64,
    backwards: Option<u64>,
    defects: Vec<IntegrityError>,
    issues: Vec<ParseIssue>,
}

/// The summary of a CPU whose events were all read.
pub(super) struct Found {
    /// Data records, those that became no event included.
    pub(super) records: u64,
    /// The losses and faults that its pages show.
    pub(super) defects: Vec<IntegrityError>,
    pub(super) issues: Vec<ParseIssue>,
    /// True if its events are in the order of time.
    pub(super) sorted: bool,
}

/// The owner of a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Nothing: no record yet, or its last stack has come.
    None,
    /// The event of this number.
    Event(u64),
    /// A record that became no event.
    Skipped,
}

impl<'a> Stream<'a> {
    pub(super) fn new(cpu: Cpu, bytes: PageBytes<'a>, head: &HeaderPage, least: usize) -> Self {
        let assembler = Assembler {
            cpu,
            held: EventQueue::default(),
            open: [Owner::None; 4],
            waits: WAITS,
            found: 0,
            last: 0,
            backwards: None,
            defects: Vec::new(),
            issues: Vec::new(),
        };
        Self { pages: Pages::new(bytes, head, least), open_page: None, assembler, error: None }
    }

    /// The time of the event that [`Stream::front`] gives; `None` at the end of the buffer.
    #[inline]
    pub(super) fn due(&mut self, shared: &mut Shared<'_>) -> Option<Timestamp> {
        loop {
            if let Some(time) = self.assembler.ready() {
                return Some(time);
            }
            let Some((page, records)) = &mut self.open_page else {
                if !self.turn() {
                    return self.assembler.held.front().map(|event| event.time);
                }
                continue;
            };
            match records.next(self.pages.data(page)) {
                Some(Ok(record)) => self.assembler.record(&record, shared),
                Some(Err(damage)) => {
                    self.assembler.issue(page, &format!("no record at byte {} of its data", damage.offset));
                }
                None => {
                    if page.truncated {
                        self.assembler.issue(page, "shorter than it says");
                    }
                    self.open_page = None;
                }
            }
        }
    }

    /// Turns to the next page. `false` where there is none.
    fn turn(&mut self) -> bool {
        let page = self.pages.next().unwrap_or_else(|error| {
            self.error = Some(error);
            None
        });
        if let Some(page) = &page
            && page.missed
        {
            self.assembler.defects.push(IntegrityError::MissedBefore { cpu: self.assembler.cpu, page: page.number });
        }
        self.open_page = page.map(|page| (page, page.records()));
        page.is_some()
    }

    /// The next event.
    #[inline]
    pub(super) fn front(&mut self) -> Option<&mut Event> {
        self.assembler.held.front_mut()
    }

    /// Goes on to the event after it.
    #[inline]
    pub(super) fn pop(&mut self) {
        self.assembler.held.pop();
    }

    /// Why its pages could not be read to their end; told once.
    pub(super) fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }

    pub(super) fn finish(self) -> Found {
        let Assembler { cpu, found, backwards, mut defects, mut issues, .. } = self.assembler;
        defects.extend(backwards.map(|time| IntegrityError::ClockBackwards { cpu, at: Timestamp(time) }));
        issues.extend(self.error.map(|error| ParseIssue {
            place: IssuePlace::Cpu(cpu),
            kind: IssueKind::Unreadable(format!("its pages cannot be read to their end: {error}")),
        }));
        Found { records: found, defects, issues, sorted: backwards.is_none() }
    }
}

impl Assembler {
    /// The time of the first event, where no stack can belong to it any more.
    #[inline]
    fn ready(&self) -> Option<Timestamp> {
        let event = self.held.front()?;
        let waits = self.open.get(event.context.level()) == Some(&Owner::Event(self.held.first()));
        if waits && self.held.len() <= HELD { None } else { Some(event.time) }
    }

    #[inline]
    fn record(&mut self, record: &Record<'_>, shared: &mut Shared<'_>) {
        self.found += 1;
        if record.time < self.last {
            self.backwards.get_or_insert(record.time);
        }
        self.last = record.time;
        let (time, data) = (Timestamp(record.time), record.data);
        let Shared { plans, tally, tasks, printk, kept } = shared;
        let id = data.first_chunk().copied().map_or(0, u16::from_le_bytes);
        let plan = plans.get(id);
        let taken = match plan.map(|plan| (plan, &plan.shape)) {
            Some((plan, RecordKind::Stack { size, frame, offset })) => {
                self.stack(plan, data, *offset, (frame.size(), size.low(data)), &mut kept.memo).map(|owner| {
                    if owner == Owner::None {
                        tally.orphan();
                    }
                })
            }
            Some((plan, RecordKind::UserStack { frame, frames })) => {
                self.user_stack(plan, data, frames.clone(), frame.size()).map(|owner| {
                    if owner == Owner::None {
                        tally.orphan();
                    }
                })
            }
            Some((plan, shape)) => self.head(time, plan, data).and_then(|context| {
                match shape {
                    RecordKind::Printk { fields, .. } => {
                        if self.printk(shape, data, printk, kept.memo.symbols()).is_none() {
                            tally.no_format(id);
                            self.body(time, fields, data, kept, tasks, &printk.formats)?;
                        }
                    }
                    shape => self.body(time, shape, data, kept, tasks, &printk.formats)?,
                }
                self.own(context.level(), Owner::Event(self.held.next()));
                self.held.push();
                Some(())
            }),
            None => None,
        };
        if taken.is_none() {
            tally.lost(id, plan.is_some());
            // Its stack, if it has one, must not go to an earlier event. Where a record begins is alike in all formats.
            let context = plan.or_else(|| plans.any()).and_then(|plan| plan.context(data));
            self.own(context.map_or(0, Context::level), Owner::Skipped);
        }
    }

    #[inline]
    fn owner(&self, level: usize) -> Owner {
        self.open.get(level).copied().unwrap_or(Owner::None)
    }

    fn own_none(&mut self, level: usize) -> Owner {
        self.own(level, Owner::None);
        Owner::None
    }

    #[inline]
    fn own(&mut self, level: usize, owner: Owner) -> Owner {
        self.open.get_mut(level).map_or(Owner::None, |open| std::mem::replace(open, owner))
    }

    /// Reads what all records have into the room behind the events held; `None` where it is shorter than its format.
    #[inline]
    fn head(&mut self, time: Timestamp, plan: &Plan, data: &[u8]) -> Option<Context> {
        let event = self.held.room();
        let context = plan.context(data)?;
        (event.time, event.cpu, event.pid, event.context) = (time, self.cpu, plan.pid(data)?, context);
        event.stack = None;
        event.details = None;
        Some(context)
    }

    /// Reads what a record of its kind has; `None` where it is shorter than its format.
    #[inline]
    fn body(
        &mut self,
        time: Timestamp,
        shape: &RecordKind,
        data: &[u8],
        Kept { spare, memo }: &mut Kept<'_>,
        tasks: &mut TaskNames,
        strings: &PrintkFormats,
    ) -> Option<()> {
        let event = self.held.room();
        let mut symbol = |bits: u64| memo.resolve(bits);
        event.kind = match shape {
            RecordKind::Call { function, caller } => {
                let function = symbol(function.bits(data)?);
                let caller = memo.caller(&function, caller.bits(data)?);
                EventKind::Function { function, caller }
            }
            RecordKind::Enter { function, depth } => {
                EventKind::GraphEntry { function: symbol(function.bits(data)?), depth: depth.low(data)? }
            }
            RecordKind::Leave { function, depth, entered, left } => {
                let at = |slot: &Option<fields::Slot>| slot.map_or(Some(time.0), |slot| slot.bits(data)).map(Timestamp);
                EventKind::GraphExit {
                    function: symbol(function.bits(data)?),
                    depth: depth.low(data)?,
                    entered: at(entered)?,
                    left: at(left)?,
                }
            }
            RecordKind::Repeats { function, caller, count, delta: (top, bottom) } => {
                let function = symbol(function.bits(data)?);
                let delta = top.bits(data)? << 32 | bottom.bits(data)?;
                let repeats = Repeats { count: count.bits(data)?, last: Timestamp(time.0.saturating_sub(delta)) };
                event.details_mut().repeats = Some(repeats);
                let caller = memo.caller(&function, caller.bits(data)?);
                EventKind::Function { function, caller }
            }
            RecordKind::Marker { ip, offset, layout } => {
                let text = fields::text(data.get(*offset..)?);
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let writer = symbol(ip.bits(data)?);
                match writer.place().map(|place| place.function.full()).filter(|writer| !writer.starts_with(MARKER)) {
                    None => EventKind::Marker { text: text.into() },
                    // A function wrote it by `trace_printk()`.
                    Some(writer) => said(layout, &format!("{writer}: {text}")),
                }
            }
            RecordKind::Point { layout, fields, probe_places, string_places, tasks: named, states } => {
                let values = spare.make_room(&mut event.kind, layout);
                for (field, value) in fields.iter().zip(values.iter_mut()) {
                    field.read(data, value)?;
                }
                for at in probe_places {
                    if let Some(value) = values.get_mut(*at)
                        && let Some(place) = value.bits().and_then(|bits| symbol(bits).place().map(printed))
                    {
                        *value = Value::Text(place.into());
                    }
                }
                for at in string_places {
                    if let Some(value) = values.get_mut(*at)
                        && let Some(text) = value.bits().and_then(|bits| strings.at(bits))
                    {
                        *value = Value::Text(text.into());
                    }
                }
                if let Some(states) = states {
                    states.number_anew(values);
                }
                for (name, pid) in named {
                    if let (Some(Value::Text(name)), Some(pid)) = (values.get(*name), values.get(*pid)) {
                        tasks.learn(pid, name);
                    }
                }
                return Some(());
            }
            RecordKind::Stack { .. } | RecordKind::UserStack { .. } | RecordKind::Printk { .. } => return None,
        };
        Some(())
    }

    /// Reads a record of `trace_printk()`; `None` where its format is not known, or it is shorter than it says.
    #[cold]
    fn printk(&mut self, shape: &RecordKind, data: &[u8], printk: &Printk, symbols: &Symbols) -> Option<()> {
        let RecordKind::Printk { ip, format, arguments, layout, .. } = shape else { return None };
        let format = printk.formats.at(format.bits(data)?)?;
        let mut text = String::new();
        printk::push_caller(&mut text, ip.bits(data)?, symbols);
        match arguments {
            Some(offset) => printk::push_text(&mut text, format, data.get(*offset..)?, printk.long, symbols),
            None => text.push_str(format.strip_suffix('\n').unwrap_or(format)),
        }
        self.held.room().kind = said(layout, &text);
        Some(())
    }

    /// Gives a stack to the event it was recorded with; says whose it was.
    ///
    /// The kernel writes an event and then its stack, with the same task and context. Between the two an interrupt may
    /// write events and stacks of its own, one nesting level up; so the event is the last one of the stack's own level.
    fn stack(
        &mut self,
        plan: &Plan,
        data: &[u8],
        offset: usize,
        (long, size): (usize, Option<u32>),
        memo: &mut SymbolCache<'_>,
    ) -> Option<Owner> {
        let size = usize::try_from(size?).ok()?;
        let words = data.get(offset..)?.get(..size.checked_mul(long)?)?;
        let pid = plan.pid(data)?;
        let level = plan.context(data)?.level();
        // The event's stack in user space may follow.
        let owner = if self.waits > 0 { self.owner(level) } else { self.own(level, Owner::None) };
        self.waits = self.waits.saturating_sub(1);
        let Owner::Event(number) = owner else { return Some(owner) };
        let event = self.held.get_mut(number).filter(|event| event.pid == pid && event.stack.is_none());
        let Some(event) = event else { return Some(self.own_none(level)) };
        event.stack = Some(frames(words, long, memo));
        Some(owner)
    }

    /// Gives a stack of user space to the event it was recorded with, which the kernel writes after the event's own stack
    /// (`trace_buffer_unlock_commit_regs()`); says whose it was.
    #[cold]
    fn user_stack(&mut self, plan: &Plan, data: &[u8], frames: Range<usize>, long: usize) -> Option<Owner> {
        let words = data.get(frames)?.chunks_exact(long);
        let address = |word: &[u8]| word.iter().rev().fold(0, |bits, byte| bits << 8 | u64::from(*byte));
        let addresses = words.map(address).take_while(|address| *address != 0);
        let pid = plan.pid(data)?;
        self.waits = WAITS;
        let level = plan.context(data)?.level();
        let owner = self.owner(level);
        let Owner::Event(number) = owner else { return Some(owner) };
        self.own(level, Owner::None);
        let Some(event) = self.held.get_mut(number).filter(|event| event.pid == pid) else { return Some(Owner::None) };
        let frame = |address| UserFrame { object: None, offset: None, address: Some(address) };
        event.details_mut().user_stack = Some(addresses.map(frame).collect());
        Some(owner)
    }

    #[cold]
    fn issue(&mut self, page: &Page, message: &str) {
        let place = IssuePlace::Page(self.cpu, page.number);
        self.issues.push(ParseIssue { place, kind: IssueKind::Unreadable(message.to_owned()) });
    }
}

/// The functions through which user space writes a marker (`tracing_mark_write()`, `tracing_mark_raw_write()`).
const MARKER: &str = "tracing_mark_";

/// An event of `trace_printk()` with its text.
fn said(layout: &Arc<Layout>, text: &str) -> EventKind {
    EventKind::Tracepoint(Point::new(Arc::clone(layout), vec![Value::Text(text.into())]))
}

/// A place as a text has it, without the size of the function: `do_exit+0x4`.
fn printed(place: &CodeLocation) -> String {
    let place = place.as_printed();
    let name = place.function.full();
    place.offset.map_or_else(|| name.to_owned(), |offset| format!("{name}+{offset:#x}"))
}
