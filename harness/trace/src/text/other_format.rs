//! Texts of the kernel's tracing in forms of their own, and of other programs that show its events, which are not read: they are
//! refused by their names.

use memchr::memmem;

use super::bytes::{decimal, hexadecimal, split_once, word};

/// The form of a line, as the text before it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Before {
    /// No header of a tracer.
    Untraced,
    /// The header of a tracer, without an event after it.
    Header,
    /// The header of a tracer, and events.
    Events,
}

/// The name of the form that begins with `line`, or whose every line looks like it; `None` where it is none that is known.
pub(super) fn name(line: &[u8], before: Before) -> Option<&'static str> {
    let bare = line.trim_ascii();
    let traced = before != Before::Untraced;
    match bare {
        // `print_bin_fmt()` of `kernel/trace/trace.c`: the numbers as they are in memory.
        _ if traced && line.contains(&0) => Some("a text with the option `bin`"),
        // `event_hist_trigger_print()` of `kernel/trace/trace_events_hist.c`, and `hist_show()`.
        _ if bare.starts_with(b"# event histogram") => Some(HIST),
        _ if bare.starts_with(b"{ ") && memmem::find(bare, b" } hitcount:").is_some() => Some(HIST),
        // `mmio_reset_data()`, `mmio_print_pcidev()` and `mmio_print_rw()` of `kernel/trace/trace_mmiotrace.c`.
        _ if bare.starts_with(b"VERSION 2007") || bare.starts_with(b"PCIDEV ") || is_mmio(bare) => Some(MMIOTRACE),
        // `function_stat_headers()` of `kernel/trace/ftrace.c`.
        _ if words(bare).starts_with(&[b"Function", b"Hit"]) => Some("a function profile (`trace_stat/functionN`)"),
        // `annotated_branch_stat_headers()` of `kernel/trace/trace_branch.c`.
        _ if words(bare).starts_with(&[b"correct", b"incorrect", b"%"]) => {
            Some("a branch profile (`trace_stat/branch_annotated`)")
        }
        _ if is_block(bare) => Some("the text of `blkparse`"),
        _ if is_perf(bare) => Some("the text of `perf script`"),
        _ if is_babeltrace(bare) => Some("the text of `babeltrace`"),
        _ if traced && is_hexadecimal(bare) => Some("a text with the option `hex`"),
        _ if traced && is_raw(bare) => Some("a text with the option `raw`"),
        _ if before == Before::Header && is_without_context(bare) => Some("a text without the option `context-info`"),
        _ => None,
    }
}

const HIST: &str = "a histogram of events (`hist`)";
const MMIOTRACE: &str = "the text of the tracer `mmiotrace`";

fn words(line: &[u8]) -> Vec<&[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty()).take(3).collect()
}

/// `R 4 12.345678 1 0xfe001000 0x12 0x0 0`, `W …`, `UNKNOWN 12.345678 …`, `MAP 12.345678 1 0x… 0x… 0x… 0x0 0`, `UNMAP …`, `MARK 12.345678 …`.
fn is_mmio(line: &[u8]) -> bool {
    let (kind, mut rest) = word(line);
    if matches!(kind, b"R" | b"W") {
        match decimal(rest) {
            Some((1 | 2 | 4 | 8, behind)) => rest = behind.trim_ascii_start(),
            _ => return false,
        }
    } else if !matches!(kind, b"MAP" | b"UNMAP" | b"MARK" | b"UNKNOWN") {
        return false;
    }
    let (time, rest) = word(rest);
    let is_time =
        decimal(time).and_then(|(_, rest)| decimal(rest.strip_prefix(b".")?)).is_some_and(|(_, b)| b.is_empty());
    is_time && decimal(rest).is_some()
}

/// `  8,0    1        3     0.000012345   697  Q  WS 223490 + 8 [dd]`: the text of `blkparse`, with the number of the event. The kernel
/// has none there.
fn is_block(line: &[u8]) -> bool {
    let found = || {
        let (_, rest) = decimal(line)?;
        let (_, rest) = decimal(rest.strip_prefix(b",")?)?;
        let (cpu, rest) = word(rest);
        let (number, rest) = word(rest);
        let (time, rest) = word(rest);
        let (pid, rest) = word(rest);
        let (action, _) = word(rest);
        let numbers = [cpu, number, pid].iter().all(|number| matches!(decimal(number), Some((_, b""))));
        let time = decimal(time).and_then(|(_, rest)| decimal(rest.strip_prefix(b".")?))?;
        (numbers && time.1.is_empty() && (1..=2).contains(&action.len())).then_some(())
    };
    found().is_some()
}

/// `bash   946 [002]   123.456789:       sched:sched_switch: prev_comm=bash …` (`perf_sample__fprintf_start()` of
/// `tools/perf/builtin-script.c`): the pid stands apart from the name, and the event has its group.
fn is_perf(line: &[u8]) -> bool {
    let found = || {
        let (task, rest) = split_once(line, b" [")?;
        let (cpu, rest) = decimal(rest)?;
        let (time, rest) = word(rest.strip_prefix(b"]")?);
        let (_, behind) = decimal(time)?;
        let (_, behind) = decimal(behind.strip_prefix(b".")?)?;
        // A sample has a period in front of its event.
        let (first, rest) = word(rest);
        let event = if decimal(first).is_some_and(|(_, behind)| behind.is_empty()) { word(rest).0 } else { first };
        let task = task.trim_ascii_end();
        let pid = task.rsplit(|byte| matches!(byte, b' ' | b'/')).next()?;
        let is_pid = decimal(pid).is_some_and(|(_, behind)| behind.is_empty()) && pid.len() < task.len();
        let is_event = event.ends_with(b":") && event.len() > 1;
        (is_pid && cpu < 1 << 16 && behind == b":" && is_event).then_some(())
    };
    found().is_some()
}

/// `[12:34:56.789012345] (+0.000001234) host sched_switch: { cpu_id = 1 }, { … }`: the text of `babeltrace`.
fn is_babeltrace(line: &[u8]) -> bool {
    line.starts_with(b"[") && memmem::find(line, b"] (").is_some() && memmem::find(line, b": { cpu_id = ").is_some()
}

/// `000002b9 00000003 0000000c2a8f5e10 …` (`print_hex_fmt()` of `kernel/trace/trace.c`): a pid, a CPU and a time, then the event.
fn is_hexadecimal(line: &[u8]) -> bool {
    let (pid, rest) = word(line);
    let (cpu, rest) = word(rest);
    let (time, _) = word(rest);
    let whole = |digits: &[u8]| matches!(hexadecimal(digits), Some((_, [])));
    [(pid, 8), (cpu, 8), (time, 16)].iter().all(|(digits, length)| digits.len() == *length && whole(digits))
}

/// `697 3 12345678901 …` (`print_raw_fmt()`): a pid, a CPU and a time, then the event.
fn is_raw(line: &[u8]) -> bool {
    let numbers = words(line);
    numbers.len() == 3 && numbers.iter().all(|number| matches!(decimal(number), Some((_, b""))))
}

/// `sys_exit: NR 64 = 1`, `do_exit+0x4/0xa00 <-do_group_exit`, `do_exit() {`: events without a task, a CPU and a time. The option
/// `blk_classic` turns those off, too (`blk_tracer_set_flag()` of `kernel/trace/blktrace.c`).
fn is_without_context(line: &[u8]) -> bool {
    let name = |text: &[u8]| text.first().is_some_and(|byte| byte.is_ascii_alphabetic() || *byte == b'_');
    let whole = |text: &[u8]| name(text) && !text.iter().any(|byte| matches!(byte, b' ' | b':'));
    let commented = line.strip_prefix(b"/* ").and_then(|rest| rest.strip_suffix(b" */"));
    if let Some((function, caller)) = split_once(line, b" <-") {
        return whole(function) && whole(caller);
    }
    let call = line.strip_suffix(b"() {").or_else(|| line.strip_suffix(b"();"));
    call.is_some_and(whole)
        || commented.is_some()
        || line.starts_with(b"} /* ")
        || split_once(line, b": ").is_some_and(|(event, _)| whole(event))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_is_known_by_its_lines() {
        for (line, expected) in [
            ("# event histogram", Some(HIST)),
            ("{ common_pid:       1234 } hitcount:          1", Some(HIST)),
            ("VERSION 20070824", Some(MMIOTRACE)),
            ("PCIDEV 0000 80860d04 0 0 0", Some(MMIOTRACE)),
            ("R 4 12.345678 1 0xfe001000 0x12 0x0 0", Some(MMIOTRACE)),
            ("UNMAP 12.345678 1 0x0 0", Some(MMIOTRACE)),
            ("UNKNOWN 12.345678 1 0xfe001000 12,00,00 0x0 0", Some(MMIOTRACE)),
            ("MARK 12.345678 lost 3 events", None),
            ("  Function                               Hit    Time            Avg             s^2", Some("profile")),
            (" correct incorrect  %        Function                  File              Line", Some("branch profile")),
            ("  8,0    1        3     0.000012345   697  Q  WS 223490 + 8 [dd]", Some("blkparse")),
            (
                "bash   946 [002]   123.456789:       sched:sched_switch: prev_comm=bash prev_pid=946",
                Some("perf script"),
            ),
            ("Web Content  946/951  [002]   123.456789:     250000 cpu-clock:pppH:", Some("perf script")),
            ("bash-946 [002] 123.456789: sched:sched_switch: a", None),
            ("946 [002] 123.456789: sched:sched_switch: a", None),
            ("bash 946 [002] 123: sched:sched_switch: a", None),
            ("bash 946 [002] 123.456789: ", None),
            (
                "[12:34:56.789012345] (+0.000001234) host sched_switch: { cpu_id = 1 }, { prev_comm = \"a\" }",
                Some("babeltrace"),
            ),
            ("000002b9 00000003 0000000c2a8f5e10 ffff8000", Some("hex")),
            ("697 3 12345678901 ffffffc0 ffffffc1", Some("raw")),
            ("697 3 a", None),
            ("R 3 12.345678 1 0xfe001000 0x12 0x0 0", None),
            ("Functional test", None),
            ("8,0 is a disk", None),
            ("", None),
        ] {
            let found = name(line.as_bytes(), Before::Events);
            assert_eq!(found.is_some(), expected.is_some(), "{line}: {found:?}");
            assert!(found.zip(expected).is_none_or(|(found, part)| found.contains(part)), "{line}: {found:?}");
        }
        assert_eq!(name(b"697 3 12345678901 ffffffc0", Before::Untraced), None);
        assert!(name(b"+\0\0\0\x01\0\0\0type: 23", Before::Events).is_some_and(|name| name.contains("bin")));
    }

    #[test]
    fn a_text_without_context_begins_with_an_event() {
        for (line, expected) in [
            ("sys_exit: NR 64 = 1", true),
            ("enter: (kernel_clone+0x0/0x354) first=0xffffffc00878bda8", true),
            ("do_exit+0x4/0xa00 <-do_group_exit+0x34/0xa0", true),
            ("cgroup_can_fork() {", true),
            ("  pids_can_fork();", true),
            ("} /* cgroup_can_fork */", true),
            ("/* sys_exit: NR 64 = 1 */", true),
            ("raspberrypi login: ", false),
            ("not a line of ftrace", false),
            ("12.3 <-a", false),
            ("", false),
        ] {
            let found = name(line.as_bytes(), Before::Header);
            assert_eq!(found.is_some_and(|name| name.contains("context-info")), expected, "{line}: {found:?}");
            assert_eq!(name(line.as_bytes(), Before::Events), None, "{line}");
        }
    }
}
