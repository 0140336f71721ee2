//! The state column (`trace_print_lat_fmt()` of `kernel/trace/trace_output.c`): interrupts, rescheduling, level, and how deep preemption
//! and migration are disabled.

use crate::Context;

/// The letters of a state column, in the order of [`Context`] and not in the kernel's.
#[derive(Clone, Copy)]
struct Letters {
    irqs: u8,
    resched: u8,
    /// `need_resched_lazy` of `PREEMPT_RT`, which has a column of its own there.
    lazy: u8,
    level: u8,
    preempt: u8,
    migrate: u8,
}

/// Reads the column. It has four letters (before 5.13), five (with migration), or six and seven (the patches of `PREEMPT_RT`, which
/// count lazy preemption, too). The depth of lazy preemption is left out: it is none of the record's common fields.
#[inline]
pub(super) fn flags(text: &[u8]) -> Option<Context> {
    let letters = match *text {
        // Most records are of a task that nothing interrupts.
        [b'.', b'.', b'.', b'.', b'.'] => return Some(Context::default()),
        [irqs, resched, level, preempt] => Letters { irqs, resched, lazy: b'.', level, preempt, migrate: b'.' },
        [irqs, resched, level, preempt, migrate] => Letters { irqs, resched, lazy: b'.', level, preempt, migrate },
        _ => real_time(text)?,
    };
    context(letters)
}

/// `IRQS RESCHED LAZY LEVEL PREEMPT LAZY-DEPTH MIGRATE`; with six letters either the column of lazy rescheduling or the one of migration
/// is missing.
fn real_time(text: &[u8]) -> Option<Letters> {
    let (letters, lazy_depth) = match *text {
        [irqs, resched, lazy, level, preempt, depth, migrate] => {
            (Letters { irqs, resched, lazy, level, preempt, migrate }, depth)
        }
        [irqs, resched, lazy @ (b'.' | b'L'), level, preempt, depth] if is_level(level) => {
            (Letters { irqs, resched, lazy, level, preempt, migrate: b'.' }, depth)
        }
        [irqs, resched, level, preempt, depth, migrate] => {
            (Letters { irqs, resched, lazy: b'.', level, preempt, migrate }, depth)
        }
        _ => return None,
    };
    depth(lazy_depth).map(|_| letters)
}

fn is_level(letter: u8) -> bool {
    b".shHzZ".contains(&letter)
}

#[inline]
fn context(letters: Letters) -> Option<Context> {
    let irqs = match letters.irqs {
        b'd' => 0x01,
        b'b' => 0x80,
        b'D' => 0x81,
        // Architectures that cannot tell (before 6.13).
        b'X' => 0x02,
        b'.' => 0,
        _ => return None,
    };
    // `l` and its company: lazy rescheduling, 6.13 and later.
    let resched = match letters.resched {
        b'.' => 0,
        b'n' => 0x04,
        b'p' => 0x20,
        b'N' => 0x24,
        b'l' => 0x02,
        b'b' => 0x06,
        b'L' => 0x22,
        b'B' => 0x26,
        _ => return None,
    };
    let lazy = match letters.lazy {
        b'.' => 0,
        b'L' => 0x02,
        _ => return None,
    };
    let level = match letters.level {
        b'.' => 0,
        b's' => 0x10,
        b'h' => 0x08,
        b'H' => 0x18,
        b'z' => 0x40,
        b'Z' => 0x48,
        _ => return None,
    };
    let preempt_count = depth(letters.preempt)? | depth(letters.migrate)? << 4;
    Some(Context { flags: irqs | resched | lazy | level, preempt_count })
}

#[inline]
fn depth(letter: u8) -> Option<u8> {
    match letter {
        b'.' => Some(0),
        b'0'..=b'9' => Some(letter - b'0'),
        b'a'..=b'f' => Some(letter - b'a' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_columns_of_every_kernel_are_read() {
        for (text, expected) in [
            ("....", Some((0, 0))),
            ("dNH1", Some((0x3d, 1))),
            ("X.s2", Some((0x12, 2))),
            ("bBZ1a", Some((0xee, 0xa1))),
            ("d..h2..", Some((0x09, 2))),
            ("dn.h5..", Some((0x0d, 5))),
            (".NL.112", Some((0x26, 0x21))),
            (".pLs..f", Some((0x32, 0xf0))),
            ("d.Lh21", Some((0x0b, 2))),
            ("d.h213", Some((0x09, 0x32))),
            ("d...2.", Some((0x01, 2))),
            ("d..h2.x", None),
            ("d..", None),
            ("d..h2...", None),
            ("dqh1", None),
            ("", None),
        ] {
            let found = flags(text.as_bytes()).map(|context| (context.flags, context.preempt_count));
            assert_eq!(found, expected, "{text}");
        }
    }
}
