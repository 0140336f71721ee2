//! The view `timeline`: who ran when, who waited, and who woke whom.

use std::fmt::{self, Write};

use serde::Serialize;
use textwrap::core::display_width;

use super::axis::{Axis, Column};
use super::figures::duration;
use super::input::ViewInput;
use super::style::{Ink, Style};
use crate::model::{State, TaskId, count_pairs};
use crate::phrase::{Phrase, say};

/// States over time, by task and by CPU. Times are guest nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Timeline {
    /// When the first event to show was recorded.
    pub from: u64,
    /// When the last one was.
    pub to: u64,
    /// The tasks.
    pub tasks: Vec<TaskLane>,
    /// The CPUs that any of the tasks ran on.
    pub cpus: Vec<CpuLane>,
    /// Who woke whom, and how often: the waker, the lane of the woken task, and the number of times, the most frequent first. A report
    /// has it in `TaskLane::woken`.
    #[serde(skip)]
    pub wakings: Vec<((Waker, usize), u64)>,
}

/// Who wakes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Waker {
    /// The task of a lane.
    Lane(usize),
    /// A task without a lane.
    Other,
    /// An interrupt.
    Interrupt,
}

/// One task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct TaskLane {
    /// Its role.
    pub who: String,
    /// Its states, in order.
    pub states: Vec<Piece<&'static str>>,
    /// When it was woken, and the lane of the task that did; `None` where an interrupt or a task without a lane did.
    pub woken: Vec<(u64, Option<usize>)>,
}

/// One CPU.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct CpuLane {
    /// Its number.
    pub cpu: u16,
    /// The lanes of the tasks that ran on it, in order; `None` for tasks without a lane.
    pub ran: Vec<Piece<Option<usize>>>,
}

/// Something that lasts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Piece<T> {
    /// What.
    pub what: T,
    /// Since when.
    pub from: u64,
    /// Until when.
    pub to: u64,
}

impl Timeline {
    /// The states of the tasks that a subject shows, while it shows something.
    #[must_use]
    pub fn new(input: &ViewInput<'_>) -> Self {
        let (Some((_, first)), Some((_, last))) = (input.events.first(), input.events.last()) else {
            return Self::default();
        };
        let (from, to) = (first.time.0, last.time.0.max(first.time.0));
        let ids: Vec<TaskId> =
            input.tasks().into_iter().filter(|id| input.model.task(*id).is_some_and(|task| task.pid.0 != 0)).collect();
        let mut lanes = vec![None; input.model.tasks.len()];
        for (lane, id) in ids.iter().enumerate() {
            lanes[id.0] = Some(lane);
        }
        let lane = |id: TaskId| lanes.get(id.0).copied().flatten();
        let task = |id: &TaskId| TaskLane {
            who: input.role(*id).unwrap_or("other").to_owned(),
            states: Vec::new(),
            woken: Vec::new(),
        };
        let mut tasks: Vec<TaskLane> = ids.iter().map(task).collect();
        let mut cpus: Vec<CpuLane> = Vec::new();
        for span in &input.model.spans {
            let (start, end) = (span.from.0.max(from), span.to.0.min(to));
            if start >= end {
                continue;
            }
            if let Some(lane) = lane(span.task) {
                tasks[lane].states.push(Piece { what: span.state.word(), from: start, to: end });
            }
            if let Some(cpu) = span.cpu {
                let at = cpus.iter().position(|lane| lane.cpu == cpu.0).unwrap_or_else(|| {
                    cpus.push(CpuLane { cpu: cpu.0, ran: Vec::new() });
                    cpus.len() - 1
                });
                cpus[at].ran.push(Piece { what: lane(span.task), from: start, to: end });
            }
        }
        cpus.retain(|cpu| cpu.ran.iter().any(|piece| piece.what.is_some()));
        cpus.sort_by_key(|lane| lane.cpu);
        let mut pairs = Vec::new();
        for wake in input.model.wakes.iter().filter(|wake| (from..=to).contains(&wake.at.0)) {
            if let Some(woken) = lane(wake.task) {
                let by = if wake.interrupt { None } else { lane(wake.by) };
                tasks[woken].woken.push((wake.at.0, by));
                let waker = if wake.interrupt { Waker::Interrupt } else { by.map_or(Waker::Other, Waker::Lane) };
                pairs.push((waker, woken));
            }
        }
        Self { from, to, tasks, cpus, wakings: count_pairs(pairs) }
    }

    pub(super) fn show(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        let labels = self.tasks.iter().map(|lane| lane.who.chars().count() + 2);
        let label = labels.chain([5]).max().unwrap_or(0);
        let axis = Axis::new(self.from, self.to, &self.moments(), style.width.saturating_sub(label + 2).max(20));
        let cut = if style.ascii { '/' } else { '╱' };
        let mut used = Vec::new();
        for (number, lane) in self.tasks.iter().enumerate() {
            let cells = axis.columns().iter().map(|column| {
                let Column::Time { from, to } = column else { return cut };
                let state = state_in(&lane.states, *from, *to);
                if let Some(state) = state
                    && !used.contains(&state)
                {
                    used.push(state);
                }
                state.map_or(' ', |state| glyph(state, style.ascii))
            });
            let row: String = cells.collect();
            let name = style.padded(Ink::Task(number), &format!("{} {}", letter(number), lane.who), label);
            writeln!(text, "{name}  {}", style.paint(Ink::Task(number), &row))?;
            let marks = axis.columns().iter().map(|column| {
                let Column::Time { from, to } = column else { return ' ' };
                let mark = lane.woken.iter().find(|(at, _)| (*from..*to).contains(at));
                mark.map_or(' ', |(_, by)| by.map_or('*', letter))
            });
            let marks: String = marks.collect();
            if !marks.trim().is_empty() {
                writeln!(text, "{:label$}  {}", style.paint(Ink::Dim, ""), style.paint(Ink::Dim, marks.trim_end()))?;
            }
        }
        for lane in &self.cpus {
            let cells = axis.columns().iter().map(|column| {
                let Column::Time { from, to } = column else { return cut };
                let here = lane.ran.iter().filter(|piece| piece.from < *to && piece.to > *from);
                let longest =
                    here.max_by_key(|piece| (piece.what.is_some(), piece.to.min(*to) - piece.from.max(*from)));
                longest.map_or(' ', |piece| piece.what.map_or('.', letter))
            });
            let row: String = cells.collect();
            writeln!(text, "{:label$}  {}", format!("CPU {}", lane.cpu), row.trim_end())?;
        }
        self.legend(&axis, &used, label, style, text)
    }

    fn legend(&self, axis: &Axis, used: &[State], label: usize, style: &Style, text: &mut dyn Write) -> fmt::Result {
        let whole = duration(self.to - self.from, style.ascii);
        let width = axis.columns().len().saturating_sub(1);
        writeln!(text, "{:label$}  0{whole:>width$}\n", "")?;
        let seen = State::ALL.into_iter().filter(|state| used.contains(state) && glyph(*state, style.ascii) != ' ');
        let named = |state: State| format!("{} {}", glyph(state, style.ascii), say(style.language, state.sentence()));
        let states: Vec<String> = seen.map(named).collect();
        writeln!(text, "{}", states.join("   "))?;
        writeln!(text, "{}", say(style.language, "timeline-legend"))?;
        if !axis.cuts().is_empty() {
            let sign = if style.ascii { '/' } else { '╱' };
            let cuts: Vec<String> = axis.cuts().iter().map(|ns| duration(*ns, style.ascii)).collect();
            let cuts = Phrase::new("timeline-cuts").with_text("sign", sign).with("cuts", cuts.join(", "));
            writeln!(text, "{}", cuts.say(style.language))?;
        }
        self.show_wakings(style, text)
    }

    /// Who woke whom, as a list.
    fn show_wakings(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        if self.wakings.is_empty() {
            return Ok(());
        }
        let name = |lane: usize| self.tasks.get(lane).map_or_else(String::new, |lane| lane.who.clone());
        let wakers = self.wakings.iter().map(|((waker, _), _)| match waker {
            Waker::Lane(lane) => name(*lane),
            Waker::Other => say(style.language, "waker-other"),
            Waker::Interrupt => say(style.language, "frames-interrupt"),
        });
        let wakers: Vec<String> = wakers.collect();
        let width = wakers.iter().map(|name| display_width(name)).max().unwrap_or(0);
        let (arrow, times) = if style.ascii { ("->", "x") } else { ("→", "×") };
        writeln!(text, "\n{}", style.paint(Ink::Strong, &say(style.language, "page-wakers")))?;
        for (waker, ((_, woken), count)) in wakers.iter().zip(&self.wakings) {
            writeln!(text, "  {} {arrow} {}  {count}{times}", Style::left(waker, width), name(*woken))?;
        }
        Ok(())
    }

    /// When something changes, in order.
    fn moments(&self) -> Vec<u64> {
        let tasks = self.tasks.iter().flat_map(|lane| {
            let states = lane.states.iter().flat_map(|piece| [piece.from, piece.to]);
            states.chain(lane.woken.iter().map(|(at, _)| *at))
        });
        let mut moments: Vec<u64> = tasks.chain([self.from, self.to]).collect();
        moments.sort_unstable();
        moments.dedup();
        moments
    }
}

/// The state to show for a time: running if it ran at all, else on a run queue if it was, else what took longest.
fn state_in(states: &[Piece<&'static str>], from: u64, to: u64) -> Option<State> {
    let first = states.partition_point(|piece| piece.to <= from);
    let here = states[first..].iter().take_while(|piece| piece.from < to);
    let weight = |piece: &&Piece<&'static str>| {
        let length = piece.to.min(to) - piece.from.max(from);
        (piece.what == State::Running.word(), piece.what == State::Runnable.word(), length)
    };
    let word = here.max_by_key(weight)?.what;
    State::ALL.into_iter().find(|state| state.word() == word)
}

fn glyph(state: State, ascii: bool) -> char {
    let (unicode, plain) = match state {
        State::Unknown | State::Dead => (' ', ' '),
        State::New => ('·', ','),
        State::Runnable => ('▒', '+'),
        State::Running => ('█', '#'),
        State::Sleeping => ('─', '-'),
        State::Blocked => ('═', '='),
        State::Stopped => ('┅', 't'),
        State::Idle => ('┈', '_'),
        State::Zombie => ('×', 'x'),
    };
    if ascii { plain } else { unicode }
}

/// A lane's sign: a letter, for as many as there are.
fn letter(lane: usize) -> char {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    LETTERS.get(lane).map_or('?', |letter| char::from(*letter))
}
