//! The lines of the tracers that take samples: `hwlat`, `osnoise` and `timerlat` (`trace_hwlat_print()` and the like of
//! `kernel/trace/trace_output.c`), as the events that their records are (`kernel/trace/trace_entries.h`).

use super::bytes::{decimal, word};
use crate::{Point, Value};

/// Reads the text of a sample; `None` where it is another text.
pub(super) fn read(text: &[u8]) -> Option<Point> {
    match text.first()? {
        b'#' => {
            let (number, rest) = decimal(text.get(1..)?)?;
            let rest = rest.trim_ascii_start();
            latency(number, rest).or_else(|| timer(number, rest))
        }
        b'0'..=b'9' => noise(text),
        _ => None,
    }
}

/// `inner/outer(us):   41/41    ts:1.200000000 count:9 nmi-total:3 nmi-count:1`, the parts behind the time optional.
fn latency(number: u64, text: &[u8]) -> Option<Point> {
    let rest = text.strip_prefix(b"inner/outer(us):")?.trim_ascii_start();
    let (inner, rest) = decimal(rest)?;
    let (outer, rest) = decimal(rest.strip_prefix(b"/")?)?;
    let (seconds, rest) = decimal(rest.trim_ascii_start().strip_prefix(b"ts:")?)?;
    let (nanos, mut rest) = decimal(rest.strip_prefix(b".")?)?;
    let mut fields = vec![
        ("seqnum", number),
        ("duration", inner),
        ("outer_duration", outer),
        ("timestamp.tv_sec", seconds),
        ("timestamp.tv_nsec", nanos),
    ];
    for (printed, field) in [("count:", "count"), ("nmi-total:", "nmi_total_ts"), ("nmi-count:", "nmi_count")] {
        if let Some(value) = rest.trim_ascii_start().strip_prefix(printed.as_bytes()) {
            let (value, behind) = decimal(value)?;
            fields.push((field, value));
            rest = behind;
        }
    }
    rest.trim_ascii().is_empty().then(|| point("hwlat", fields))
}

/// `context    irq timer_latency      3914 ns`.
fn timer(number: u64, text: &[u8]) -> Option<Point> {
    let (context, rest) = word(text.strip_prefix(b"context")?);
    let rest = rest.strip_prefix(b"timer_latency")?;
    let (latency, rest) = decimal(rest.trim_ascii_start())?;
    if rest.trim_ascii() != b"ns" {
        return None;
    }
    let context = match context {
        b"irq" => 0,
        b"thread" => 1,
        b"user-ret" => 2,
        _ => return None,
    };
    Some(point("timerlat", vec![("seqnum", number), ("context", context), ("timer_latency", latency)]))
}

/// `1000000     190  99.98100       9     18      0   1007     18      1`: the share of the CPU that was free follows from the others.
fn noise(text: &[u8]) -> Option<Point> {
    const FIELDS: [&str; 8] =
        ["runtime", "noise", "max_sample", "hw_count", "nmi_count", "irq_count", "softirq_count", "thread_count"];
    let (mut numbers, mut rest, mut has_share) = (Vec::with_capacity(FIELDS.len()), text, false);
    while !rest.is_empty() {
        let (shown, behind) = word(rest);
        rest = behind;
        let (number, fraction) = decimal(shown)?;
        if numbers.len() == 2 && !has_share {
            let (_, b"") = decimal(fraction.strip_prefix(b".")?)? else { return None };
            has_share = true;
        } else if fraction.is_empty() && numbers.len() < FIELDS.len() {
            numbers.push(number);
        } else {
            return None;
        }
    }
    (numbers.len() == FIELDS.len()).then(|| point("osnoise", FIELDS.into_iter().zip(numbers).collect()))
}

fn point(name: &str, fields: Vec<(&'static str, u64)>) -> Point {
    let value = |number: u64| i64::try_from(number).map_or(Value::Unsigned(number), Value::Signed);
    Point::from_fields(name, fields.into_iter().map(|(field, number)| (field, value(number))))
}
