//! The states of tasks as the print format of `sched_switch` names them.

use super::evaluate::constant;
use super::parser::parse;
use super::tree::{Choice, Expression};
use crate::format::Format;
use crate::task_states::TaskStates;

/// The letters of the states as kernels from 4.14 on number them (`include/trace/events/sched.h`). Before, a dead task is
/// `x`, and `X` is another state that a switch does not show.
const LETTERS: [(&str, u64); 9] =
    [("S", 1), ("D", 2), ("T", 4), ("t", 8), ("X", 0x10), ("Z", 0x20), ("P", 0x40), ("I", 0x80), ("x", 0x10)];

/// The mark of a task that could run on, and was preempted.
const PREEMPTED: u64 = 0x100;

/// The states of an event that has a `prev_state`; `None` where they are those of kernels from 4.14 on.
pub(crate) fn task_states(format: &Format, long: u32) -> Option<TaskStates> {
    if !format.print.contains("prev_state") {
        return None;
    }
    let own = |field: &&crate::format::Field| !field.name.starts_with("common_");
    let field = format.fields.iter().filter(own).position(|field| &*field.name == "prev_state")?;
    let mut bits = Vec::new();
    find_in_print(format, long, &mut |expression| match expression {
        Expression::Choice(choice) => names(choice, &mut bits),
        Expression::Conditional(three) => {
            if let (Expression::Binary(_, both), Expression::Text(text)) = (&three.0, &three.1)
                && **text == *"+"
                && let Some(mark) = constant(&both.1)
            {
                bits.push((mark.bits(), PREEMPTED));
            }
        }
        _ => {}
    });
    let is_of_today = |(bit, today): &(u64, u64)| bit == today;
    (!bits.iter().all(is_of_today)).then_some(TaskStates { field, bits })
}

/// Shows all parts of the print format of an event to `visit`. One that cannot be read has none.
fn find_in_print(format: &Format, long: u32, visit: &mut dyn FnMut(&Expression)) {
    if let Ok(parsed) = parse(format, long) {
        parsed.arguments.iter().for_each(|argument| argument.visit(visit));
    }
}

fn names(choice: &Choice, bits: &mut Vec<(u64, u64)>) {
    for (letter, today) in LETTERS {
        let named = choice.names.iter().find(|(_, name)| **name == *letter);
        let bit = named.and_then(|(bit, _)| *bit).filter(|bit| bit.is_power_of_two());
        // Where there is an `x`, `X` and `Z` are other states than a switch can show.
        if let Some(bit) = bit {
            bits.retain(|(_, known)| *known != today || letter != "x");
            bits.push((bit, today));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Value;
    use crate::format::parse_format;

    /// `sched_switch` of a kernel, with the expression for its states.
    fn states(print: &str) -> Option<TaskStates> {
        let format = format!(
            "name: sched_switch\nID: 1\nformat:\n\tfield:int common_pid;offset:4;size:4;signed:1;\n\
             \tfield:char prev_comm[16];offset:8;size:16;signed:1;\n\
             \tfield:long prev_state;offset:24;size:8;signed:1;\n\nprint fmt: {print}\n"
        );
        task_states(&parse_format(&format).expect("a format"), 8)
    }

    const OF_3_10: &str = r#""%s%s", REC->prev_state & (1024-1) ? __print_flags(REC->prev_state & (1024-1), "|", { 1, "S"} , { 2, "D" }, { 4, "T" }, { 8, "t" }, { 16, "Z" }, { 32, "X" }, { 64, "x" }, { 128, "K"}, { 256, "W" }, { 512, "P" }) : "R", REC->prev_state & 1024 ? "+" : """#;
    const OF_6_1: &str = r#""%s%s", (REC->prev_state & ((((0x0 | 0x40) + 1) << 1) - 1)) ? __print_flags(REC->prev_state, "|", { 0x01, "S" }, { 0x02, "D" }, { 0x04, "T" }, { 0x08, "t" }, { 0x10, "X" }, { 0x20, "Z" }, { 0x40, "P" }, { 0x80, "I" }) : "R", REC->prev_state & (((0x00 | 0x7f) + 1) << 1) ? "+" : """#;

    #[test]
    fn the_states_of_an_old_kernel_are_those_of_a_new_one_by_their_letters() {
        let states = states(OF_3_10).expect("other states");
        for (old, today) in [(0, 0), (1, 1), (2, 2), (64, 0x10), (16, 0x20), (512, 0x40), (1024, 0x100), (1025, 0x101)]
        {
            assert_eq!(states.today(old), today, "{old}");
        }
        for (old, visible) in [(130, 2), (128, 0), (256 + 64, 0x10), (32, 0), (1 << 20, 0)] {
            assert_eq!(states.today(old) & 0xffff, visible, "{old}");
        }
        for old in 0..4096 {
            assert_eq!(states.original(states.today(old)), old);
        }
        let mut values = [Value::Text("a".into()), Value::Signed(64)];
        states.number_anew(&mut values);
        assert_eq!(values[1], Value::Signed(0x10));
    }

    #[test]
    fn the_states_of_a_new_kernel_stay_as_they_are() {
        assert_eq!(states(OF_6_1), None);
        assert_eq!(states("\"%d\", REC->prev_state"), None);
        assert_eq!(states("broken prev_state"), None);
    }
}
