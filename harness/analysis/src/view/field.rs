//! The form in which fields of tracepoints are shown: knowledge about the kernel's events, as tables.

use std::fmt::Write as _;

use super::one_line::one_line_from;
pub use kernsnap_scenario::pattern::is_pid;
use kernsnap_trace::{Hex, Value};

/// The fields that say something behind the role names. The others repeat what the roles say (names of tasks), belong to
/// the scheduler's book-keeping (`prio`), or differ between two runs of one behaviour (addresses).
const USUAL_FIELDS: [(&str, &[&str]); 14] = [
    ("sched_switch", &["prev_pid", "prev_state", "next_pid"]),
    ("sched_wakeup", &["pid"]),
    ("sched_wakeup_new", &["pid"]),
    ("sched_waking", &["pid"]),
    ("sched_process_fork", &["child_pid"]),
    ("sched_process_exec", &["filename"]),
    ("sched_process_exit", &[]),
    ("sched_process_free", &["pid"]),
    ("sched_process_wait", &["pid"]),
    ("sched_kthread_stop", &["pid"]),
    ("sched_kthread_stop_ret", &["ret"]),
    ("task_newtask", &["pid", "clone_flags"]),
    ("task_rename", &["oldcomm", "newcomm"]),
    ("signal_generate", &["sig", "code", "pid", "result"]),
];

/// Fields that are addresses. Events of other tasks have them, and reports show those.
const ADDRESSES: [&str; 16] = [
    "addr",
    "address",
    "call_site",
    "caller",
    "function",
    "hrtimer",
    "ip",
    "location",
    "mm",
    "page",
    "pc",
    "ptr",
    "skbaddr",
    "timer",
    "work",
    "workqueue",
];
/// No address of a user is lower: the first pages are never mapped (`mmap_min_addr`).
const LOWEST_ADDRESS: u64 = 0x1000;
/// The kernel's half of 64 bits begins here at the latest, with addresses of 48 bits.
const KERNEL_HALF: u64 = 0xffff_0000_0000_0000;

/// The fields to show of `event` where the scenario does not say; `None` for all of them.
#[must_use]
pub fn usual(event: &str) -> Option<&'static [&'static str]> {
    USUAL_FIELDS.iter().find(|(name, _)| *name == event).map(|(_, fields)| *fields)
}

/// A field's value as a view shows it and a pattern writes it; pids as numbers.
#[must_use]
pub fn show(event: &str, field: &str, value: &Value) -> String {
    let mut text = String::new();
    push(&mut text, event, field, value);
    text
}

/// Puts what [`show`] gives behind `text`.
pub fn push(text: &mut String, event: &str, field: &str, value: &Value) {
    match value {
        Value::Signed(_) | Value::Unsigned(_) | Value::Hex(_) if field == "prev_state" && event == "sched_switch" => {
            match value.as_int() {
                Some(state) => push_state(text, state),
                None => value.push_to(text),
            }
        }
        Value::Unsigned(bits) | Value::Hex(Hex { value: bits, .. }) if matches!(field, "clone_flags" | "flags") => {
            // Writing to a String cannot fail.
            let _ = write!(text, "{bits:#x}");
        }
        Value::Unsigned(bits) if is_address(field, *bits) => {
            let _ = write!(text, "{bits:#x}");
        }
        _ => {
            let begin = text.len();
            value.push_to(text);
            if matches!(value, Value::Text(_)) {
                one_line_from(text, begin);
            }
        }
    }
}

/// True of a number that is an address.
fn is_address(field: &str, bits: u64) -> bool {
    bits >= KERNEL_HALF || (bits >= LOWEST_ADDRESS && ADDRESSES.contains(&field))
}

/// `prev_state` as `include/trace/events/sched.h` prints it: `TASK_REPORT` bits by letter, `R` for none of them, `+` for a
/// task that was preempted.
fn push_state(text: &mut String, state: i64) {
    const LETTERS: [(i64, char); 8] =
        [(1, 'S'), (2, 'D'), (4, 'T'), (8, 't'), (0x10, 'X'), (0x20, 'Z'), (0x40, 'P'), (0x80, 'I')];
    const PREEMPTED: i64 = 0x100;
    let begin = text.len();
    for (_, letter) in LETTERS.iter().filter(|(bit, _)| state & bit != 0) {
        if text.len() > begin {
            text.push('|');
        }
        text.push(*letter);
    }
    if text.len() == begin {
        text.push('R');
    }
    if state & PREEMPTED != 0 {
        text.push('+');
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_hexadecimal() {
        let check = |field, bits, expected| assert_eq!(show("e", field, &Value::Unsigned(bits)), expected, "{field}");
        check("work", 0x8012_3456, "0x80123456");
        check("anything", 0xffff_8000_1012_3456, "0xffff800010123456");
        check("work", 7, "7");
        check("nr_pages", 1 << 20, "1048576");
    }

    #[test]
    fn states_are_letters() {
        let check = |state, expected| {
            assert_eq!(show("sched_switch", "prev_state", &Value::Signed(state)), expected, "{state:#x}");
        };
        check(0, "R");
        check(1, "S");
        check(0x100, "R+");
        check(0x20, "Z");
        check(0x81, "S|I");
    }
}
