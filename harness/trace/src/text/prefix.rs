//! The text that others put in front of a recording's lines: mail, kernel logs, `grep`, terminals.
//!
//! A prefix is either made of parts that are known, or it has the same shape on several lines.

use memchr::{memchr, memchr_iter, memrchr};

use super::bytes::{decimal, split_once, time, word};
use super::graph::Columns;
use super::head::Head;
use super::task_name::is_possible_name;

/// Parts of one prefix: mail is quoted that deep at most.
const PARTS: usize = 64;
/// Bytes of a prefix.
const LONGEST: usize = 200;

/// The length of a prefix of known parts, behind which a line of a trace stands; `None` where there is none.
pub(super) fn known(line: &[u8]) -> Option<usize> {
    let mut at = 0;
    for _ in 0..PARTS {
        let rest = line.get(at..)?;
        let blanks = rest.len() - rest.trim_ascii_start().len();
        if at > 0 && is_of_trace(rest.trim_ascii_start()) {
            // The blanks belong to the line: a frame is told by them.
            return Some(at);
        }
        at += blanks;
        at += part(line.get(at..)?).filter(|_| at < LONGEST)?;
    }
    None
}

/// True if a line is one of a trace, whatever its columns mean.
fn is_of_trace(line: &[u8]) -> bool {
    line.is_empty()
        || Head::read(line).is_some_and(|head| is_possible_name(head.name) && part(line).is_none())
        || [&b"=> "[..], b"-> ", b"# ", b"CPU:", b"------------"].iter().any(|start| line.starts_with(start))
        || line == b"#"
        || Columns::read(line).is_some_and(|columns| columns.cpu.is_some())
}

/// The length of one part in front.
fn part(line: &[u8]) -> Option<usize> {
    let rest = match line.first()? {
        b'>' | b'|' => line.get(1..),
        b'&' => line.strip_prefix(b"&gt;"),
        b'*' | b'+' => line.get(1..).filter(|rest| rest.starts_with(b" ")),
        b'/' => line.strip_prefix(b"// ").or_else(|| file(line)),
        b'[' => bracket(line),
        b'<' => level(line),
        0x1b => escape(line),
        b'0'..=b'9' => date(line).or_else(|| logcat(line)).or_else(|| numbered(line)).or_else(|| file(line)),
        _ => syslog(line).or_else(|| facility(line)).or_else(|| file(line)),
    };
    rest.map(|rest| line.len() - rest.len()).filter(|length| *length > 0)
}

/// Behind `[   12.345678]`, `[    T1]`, `[C3]`, `[Wed Nov 27 06:00:43 2026]`.
fn bracket(line: &[u8]) -> Option<&[u8]> {
    let close = memchr(b']', line.get(..48).unwrap_or(line))?;
    let inside = line.get(1..close)?.trim_ascii();
    let stamp = || inside.contains(&b'.') && matches!(time(inside), Some((_, b"")));
    let caller = || {
        let id = inside.strip_prefix(b"T").or_else(|| inside.strip_prefix(b"C"));
        id.is_some_and(|id| matches!(decimal(id), Some((_, b""))))
    };
    let clock = || memchr_iter(b':', inside).count() == 2 && inside.iter().any(u8::is_ascii_digit);
    (stamp() || caller() || clock()).then(|| line.get(close + 1..))?
}

/// Behind `<4>`, the level of a kernel message.
fn level(line: &[u8]) -> Option<&[u8]> {
    let (_, rest) = decimal(line.get(1..)?).filter(|(level, _)| *level < 1000)?;
    rest.strip_prefix(b">")
}

/// Behind a sequence that sets a terminal's colours.
fn escape(line: &[u8]) -> Option<&[u8]> {
    let rest = line.strip_prefix(b"\x1b[")?;
    let end = rest.iter().position(u8::is_ascii_alphabetic)?;
    rest.get(end + 1..)
}

/// Behind `2026-11-27T06:00:43.123456+00:00 host kernel:`, or the same with a space between day and time.
fn date(line: &[u8]) -> Option<&[u8]> {
    let (day, rest) = line.split_at_checked(10)?;
    let is_day =
        day.iter().enumerate().all(|(at, byte)| if at == 4 || at == 7 { *byte == b'-' } else { byte.is_ascii_digit() });
    let rest = rest.strip_prefix(b"T").or_else(|| rest.strip_prefix(b" ")).filter(|_| is_day)?;
    let (clock, rest) = word(rest);
    is_clock(clock).then(|| behind_tag(rest).unwrap_or(rest))
}

/// Behind `Nov 27 06:00:43 host kernel:`.
fn syslog(line: &[u8]) -> Option<&[u8]> {
    const MONTHS: [&[u8]; 12] =
        [b"Jan", b"Feb", b"Mar", b"Apr", b"May", b"Jun", b"Jul", b"Aug", b"Sep", b"Oct", b"Nov", b"Dec"];
    let (month, rest) = word(line);
    let (day, rest) = word(rest);
    let (clock, rest) = word(rest);
    let known = MONTHS.contains(&month) && matches!(decimal(day), Some((_, b""))) && is_clock(clock);
    known.then(|| behind_tag(rest).unwrap_or(rest))
}

fn is_clock(text: &[u8]) -> bool {
    text.first().is_some_and(u8::is_ascii_digit) && memchr_iter(b':', text).count() >= 2
}

/// Behind `host kernel:` or `kernel:`.
fn behind_tag(text: &[u8]) -> Option<&[u8]> {
    let (first, rest) = word(text);
    if first.ends_with(b":") {
        return Some(rest);
    }
    let (second, rest) = word(rest);
    second.ends_with(b":").then_some(rest)
}

/// Behind `kernel:`, and `kern  :warn  :` of `dmesg -x`.
fn facility(line: &[u8]) -> Option<&[u8]> {
    if let Some(rest) = line.strip_prefix(b"kernel:") {
        return Some(rest);
    }
    let (_, rest) = split_once(line.strip_prefix(b"kern")?.trim_ascii_start().strip_prefix(b":")?, b":")?;
    Some(rest)
}

/// Behind `11-27 06:00:43.123  1234  1250 I tag     :` of logcat.
fn logcat(line: &[u8]) -> Option<&[u8]> {
    let (day, rest) = word(line);
    let (clock, rest) = word(rest);
    let ([_, _, b'-', _, _], true) = (day, is_clock(clock)) else { return None };
    // A message may be empty.
    split_once(rest, b": ").map(|(_, rest)| rest).or_else(|| rest.ends_with(b":").then_some(&[]))
}

/// Behind `12:`, `12-`, `12 |`, `01 ` of `grep -n`, `cat -n` and books.
fn numbered(line: &[u8]) -> Option<&[u8]> {
    let (_, rest) = decimal(line)?;
    let bare = rest.trim_ascii_start();
    let marked = bare.strip_prefix(b":").or_else(|| bare.strip_prefix(b"|")).or_else(|| rest.strip_prefix(b"-"));
    marked.or_else(|| rest.strip_prefix(b" ").or_else(|| rest.strip_prefix(b"\t")))
}

/// Behind `dir/trace.txt:` of `grep -H`.
fn file(line: &[u8]) -> Option<&[u8]> {
    let colon = memchr(b':', line.get(..LONGEST).unwrap_or(line))?;
    let name = line.get(..colon)?;
    let is_file = name.iter().any(|byte| matches!(byte, b'.' | b'/')) && !name.contains(&b' ') && !name.contains(&b'[');
    let thread = [&b"kworker/"[..], b"irq/", b"migration/"].iter().any(|start| name.starts_with(start));
    (is_file && !thread).then(|| line.get(colon + 1..))?
}

/// Where a line's own text begins, by its columns alone: the last word before a pid, or the CPU of a graph. `true` where the name is
/// padded, which proves the begin.
pub(super) fn begin(line: &[u8]) -> Option<(usize, bool)> {
    let window = line.get(..LONGEST + 128).unwrap_or(line);
    let by_cpu = memchr_iter(b'[', window).filter_map(|open| {
        let (_, rest) = decimal(window.get(open + 1..)?)?;
        rest.starts_with(b"] ").then_some(open)
    });
    let by_time = memchr::memmem::find(window, b"us").and_then(|us| {
        let columns = window.get(..us)?;
        let time = memrchr(b' ', columns)?;
        let state = memrchr(b' ', columns.get(..time)?.trim_ascii_end())?;
        Some(state)
    });
    let name = by_cpu.chain(by_time).find_map(|end| {
        let before = window.get(..end)?;
        let dash = memrchr(b'-', before.trim_ascii_end())?;
        let start = before.get(..dash)?.iter().rposition(u8::is_ascii_whitespace)? + 1;
        let own = line.get(start..)?;
        let padded = start >= 2 && line.get(start - 2).is_some_and(u8::is_ascii_whitespace);
        Head::read(own).is_some_and(|head| !head.name.is_empty()).then_some((start, padded))
    });
    name.or_else(|| {
        let close = memchr(b')', window)?;
        let digits = window.get(..close)?.iter().rev().take_while(|byte| byte.is_ascii_digit()).count();
        let start = close - digits;
        let columns = Columns::read(line.get(start..)?)?;
        (columns.cpu.is_some() && memchr(b'|', line.get(close..)?).is_some()).then_some((start, false))
    })
}

/// The form of a prefix: numbers become one digit, and blanks are left out. `None` for one that could be a part of a name.
pub(super) fn shape(prefix: &[u8]) -> Option<Vec<u8>> {
    let mut shape: Vec<u8> = Vec::with_capacity(prefix.len());
    for byte in prefix.iter().filter(|byte| !byte.is_ascii_whitespace()) {
        match byte {
            b'0'..=b'9' if shape.last() == Some(&b'0') => {}
            b'0'..=b'9' => shape.push(b'0'),
            other => shape.push(*other),
        }
    }
    shape.iter().any(|byte| !byte.is_ascii_alphabetic()).then_some(shape)
}

/// The length of the prefix of this shape.
pub(super) fn of_shape(shape: &[u8], line: &[u8]) -> Option<usize> {
    let mut at = 0;
    for expected in shape {
        at += line.get(at..)?.iter().take_while(|byte| byte.is_ascii_whitespace()).count();
        if *expected == b'0' {
            // Blanks may stand inside a number's place, not inside the number.
            let digits = line.get(at..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
            at += Some(digits).filter(|digits| *digits > 0)?;
        } else {
            at += line.get(at).filter(|byte| *byte == expected).map(|_| 1)?;
        }
    }
    Some(at)
}

/// The line without escapes of HTML and of terminals; `None` where it has none.
pub(super) fn unescaped(line: &[u8]) -> Option<Vec<u8>> {
    const ENTITIES: [(&[u8], u8); 6] =
        [(b"&gt;", b'>'), (b"&lt;", b'<'), (b"&amp;", b'&'), (b"&quot;", b'"'), (b"&#39;", b'\''), (b"&nbsp;", b' ')];
    let mut found = false;
    let mut plain = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((first, behind)) = rest.split_first() {
        let entity = ENTITIES.iter().find(|(entity, _)| *first == b'&' && rest.starts_with(entity));
        if let Some((entity, byte)) = entity {
            plain.push(*byte);
            (rest, found) = (rest.get(entity.len()..).unwrap_or_default(), true);
        } else if let Some(behind) = Some(rest).filter(|_| *first == 0x1b).and_then(escape) {
            (rest, found) = (behind, true);
        } else {
            plain.push(*first);
            rest = behind;
        }
    }
    found.then_some(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_prefixes_end_where_the_line_begins() {
        for (prefix, line) in [
            ("> > ", "bash-1 [000] .... 1.000000: x: y=1"),
            (">>>", "            bash-1       [000] ....     1.000000: x: y=1"),
            ("> | ", "# tracer: nop"),
            (">", " => frame"),
            (">", ""),
            ("[ 1320.478870] ", "rcu_tort-144       7d.... 314229658us : x: y=1"),
            ("[ 1320.478870][    T1] ", "rcu_tort-144       7d.... 314229658us : x: y=1"),
            ("<4>[ 1320.478870][ C3] ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("[Wed Nov 27 06:00:43 2026] ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("Nov 27 06:00:43 host kernel: ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("Nov  7 06:00:43 host kernel: [   12.345678] ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("2026-11-27T06:00:43.123456+00:00 host kernel: ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("2026-11-27 06:00:43,123 ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("kern  :warn  : [   12.3] ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("11-27 06:00:43.123  1234  1250 I kernel  : ", "bash-1 [000] .... 1.000000: x: y=1"),
            ("12:", "bash-1 [000] .... 1.000000: x: y=1"),
            ("  12\t", "bash-1 [000] .... 1.000000: x: y=1"),
            ("trace.txt:", "bash-1 [000] .... 1.000000: x: y=1"),
            ("dir/trace:12:", "bash-1 [000] .... 1.000000: x: y=1"),
            ("\x1b[1;32m", "bash-1 [000] .... 1.000000: x: y=1"),
            ("> ", "3)   0.313 us    |  foo();"),
            ("* ", "bash-1 [000] .... 1.000000: x: y=1"),
        ] {
            let whole = format!("{prefix}{line}");
            let rest = known(whole.as_bytes()).map(|length| whole[length..].trim_start());
            assert_eq!(rest, Some(line.trim_start()), "{whole}");
        }
        for whole in
            ["raspberrypi login:", "[   12.345678] usb 1-1: new device", "bash-1 [000] .... 1.000000: x", "a: b", "12"]
        {
            let rest = known(whole.as_bytes());
            assert_eq!(rest, None, "{whole}");
        }
    }

    #[test]
    fn a_shape_is_found_again_whatever_its_numbers() {
        let shape = shape(b"web_1  | [12] ").expect("it has signs");
        assert_eq!(of_shape(&shape, b"web_22 | [7] bash-1"), Some("web_22 | [7]".len()));
        assert_eq!(of_shape(&shape, b"web_x | [7] bash-1"), None);
        assert_eq!(of_shape(&shape, b"web_1"), None);
        assert_eq!(super::shape(b"my "), None);
    }

    #[test]
    fn escapes_are_taken_back() {
        let plain = |text: &str| unescaped(text.as_bytes()).map(|plain| String::from_utf8_lossy(&plain).into_owned());
        assert_eq!(plain("&lt;idle&gt;-0 a ==&gt; &amp;b \x1b[0m&x;").as_deref(), Some("<idle>-0 a ==> &b &x;"));
        assert_eq!((plain("a & b"), plain("\x1b")), (None, None));
    }
}
