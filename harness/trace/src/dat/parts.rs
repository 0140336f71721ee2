//! The parts of a file that versions 6 and 7 share.

use super::cursor::Cursor;
use super::{DatError, MAGIC, TraceDat, option};
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

/// The pages of all CPUs of a file of version 6, by a table of places and sizes.
pub(super) fn table<'a>(cursor: &mut Cursor<'a>, cpus: u32) -> Result<Vec<(Cpu, PageBytes<'a>)>, DatError> {
    let mut found = Vec::new();
    for cpu in 0..cpus {
        let (offset, size) = (cursor.u64("place of a CPU's pages")?, cursor.u64("size of a CPU's pages")?);
        found.push(pages(cursor, cpu, offset, size)?);
    }
    Ok(found)
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

pub(super) fn printk_formats<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    let size = cursor.u32("size of the printk formats")?;
    dat.printk_formats = cursor.text(size.into(), "printk formats")?;
    Ok(())
}

pub(super) fn limited(cursor: &mut Cursor<'_>, expected: &'static str) -> Result<u32, DatError> {
    let count = cursor.u32(expected)?;
    if count <= MOST { Ok(count) } else { Err(cursor.damaged(expected)) }
}
