//! Files of version 6 and 7 as what they hold.

use super::cursor::Cursor;
use super::{DatError, MAGIC, TraceDat, option};
use crate::trace::Cpu;

/// More CPUs, groups or events than any kernel has: a damaged count must not be believed.
const MOST: u32 = 1 << 16;
/// Option sections of one file: they may be chained in a circle.
const CHAINED: usize = 64;
/// A section that is compressed.
const COMPRESSED: u16 = 1;

/// Reads a file.
///
/// # Errors
/// [`DatError`] at the first thing that is not what the format says, or where the file is of a kind that is not read:
/// big-endian, of another version, of a latency tracer, or compressed.
pub fn read(file: &[u8]) -> Result<TraceDat<'_>, DatError> {
    let mut cursor = Cursor::new(file);
    cursor.literal(MAGIC, "mark of a trace.dat")?;
    let version = cursor.string("version")?;
    if cursor.u8("byte order")? != 0 {
        return Err(DatError::Unsupported("it is of a big-endian machine".into()));
    }
    cursor.u8("size of a long")?;
    cursor.u32("size of a page")?;
    match version {
        "6" => version_6(cursor),
        "7" => version_7(cursor),
        _ => Err(DatError::Unsupported(format!("it is of version `{version}`, and 6 and 7 are read"))),
    }
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

fn pages<'a>(cursor: &Cursor<'a>, dat: &mut TraceDat<'a>, cpu: u32, offset: u64, size: u64) -> Result<(), DatError> {
    let cpu = Cpu(u16::try_from(cpu).map_err(|_| cursor.damaged("CPU"))?);
    let pages = if size == 0 { &[] } else { cursor.at(offset)?.bytes(size, "pages of a CPU")? };
    dat.cpus.push((cpu, pages));
    Ok(())
}

fn option<'a>(dat: &mut TraceDat<'a>, id: u16, cursor: &mut Cursor<'a>, size: u32) -> Result<(), DatError> {
    let text = cursor.text(size.into(), "option's bytes")?;
    if id == option::CPU_STATS
        && let Some((cpu, stats)) = text.strip_prefix("CPU: ").and_then(|rest| rest.split_once('\n'))
        && let Ok(cpu) = cpu.trim().parse()
    {
        dat.stats.push((Cpu(cpu), stats));
    }
    Ok(())
}

fn version_7(mut cursor: Cursor<'_>) -> Result<TraceDat<'_>, DatError> {
    cursor.string("name of the compression")?;
    cursor.string("version of the compression")?;
    let mut dat = TraceDat::default();
    let mut next = cursor.u64("place of the options")?;
    for _ in 0..CHAINED {
        if next == 0 {
            return Ok(dat);
        }
        let (_, mut options) = section(&cursor, next)?;
        next = loop {
            let id = options.u16("option")?;
            let size = options.u32("size of an option")?;
            match id {
                option::DONE => break options.u64("place of more options")?,
                option::HEADER_INFO
                | option::FTRACE_EVENTS
                | option::EVENT_FORMATS
                | option::KALLSYMS
                | option::CMDLINES => {
                    let offset = options.u64("place of a section")?;
                    let (_, mut part) = section(&cursor, offset)?;
                    match id {
                        option::HEADER_INFO => header_info(&mut part, &mut dat)?,
                        option::FTRACE_EVENTS => own_formats(&mut part, &mut dat)?,
                        option::EVENT_FORMATS => formats(&mut part, &mut dat)?,
                        option::KALLSYMS => kallsyms(&mut part, &mut dat)?,
                        _ => {
                            let size = part.u64("size of the names")?;
                            dat.saved_cmdlines = part.text(size, "names of tasks")?;
                        }
                    }
                }
                option::BUFFER => {
                    let mut buffer = options.clone();
                    options.bytes(size.into(), "option's bytes")?;
                    buffer_of(&cursor, &mut buffer, &mut dat)?;
                }
                _ => option(&mut dat, id, &mut options, size)?,
            }
        };
    }
    Err(DatError::Unsupported("its options go in a circle".into()))
}

/// Which section stands at `offset`, and what is in it.
fn section<'a>(cursor: &Cursor<'a>, offset: u64) -> Result<(u16, Cursor<'a>), DatError> {
    let mut section = cursor.at(offset)?;
    let id = section.u16("section")?;
    let flags = section.u16("section's flags")?;
    section.u32("section's description")?;
    section.u64("section's size")?;
    if flags & COMPRESSED != 0 {
        let text = "it is compressed; `trace-cmd convert --compression none -i IN -o OUT` makes one that is not";
        return Err(DatError::Unsupported(text.into()));
    }
    Ok((id, section))
}

/// The buffer of the top instance, which has no name; those of other instances are left out.
fn buffer_of<'a>(file: &Cursor<'a>, buffer: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    let offset = buffer.u64("place of a buffer")?;
    let name = buffer.string("name of a buffer")?;
    buffer.string("clock of a buffer")?;
    buffer.u32("size of a page")?;
    if !name.is_empty() {
        return Ok(());
    }
    section(file, offset)?;
    for _ in 0..limited(buffer, "number of CPUs")? {
        let cpu = buffer.u32("CPU")?;
        let (offset, size) = (buffer.u64("place of a CPU's pages")?, buffer.u64("size of a CPU's pages")?);
        pages(file, dat, cpu, offset, size)?;
    }
    Ok(())
}

fn header_info<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    cursor.literal(b"header_page\0", "header_page")?;
    let size = cursor.u64("size of header_page")?;
    dat.header_page = cursor.text(size, "header_page")?;
    cursor.literal(b"header_event\0", "header_event")?;
    let size = cursor.u64("size of header_event")?;
    cursor.bytes(size, "header_event").map(drop)
}

fn own_formats<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    for _ in 0..limited(cursor, "number of formats")? {
        let size = cursor.u64("size of a format")?;
        dat.own_formats.push(cursor.text(size, "format")?);
    }
    Ok(())
}

fn formats<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
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

fn kallsyms<'a>(cursor: &mut Cursor<'a>, dat: &mut TraceDat<'a>) -> Result<(), DatError> {
    let size = cursor.u32("size of the symbols")?;
    dat.kallsyms = cursor.text(size.into(), "symbols")?;
    Ok(())
}

fn limited(cursor: &mut Cursor<'_>, expected: &'static str) -> Result<u32, DatError> {
    let count = cursor.u32(expected)?;
    if count <= MOST { Ok(count) } else { Err(cursor.damaged(expected)) }
}
