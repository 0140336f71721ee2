//! The columns in front of an event: who, where, in which state, when (`trace_print_context()` and
//! `trace_print_lat_context()` of `kernel/trace/trace_output.c`, and `trace-cmd report`).

use memchr::{memchr_iter, memrchr};

use super::bytes::{clock, decimal, hexadecimal, rsplit_once, split_once, word};
use super::flags::flags;
use crate::{Context, Cpu, Pid, Timestamp};

/// No line has its CPU further to the right: a name has 15 bytes, a pid 7, the thread group 10, the padding some more.
const LONGEST_HEAD: usize = 128;

/// The head of an event's line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head<'a> {
    /// The task's name when the text was made.
    pub(super) name: &'a [u8],
    pub(super) pid: Pid,
    /// The thread group, where the text has it.
    pub(super) group: Option<i32>,
    pub(super) cpu: Cpu,
    pub(super) context: Context,
    pub(super) time: Timestamp,
    pub(super) unit: Unit,
    /// The event.
    pub(super) rest: &'a [u8],
}

/// The unit of a line's time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unit {
    /// Seconds or microseconds, which become nanoseconds.
    Seconds,
    /// The clock counts something else (`counter`, `x86-tsc`), so the time is that count.
    Count,
}

impl Unit {
    /// The unit of a time as [`clock`] reads it: seconds always have decimals.
    fn of(has_decimals: bool) -> Self {
        if has_decimals { Self::Seconds } else { Self::Count }
    }
}

impl<'a> Head<'a> {
    /// Reads the columns of a line; `None` where it does not begin with them.
    #[inline]
    pub(super) fn read(line: &'a [u8]) -> Option<Self> {
        if let Some(head) = Self::in_columns(line) {
            return Some(head);
        }
        let window = line.get(..LONGEST_HEAD).unwrap_or(line);
        memchr_iter(b'[', window)
            .find_map(|open| Self::with_cpu_at(line, open))
            .or_else(|| Self::latency(line, window))
            .or_else(|| Self::verbose(line, window))
    }

    /// `%16s-%-7d [%03d] FLAGS TIME: EVENT`, as every kernel prints it without options: each column where it belongs, so
    /// that nothing need be searched for. `None` for anything else, which may still be a head.
    #[inline]
    fn in_columns(line: &'a [u8]) -> Option<Self> {
        let (name, rest) = line.split_first_chunk::<16>()?;
        let ([b'-', pid @ .., b' ', b'[', a, b, c, b']', b' '], rest) = rest.split_first_chunk::<15>()? else {
            return None;
        };
        let [a, b, c] = [a, b, c].map(|digit| digit.wrapping_sub(b'0'));
        if a.max(b).max(c) > 9 {
            return None;
        }
        let mut value: i32 = 0;
        for (at, byte) in pid.iter().enumerate() {
            match byte.wrapping_sub(b'0') {
                digit @ 0..=9 => value = value * 10 + i32::from(digit),
                _ if at > 0 && pid.get(at..).is_some_and(|pad| pad.iter().all(|byte| *byte == b' ')) => break,
                _ => return None,
            }
        }
        let five = rest.split_first_chunk::<5>().filter(|(flags, _)| !flags.contains(&b' '));
        let (state, rest) = match five {
            Some((state, rest)) => (&state[..], rest),
            None => rest.split_at_checked(4)?,
        };
        let shown = rest.strip_prefix(b" ")?.trim_ascii_start();
        let (time, seconds, rest) = clock(shown)?;
        Some(Self {
            name: name.trim_ascii_start(),
            pid: Pid(value),
            group: None,
            cpu: Cpu(u16::from(a) * 100 + u16::from(b) * 10 + u16::from(c)),
            context: flags(state)?,
            time: Timestamp(time),
            unit: Unit::of(seconds),
            rest: rest.strip_prefix(b": ")?.trim_ascii_start(),
        })
    }

    /// `NAME-PID [(TGID)] [CPU] [FLAGS] TIME: EVENT`, where the CPU's bracket opens at `open`.
    #[inline]
    fn with_cpu_at(line: &'a [u8], open: usize) -> Option<Self> {
        let (before, behind) = line.split_at_checked(open)?;
        let (cpu, rest) = decimal(behind.get(1..)?)?;
        let rest = rest.strip_prefix(b"]")?;
        let (before, group) = without_thread_group(before.trim_ascii_end());
        let (name, pid) = task(before)?;
        let (mut first, mut rest) = word(rest);
        let mut context = Context::default();
        if !first.ends_with(b":") || flags(first).is_some() {
            context = flags(first)?;
            (first, rest) = word(rest);
        }
        let (time, seconds, b":") = clock(first)? else { return None };
        let (cpu, unit) = (Cpu(u16::try_from(cpu).ok()?), Unit::of(seconds));
        Some(Self { name, pid, group, cpu, context, time: Timestamp(time), unit, rest })
    }

    /// `NAME-PID CPUFLAGS TIME: EVENT`: `latency-format`, and `trace-cmd report -l`.
    fn latency(line: &'a [u8], window: &'a [u8]) -> Option<Self> {
        memchr_iter(b':', window).find_map(|colon| {
            let (columns, time) = rsplit_word(line.get(..colon)?)?;
            let (time, unit) = latency_time(time)?;
            let (left, state) = rsplit_word(columns)?;
            let (cpu, state) = decimal(state)?;
            let (name, pid) = task(left.trim_ascii_end())?;
            Some(Self {
                name,
                pid,
                group: None,
                cpu: Cpu(u16::try_from(cpu).ok()?),
                context: flags(state)?,
                time,
                unit,
                rest: line.get(colon + 1..)?.trim_ascii_start(),
            })
        })
    }

    /// `NAME PID CPU FLAGS PREEMPT-COUNT INDEX [TIME] 1234.567ms (+0.012ms): EVENT`: `latency-format` with `verbose`
    /// (`trace_print_lat_context()` and `lat_print_timestamp()`), where the state is in numbers.
    fn verbose(line: &'a [u8], window: &'a [u8]) -> Option<Self> {
        let (columns, _) = split_once(window, b"): ")?;
        let rest = line.get(columns.len() + 3..)?;
        let (columns, difference) = rsplit_once(columns, b" (+")?;
        let (columns, _) = rsplit_word(columns)?;
        let (columns, stamp) = rsplit_word(columns)?;
        let (time, unit) = verbose_time(stamp, difference.ends_with(b"ms"))?;
        let (columns, _index) = rsplit_word(columns)?;
        let (columns, preempt) = rsplit_word(columns)?;
        let (columns, flags) = rsplit_word(columns)?;
        let (columns, cpu) = rsplit_word(columns)?;
        let (name, pid) = rsplit_word(columns)?;
        let number = |text: &[u8]| decimal(text).filter(|(_, rest)| rest.is_empty()).map(|(number, _)| number);
        let (preempt_count, b"") = hexadecimal(preempt)? else { return None };
        let context = Context {
            flags: u8::try_from(number(flags)?).ok()?,
            preempt_count: u8::try_from(preempt_count & 0xff).ok()?,
        };
        Some(Self {
            name: name.trim_ascii(),
            pid: Pid(i32::try_from(number(pid)?).ok()?),
            group: None,
            cpu: Cpu(u16::try_from(number(cpu)?).ok()?),
            context,
            time,
            unit,
            rest: rest.trim_ascii_start(),
        })
    }
}

/// The time of a line with the option `verbose`: microseconds in hexadecimal, or a count where the difference has no unit.
fn verbose_time(stamp: &[u8], has_unit: bool) -> Option<(Timestamp, Unit)> {
    let (time, b"") = hexadecimal(stamp.strip_prefix(b"[")?.strip_suffix(b"]")?)? else { return None };
    if has_unit {
        Some((Timestamp(time.checked_mul(1000)?), Unit::Seconds))
    } else {
        Some((Timestamp(time), Unit::Count))
    }
}

/// `58us`, with a mark for the time up to the next event (`lat_print_timestamp()`); `58` of a clock without a unit; `1464.179964` of
/// `trace-cmd`.
fn latency_time(text: &[u8]) -> Option<(Timestamp, Unit)> {
    let unmarked = text.split_last().filter(|(mark, rest)| b"+!#*@$".contains(mark) && rest.ends_with(b"us"));
    let text = unmarked.map_or(text, |(_, rest)| rest);
    let Some(micros) = text.strip_suffix(b"us") else {
        let (time, seconds, b"") = clock(text)? else { return None };
        return Some((Timestamp(time), Unit::of(seconds)));
    };
    let (micros, b"") = decimal(micros)? else { return None };
    Some((Timestamp(micros.checked_mul(1000)?), Unit::Seconds))
}

/// The text before the last word, and the word.
fn rsplit_word(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let text = text.trim_ascii_end();
    let space = memrchr(b' ', text)?;
    Some((text.get(..space)?, text.get(space + 1..)?))
}

/// `NAME-PID`: the name may have spaces and dashes of its own.
pub(super) fn task(text: &[u8]) -> Option<(&[u8], Pid)> {
    let dash = memrchr(b'-', text)?;
    let (pid, []) = decimal(text.get(dash + 1..)?)? else { return None };
    Some((text.get(..dash)?.trim_ascii_start(), Pid(i32::try_from(pid).ok()?)))
}

/// Cuts ` (TGID)`, which is `(-----)` where it is not known (`record-tgid`).
fn without_thread_group(text: &[u8]) -> (&[u8], Option<i32>) {
    let cut = || {
        let open = memrchr(b'(', text)?;
        let inner = text.get(open + 1..text.len() - 1)?;
        let known = inner.iter().all(|byte| byte.is_ascii_digit() || matches!(byte, b' ' | b'-'));
        let group = decimal(inner.trim_ascii()).and_then(|(group, _)| i32::try_from(group).ok());
        known.then(|| (text.get(..open).unwrap_or_default().trim_ascii_end(), group))
    };
    if text.ends_with(b")") { cut().unwrap_or((text, None)) } else { (text, None) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(line: &str, expected: &str) {
        let shown = Head::read(line.as_bytes()).map(|head| {
            let text = String::from_utf8_lossy;
            let Context { flags, preempt_count } = head.context;
            format!(
                "{}|{}|{}|{flags:x} {preempt_count:x}|{}|{}",
                text(head.name),
                head.pid.0,
                head.cpu.0,
                head.time.0,
                text(head.rest)
            )
        });
        assert_eq!(shown.as_deref().unwrap_or("none"), expected, "{line}");
    }

    #[test]
    fn the_columns_of_every_kernel_are_read() {
        for (line, expected) in [
            ("            init-1       [001] d....     4.424035: x: y", "init|1|1|1 0|4424035000|x: y"),
            ("          <idle>-0     [002] dnh3   679.989823: x", "<idle>|0|2|d 3|679989823000|x"),
            ("           <...>-53    [000] .l.1.     4.400000: x", "<...>|53|0|2 1|4400000000|x"),
            ("     my - prog 1-53    [013] DNZ2a     4.400000: x", "my - prog 1|53|13|ed a2|4400000000|x"),
            ("            bash-946     (    946) [003] ....   1.000001: x", "bash|946|3|0 0|1000001000|x"),
            ("            bash-946     (-------) [003] ....   1.000001: x", "bash|946|3|0 0|1000001000|x"),
            ("     a [0]: b (1)-946     [003] ....   1.000001: x", "a [0]: b (1)|946|3|0 0|1000001000|x"),
            ("            bash-946     [003]   1.000001: x", "bash|946|3|0 0|1000001000|x"),
            ("            bash-946     [003] 123456: x", "bash|946|3|0 0|123456|x"),
            ("  <idle>-0         3d.h1   58us : x", "<idle>|0|3|9 1|58000|x"),
            ("    a b-12         0d.h1.   58us+: x", "a b|12|0|9 1|58000|x"),
            ("    bash-1181      0d.h2. 1464.179964: x", "bash|1181|0|9 2|1464179964000|x"),
            ("    bash-1181     12dNs21   1464.179964123: x", "bash|1181|12|35 12|1464179964123|x"),
            ("  kworker/-12      0d..1     7 : x", "kworker/|12|0|1 1|7|x"),
            ("   bash-1         3dn.h5.. 4us : a <-b", "bash|1|3|d 5|4000|a <-b"),
            ("            bash-1     [003] d..h2.. 1.000000: x: y=1", "bash|1|3|9 2|1000000000|x: y=1"),
            ("            bash-1     [003] dNL.213 1.000000: x: y=1", "bash|1|3|27 32|1000000000|x: y=1"),
            (
                "            bash     946   3 1 00000002 0000a1b2 [0000000000abcdef] 11259.375ms (+0.012ms): x: y=1",
                "bash|946|3|1 2|11259375000|x: y=1",
            ),
            ("     my prog      12   0 0 00000000 00000000 [0000000000000010] 16 (+1): x", "my prog|12|0|0 0|16|x"),
            ("            bash-946     [003] d.... 1.000001 x", "none"),
            ("            bash-99999999999 [003] d.... 1.000001: x", "none"),
            ("            bash-1     [70000] d.... 1.000001: x", "none"),
            ("            bash-1     [000] q.... 1.000001: x", "none"),
            ("raspberrypi login: ", "none"),
        ] {
            check(line, expected);
        }
    }
}
