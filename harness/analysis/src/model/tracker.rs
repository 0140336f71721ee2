//! From events to states: who runs where, who waits, who woke whom. Keeps as much as there are tasks and CPUs.

use std::collections::{BTreeMap, BTreeSet};

use super::fact::Fact;
use super::task::{Act, Span, State, Switch, Task, TaskId, Wake};
use kernsnap_trace::{Cpu, Event, Pid, Timestamp};

/// Is told what a [`Tracker`] concludes. What it does not care about, it need not name.
pub trait Listener {
    /// A task has left a state.
    fn span(&mut self, _span: &Span) {}
    /// A task was woken.
    fn wake(&mut self, _wake: &Wake) {}
    /// A CPU changed hands.
    fn switch(&mut self, _switch: &Switch) {}
    /// A task ran for the first time, so long after it was created, in nanoseconds.
    fn started(&mut self, _task: TaskId, _ns: u64) {}
    /// A task that exits woke its creator, so long after it began to exit, in nanoseconds.
    fn told_parent(&mut self, _task: TaskId, _ns: u64) {}
    /// An event was recorded while this task ran.
    fn event(&mut self, _task: TaskId, _event: &Event) {}
}

/// A listener that ignores all facts: only the tracker's own state is used.
impl Listener for () {}

/// The states of all tasks at one moment.
#[derive(Clone, Debug, Default)]
pub struct Tracker {
    tasks: Vec<Task>,
    now: Vec<Now>,
    /// Who has a pid now; idle tasks by their CPU.
    by_pid: BTreeMap<(Pid, Option<Cpu>), TaskId>,
    cpus: BTreeMap<Cpu, Slot>,
    /// The tasks that exit and that have not been reaped.
    zombies: BTreeSet<TaskId>,
}

/// Zombies that are searched at most: a hostile recording has as many as it has events.
const ZOMBIES: usize = 64;

/// The current state of a task.
#[derive(Clone, Copy, Debug)]
struct Now {
    state: State,
    cpu: Option<Cpu>,
    since: Timestamp,
    /// True if an event tells when it began.
    recorded: bool,
    told_parent: bool,
}

/// How a change of a task's state is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Source {
    /// An event tells it.
    Recorded,
    /// The task does what only a task in another state does. The change was before, and its event is not in the recording.
    Inferred,
    /// The recording ends.
    End,
}

/// The current state of a CPU.
#[derive(Clone, Copy, Debug)]
struct Slot {
    running: TaskId,
    /// The task that ran before.
    before: Option<TaskId>,
}

impl Tracker {
    /// Takes the next event; says whose it is.
    pub fn observe(&mut self, event: &Event, listener: &mut impl Listener) -> TaskId {
        let Event { time: at, cpu, pid, .. } = *event;
        let by = self.current(pid, cpu, at, listener);
        if let Some(task) = self.tasks.get_mut(by.0) {
            task.events += 1;
        }
        listener.event(by, event);
        if let Some(fact) = Fact::from_event(event) {
            self.conclude(fact, event, by, listener);
        }
        by
    }

    /// Ends all states at `end`, and hands out the tasks.
    pub fn finish(mut self, end: Timestamp, listener: &mut impl Listener) -> Vec<Task> {
        for id in (0..self.tasks.len()).map(TaskId) {
            self.enter(id, State::Unknown, None, end, Source::End, listener);
        }
        self.tasks
    }

    fn conclude(&mut self, fact: Fact<'_>, event: &Event, by: TaskId, listener: &mut impl Listener) {
        let Event { time: at, cpu, .. } = *event;
        match fact {
            Fact::Created { child, comm, thread } => self.created(child, comm, thread, Act { at, by }, listener),
            Fact::Woken { task, comm, first } => {
                let interrupt = event.context.in_hardirq() || event.context.in_softirq();
                let task = self.named(task, comm, cpu, at);
                if first {
                    self.tasks[task.0].first_woken.get_or_insert(Act { at, by });
                }
                self.woken(&Wake { at, cpu, by, task, interrupt }, listener);
            }
            Fact::Switched { prev: (prev, prev_comm, state), next: (next, next_comm) } => {
                let (prev, next) = (self.named(prev, prev_comm, cpu, at), self.named(next, next_comm, cpu, at));
                self.enter(prev, state, None, at, Source::Recorded, listener);
                if state.is_dead() {
                    self.exits(prev, at);
                }
                self.run(next, cpu, at, Source::Recorded, listener);
                self.cpus.insert(cpu, Slot { running: next, before: Some(prev) });
                listener.switch(&Switch { at, cpu, prev, state, next });
            }
            Fact::Renamed { task, old, new } => {
                let task = self.named(task, old, cpu, at);
                self.tasks[task.0].named(at, new);
            }
            Fact::Executed(file) => self.tasks[by.0].programs.push((at, file.into())),
            Fact::Exits => {
                self.exits(by, at);
            }
            Fact::ExitCode(code) => {
                self.tasks[by.0].exit_code.get_or_insert(code);
            }
            Fact::StackPut => {
                let before = self.cpus.get(&cpu).and_then(|slot| slot.before);
                if let Some(dead) = before.filter(|before| self.now[before.0].state.is_dead()) {
                    self.tasks[dead.0].stack_put.get_or_insert(Act { at, by });
                }
            }
            Fact::Reaped(pid) => {
                let dead = match pid {
                    Some(pid) => self.by_pid.get(&(pid, None)).copied(),
                    None => self.only_zombie_of(by),
                };
                if let Some(dead) = dead.filter(|dead| self.zombies.remove(dead)) {
                    self.tasks[dead.0].reaped = Some(Act { at, by });
                }
            }
            Fact::Freed(pid) => {
                // One whose life was before the recording is not worth a lane.
                if let Some(task) = self.by_pid.get(&(pid, None)) {
                    self.tasks[task.0].freed.get_or_insert(Act { at, by });
                    self.zombies.remove(task);
                }
            }
        }
    }

    fn created(
        &mut self,
        child: Pid,
        comm: Option<&str>,
        thread: Option<bool>,
        act: Act,
        listener: &mut impl Listener,
    ) {
        let known = self.by_pid.get(&(child, None)).copied();
        // Both events of one fork tell of it; the second one adds the name or the flags.
        let same = known.filter(|id| self.now[id.0].state == State::New);
        let id = same.unwrap_or_else(|| {
            if let Some(old) = known {
                self.enter(old, State::Unknown, None, act.at, Source::Inferred, listener);
            }
            let id = self.add(child, None, act.at);
            (self.now[id.0].state, self.now[id.0].recorded) = (State::New, true);
            id
        });
        let kernel = self.tasks[act.by.0].pid == Pid(2);
        let task = &mut self.tasks[id.0];
        task.created.get_or_insert(act);
        task.kernel |= kernel;
        if thread == Some(true) {
            task.thread_of = Some(act.by);
        }
        if let Some(comm) = comm {
            task.named(act.at, comm);
        }
    }

    fn exits(&mut self, id: TaskId, at: Timestamp) {
        let exited = &mut self.tasks[id.0].exited;
        if exited.is_none() {
            *exited = Some(at);
            self.zombies.insert(id);
        }
    }

    /// The zombie that a task must mean which reaps one: itself, its child, or an orphan. `None` where there are several.
    fn only_zombie_of(&self, by: TaskId) -> Option<TaskId> {
        if self.zombies.len() > ZOMBIES {
            return None;
        }
        let creator = |id: TaskId| self.tasks[id.0].created.map(|act| act.by);
        let exited = |id: TaskId| self.tasks[id.0].exited.is_some();
        let mine = |id: TaskId| id == by || creator(id).is_none_or(|creator| creator == by || exited(creator));
        let mut zombies = self.zombies.iter().copied().filter(|id| mine(*id));
        zombies.next().filter(|_| zombies.next().is_none())
    }

    fn woken(&mut self, wake: &Wake, listener: &mut impl Listener) {
        // `sched_waking` and `sched_wakeup` tell of one wake-up: the second finds the task runnable.
        if !self.now[wake.task.0].state.waits() {
            return;
        }
        self.enter(wake.task, State::Runnable, None, wake.at, Source::Recorded, listener);
        listener.wake(wake);
        let Task { created, exited, .. } = &self.tasks[wake.by.0];
        let parent = created.map(|created| created.by);
        if let Some(exited) = exited
            && parent == Some(wake.task)
            && !std::mem::replace(&mut self.now[wake.by.0].told_parent, true)
        {
            listener.told_parent(wake.by, wake.at.0.saturating_sub(exited.0));
        }
    }

    /// The task that an event was recorded in runs, whether its switch was recorded or not.
    fn current(&mut self, pid: Pid, cpu: Cpu, at: Timestamp, listener: &mut impl Listener) -> TaskId {
        let id = self.task(pid, cpu, at);
        let slot = self.cpus.get(&cpu).copied();
        if slot.map(|slot| slot.running) != Some(id) {
            if let Some(slot) = slot {
                self.enter(slot.running, State::Unknown, None, at, Source::Inferred, listener);
            }
            self.cpus.insert(cpu, Slot { running: id, before: slot.map(|slot| slot.running) });
        }
        // It still runs while it tells how it dies.
        if !(self.now[id.0].state == State::Running && self.now[id.0].cpu == Some(cpu)) {
            self.run(id, cpu, at, Source::Inferred, listener);
        }
        id
    }

    fn run(&mut self, id: TaskId, cpu: Cpu, at: Timestamp, source: Source, listener: &mut impl Listener) {
        self.enter(id, State::Running, Some(cpu), at, source, listener);
        let task = &mut self.tasks[id.0];
        if task.first_run.is_none() {
            task.first_run = Some(at);
            // Without its switch, it may have run long before.
            if let Some(created) = task.created.filter(|_| source == Source::Recorded) {
                listener.started(id, at.0.saturating_sub(created.at.0));
            }
        }
    }

    /// The only place where a state changes. A time whose end is not recorded is told only where the recording ends: in
    /// between, the task left its state at a time that is not known. So a recording without switches has no running times,
    /// and a hole is not charged to the task that ran before it.
    fn enter(
        &mut self,
        id: TaskId,
        state: State,
        cpu: Option<Cpu>,
        at: Timestamp,
        source: Source,
        listener: &mut impl Listener,
    ) {
        let now = &mut self.now[id.0];
        let is_told = match source {
            Source::Recorded => true,
            Source::Inferred => false,
            Source::End => now.state != State::Running || now.recorded,
        };
        if now.state != State::Unknown && now.since < at && is_told {
            let ended = source == Source::Recorded;
            listener.span(&Span { task: id, state: now.state, cpu: now.cpu, from: now.since, to: at, ended });
        }
        (now.state, now.cpu, now.since, now.recorded) = (state, cpu, at, source == Source::Recorded);
    }

    fn named(&mut self, pid: Pid, comm: Option<&str>, cpu: Cpu, at: Timestamp) -> TaskId {
        let id = self.task(pid, cpu, at);
        if let Some(comm) = comm {
            self.tasks[id.0].named(at, comm);
        }
        id
    }

    fn task(&mut self, pid: Pid, cpu: Cpu, at: Timestamp) -> TaskId {
        let idle_on = (pid == Pid(0)).then_some(cpu);
        match self.by_pid.get(&(pid, idle_on)) {
            Some(id) => *id,
            None => self.add(pid, idle_on, at),
        }
    }

    fn add(&mut self, pid: Pid, idle_on: Option<Cpu>, at: Timestamp) -> TaskId {
        let id = TaskId(self.tasks.len());
        self.tasks.push(Task::new(pid, idle_on));
        self.now.push(Now { state: State::Unknown, cpu: None, since: at, recorded: false, told_parent: false });
        self.by_pid.insert((pid, idle_on), id);
        id
    }
}
