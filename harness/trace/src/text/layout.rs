//! How the kernel prints the events that this project is about: what each key of the text is called in the event's format,
//! and how its value is written (`include/trace/events/*.h`). An event that is not here is read by its `key=value` words.

/// One event's text.
#[derive(Debug)]
pub(super) struct Layout {
    pub(super) event: &'static str,
    pub(super) keys: &'static [Key],
}

/// One `key=value` of an event's text.
#[derive(Debug)]
pub(super) struct Key {
    /// As the text writes it.
    pub(super) printed: &'static str,
    /// The field's name in the format.
    pub(super) field: &'static str,
    pub(super) kind: Kind,
}

/// How a value is written, and what it is in the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A signed number in decimal.
    Signed,
    /// An unsigned number in decimal.
    Unsigned,
    /// An unsigned number in hexadecimal, with or without `0x`.
    Hex,
    /// A task's name: up to 15 bytes, spaces among them.
    Name,
    /// One word.
    Word,
    /// A task's state as letters.
    State,
    /// `handled` or `unhandled`, 1 or 0 in the record.
    Handled,
    /// One word that tells something else than the record holds: a hashed pointer, a function's name, flags by name.
    Other,
}

use Kind::{Handled, Hex, Name, Other, Signed, State, Unsigned, Word};

const fn key(printed: &'static str, kind: Kind) -> Key {
    Key { printed, field: printed, kind }
}

const fn renamed(printed: &'static str, field: &'static str, kind: Kind) -> Key {
    Key { printed, field, kind }
}

const WAKEUP: &[Key] =
    &[key("comm", Name), key("pid", Signed), key("prio", Signed), key("success", Signed), key("target_cpu", Signed)];
const TASK: &[Key] = &[key("comm", Name), key("pid", Signed), key("prio", Signed), key("group_dead", Word)];
const SOFTIRQ: &[Key] = &[key("vec", Unsigned)];

/// Sorted by event.
pub(super) static LAYOUTS: [Layout; 33] = [
    Layout { event: "irq_handler_entry", keys: &[key("irq", Signed), key("name", Name)] },
    Layout { event: "irq_handler_exit", keys: &[key("irq", Signed), key("ret", Handled)] },
    Layout {
        event: "mm_page_alloc",
        keys: &[
            key("page", Other),
            key("pfn", Hex),
            key("order", Signed),
            key("migratetype", Signed),
            key("gfp_flags", Other),
        ],
    },
    Layout { event: "sched_kthread_stop", keys: &[key("comm", Name), key("pid", Signed)] },
    Layout { event: "sched_kthread_stop_ret", keys: &[key("ret", Signed)] },
    Layout {
        event: "sched_migrate_task",
        keys: &[
            key("comm", Name),
            key("pid", Signed),
            key("prio", Signed),
            key("orig_cpu", Signed),
            key("dest_cpu", Signed),
        ],
    },
    Layout {
        event: "sched_pi_setprio",
        keys: &[key("comm", Name), key("pid", Signed), key("oldprio", Signed), key("newprio", Signed)],
    },
    Layout { event: "sched_process_exec", keys: &[key("filename", Name), key("pid", Signed), key("old_pid", Signed)] },
    Layout { event: "sched_process_exit", keys: TASK },
    Layout {
        event: "sched_process_fork",
        keys: &[
            renamed("comm", "parent_comm", Name),
            renamed("pid", "parent_pid", Signed),
            key("child_comm", Name),
            key("child_pid", Signed),
        ],
    },
    Layout { event: "sched_process_free", keys: TASK },
    Layout { event: "sched_process_hang", keys: TASK },
    Layout { event: "sched_process_wait", keys: TASK },
    Layout {
        event: "sched_stat_runtime",
        keys: &[key("comm", Name), key("pid", Signed), key("runtime", Unsigned), key("vruntime", Unsigned)],
    },
    Layout {
        event: "sched_switch",
        keys: &[
            key("prev_comm", Name),
            key("prev_pid", Signed),
            key("prev_prio", Signed),
            key("prev_state", State),
            key("next_comm", Name),
            key("next_pid", Signed),
            key("next_prio", Signed),
        ],
    },
    Layout { event: "sched_wait_task", keys: TASK },
    Layout { event: "sched_wake_idle_without_ipi", keys: &[key("cpu", Signed)] },
    Layout { event: "sched_wakeup", keys: WAKEUP },
    Layout { event: "sched_wakeup_new", keys: WAKEUP },
    Layout { event: "sched_waking", keys: WAKEUP },
    Layout {
        event: "signal_deliver",
        keys: &[
            key("sig", Signed),
            key("errno", Signed),
            key("code", Signed),
            key("sa_handler", Hex),
            key("sa_flags", Hex),
        ],
    },
    Layout {
        event: "signal_generate",
        keys: &[
            key("sig", Signed),
            key("errno", Signed),
            key("code", Signed),
            key("comm", Name),
            key("pid", Signed),
            renamed("grp", "group", Signed),
            renamed("res", "result", Signed),
        ],
    },
    Layout { event: "softirq_entry", keys: SOFTIRQ },
    Layout { event: "softirq_exit", keys: SOFTIRQ },
    Layout { event: "softirq_raise", keys: SOFTIRQ },
    Layout { event: "sys_enter", keys: &[renamed("NR", "id", Signed)] },
    Layout { event: "sys_exit", keys: &[renamed("NR", "id", Signed), key("ret", Signed)] },
    Layout {
        event: "task_newtask",
        keys: &[key("pid", Signed), key("comm", Name), key("clone_flags", Hex), key("oom_score_adj", Signed)],
    },
    Layout {
        event: "task_rename",
        keys: &[key("pid", Signed), key("oldcomm", Name), key("newcomm", Name), key("oom_score_adj", Signed)],
    },
    // `work struct 00000000b2782eb0: function grow_work`: nothing of it stands in the record like that.
    Layout { event: "workqueue_activate_work", keys: &[] },
    Layout { event: "workqueue_execute_end", keys: &[] },
    Layout { event: "workqueue_execute_start", keys: &[] },
    Layout {
        event: "workqueue_queue_work",
        keys: &[
            renamed("struct", "work", Other),
            key("function", Other),
            key("workqueue", Word),
            key("req_cpu", Signed),
            key("cpu", Signed),
        ],
    },
];

/// The number of `event`'s layout.
pub(super) fn find(event: &str) -> Option<usize> {
    LAYOUTS.binary_search_by(|layout| layout.event.cmp(event)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_layout_is_found() {
        for (at, layout) in LAYOUTS.iter().enumerate() {
            assert_eq!(find(layout.event), Some(at), "{}", layout.event);
        }
    }
}
