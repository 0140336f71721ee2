//! The words of the model: a task, its states, and what passes between two tasks.

use std::sync::Arc;

use kernsnap_trace::{Cpu, Pid, Timestamp, Value};

/// A task's place in the model. Pids are used again; this is not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TaskId(pub usize);

/// Something done to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Act {
    /// When.
    pub at: Timestamp,
    /// The task that was running.
    pub by: TaskId,
}

/// The knowledge about one task. Anything that the recording does not say is `None` or empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Task {
    /// Its id in the initial pid namespace. All idle tasks have 0.
    pub pid: Pid,
    /// The CPU of an idle task.
    pub idle_on: Option<Cpu>,
    /// The task whose thread group it joined (`CLONE_THREAD`): the one that created it, not always the leader.
    pub thread_of: Option<TaskId>,
    /// True if it is a kernel thread: kthreadd, one of its children, or an idle task.
    pub kernel: bool,
    /// Its creation (`task_newtask`, `sched_process_fork`).
    pub created: Option<Act>,
    /// Its names, each with the time at which it is first seen.
    pub names: Vec<(Timestamp, Arc<str>)>,
    /// The files it executed (`sched_process_exec`).
    pub programs: Vec<(Timestamp, Arc<str>)>,
    /// Who woke it for the first time (`sched_wakeup_new`), which is who made it.
    pub first_woken: Option<Act>,
    /// When it first ran.
    pub first_run: Option<Timestamp>,
    /// When it began to exit (`sched_process_exit`, or the switch away from a task that is dead).
    pub exited: Option<Timestamp>,
    /// The argument of `do_exit()`: a `wait` status, where a probe or a system call event recorded it.
    pub exit_code: Option<u32>,
    /// Who gave up its stack: the task that ran next on its CPU (`finish_task_switch()` calls `put_task_stack()`).
    pub stack_put: Option<Act>,
    /// Who gave up its pid, which ended its time as a zombie: who waited for it, or itself (`release_task()`).
    pub reaped: Option<Act>,
    /// Who ran when its `task_struct` was freed (`sched_process_free`).
    pub freed: Option<Act>,
    /// The number of events that were recorded while it ran.
    pub events: u64,
}

impl Task {
    pub(super) fn new(pid: Pid, idle_on: Option<Cpu>) -> Self {
        Self {
            pid,
            idle_on,
            thread_of: None,
            kernel: matches!(pid, Pid(0 | 2)),
            created: None,
            names: Vec::new(),
            programs: Vec::new(),
            first_run: None,
            exited: None,
            exit_code: None,
            first_woken: None,
            stack_put: None,
            reaped: None,
            freed: None,
            events: 0,
        }
    }

    /// Its last name; `None` where none was recorded.
    #[must_use]
    pub fn name(&self) -> Option<&str> {
        self.names.last().map(|(_, name)| &**name)
    }

    /// Remembers a name, where it is a new one.
    pub(super) fn named(&mut self, at: Timestamp, name: &str) {
        if self.name() != Some(name) {
            self.names.push((at, name.into()));
        }
    }
}

/// The state of a task as the scheduler sees it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// Nothing is known: it has not been switched to or from yet.
    #[default]
    Unknown,
    /// Created, and not woken yet (`TASK_NEW`).
    New,
    /// On a run queue.
    Runnable,
    /// On a CPU.
    Running,
    /// `TASK_INTERRUPTIBLE`.
    Sleeping,
    /// `TASK_UNINTERRUPTIBLE`.
    Blocked,
    /// Stopped by a signal, traced, or parked.
    Stopped,
    /// An idle kernel thread (`TASK_IDLE`).
    Idle,
    /// Dead, and waiting for its parent.
    Zombie,
    /// Dead, and reaped without a wait.
    Dead,
}

impl State {
    /// Every state, for legends.
    pub const ALL: [State; 10] = [
        State::Unknown,
        State::New,
        State::Runnable,
        State::Running,
        State::Sleeping,
        State::Blocked,
        State::Stopped,
        State::Idle,
        State::Zombie,
        State::Dead,
    ];

    /// The state of a task that is switched away from: `prev_state` of `sched_switch`, as a number of `TASK_REPORT` bits or
    /// as the letter that the kernel prints (`include/trace/events/sched.h`).
    #[must_use]
    pub fn after_switch(prev_state: &Value) -> Self {
        let letter = match prev_state {
            Value::Text(text) => text.chars().next().unwrap_or('R'),
            value => match value.as_int().unwrap_or(0) & 0xff {
                0 => 'R',
                bits if bits & 0x20 != 0 => 'Z',
                bits if bits & 0x10 != 0 => 'X',
                bits if bits & 0x80 != 0 => 'I',
                bits if bits & 0x02 != 0 => 'D',
                bits if bits & 0x01 != 0 => 'S',
                _ => 'T',
            },
        };
        match letter {
            'R' => Self::Runnable,
            'S' => Self::Sleeping,
            'D' => Self::Blocked,
            'Z' => Self::Zombie,
            'X' | 'x' => Self::Dead,
            'I' => Self::Idle,
            _ => Self::Stopped,
        }
    }

    /// One word.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Unknown => "unknown",
            Self::New => "new",
            Self::Runnable => "runnable",
            Self::Running => "running",
            Self::Sleeping => "sleeping",
            Self::Blocked => "blocked",
            Self::Stopped => "stopped",
            Self::Idle => "idle",
            Self::Zombie => "zombie",
            Self::Dead => "dead",
        }
    }

    /// The name of the sentence that tells this word in each language.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Unknown => "state-unknown",
            Self::New => "state-new",
            Self::Runnable => "state-runnable",
            Self::Running => "state-running",
            Self::Sleeping => "state-sleeping",
            Self::Blocked => "state-blocked",
            Self::Stopped => "state-stopped",
            Self::Idle => "state-idle",
            Self::Zombie => "state-zombie",
            Self::Dead => "state-dead",
        }
    }

    /// True if a wake-up changes it.
    pub(super) fn waits(self) -> bool {
        matches!(self, Self::Unknown | Self::New | Self::Sleeping | Self::Blocked | Self::Stopped | Self::Idle)
    }

    /// True if it is over.
    pub(super) fn is_dead(self) -> bool {
        matches!(self, Self::Zombie | Self::Dead)
    }
}

/// A time that a task spent in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span {
    /// Whose.
    pub task: TaskId,
    /// Which.
    pub state: State,
    /// Where a running task runs.
    pub cpu: Option<Cpu>,
    /// Its beginning.
    pub from: Timestamp,
    /// Its end, or the end of the recording.
    pub to: Timestamp,
    /// True if the recording shows its end. A wait that never ended has a length that is not known.
    pub ended: bool,
}

/// One task wakes another (`sched_waking`, or `sched_wakeup` where only that is recorded, and `sched_wakeup_new`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wake {
    /// When.
    pub at: Timestamp,
    /// Where.
    pub cpu: Cpu,
    /// The task that was running.
    pub by: TaskId,
    /// The task that is woken.
    pub task: TaskId,
    /// True if an interrupt did it, so that the running task has nothing to do with it.
    pub interrupt: bool,
}

/// A CPU goes from one task to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Switch {
    /// When.
    pub at: Timestamp,
    /// Which CPU.
    pub cpu: Cpu,
    /// The task that leaves.
    pub prev: TaskId,
    /// Its next state.
    pub state: State,
    /// The task that comes.
    pub next: TaskId,
}
