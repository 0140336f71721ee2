//! The parts of a file that versions 6 and 7 share.

use super::cursor::Cursor;
use super::{DatError, Instance, MAGIC, TraceDat, option};
use crate::{Cpu, PageBytes};

/// More CPUs, groups or events than any kernel has: a damaged count must not be believed.
const MOST: u32 = 1 << 16;

/// The version of a file, and a cursor after its head.
pub(super) fn opened(file: &[u8]) -> Result<(&str, Cursor<'_>), DatError> {
    after_head(Cursor::new(file))
}

pub(super) fn after_head(mut cursor: Cursor<'_>) -> Result<(&str, Cursor<'_>), DatError> {
    cursor.literal(MAGIC, "mark of a trace.dat")?;
    let version = cursor.string("version")?;
    if cursor.u8("byte order")? != 0 {
        return Err(DatError::Unsupported("it is of a big-endian machine".into()));
    }
    cursor.u8("size of a long")?;
    cursor.u32("size of a page")?;
    Ok((version, cursor))
}

pub(super) fn pages<'a>(
    cursor: &Cursor<'a>,
    cpu: u32,
    offset: u64,
    size: u64,
) -> Result<(Cpu, PageBytes<'a>), DatError> {
    let cpu = Cpu(u16::try_from(cpu).map_err(|_| cursor.damaged("CPU"))?);
    let pages = if size == 0 { PageBytes::default() } else { cursor.pages(offset, size)? };
    Ok((cpu, pages))
}

/// Refuses pages of more than `most` bytes in all. Places in a damaged file overlap: thousands of CPUs could have the same pages, and take
/// the time and the memory of each.
pub(super) fn within(dat: &TraceDat<'_>, cursor: &Cursor<'_>, most: u64) -> Result<(), DatError> {
    let cpus = dat.cpus.iter().chain(dat.instances.iter().flat_map(|instance| &instance.cpus));
    let sum = cpus.fold(0_u64, |sum, (_, pages)| sum.saturating_add(pages.size()));
    if sum <= most { Ok(()) } else { Err(cursor.damaged("pages of one CPU alone")) }
}

/// The pages of all CPUs of a file of version 6, by a table of places and sizes.
pub(super) fn table<'a>(cursor: &mut Cursor<'a>, cpus: u32) -> Result<Vec<(Cpu, PageBytes<'a>)>, DatError> {
    let mut found = Vec::new();
    for cpu in 0..cpus {
        let (offset, size) = (cursor.u64("place of a CPU's pages")?, cursor.u64("size of a CPU's pages")?);
        found.push(pages(cursor, cpu, offset, size)?);
    }
    Ok(found)
}

/// The counters of the buffers of instances, until all instances are known.
#[derive(Debug, Default)]
pub(super) struct InstanceStats<'a> {
    /// The instance that the following counters are of; `None` for the top buffer.
    name: Option<&'a str>,
    found: Vec<(&'a str, Cpu, &'a str)>,
}

impl<'a> InstanceStats<'a> {
    /// Gives each instance its counters.
    pub(super) fn give(self, instances: &mut [Instance<'a>]) {
        for (name, cpu, stats) in self.found {
            if let Some(owner) = instances.iter_mut().find(|instance| instance.name == name) {
                owner.stats.push((cpu, stats));
            }
        }
    }
}

pub(super) fn option<'a>(
    dat: &mut TraceDat<'a>,
    instances: &mut InstanceStats<'a>,
    id: u16,
    cursor: &mut Cursor<'a>,
    size: u32,
) -> Result<(), DatError> {
    let mut numbers = cursor.clone();
    let bytes = cursor.clone().bytes(size.into(), "option's bytes")?;
    let text = cursor.text(size.into(), "option's bytes")?;
    match id {
        option::CPU_STATS => {
            // `add_buffer_stat()` of `tracecmd/trace-record.c` writes it in front of the counters of an instance.
            if let Some(name) = text.trim_ascii().strip_prefix("Buffer: ") {
                instances.name = Some(name);
            } else if let Some((cpu, stats)) = text.strip_prefix("CPU: ").and_then(|rest| rest.split_once('\n'))
                && let Ok(cpu) = cpu.trim().parse().map(Cpu)
            {
                match instances.name {
                    Some(name) => instances.found.push((name, cpu, stats)),
                    None => dat.stats.push((cpu, stats)),
                }
            }
        }
        // The current one of all clocks is in brackets: `[local] global counter`.
        option::TRACE_CLOCK => {
            let current = text.split_once('[').and_then(|(_, rest)| rest.split_once(']'));
            dat.clock.name = current.map(|(name, _)| name).or(dat.clock.name);
        }
        // Microseconds between the clock and the time of day, mostly in hexadecimal.
        option::DATE => dat.clock.offset = dat.clock.offset.wrapping_add(integer(text).wrapping_mul(1000)),
        option::OFFSET => dat.clock.offset = dat.clock.offset.wrapping_add(integer(text)),
        option::TIME_SHIFT => dat.clock.time_shift = Some(bytes),
        option::TSC_TO_NANOSECONDS if size >= 8 => {
            dat.clock.scale = Some((numbers.u32("multiplier")?, numbers.u32("shift")?));
        }
        _ => {}
    }
    Ok(())
}

/// A number as `strtoll()` reads it, with the base that its prefix tells.
fn integer(text: &str) -> i64 {
    let text = text.trim_ascii();
    let (sign, digits) = text.strip_prefix('-').map_or((1, text), |digits| (-1, digits));
    let (digits, base) = match digits.strip_prefix("0x") {
        Some(digits) => (digits, 16),
        None => (digits, 10),
    };
    let end = digits.find(|digit: char| !digit.is_digit(base)).unwrap_or(digits.len());
    let number = digits.get(..end).and_then(|digits| u64::from_str_radix(digits, base).ok());
    number.map_or(0, |number| number.cast_signed().wrapping_mul(sign))
}

pub(super) fn header_info<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    cursor.literal(b"header_page\0", "header_page")?;
    let size = cursor.u64("size of header_page")?;
    dat.header_page = cursor.text(size, "header_page")?;
    cursor.literal(b"header_event\0", "header_event")?;
    let size = cursor.u64("size of header_event")?;
    cursor.bytes(size, "header_event").map(drop)
}

pub(super) fn own_formats<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    for _ in 0..limited(cursor, "number of formats")? {
        let size = cursor.u64("size of a format")?;
        dat.own_formats.push(cursor.text(size, "format")?);
    }
    Ok(())
}

pub(super) fn formats<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    for _ in 0..limited(cursor, "number of groups")? {
        let group = cursor.string("name of a group")?;
        let mut formats = Vec::new();
        for _ in 0..limited(cursor, "number of formats")? {
            let size = cursor.u64("size of a format")?;
            formats.push(cursor.text(size, "format")?);
        }
        dat.formats.push((group, formats));
    }
    Ok(())
}

pub(super) fn kallsyms<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    let size = cursor.u32("size of the symbols")?;
    dat.kallsyms = cursor.text(size.into(), "symbols")?;
    Ok(())
}

pub(super) fn printk_formats<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    let size = cursor.u32("size of the printk formats")?;
    dat.printk_formats = cursor.text(size.into(), "printk formats")?;
    Ok(())
}

pub(super) fn limited(cursor: &mut Cursor<'_>, expected: &'static str) -> Result<u32, DatError> {
    let count = cursor.u32(expected)?;
    if count <= MOST { Ok(count) } else { Err(cursor.damaged(expected)) }
}
