//! One CPU's ring buffer to events: the hot path. A record costs one look-up by event number and a few loads.

use std::collections::VecDeque;
use std::sync::Arc;

use super::frames::frames;
use super::memo::Memo;
use super::page::{Page, Pages, Records};
use super::plan::{Plan, Plans, Shape};
use super::symbols::Symbols;
use super::tally::Tally;
use super::{Body, Context, Cpu, Defect, Event, ParseIssue, Point, Timestamp};
use super::{fields, format::HeaderPage};

/// Events held at most while their stacks may come. The kernel writes a stack right behind its event; in between only
/// interrupts write.
const HELD: usize = 128;

/// What `trace_pipe_raw` of one CPU gave, one event at a time: by the order of the buffer, which is that of time unless the
/// clock went backwards.
pub(super) struct Stream<'a> {
    cpu: Cpu,
    pages: Pages<'a>,
    /// The page that is being read, and its records.
    open_page: Option<(Page<'a>, Records<'a>)>,
    memo: Memo<'a>,
    held: VecDeque<Event>,
    /// The number of the first event held; events are counted from 0.
    first: u64,
    /// What a stack would belong to, per nesting level.
    open: [Owner; 4],
    /// Data records found, those that became no event included.
    pub(super) found: u64,
    last: u64,
    backwards: Option<u64>,
    defects: Vec<Defect>,
    pub(super) issues: Vec<ParseIssue>,
}

/// What a stack belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    /// Nothing: no record yet, or its stack has come.
    None,
    /// The event of this number.
    Event(u64),
    /// A record that became no event.
    Skipped,
}

impl<'a> Stream<'a> {
    pub(super) fn new(cpu: Cpu, bytes: &'a [u8], head: &HeaderPage, symbols: &'a Symbols) -> Self {
        Self {
            cpu,
            pages: Pages::new(bytes, head),
            open_page: None,
            memo: Memo::new(symbols),
            held: VecDeque::with_capacity(HELD + 1),
            first: 0,
            open: [Owner::None; 4],
            found: 0,
            last: 0,
            backwards: None,
            defects: Vec::new(),
            issues: Vec::new(),
        }
    }

    /// What its pages show to be missing or wrong.
    pub(super) fn defects(&self) -> impl Iterator<Item = Defect> {
        let backwards = self.backwards.map(|time| Defect::ClockBackwards { cpu: self.cpu, at: Timestamp(time) });
        self.defects.iter().cloned().chain(backwards)
    }

    /// Whether its events are out of order.
    pub(super) fn went_backwards(&self) -> bool {
        self.backwards.is_some()
    }

    /// The next event; `None` at the end of the buffer.
    #[inline]
    pub(super) fn next(&mut self, plans: &Plans, tally: &mut Tally) -> Option<Event> {
        loop {
            if let Some(event) = self.ready() {
                return Some(event);
            }
            let Some((page, records)) = &mut self.open_page else {
                match self.pages.next() {
                    Some(page) => self.open_page(page),
                    None => return self.take(),
                }
                continue;
            };
            match records.next() {
                Some(Ok(record)) => {
                    self.found += 1;
                    if record.time < self.last {
                        self.backwards.get_or_insert(record.time);
                    }
                    self.last = record.time;
                    self.record(Timestamp(record.time), record.data, plans, tally);
                }
                Some(Err(damage)) => {
                    let message = format!("no record at byte {} of its data", damage.offset);
                    self.issues.push(issue(self.cpu, page, &message));
                }
                None => {
                    if page.truncated {
                        self.issues.push(issue(self.cpu, page, "shorter than it says"));
                    }
                    self.open_page = None;
                }
            }
        }
    }

    fn open_page(&mut self, page: Page<'a>) {
        if page.missed {
            self.defects.push(Defect::MissedBefore { cpu: self.cpu, page: page.number });
        }
        self.open_page = Some((page, page.records()));
    }

    /// The first event, where no stack can belong to it any more.
    #[inline]
    fn ready(&mut self) -> Option<Event> {
        let waits = self.open.contains(&Owner::Event(self.first));
        if waits && self.held.len() <= HELD { None } else { self.take() }
    }

    #[inline]
    fn take(&mut self) -> Option<Event> {
        let event = self.held.pop_front()?;
        self.first += 1;
        Some(event)
    }

    #[inline]
    fn record(&mut self, time: Timestamp, data: &[u8], plans: &Plans, tally: &mut Tally) {
        let id = data.first_chunk().copied().map_or(0, u16::from_le_bytes);
        let plan = plans.get(id);
        let taken = match plan.map(|plan| (plan, &plan.shape)) {
            Some((plan, Shape::Stack { size, frame, offset })) => {
                self.stack(plan, data, *offset, frame.size(), size.low(data)).map(|owner| {
                    if owner == Owner::None {
                        tally.orphan();
                    }
                })
            }
            Some((plan, _)) => self.event(time, plan, data).map(|event| {
                let number = self.first + u64::try_from(self.held.len()).unwrap_or(u64::MAX);
                self.own(event.context.level(), Owner::Event(number));
                self.held.push_back(event);
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
    fn own(&mut self, level: usize, owner: Owner) -> Owner {
        self.open.get_mut(level).map_or(Owner::None, |open| std::mem::replace(open, owner))
    }

    /// `None` where the record is shorter than its format.
    #[inline]
    fn event(&mut self, time: Timestamp, plan: &Plan, data: &[u8]) -> Option<Event> {
        let mut symbol = |bits: u64| self.memo.resolve(bits);
        let body = match &plan.shape {
            Shape::Call { function, caller } => {
                let function = symbol(function.bits(data)?);
                let caller = self.memo.caller(&function, caller.bits(data)?);
                Body::Call { function, caller }
            }
            Shape::Enter { function, depth } => {
                Body::Enter { function: symbol(function.bits(data)?), depth: depth.low(data)? }
            }
            Shape::Leave { function, depth, entered, left } => {
                let at = |slot: &Option<fields::Slot>| slot.map_or(Some(time.0), |slot| slot.bits(data)).map(Timestamp);
                Body::Leave {
                    function: symbol(function.bits(data)?),
                    depth: depth.low(data)?,
                    entered: at(entered)?,
                    left: at(left)?,
                }
            }
            Shape::Marker { offset } => {
                let text = fields::text(data.get(*offset..)?);
                Body::Marker { text: text.strip_suffix('\n').unwrap_or(&text).into() }
            }
            Shape::Point { layout, fields } => {
                let mut values = Vec::with_capacity(fields.len());
                for field in fields {
                    values.push(field.value(data)?);
                }
                Body::Point(Point::new(Arc::clone(layout), values))
            }
            Shape::Stack { .. } => return None,
        };
        Some(Event { time, cpu: self.cpu, pid: plan.pid(data)?, context: plan.context(data)?, body, stack: None })
    }

    /// Gives a stack to the event it was recorded with; says whose it was.
    ///
    /// The kernel writes an event and then its stack, with the same task and context. Between the two an interrupt may
    /// write events and stacks of its own, one nesting level up; so the event is the last one of the stack's own level.
    fn stack(&mut self, plan: &Plan, data: &[u8], offset: usize, long: usize, size: Option<u32>) -> Option<Owner> {
        let size = usize::try_from(size?).ok()?;
        let words = data.get(offset..)?.get(..size.checked_mul(long)?)?;
        let pid = plan.pid(data)?;
        let owner = self.own(plan.context(data)?.level(), Owner::None);
        let Owner::Event(number) = owner else { return Some(owner) };
        let at = number.checked_sub(self.first).and_then(|at| usize::try_from(at).ok());
        let event = at.and_then(|at| self.held.get_mut(at)).filter(|event| event.pid == pid);
        let Some(event) = event else { return Some(Owner::None) };
        event.stack = Some(frames(words, long, &mut self.memo));
        Some(owner)
    }
}

fn issue(cpu: Cpu, page: &Page<'_>, message: &str) -> ParseIssue {
    ParseIssue { place: format!("cpu {}, page {}", cpu.0, page.number), message: message.to_owned() }
}
