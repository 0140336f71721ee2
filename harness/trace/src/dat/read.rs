//! Reads a file of either version, and version 6.

use super::cursor::Cursor;
use super::parts::{
    InstanceStats, after_head, formats, header_info, kallsyms, limited, option, own_formats, printk_formats, table,
    within,
};
use super::{DatError, Instance, TraceDat, option, version_7};
use crate::ReadAt;

/// Instances of one file: a damaged one must not have the same buffer a million times.
const MOST_INSTANCES: usize = 1024;

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
    match after_head(cursor)? {
        ("6", cursor) => version_6(cursor),
        ("7", cursor) => version_7::read(cursor),
        (version, _) => Err(DatError::Unsupported(format!("it is of version `{version}`, and 6 and 7 are read"))),
    }
}

fn version_6(mut cursor: Cursor<'_>) -> Result<TraceDat<'_>, DatError> {
    let mut dat = TraceDat { may_leave_events: true, ..TraceDat::default() };
    header_info(&mut cursor, &mut dat)?;
    own_formats(&mut cursor, &mut dat)?;
    formats(&mut cursor, &mut dat)?;
    kallsyms(&mut cursor, &mut dat)?;
    printk_formats(&mut cursor, &mut dat)?;
    let names = cursor.u64("size of the names")?;
    dat.saved_cmdlines = cursor.bytes(names, "names of tasks")?;
    let cpus = limited(&mut cursor, "number of CPUs")?;
    let mut kind = cursor.bytes(10, "kind of the data")?;
    let (mut instances, mut stats) = (Vec::new(), InstanceStats::default());
    if kind == b"options  \0" {
        loop {
            let id = cursor.u16("option")?;
            if id == option::DONE {
                break;
            }
            let size = cursor.u32("size of an option")?;
            if id == option::BUFFER {
                let mut buffer = cursor.clone();
                cursor.bytes(size.into(), "option's bytes")?;
                let (offset, name) = (buffer.u64("place of a buffer")?, buffer.string("name of a buffer")?);
                // Behind the name may stand the clock, as in version 7.
                let rest = u64::from(size).saturating_sub(8 + name.len() as u64 + 1);
                let clock = Some(buffer.text(rest, "clock of a buffer")?).filter(|clock| !clock.is_empty());
                instances.push((offset, name, clock));
                continue;
            }
            option(&mut dat, &mut stats, id, &mut cursor, size)?;
        }
        kind = cursor.bytes(10, "kind of the data")?;
    }
    if kind != b"flyrecord\0" {
        return Err(DatError::Unsupported("it has no ring buffers, but the text of a latency tracer".into()));
    }
    dat.cpus = table(&mut cursor, cpus)?;
    if instances.len() > MOST_INSTANCES {
        return Err(cursor.damaged("number of instances"));
    }
    for (offset, name, clock) in instances {
        let mut buffer = cursor.at(offset)?;
        buffer.literal(b"flyrecord\0", "ring buffers of an instance")?;
        dat.instances.push(Instance { name, cpus: table(&mut buffer, cpus)?, stats: Vec::new(), clock });
    }
    stats.give(&mut dat.instances);
    within(&dat, &cursor, cursor.length())?;
    Ok(dat)
}
