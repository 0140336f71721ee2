//! The meaning of one event for tasks: the kernel's events by name, in one place.

use super::task::State;
use kernsnap_trace::{Event, EventKind, Pid, Point};

/// The meaning of an event for the life of tasks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fact<'a> {
    /// The running task made a child.
    Created {
        /// The child.
        child: Pid,
        /// Its name.
        comm: Option<&'a str>,
        /// True if it is a thread of the running task's group; `None` where the event does not tell flags.
        thread: Option<bool>,
    },
    /// A task is put on a run queue.
    Woken {
        /// The task.
        task: Pid,
        /// Its name.
        comm: Option<&'a str>,
        /// True if it is the first time, by the task that made it (`wake_up_new_task()`).
        first: bool,
    },
    /// The CPU changes hands.
    Switched {
        /// The task that leaves, its name, and what it becomes.
        prev: (Pid, Option<&'a str>, State),
        /// The task that comes, and its name.
        next: (Pid, Option<&'a str>),
    },
    /// A task gets a name.
    Renamed {
        /// The task.
        task: Pid,
        /// The name it had.
        old: Option<&'a str>,
        /// The name.
        new: &'a str,
    },
    /// The running task executes a file.
    Executed(&'a str),
    /// The running task exits.
    Exits,
    /// The running task exits with this `wait` status.
    ExitCode(u32),
    /// A task gives up the stack of the task that ran before (`put_task_stack()`).
    StackPut,
    /// The running task gives up a dead task's pid (`release_task()`): this one, where the event says which.
    Reaped(Option<Pid>),
    /// A task's `task_struct` is freed.
    Freed(Pid),
}

impl<'a> Fact<'a> {
    /// `None` where the event says nothing of this kind.
    #[must_use]
    pub fn from_event(event: &'a Event) -> Option<Self> {
        match &event.kind {
            EventKind::Tracepoint(point) => of_point(point),
            EventKind::Function { function, .. } | EventKind::GraphEntry { function, .. } => match function.base()? {
                "put_task_stack" => Some(Self::StackPut),
                "release_task" => Some(Self::Reaped(None)),
                _ => None,
            },
            _ => None,
        }
    }
}

/// The function that a probe is on, whatever the probe is called. A probe whose place is not known goes by its name.
fn probed(point: &Point) -> Option<&str> {
    let place = point.text("__probe_ip").or_else(|| point.text("__probe_func"))?;
    Some(place.split(['+', ' ', '<']).next().unwrap_or(place))
}

fn of_point(point: &Point) -> Option<Fact<'_>> {
    /// Share the address space and thread group of the parent (include/uapi/linux/sched.h).
    const CLONE_THREAD: i64 = 0x10000;
    let pid = |field: &str| point.int(field).and_then(|pid| i32::try_from(pid).ok()).map(Pid);
    Some(match &**point.name() {
        "sched_process_fork" => {
            Fact::Created { child: pid("child_pid")?, comm: point.text("child_comm"), thread: None }
        }
        "task_newtask" => Fact::Created {
            child: pid("pid")?,
            comm: point.text("comm"),
            thread: point.int("clone_flags").map(|flags| flags & CLONE_THREAD != 0),
        },
        name @ ("sched_waking" | "sched_wakeup" | "sched_wakeup_new") => {
            Fact::Woken { task: pid("pid")?, comm: point.text("comm"), first: name == "sched_wakeup_new" }
        }
        "sched_switch" => Fact::Switched {
            prev: (
                pid("prev_pid")?,
                point.text("prev_comm"),
                point.field("prev_state").map_or(State::Unknown, State::after_switch),
            ),
            next: (pid("next_pid")?, point.text("next_comm")),
        },
        "task_rename" => Fact::Renamed { task: pid("pid")?, old: point.text("oldcomm"), new: point.text("newcomm")? },
        "sched_process_exec" => Fact::Executed(point.text("filename")?),
        "sched_process_exit" => Fact::Exits,
        "sched_process_free" => Fact::Freed(pid("pid")?),
        // The call returns the pid of a child that changed its state.
        "sys_exit_wait4" => Fact::Reaped(Some(pid("ret").filter(|pid| pid.0 > 0)?)),
        // System calls keep the status in the low byte, do_exit() in the second one.
        "sys_enter_exit_group" | "sys_enter_exit" => {
            Fact::ExitCode((u32::try_from(point.int("error_code")? & 0xff).ok()?) << 8)
        }
        name => match probed(point).unwrap_or(name) {
            "release_task" | "released" => Fact::Reaped(Some(pid("pid")?)),
            "do_exit" | "do_group_exit" | "exit_code" => {
                Fact::ExitCode(u32::try_from(point.int("code").or_else(|| point.int("exit_code"))? & 0xffff).ok()?)
            }
            _ => return None,
        },
    })
}

#[cfg(test)]
mod tests {
    use kernsnap_trace::text::parse;

    use super::*;

    #[track_caller]
    fn check(line: &str, expected: Option<Fact<'_>>) {
        let (trace, issues) = parse(format!("  a-7  [000] .....  1.000000: {line}\n").as_bytes());
        assert_eq!((trace.events.len(), issues.len()), (1, 0), "{issues:?}");
        assert_eq!(Fact::from_event(&trace.events[0]), expected, "{line}");
    }

    #[test]
    fn a_probe_goes_by_its_function_whatever_its_name() {
        check("gone: (release_task+0x0/0x4d0) pid=41", Some(Fact::Reaped(Some(Pid(41)))));
        check("bye: (do_exit+0x4/0xb20) code=768", Some(Fact::ExitCode(768)));
        check("released: (some_other_function+0x0/0x10) pid=41", None);
        check("gone: (some_other_function+0x0/0x10) pid=41", None);
    }
}
