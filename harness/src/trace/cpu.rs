//! One CPU's ring buffer to events: the hot path. A record costs one look-up by event number and a few loads.

use std::sync::Arc;

use super::frames::frames;
use super::memo::Memo;
use super::page::{Page, pages};
use super::plan::{Plan, Plans, Shape};
use super::symbols::Symbols;
use super::tally::Tally;
use super::{Body, Context, Cpu, Defect, Event, ParseIssue, Point, Timestamp};
use super::{fields, format::HeaderPage};

/// One CPU's part of a recording.
#[derive(Debug)]
pub(super) struct Stream {
    /// Its events, by time; at equal times in the order of the buffer.
    pub(super) events: Vec<Event>,
    /// Data records found, those that became no event included.
    pub(super) found: u64,
    /// What its pages show to be missing or wrong.
    pub(super) defects: Vec<Defect>,
}

/// What all CPUs' buffers are read with.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a> {
    /// The pages' layout.
    pub(super) head: &'a HeaderPage,
    /// The records' layouts.
    pub(super) plans: &'a Plans,
    /// The guest's symbols.
    pub(super) symbols: &'a Symbols,
}

/// A buffer half read.
struct Decoder<'a> {
    plans: &'a Plans,
    memo: Memo<'a>,
    cpu: Cpu,
    events: Vec<Event>,
    /// What a stack would belong to, per nesting level.
    open: [Owner; 4],
}

/// What a stack belongs to.
#[derive(Clone, Copy, Debug)]
enum Owner {
    /// Nothing: no record yet, or its stack has come.
    None,
    /// The event at this place in `events`.
    Event(usize),
    /// A record that became no event.
    Skipped,
}

impl Reader<'_> {
    /// Reads what `trace_pipe_raw` of `cpu` gave.
    pub(super) fn read(self, cpu: Cpu, bytes: &[u8], tally: &mut Tally, issues: &mut Vec<ParseIssue>) -> Stream {
        let mut decoder = Decoder {
            plans: self.plans,
            memo: Memo::new(self.symbols),
            cpu,
            events: Vec::new(),
            open: [Owner::None; 4],
        };
        let mut defects = Vec::new();
        let mut found = 0;
        let (mut last, mut backwards) = (0, None);
        for page in pages(bytes, self.head) {
            if page.missed {
                defects.push(Defect::MissedBefore { cpu, page: page.number });
            }
            for record in page.records() {
                let record = match record {
                    Ok(record) => record,
                    Err(damage) => {
                        issues.push(issue(cpu, &page, &format!("no record at byte {} of its data", damage.offset)));
                        break;
                    }
                };
                found += 1;
                if record.time < last {
                    backwards.get_or_insert(record.time);
                }
                last = record.time;
                decoder.record(Timestamp(record.time), record.data, tally);
            }
            if page.truncated {
                issues.push(issue(cpu, &page, "shorter than it says"));
            }
        }
        let mut events = decoder.events;
        if let Some(time) = backwards {
            defects.push(Defect::ClockBackwards { cpu, at: Timestamp(time) });
            events.sort_by_key(|event| event.time);
        }
        Stream { events, found, defects }
    }
}

impl Decoder<'_> {
    fn record(&mut self, time: Timestamp, data: &[u8], tally: &mut Tally) {
        let id = data.first_chunk().copied().map_or(0, u16::from_le_bytes);
        let plan = self.plans.get(id);
        let taken = match plan.map(|plan| (plan, &plan.shape)) {
            Some((plan, Shape::Stack { size, frame, offset })) => {
                self.stack(plan, data, *offset, frame.size(), size.low(data)).map(|owner| {
                    if matches!(owner, Owner::None) {
                        tally.orphan();
                    }
                })
            }
            Some((plan, _)) => self.event(time, plan, data).map(|event| {
                self.own(event.context.level(), Owner::Event(self.events.len()));
                self.events.push(event);
            }),
            None => None,
        };
        if taken.is_none() {
            tally.lost(id, plan.is_some());
            // Its stack, if it has one, must not go to an earlier event. Where a record begins is alike in all formats.
            let context = plan.or_else(|| self.plans.any()).and_then(|plan| plan.context(data));
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
                Body::Call { function: symbol(function.bits(data)?), caller: symbol(caller.bits(data)?) }
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
                Body::Marker { text: text.strip_suffix('\n').map_or_else(|| text.clone(), Into::into) }
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
        let Owner::Event(at) = owner else { return Some(owner) };
        let Some(event) = self.events.get_mut(at).filter(|event| event.pid == pid) else { return Some(Owner::None) };
        event.stack = Some(frames(words, long, &mut self.memo));
        Some(owner)
    }
}

fn issue(cpu: Cpu, page: &Page<'_>, message: &str) -> ParseIssue {
    ParseIssue { place: format!("cpu {}, page {}", cpu.0, page.number), message: message.to_owned() }
}
