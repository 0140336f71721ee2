//! One CPU's ring buffer to events: the hot path. A record costs one look-up by event number and a few loads.

use super::frames::frames;
use super::memo::Memo;
use super::page::{Page, Pages, Records};
use super::plan::{Plan, Plans, Shape};
use super::ring::Ring;
use super::spare::Spare;
use super::symbols::Symbols;
use super::tally::Tally;
use super::{Body, Context, Cpu, Defect, Event, ParseIssue, Timestamp};
use super::{fields, format::HeaderPage};

/// Events held at most while their stacks may come. The kernel writes a stack right behind its event; in between only
/// interrupts write.
const HELD: usize = 128;

/// What the CPUs share.
#[derive(Clone, Debug, Default)]
pub(super) struct Shared {
    pub(super) plans: Plans,
    pub(super) tally: Tally,
    pub(super) spare: Spare,
}

/// What `trace_pipe_raw` of one CPU gave, one event at a time: by the order of the buffer, which is that of time unless the
/// clock went backwards.
pub(super) struct Stream<'a> {
    cpu: Cpu,
    pages: Pages<'a>,
    /// The page that is being read, and its records.
    open_page: Option<(Page<'a>, Records<'a>)>,
    memo: Memo<'a>,
    held: Ring<Event>,
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
            held: Ring::default(),
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

    /// The time of the event that [`Stream::front`] gives; `None` at the end of the buffer.
    #[inline]
    pub(super) fn due(&mut self, shared: &mut Shared) -> Option<Timestamp> {
        loop {
            if let Some(time) = self.ready() {
                return Some(time);
            }
            let Some((page, records)) = &mut self.open_page else {
                match self.pages.next() {
                    Some(page) => self.open_page(page),
                    None => return self.held.front().map(|event| event.time),
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
                    self.record(Timestamp(record.time), record.data, shared);
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

    /// The time of the first event, where no stack can belong to it any more.
    #[inline]
    fn ready(&self) -> Option<Timestamp> {
        let event = self.held.front()?;
        let waits = self.open.get(event.context.level()) == Some(&Owner::Event(self.held.first()));
        if waits && self.held.len() <= HELD { None } else { Some(event.time) }
    }

    /// The next event.
    #[inline]
    pub(super) fn front(&mut self) -> Option<&mut Event> {
        self.held.front_mut()
    }

    /// Goes on to the event behind it.
    #[inline]
    pub(super) fn pop(&mut self) {
        self.held.pop();
    }

    #[inline]
    fn record(&mut self, time: Timestamp, data: &[u8], shared: &mut Shared) {
        let Shared { plans, tally, spare } = shared;
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
            Some((plan, _)) => self.event(time, plan, data, spare).map(|context| {
                self.own(context.level(), Owner::Event(self.held.next()));
                self.held.push();
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

    /// Reads a record into the room behind the events held; `None` where it is shorter than its format.
    #[inline]
    fn event(&mut self, time: Timestamp, plan: &Plan, data: &[u8], spare: &mut Spare) -> Option<Context> {
        let event = self.held.room();
        let context = plan.context(data)?;
        (event.time, event.cpu, event.pid, event.context) = (time, self.cpu, plan.pid(data)?, context);
        event.stack = None;
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
                let values = spare.make_room(&mut event.body, layout);
                for (field, value) in fields.iter().zip(values) {
                    field.read(data, value)?;
                }
                return Some(context);
            }
            Shape::Stack { .. } => return None,
        };
        event.body = body;
        Some(context)
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
        let event = self.held.get_mut(number).filter(|event| event.pid == pid);
        let Some(event) = event else { return Some(Owner::None) };
        event.stack = Some(frames(words, long, &mut self.memo));
        Some(owner)
    }
}

fn issue(cpu: Cpu, page: &Page<'_>, message: &str) -> ParseIssue {
    ParseIssue { place: format!("cpu {}, page {}", cpu.0, page.number), message: message.to_owned() }
}
