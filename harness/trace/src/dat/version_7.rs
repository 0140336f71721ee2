//! Files of version 7: sections that options point to, each of which may be compressed.

use std::collections::BTreeMap;

use super::cursor::Cursor;
use super::parts::{formats, header_info, kallsyms, limited, opened, option, own_formats, pages, printk_formats};
use super::{DatError, TraceDat, option, write};
use crate::Cpu;

/// Option sections of one file: they may be chained in a circle.
const CHAINED: usize = 64;
/// Sections of one file: there are six kinds.
const SECTIONS: usize = 1024;
/// A section that is compressed.
const COMPRESSED: u16 = 1;
/// The limit of decompressed bytes of one file: a few bytes can claim to be a hundred thousand times as many.
const MOST: usize = 1 << 30;

/// Where a file has what.
#[derive(Debug, Default)]
struct Index<'a> {
    sections: Vec<(u16, Section)>,
    /// The pages of CPUs: whose, where, how many bytes.
    pages: Vec<(u32, Section)>,
    /// The options of a recording.
    dat: TraceDat<'a>,
}

/// A piece of the file.
#[derive(Clone, Copy, Debug)]
struct Section {
    /// Where its content begins.
    offset: u64,
    /// How long it is; not known of a section that is not compressed, and not needed.
    size: u64,
    compressed: bool,
}

/// The compressed sections, by their places.
type Inflated = BTreeMap<u64, Vec<u8>>;

/// Reads what stands behind the head of a file that is not compressed.
pub(super) fn read(mut cursor: Cursor<'_>) -> Result<TraceDat<'_>, DatError> {
    let (_, index) = index(&mut cursor)?;
    if index.is_compressed() {
        return Err(DatError::Unsupported("it is compressed".into()));
    }
    index.fill(&cursor, None)
}

/// The same recording as a file without compression; `None` where the file is one. What is compressed by zstd is read;
/// zlib is not, which `trace-cmd` is mostly built without.
///
/// # Errors
/// [`DatError`] where it is damaged, or compressed in another way.
pub fn inflate(file: &[u8]) -> Result<Option<Vec<u8>>, DatError> {
    let ("7", mut cursor) = opened(file)? else { return Ok(None) };
    let (algorithm, index) = index(&mut cursor)?;
    if !index.is_compressed() {
        return Ok(None);
    }
    if algorithm != "zstd" {
        let other = "and only zstd is read; `trace-cmd convert --compression none -i IN -o OUT` makes one that is not";
        return Err(DatError::Unsupported(format!("it is compressed by {algorithm}, {other}")));
    }
    let mut inflated = Inflated::new();
    let mut room = MOST;
    for (chunked, Section { offset, compressed, .. }) in index.places() {
        if compressed && !inflated.contains_key(&offset) {
            let mut packed = cursor.at(offset)?;
            let chunks = if chunked { packed.u32("number of chunks")? } else { 1 };
            let mut bytes = Vec::new();
            for _ in 0..chunks {
                chunk(&mut packed, &mut bytes, &mut room)?;
            }
            inflated.insert(offset, bytes);
        }
    }
    let dat = index.fill(&cursor, Some(&inflated))?;
    write(&dat).map(Some).map_err(|error| DatError::Unsupported(error.to_string()))
}

/// A length, the length of what is in it, and that.
fn chunk(packed: &mut Cursor<'_>, bytes: &mut Vec<u8>, room: &mut usize) -> Result<(), DatError> {
    let (length, inside) = (packed.u32("length of a chunk")?, packed.u32("length of a chunk's content")?);
    let content = packed.bytes(length.into(), "chunk")?;
    let inside = usize::try_from(inside).unwrap_or(usize::MAX);
    *room = room.checked_sub(inside).ok_or_else(|| {
        let other = "`trace-cmd convert --compression none -i IN -o OUT` makes one that is not compressed";
        DatError::Unsupported(format!("more than {} MiB are compressed in it; {other}", MOST >> 20))
    })?;
    let content = zstd::bulk::decompress(content, inside).map_err(|_| packed.damaged("chunk of zstd"))?;
    bytes.extend_from_slice(&content);
    Ok(())
}

/// How a file is compressed, and where it has what.
fn index<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, Index<'a>), DatError> {
    let algorithm = cursor.string("name of the compression")?;
    cursor.string("version of the compression")?;
    let mut index = Index::default();
    let mut next = cursor.u64("place of the options")?;
    for _ in 0..CHAINED {
        if next == 0 {
            return Ok((algorithm, index));
        }
        let (mut options, false) = section(cursor, next)? else {
            return Err(DatError::Unsupported("its options are compressed".into()));
        };
        next = loop {
            let id = options.u16("option")?;
            let size = options.u32("size of an option")?;
            match id {
                option::DONE => break options.u64("place of more options")?,
                option::HEADER_INFO
                | option::FTRACE_EVENTS
                | option::EVENT_FORMATS
                | option::KALLSYMS
                | option::PRINTK
                | option::CMDLINES => {
                    let (content, compressed) = section(cursor, options.u64("place of a section")?)?;
                    if index.sections.len() >= SECTIONS {
                        return Err(cursor.damaged("number of sections"));
                    }
                    index.sections.push((id, Section { offset: content.place(), size: 0, compressed }));
                }
                option::BUFFER => {
                    let mut buffer = options.clone();
                    options.bytes(size.into(), "option's bytes")?;
                    index.buffer(cursor, &mut buffer)?;
                }
                _ => option(&mut index.dat, id, &mut options, size)?,
            }
        };
    }
    Err(DatError::Unsupported("its options go in a circle".into()))
}

/// The section at `offset`, and whether it is compressed.
fn section<'a>(file: &Cursor<'a>, offset: u64) -> Result<(Cursor<'a>, bool), DatError> {
    let mut section = file.at(offset)?;
    section.u16("section")?;
    let flags = section.u16("section's flags")?;
    section.u32("section's description")?;
    section.u64("section's size")?;
    Ok((section, flags & COMPRESSED != 0))
}

impl<'a> Index<'a> {
    fn is_compressed(&self) -> bool {
        self.places().any(|(_, section)| section.compressed)
    }

    /// All pieces, and which of them come in chunks.
    fn places(&self) -> impl Iterator<Item = (bool, Section)> {
        let sections = self.sections.iter().map(|(_, section)| (false, *section));
        sections.chain(self.pages.iter().map(|(_, section)| (true, *section)))
    }

    /// The buffer of the top instance, which has no name; those of other instances are left out.
    fn buffer(&mut self, file: &Cursor<'a>, buffer: &mut Cursor<'a>) -> Result<(), DatError> {
        let offset = buffer.u64("place of a buffer")?;
        let name = buffer.string("name of a buffer")?;
        buffer.string("clock of a buffer")?;
        buffer.u32("size of a page")?;
        if !name.is_empty() {
            return Ok(());
        }
        let (_, compressed) = section(file, offset)?;
        for _ in 0..limited(buffer, "number of CPUs")? {
            let cpu = buffer.u32("CPU")?;
            let (offset, size) = (buffer.u64("place of a CPU's pages")?, buffer.u64("size of a CPU's pages")?);
            // Of a CPU without pages there is nothing to be compressed.
            self.pages.push((cpu, Section { offset, size, compressed: compressed && size > 0 }));
        }
        Ok(())
    }

    /// The content of the pieces; the compressed ones are in `inflated`.
    fn fill(self, file: &Cursor<'a>, inflated: Option<&'a Inflated>) -> Result<TraceDat<'a>, DatError> {
        let Self { sections, pages: of_cpus, mut dat } = self;
        dat.may_leave_events = true;
        for (id, Section { offset, .. }) in sections {
            let mut part = match inflated.and_then(|inflated| inflated.get(&offset)) {
                Some(content) => Cursor::new(content),
                None => file.at(offset)?,
            };
            match id {
                option::HEADER_INFO => header_info(&mut part, &mut dat)?,
                option::FTRACE_EVENTS => own_formats(&mut part, &mut dat)?,
                option::EVENT_FORMATS => formats(&mut part, &mut dat)?,
                option::KALLSYMS => kallsyms(&mut part, &mut dat)?,
                option::PRINTK => printk_formats(&mut part, &mut dat)?,
                _ => {
                    let size = part.u64("size of the names")?;
                    dat.saved_cmdlines = part.text(size, "names of tasks")?;
                }
            }
        }
        for (cpu, Section { offset, size, .. }) in of_cpus {
            match inflated.and_then(|inflated| inflated.get(&offset)).filter(|_| size > 0) {
                Some(content) => {
                    let cpu = Cpu(u16::try_from(cpu).map_err(|_| file.damaged("CPU"))?);
                    dat.cpus.push((cpu, content[..].into()));
                }
                None => pages(file, &mut dat, cpu, offset, size)?,
            }
        }
        Ok(dat)
    }
}
