//! The lines of the block tracer (`kernel/trace/blktrace.c`): behind the columns of an event (`blk_log_action()`), and with the option
//! `blk_classic` with columns of their own (`blk_log_action_classic()`).

use super::bytes::{decimal, signed, time, word};
use super::line::Parser;
use super::lines::Class;
use super::value::text as as_text;
use crate::{Context, Cpu, Event, EventKind, Pid, Point, Timestamp, Value};

/// The event, as libtraceevent names it.
const EVENT: &str = "blktrace";

/// Actions, short and with the option `verbose`.
const ACTIONS: [(&[u8], &[u8], Form); 16] = [
    (b"Q", b"queue", Form::Request),
    (b"M", b"backmerge", Form::Request),
    (b"F", b"frontmerge", Form::Request),
    (b"G", b"getrq", Form::Request),
    (b"S", b"sleeprq", Form::Request),
    (b"R", b"requeue", Form::Result),
    (b"D", b"issue", Form::Request),
    (b"C", b"complete", Form::Result),
    (b"P", b"plug", Form::Request),
    (b"U", b"unplug_io", Form::Unplug),
    (b"UT", b"unplug_timer", Form::Unplug),
    (b"I", b"insert", Form::Request),
    (b"X", b"split", Form::Split),
    (b"B", b"bounce", Form::Request),
    (b"A", b"remap", Form::Remap),
    (b"m", b"message", Form::Message),
];

/// The text behind an action.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Form {
    /// `223490 + 8 [dd]`, `[dd]`, or `36 (12 00 ..) [dd]` of a command of a driver.
    Request,
    /// `223490 + 8 [0]`, `223490 [0]` or `(12 00 ..) [0]`, with the error.
    Result,
    /// `[dd] 3`, with the number of requests.
    Unplug,
    /// `223490 / 223498 [dd]`.
    Split,
    /// `223490 + 8 <- (8,1) 221442`.
    Remap,
    /// Any text.
    Message,
}

/// A line with columns of its own.
#[derive(Clone, Debug, PartialEq)]
struct Classic {
    cpu: Cpu,
    time: Timestamp,
    pid: Pid,
    point: Point,
}

impl Parser {
    /// A line with columns of its own.
    pub(super) fn block_line(&mut self, line: &[u8]) -> Option<Class> {
        let Classic { cpu, time, pid, point } = classic(line)?;
        if let Some(name) = point.text("comm") {
            self.task(pid, name.as_bytes());
        }
        let kind = EventKind::Tracepoint(point);
        self.event(Event { time, cpu, pid, context: Context::default(), kind, stack: None, details: None });
        Some(Class::Event)
    }
}

/// `  8,0    1     0.000012345   697  Q  WS 223490 + 8 [dd]`.
fn classic(line: &[u8]) -> Option<Classic> {
    let (device, rest) = device(line.trim_ascii_start())?;
    let (cpu, rest) = decimal(rest)?;
    let (stamp, rest) = word(rest.strip_prefix(b" ")?);
    let (nanos, b"") = time(stamp)? else { return None };
    let (pid, rest) = decimal(rest.trim_ascii_start())?;
    let point = action(&device, None, rest.strip_prefix(b" ")?)?;
    let (cpu, pid) = (Cpu(u16::try_from(cpu).ok()?), Pid(i32::try_from(pid).ok()?));
    Some(Classic { cpu, time: Timestamp(nanos), pid, point })
}

/// `  8,0    Q  WS 223490 + 8 [dd]`, with `blk_cgroup` the control group behind the device; `None` where it is another text.
pub(super) fn read(text: &[u8]) -> Option<Point> {
    let (device, rest) = device(text.trim_ascii_start())?;
    action(&device, None, rest).or_else(|| {
        let (group, rest) = word(rest);
        action(&device, Some(group), rest)
    })
}

/// `8,0`, and what follows its padding.
fn device(text: &[u8]) -> Option<(Value, &[u8])> {
    let (_, rest) = decimal(text)?;
    let (_, rest) = decimal(rest.strip_prefix(b",")?)?;
    let name = text.get(..text.len() - rest.len())?;
    rest.starts_with(b" ").then(|| (as_text(name), rest.trim_ascii_start()))
}

/// True for `WS`, `FWFS`, `N` and the like (`blk_fill_rwbs()`).
fn is_operation(word: &[u8]) -> bool {
    !word.is_empty() && word.iter().all(u8::is_ascii_uppercase)
}

fn action(device: &Value, group: Option<&[u8]>, text: &[u8]) -> Option<Point> {
    let (shown, rest) = word(text);
    let (short, _, form) = ACTIONS.iter().find(|(short, long, _)| *short == shown || *long == shown)?;
    let (operation, rest) = word(rest);
    let mut fields = vec![("dev", device.clone())];
    fields.extend(group.map(|group| ("cgroup", as_text(group))));
    fields.extend([("action", as_text(short)), ("rwbs", as_text(operation))]);
    fields.extend(details(*form, rest.trim_ascii_end())?);
    is_operation(operation).then(|| Point::from_fields(EVENT, fields))
}

fn number(value: u64) -> Value {
    i64::try_from(value).map_or(Value::Unsigned(value), Value::Signed)
}

fn details(form: Form, text: &[u8]) -> Option<Vec<(&'static str, Value)>> {
    if form == Form::Message {
        return Some(vec![("msg", as_text(text))]);
    }
    let mut fields = Vec::new();
    let mut rest = text;
    // The command of a driver: the length of a request, and bytes in parentheses.
    let by_driver = match rest.iter().position(|byte| *byte == b'(') {
        Some(open) if form == Form::Request => {
            decimal(rest).is_some_and(|(_, behind)| rest.len() - behind.len() + 1 == open)
        }
        Some(open) => form == Form::Result && open == 0,
        None => false,
    };
    if by_driver {
        if let Some((bytes, behind)) = decimal(rest) {
            fields.push(("bytes", number(bytes)));
            rest = behind.trim_ascii_start();
        }
        let close = rest.iter().position(|byte| *byte == b')')?;
        fields.push(("cmd", as_text(rest.get(1..close)?)));
        rest = rest.get(close + 1..)?.trim_ascii_start();
    } else if let Some((sector, behind)) = decimal(rest) {
        fields.push(("sector", number(sector)));
        rest = behind.trim_ascii_start();
        if let Some(behind) = rest.strip_prefix(b"+ ") {
            let (sectors, behind) = decimal(behind)?;
            fields.push(("nr_sector", number(sectors)));
            rest = behind.trim_ascii_start();
        } else if let Some(behind) = rest.strip_prefix(b"/ ") {
            let (sector, behind) = decimal(behind).filter(|_| form == Form::Split)?;
            fields.push(("new_sector", number(sector)));
            rest = behind.trim_ascii_start();
        }
    }
    if form == Form::Remap {
        let origin = rest.strip_prefix(b"<- (")?;
        let close = origin.iter().position(|byte| *byte == b')')?;
        let (sector, b"") = decimal(origin.get(close + 1..)?.trim_ascii_start())? else { return None };
        fields.extend([("old_dev", as_text(origin.get(..close)?)), ("old_sector", number(sector))]);
        return Some(fields);
    }
    let inside = rest.strip_prefix(b"[")?;
    // A name may have brackets of its own.
    let close = inside.iter().rposition(|byte| *byte == b']')?;
    let (inside, behind) = (inside.get(..close)?, inside.get(close + 1..)?.trim_ascii());
    match form {
        Form::Result => fields.push(("error", Value::Signed(signed(inside)?))),
        _ => fields.push(("comm", as_text(inside))),
    }
    if form == Form::Unplug {
        let (requests, b"") = decimal(behind)? else { return None };
        fields.push(("nr_rq", number(requests)));
        return Some(fields);
    }
    behind.is_empty().then_some(fields)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(point: &Point) -> String {
        let fields: Vec<String> = point.fields().map(|(field, value)| format!("{field}={value}")).collect();
        fields.join(" ")
    }

    #[test]
    fn each_action_is_read_as_the_kernel_prints_it() {
        for (text, expected) in [
            ("  8,0    Q  WS 223490 + 8 [dd]", "dev=8,0 action=Q rwbs=WS sector=223490 nr_sector=8 comm=dd"),
            ("259,16   G   R [a [b] c]", "dev=259,16 action=G rwbs=R comm=a [b] c"),
            ("  8,0  queue  WS 223490 + 8 [dd]", "dev=8,0 action=Q rwbs=WS sector=223490 nr_sector=8 comm=dd"),
            ("  8,0    D   R 36 (12 00 00 ..) [sg]", "dev=8,0 action=D rwbs=R bytes=36 cmd=12 00 00 .. comm=sg"),
            ("  8,0    C  WS 223490 + 8 [0]", "dev=8,0 action=C rwbs=WS sector=223490 nr_sector=8 error=0"),
            ("  8,0    C   N 0 [-5]", "dev=8,0 action=C rwbs=N sector=0 error=-5"),
            ("  8,0    C   R (12 00) [0]", "dev=8,0 action=C rwbs=R cmd=12 00 error=0"),
            ("  8,0    R  WS 223490 + 8 [0]", "dev=8,0 action=R rwbs=WS sector=223490 nr_sector=8 error=0"),
            ("  8,0    P   N [dd]", "dev=8,0 action=P rwbs=N comm=dd"),
            ("  8,0    U   N [dd] 3", "dev=8,0 action=U rwbs=N comm=dd nr_rq=3"),
            ("  8,0   UT   N [dd] 3", "dev=8,0 action=UT rwbs=N comm=dd nr_rq=3"),
            ("  8,0    X  WS 223490 / 223498 [dd]", "dev=8,0 action=X rwbs=WS sector=223490 new_sector=223498 comm=dd"),
            (
                "  8,0    A FWFS 223490 + 8 <- (8,1) 221442",
                "dev=8,0 action=A rwbs=FWFS sector=223490 nr_sector=8 old_dev=8,1 old_sector=221442",
            ),
            ("  8,0    m   N cfq schedule dispatch", "dev=8,0 action=m rwbs=N msg=cfq schedule dispatch"),
            ("  8,0  5,1    Q  WS 1 + 8 [dd]", "dev=8,0 cgroup=5,1 action=Q rwbs=WS sector=1 nr_sector=8 comm=dd"),
            (
                "  8,0  /user.slice  Q  WS 1 + 8 [dd]",
                "dev=8,0 cgroup=/user.slice action=Q rwbs=WS sector=1 nr_sector=8 comm=dd",
            ),
        ] {
            assert_eq!(read(text.as_bytes()).as_ref().map(shown).as_deref(), Some(expected), "{text}");
        }
        for text in
            ["8,0 is a disk", "  8,0    Z  WS 1 [dd]", "  8,0    Q  ws 1 [dd]", "  8,0    Q  WS 1 + [dd]", "8,0", ""]
        {
            assert_eq!(read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn a_classic_line_has_its_own_columns() {
        let found = classic(b"  8,0    1     3.000012345   697  Q  WS 223490 + 8 [dd]").expect("a line");
        assert_eq!((found.cpu, found.time, found.pid), (Cpu(1), Timestamp(3_000_012_345), Pid(697)));
        assert_eq!(shown(&found.point), "dev=8,0 action=Q rwbs=WS sector=223490 nr_sector=8 comm=dd");
        // `blkparse` has the number of the event behind the CPU.
        assert_eq!(classic(b"  8,0    1        3     0.000012345   697  Q  WS 223490 + 8 [dd]"), None);
    }
}
