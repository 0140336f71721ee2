//! Holds events back until it is sure which stack belongs to them: the text has an event's stack after it, perhaps
//! behind events of other CPUs and of interrupts.

use super::intern::Names;
use super::user_frame::user_frame;
use crate::event_queue::EventQueue;
use crate::frames::is_machinery;
use crate::{Context, Cpu, Event, Pid};

/// Events held at most. The kernel writes a stack right after its event; in between only interrupts and other CPUs write.
const HELD: usize = 128;
/// Frames of one stack for which there is room from the start: most stacks of the kernel have no more.
const EXPECTED: usize = 16;
/// Frames of one stack that are kept: kernels record at most 127, user stacks included 256.
const FRAMES: usize = 1024;

/// The events that may still be given a stack, in the order of the text.
#[derive(Debug, Default)]
pub(super) struct Window {
    held: EventQueue<Held>,
    /// Per CPU and nesting level, the event that a stack would belong to.
    open: Vec<[Option<u64>; 4]>,
    /// The event whose stack is being read, and which of its stacks.
    reading: Option<(u64, Stack)>,
    /// Events before this one are closed, whatever the slots say.
    barrier: u64,
}

#[derive(Debug, Default)]
struct Held {
    event: Event,
    /// Nothing can be added to it any more.
    closed: bool,
}

impl Held {
    /// True if it has this stack, or the one after it.
    fn has(&self, stack: Stack) -> bool {
        let user = self.event.details.as_ref().is_some_and(|details| details.user_stack.is_some());
        user || stack == Stack::Kernel && self.event.stack.is_some()
    }
}

/// The stacks that an event can have, in the order in which the kernel writes them (`trace_buffer_unlock_commit_regs()`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stack {
    Kernel,
    User,
}

impl Window {
    /// Takes the next event of the text.
    #[inline]
    pub(super) fn push(&mut self, event: Event) {
        let number = self.held.next();
        let before = self.slot(&event).and_then(|slot| slot.replace(number));
        if let Some(held) = before.and_then(|before| self.held.get_mut(before)) {
            held.closed = true;
        }
        self.reading = None;
        *self.held.room() = Held { event, closed: false };
        self.held.push();
    }

    /// The last event taken, while it is held.
    pub(super) fn last(&mut self) -> Option<&mut Event> {
        let last = self.held.next().checked_sub(1)?;
        self.held.get_mut(last).map(|held| &mut held.event)
    }

    /// True if nothing can be added to the first event.
    #[inline]
    pub(super) fn is_ready(&self) -> bool {
        let closed = self.held.front().is_some_and(|front| front.closed || self.held.first() < self.barrier);
        closed && self.reading.is_none_or(|(number, _)| number != self.held.first()) || self.held.len() > HELD
    }

    /// The first event, whatever may come.
    #[inline]
    pub(super) fn front(&mut self) -> Option<&mut Event> {
        self.held.front_mut().map(|held| &mut held.event)
    }

    /// Goes on to the event after it.
    #[inline]
    pub(super) fn pop(&mut self) {
        self.held.pop();
    }

    /// The following lines are the frames of a stack that was recorded with these columns. `false` where it does not belong to an event.
    pub(super) fn open_stack(&mut self, cpu: Cpu, level: usize, pid: Pid, stack: Stack) -> bool {
        self.reading = None;
        let slot = self.open.get_mut(usize::from(cpu.0)).and_then(|levels| levels.get_mut(level));
        let barrier = self.barrier;
        let Some(slot) = slot else { return false };
        let Some(number) = slot.filter(|number| *number >= barrier) else { return false };
        let held = self.held.get_mut(number).filter(|held| held.event.pid == pid);
        let Some(held) = held.filter(|held| !held.has(stack)) else { return false };
        match stack {
            // The stack in user space may follow.
            Stack::Kernel => held.event.stack = Some(Vec::with_capacity(EXPECTED)),
            Stack::User => {
                held.event.details_mut().user_stack = Some(Vec::new());
                held.closed = true;
                *slot = None;
            }
        }
        self.reading = Some((number, stack));
        true
    }

    /// The same for an event of the graph, whose line has no flags and may have no task: it is the last one of its CPU outside of
    /// interrupts as the line has it. The task is noted.
    pub(super) fn open_stack_of_graph(&mut self, cpu: Cpu, pid: Pid, stack: Stack) -> bool {
        let slot = self.open.get(usize::from(cpu.0)).and_then(|levels| levels.first()).copied().flatten();
        let Some(held) = slot.and_then(|number| self.held.get_mut(number)) else { return false };
        if held.event.context != Context::default() || ![pid, Pid::UNKNOWN].contains(&held.event.pid) {
            return false;
        }
        held.event.pid = pid;
        self.open_stack(cpu, 0, pid, stack)
    }

    /// An event of these columns was not understood: what follows does not belong to the one before it.
    pub(super) fn close(&mut self, cpu: Cpu, level: usize) {
        self.reading = None;
        let slot = self.open.get_mut(usize::from(cpu.0)).and_then(|levels| levels.get_mut(level));
        if let Some(held) = slot.and_then(Option::take).and_then(|number| self.held.get_mut(number)) {
            held.closed = true;
        }
    }

    /// A line of unknown columns was not understood: what follows does not belong to any event before it.
    pub(super) fn close_all(&mut self) {
        self.reading = None;
        self.barrier = self.held.next();
    }

    /// The next frame of the stack that is being read; `names` knows symbols. `false` where none is.
    pub(super) fn frame(&mut self, names: &mut Names, frame: &[u8]) -> bool {
        let Some((number, stack)) = self.reading else { return false };
        let Some(held) = self.held.get_mut(number) else { return false };
        if stack == Stack::User {
            let stack = held.event.details_mut().user_stack.get_or_insert_default();
            if stack.len() < FRAMES {
                stack.push(user_frame(frame));
            }
            return true;
        }
        let frame = names.symbol(frame);
        let stack = held.event.stack.get_or_insert_default();
        // As the decoder of raw pages does.
        if (!stack.is_empty() || !is_machinery(&frame)) && stack.len() < FRAMES {
            stack.push(frame);
        }
        true
    }

    #[inline]
    fn slot(&mut self, event: &Event) -> Option<&mut Option<u64>> {
        let cpu = usize::from(event.cpu.0);
        if self.open.len() <= cpu {
            self.open.resize(cpu + 1, [None; 4]);
        }
        self.open.get_mut(cpu)?.get_mut(event.context.level())
    }
}
