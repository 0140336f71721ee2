//! Files as what they hold: version 6, and the parts that version 7 has, too.

use super::cursor::Cursor;
use super::{DatError, MAGIC, TraceDat, option, version_7};
use crate::{Cpu, PageBytes, ReadAt};

/// More CPUs, groups or events than any kernel has: a damaged count must not be believed.
const MOST: u32 = 1 << 16;

/// Reads a file.
///
/// # Errors
/// [`DatError`] at the first thing that is not what the format says, or where the file is of a kind that is not read:
/// big-endian, of another version, of a latency tracer, or compressed ([`super::inflate`] makes one that is not).
pub fn read(file: &[u8]) -> Result<TraceDat<'_>, DatError> {
    from(Cursor::new(file))
}

/// Reads the beginning of a file of `length` bytes. Pages that are not in it stay in the file.
///
/// # Errors
/// As [`read`]; also where something else than pages is not in it. Then a longer beginning may help.
pub fn read_beginning<'a>(file: &'a [u8], whole: &'a dyn ReadAt, length: u64) -> Result<TraceDat<'a>, DatError> {
    from(Cursor::beginning(file, whole, length))
}

fn from(cursor: Cursor<'_>) -> Result<TraceDat<'_>, DatError> {
    match behind_head(cursor)? {
        ("6", cursor) => version_6(cursor),
        ("7", cursor) => version_7::read(cursor),
        (version, _) => Err(DatError::Unsupported(format!("it is of version `{version}`, and 6 and 7 are read"))),
    }
}

/// The version of a file, and what stands behind its head.
pub(super) fn opened(file: &[u8]) -> Result<(&str, Cursor<'_>), DatError> {
    behind_head(Cursor::new(file))
}

fn behind_head(mut cursor: Cursor<'_>) -> Result<(&str, Cursor<'_>), DatError> {
    cursor.literal(MAGIC, "mark of a trace.dat")?;
    let version = cursor.string("version")?;
    if cursor.u8("byte order")? != 0 {
        return Err(DatError::Unsupported("it is of a big-endian machine".into()));
    }
    cursor.u8("size of a long")?;
    cursor.u32("size of a page")?;
    Ok((version, cursor))
}

fn version_6(mut cursor: Cursor<'_>) -> Result<TraceDat<'_>, DatError> {
    let mut dat = TraceDat::default();
    header_info(&mut cursor, &mut dat)?;
    own_formats(&mut cursor, &mut dat)?;
    formats(&mut cursor, &mut dat)?;
    kallsyms(&mut cursor, &mut dat)?;
    let printk = cursor.u32("size of the printk formats")?;
    cursor.bytes(printk.into(), "printk formats")?;
    let names = cursor.u64("size of the names")?;
    dat.saved_cmdlines = cursor.text(names, "names of tasks")?;
    let cpus = limited(&mut cursor, "number of CPUs")?;
    let mut kind = cursor.bytes(10, "kind of the data")?;
    if kind == b"options  \0" {
        loop {
            let id = cursor.u16("option")?;
            if id == option::DONE {
                break;
            }
            let size = cursor.u32("size of an option")?;
            option(&mut dat, id, &mut cursor, size)?;
        }
        kind = cursor.bytes(10, "kind of the data")?;
    }
    if kind != b"flyrecord\0" {
        return Err(DatError::Unsupported("it has no ring buffers, but the text of a latency tracer".into()));
    }
    for cpu in 0..cpus {
        let (offset, size) = (cursor.u64("place of a CPU's pages")?, cursor.u64("size of a CPU's pages")?);
        pages(&cursor, &mut dat, cpu, offset, size)?;
    }
    Ok(dat)
}

pub(super) fn pages<'a>(
    cursor: &Cursor<'a>,
    dat: &mut TraceDat<'a>,
    cpu: u32,
    offset: u64,
    size: u64,
) -> Result<(), DatError> {
    let cpu = Cpu(u16::try_from(cpu).map_err(|_| cursor.damaged("CPU"))?);
    let pages = if size == 0 { PageBytes::default() } else { cursor.pages(offset, size)? };
    dat.cpus.push((cpu, pages));
    Ok(())
}

pub(super) fn option<'a>(dat: &mut TraceDat<'a>, id: u16, cursor: &mut Cursor<'a>, size: u32) -> Result<(), DatError> {
    let text = cursor.text(size.into(), "option's bytes")?;
    if id == option::CPU_STATS
        && let Some((cpu, stats)) = text.strip_prefix("CPU: ").and_then(|rest| rest.split_once('\n'))
        && let Ok(cpu) = cpu.trim().parse()
    {
        dat.stats.push((Cpu(cpu), stats));
    }
    Ok(())
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

pub(super) fn limited(cursor: &mut Cursor<'_>, expected: &'static str) -> Result<u32, DatError> {
    let count = cursor.u32(expected)?;
    if count <= MOST { Ok(count) } else { Err(cursor.damaged(expected)) }
}
