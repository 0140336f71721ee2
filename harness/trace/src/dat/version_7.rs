//! Files of version 7: sections that options point to, each of which may be compressed.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::sync::Arc;

use super::compression::Algorithm;
use super::cursor::{Cursor, Parts};
use super::parts::{
    InstanceStats, after_head, formats, header_info, kallsyms, limited, opened, option, own_formats, pages,
    printk_formats, within,
};
use super::{DatError, Instance, TraceDat, option, write};
use crate::dat::chunks::{Chunks, Room, most_inflated};
use crate::{Cpu, PageBytes, ReadAt};

/// Option sections of one file: they may be chained in a circle.
const CHAINED: usize = 64;
/// Sections of one file: there are six kinds.
const SECTIONS: usize = 1024;
/// A section that is compressed.
const COMPRESSED: u16 = 1;
/// The limit of decompressed bytes of one file.
const MOST: usize = 1 << 30;
/// The same of what is not pages, of a file whose pages stay in it.
const MOST_PARTS: usize = 96 << 20;

/// Where a file has what.
#[derive(Debug, Default)]
struct Index<'a> {
    sections: Vec<(u16, Section)>,
    /// The pages of CPUs: of which instance, whose, where, how many bytes.
    pages: Vec<(Option<usize>, u32, Section)>,
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
#[derive(Debug, Default)]
struct Inflated {
    sections: BTreeMap<u64, Vec<u8>>,
    /// Pages that stay in the file.
    pages: BTreeMap<u64, Chunks>,
}

/// Reads what stands behind the head of a file that is not compressed.
pub(super) fn read(mut cursor: Cursor<'_>) -> Result<TraceDat<'_>, DatError> {
    let (_, index) = index(&mut cursor)?;
    if index.is_compressed() {
        return Err(DatError::Unsupported("it is compressed".into()));
    }
    index.fill(&cursor, None)
}

/// The same recording as a file without compression; `None` where the file is one. What is compressed by zstd or zlib is read.
///
/// # Errors
/// [`DatError`] where it is damaged, or compressed in another way.
pub fn inflate(file: &[u8]) -> Result<Option<Vec<u8>>, DatError> {
    let ("7", mut cursor) = opened(file)? else { return Ok(None) };
    let (algorithm, index) = index(&mut cursor)?;
    if !index.is_compressed() {
        return Ok(None);
    }
    let algorithm = Algorithm::named(algorithm)?;
    let mut inflated = Inflated::default();
    let mut room = usize::try_from(most_inflated(file.len() as u64)).unwrap_or(MOST).min(MOST);
    for (chunked, Section { offset, compressed, .. }) in index.places() {
        if compressed && !inflated.sections.contains_key(&offset) {
            let mut packed = cursor.at(offset)?;
            let chunks = if chunked { packed.u32("number of chunks")? } else { 1 };
            let mut bytes = Vec::new();
            for _ in 0..chunks {
                chunk(&mut packed, algorithm, &mut bytes, &mut room)?;
            }
            inflated.sections.insert(offset, bytes);
        }
    }
    let dat = index.fill(&cursor, Some(&inflated))?;
    write(&dat).map(Some).map_err(|error| DatError::Unsupported(error.to_string()))
}

/// A length, the length of what is in it, and that.
fn chunk(packed: &mut Cursor<'_>, algorithm: Algorithm, bytes: &mut Vec<u8>, room: &mut usize) -> Result<(), DatError> {
    let (length, inside) = (packed.u32("length of a chunk")?, packed.u32("length of a chunk's content")?);
    let content = packed.bytes(length.into(), "chunk")?;
    let inside = usize::try_from(inside).unwrap_or(usize::MAX);
    *room = room.checked_sub(inside).ok_or_else(|| {
        let other = "`trace-cmd convert --compression none -i IN -o OUT` makes one that is not compressed";
        DatError::Unsupported(format!("more is compressed in it than memory should hold; {other}"))
    })?;
    let content = algorithm.inflate(content, inside).ok_or_else(|| packed.damaged("compressed chunk"))?;
    bytes.extend_from_slice(&content);
    Ok(())
}

/// A file of version 7 on a disk: in memory is all that is not pages.
#[derive(Debug)]
pub(crate) struct Version7 {
    parts: Parts,
    inflated: Inflated,
}

impl Version7 {
    /// Reads all of a file that is not pages; `None` where the file is of another version. `beginning` is what the file
    /// begins with.
    ///
    /// # Errors
    /// [`DatError`] where it is damaged, or compressed in a way that is not read.
    pub(crate) fn open(
        beginning: &[u8],
        file: &Arc<dyn ReadAt + Send + Sync>,
        length: u64,
    ) -> Result<Option<Self>, DatError> {
        let Ok(("7", cursor)) = opened(beginning) else { return Ok(None) };
        let mut parts = Parts::from([(0, beginning.to_vec())]);
        load(cursor, &**file, length, &mut parts)?;
        let inflated = {
            let mut cursor = Self::cursor(&parts, &**file, length)?;
            let (algorithm, index) = index(&mut cursor)?;
            let mut inflated = Inflated::default();
            let (mut room, mut room_of_pages) = (MOST_PARTS, Room::new(length));
            for (is_pages, Section { offset, .. }) in index.places().filter(|(_, place)| place.compressed) {
                let algorithm = Algorithm::named(algorithm)?;
                if is_pages {
                    if let Entry::Vacant(entry) = inflated.pages.entry(offset) {
                        entry.insert(Chunks::open(Arc::clone(file), length, offset, algorithm, &mut room_of_pages)?);
                    }
                } else if let Entry::Vacant(entry) = inflated.sections.entry(offset) {
                    let mut bytes = Vec::new();
                    chunk(&mut cursor.at(offset)?, algorithm, &mut bytes, &mut room)?;
                    entry.insert(bytes);
                }
            }
            inflated
        };
        Ok(Some(Self { parts, inflated }))
    }

    /// Its content.
    ///
    /// # Errors
    /// [`DatError`] where it is damaged.
    pub(crate) fn read<'a>(&'a self, file: &'a dyn ReadAt, length: u64) -> Result<TraceDat<'a>, DatError> {
        let mut cursor = Self::cursor(&self.parts, file, length)?;
        let (_, index) = index(&mut cursor)?;
        index.fill(&cursor, Some(&self.inflated))
    }

    fn cursor<'a>(parts: &'a Parts, file: &'a dyn ReadAt, length: u64) -> Result<Cursor<'a>, DatError> {
        after_head(Cursor::in_parts(parts, file, length)).map(|(_, cursor)| cursor)
    }
}

/// Loads the sections that are not pages. Their sizes stand in front of them.
fn load(mut cursor: Cursor<'_>, file: &dyn ReadAt, length: u64, parts: &mut Parts) -> Result<(), DatError> {
    cursor.string("name of the compression")?;
    cursor.string("version of the compression")?;
    let mut next = cursor.u64("place of the options")?;
    let mut room = MOST_PARTS as u64;
    let mut loaded = |offset: u64, whole: bool| -> Result<Vec<u8>, DatError> {
        let end = offset.saturating_add(HEAD).saturating_add(if whole { size_at(file, offset) } else { 0 });
        let there = end.min(length).saturating_sub(offset);
        room = room.checked_sub(there).ok_or_else(|| damaged(offset, "section of a size that is possible"))?;
        let mut bytes = vec![0; usize::try_from(there).unwrap_or(0)];
        file.read_exact_at(&mut bytes, offset).map_err(|_| damaged(offset, "section"))?;
        Ok(bytes)
    };
    for _ in 0..CHAINED {
        if next == 0 {
            return Ok(());
        }
        let section = loaded(next, true)?;
        let mut options = Cursor::new(&section).at(HEAD)?;
        let at = std::mem::take(&mut next);
        loop {
            let (id, size) = (options.u16("option")?, options.u32("size of an option")?);
            let is_section = matches!(id, option::HEADER_INFO..=option::CMDLINES);
            if id == option::DONE {
                next = options.u64("place of more options")?;
                break;
            }
            let content = options.bytes(size.into(), "option's bytes")?;
            if is_section || id == option::BUFFER {
                let offset = Cursor::new(content).u64("place of a section")?;
                if parts.len() >= 4 * SECTIONS {
                    return Err(damaged(offset, "number of sections"));
                }
                if let Entry::Vacant(entry) = parts.entry(offset) {
                    entry.insert(loaded(offset, is_section)?);
                }
            }
        }
        parts.insert(at, section);
    }
    Ok(())
}

/// Bytes in front of the content of a section.
const HEAD: u64 = 16;

/// The size that stands in front of a section; 0 where the file ends before.
fn size_at(file: &dyn ReadAt, offset: u64) -> u64 {
    let mut size = [0; 8];
    let read = offset.checked_add(HEAD - 8).map(|at| file.read_exact_at(&mut size, at));
    if matches!(read, Some(Ok(()))) { u64::from_le_bytes(size) } else { 0 }
}

fn damaged(at: u64, expected: &'static str) -> DatError {
    DatError::Damaged { at: usize::try_from(at).unwrap_or(usize::MAX), expected }
}

/// How a file is compressed, and where it has what.
fn index<'a>(cursor: &mut Cursor<'a>) -> Result<(&'a str, Index<'a>), DatError> {
    let algorithm = cursor.string("name of the compression")?;
    cursor.string("version of the compression")?;
    let (mut index, mut stats) = (Index::default(), InstanceStats::default());
    let mut next = cursor.u64("place of the options")?;
    for _ in 0..CHAINED {
        if next == 0 {
            stats.give(&mut index.dat.instances);
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
                _ => option(&mut index.dat, &mut stats, id, &mut options, size)?,
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
        sections.chain(self.pages.iter().map(|(.., section)| (true, *section)))
    }

    /// The buffer of an instance; that of the top one has no name.
    fn buffer(&mut self, file: &Cursor<'a>, buffer: &mut Cursor<'a>) -> Result<(), DatError> {
        let offset = buffer.u64("place of a buffer")?;
        let name = buffer.string("name of a buffer")?;
        let clock = Some(buffer.string("clock of a buffer")?).filter(|clock| !clock.is_empty());
        buffer.u32("size of a page")?;
        let instance = if name.is_empty() {
            self.dat.clock.name = self.dat.clock.name.or(clock);
            None
        } else {
            if self.dat.instances.len() >= SECTIONS {
                return Err(buffer.damaged("number of instances"));
            }
            self.dat.instances.push(Instance { name, clock, ..Instance::default() });
            Some(self.dat.instances.len() - 1)
        };
        let (_, compressed) = section(file, offset)?;
        for _ in 0..limited(buffer, "number of CPUs")? {
            let cpu = buffer.u32("CPU")?;
            let (offset, size) = (buffer.u64("place of a CPU's pages")?, buffer.u64("size of a CPU's pages")?);
            // Of a CPU without pages there is nothing to be compressed.
            self.pages.push((instance, cpu, Section { offset, size, compressed: compressed && size > 0 }));
        }
        Ok(())
    }

    /// The content of the pieces; the compressed ones are in `inflated`.
    fn fill(self, file: &Cursor<'a>, inflated: Option<&'a Inflated>) -> Result<TraceDat<'a>, DatError> {
        let Self { sections, pages: of_cpus, mut dat } = self;
        dat.may_leave_events = true;
        for (id, Section { offset, .. }) in sections {
            let mut part = match inflated.and_then(|inflated| inflated.sections.get(&offset)) {
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
                    dat.saved_cmdlines = part.bytes(size, "names of tasks")?;
                }
            }
        }
        for (instance, cpu, Section { offset, size, .. }) in of_cpus {
            let memory =
                |inflated: &'a Inflated| inflated.sections.get(&offset).map(|content| PageBytes::Memory(content));
            let in_file = |chunks: &'a Chunks| PageBytes::File { file: chunks, offset: 0, size: chunks.size() };
            let content = inflated.and_then(|all| all.pages.get(&offset).map(in_file).or_else(|| memory(all)));
            let found = match content.filter(|_| size > 0) {
                Some(content) => (Cpu(u16::try_from(cpu).map_err(|_| file.damaged("CPU"))?), content),
                None => pages(file, cpu, offset, size)?,
            };
            match instance.and_then(|at| dat.instances.get_mut(at)) {
                Some(instance) => instance.cpus.push(found),
                None => dat.cpus.push(found),
            }
        }
        within(&dat, file, if inflated.is_some() { most_inflated(file.length()) } else { file.length() })?;
        Ok(dat)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use flate2::Compression;
    use flate2::write::ZlibEncoder;

    use super::*;
    use crate::dat::{MAGIC, read};

    /// A file with the formats of `trace_printk()`, names, the top buffer and one instance.
    struct File {
        bytes: Vec<u8>,
        /// Where the place of the options stands.
        begin: usize,
        options: Vec<u8>,
        zlib: bool,
    }

    impl File {
        fn u32(&mut self, length: usize) {
            self.bytes.extend(u32::try_from(length).expect("short").to_le_bytes());
        }

        /// A chunk: with its lengths where it is compressed.
        fn content(&mut self, content: &[u8]) {
            if !self.zlib {
                return self.bytes.extend_from_slice(content);
            }
            let mut encoder = ZlibEncoder::new(Vec::new(), Compression::default());
            encoder.write_all(content).expect("memory");
            let packed = encoder.finish().expect("memory");
            self.u32(packed.len());
            self.u32(content.len());
            self.bytes.extend(packed);
        }

        /// The head of a section; gives its place.
        fn section(&mut self, id: u16) -> u64 {
            let at = self.bytes.len() as u64;
            self.bytes.extend(id.to_le_bytes());
            self.bytes.extend(u16::from(self.zlib && id != option::DONE).to_le_bytes());
            self.bytes.extend([0; 12]);
            at
        }

        fn option(&mut self, id: u16, data: &[u8]) {
            self.options.extend(id.to_le_bytes());
            self.options.extend(u32::try_from(data.len()).expect("short").to_le_bytes());
            self.options.extend_from_slice(data);
        }

        fn part(&mut self, id: u16, content: &[u8]) {
            let at = self.section(id);
            self.content(content);
            self.option(id, &at.to_le_bytes());
        }

        fn buffer(&mut self, name: &str, pages: &[u8]) {
            self.buffer_of_cpus(name, pages, 1);
        }

        /// The same of CPUs from 2 on, which share the pages.
        fn buffer_of_cpus(&mut self, name: &str, pages: &[u8], cpus: u32) {
            let at = self.section(option::BUFFER);
            let place = self.bytes.len() as u64;
            if self.zlib {
                self.u32(1);
            }
            self.content(pages);
            let size = self.bytes.len() as u64 - place;
            let head = [&at.to_le_bytes()[..], name.as_bytes(), b"\0local\0", &4096_u32.to_le_bytes()].concat();
            let of_cpu = |cpu: u32| [&cpu.to_le_bytes()[..], &place.to_le_bytes(), &size.to_le_bytes()].concat();
            let of_cpus = (2..2 + cpus).flat_map(of_cpu).collect::<Vec<u8>>();
            self.option(option::BUFFER, &[&head[..], &cpus.to_le_bytes(), &of_cpus].concat());
        }

        fn new(zlib: bool) -> Self {
            let algorithm: &[u8] = if zlib { b"zlib\x001.2\0" } else { b"none\0\0" };
            let head = [MAGIC, b"7\0\0\x08", &4096_u32.to_le_bytes(), algorithm].concat();
            Self { begin: head.len(), bytes: [head, vec![0; 8]].concat(), options: Vec::new(), zlib }
        }

        /// The file, with the section of its options.
        fn end(mut self) -> Vec<u8> {
            let at = self.section(option::DONE);
            self.bytes.extend(std::mem::take(&mut self.options));
            self.option(option::DONE, &[0; 8]);
            self.bytes.extend(std::mem::take(&mut self.options));
            self.bytes[self.begin..self.begin + 8].copy_from_slice(&at.to_le_bytes());
            self.bytes
        }

        fn with_two_buffers(zlib: bool) -> Vec<u8> {
            let mut file = Self::new(zlib);
            let texts =
                |text: &str| [&u32::try_from(text.len()).expect("short").to_le_bytes()[..], text.as_bytes()].concat();
            file.part(option::PRINTK, &texts("0x10 : \"a\"\n"));
            file.part(option::CMDLINES, &[&7_u64.to_le_bytes()[..], b"1 init\n"].concat());
            file.buffer("", &[7; 8192]);
            file.buffer("other", &[9; 4096]);
            file.end()
        }
    }

    #[test]
    fn buffers_and_formats_are_read_with_zlib_and_without() {
        for zlib in [false, true] {
            let file = File::with_two_buffers(zlib);
            let inflated = inflate(&file).expect("a file");
            assert_eq!(inflated.is_some(), zlib);
            let dat = read(inflated.as_deref().unwrap_or(&file)).expect("a file");
            assert_eq!((dat.printk_formats, dat.saved_cmdlines), ("0x10 : \"a\"\n", &b"1 init\n"[..]));
            let pages = |cpus: &[(Cpu, PageBytes<'_>)]| {
                let (_, pages) = cpus.iter().find(|(cpu, _)| *cpu == Cpu(2)).expect("CPU 2");
                pages.read().expect("memory").into_owned()
            };
            assert_eq!(pages(&dat.cpus), [7; 8192]);
            assert_eq!((dat.instances[0].name, pages(&dat.instances[0].cpus)), ("other", vec![9; 4096]));
            assert_eq!((dat.clock.name, dat.instances[0].clock), (Some("local"), Some("local")));
            let instances = dat.recording().instances;
            assert_eq!((instances[0].name, instances[0].other_clock), ("other", None));
        }
    }

    #[test]
    fn pages_that_many_cpus_share_are_refused() {
        for zlib in [false, true] {
            let mut file = File::new(zlib);
            file.buffer_of_cpus("", &vec![7; 1 << 20], 100);
            let file = file.end();
            let read = inflate(&file).and_then(|inflated| read(inflated.as_deref().unwrap_or(&file)).map(drop));
            let error = read.expect_err("pages of a hundred CPUs").to_string();
            assert!(error.contains("pages of one CPU alone"), "{error}");
        }
    }

    #[test]
    fn damaged_zlib_is_an_error() {
        let file = File::with_two_buffers(true);
        for at in 0..file.len() {
            let mut bad = file.clone();
            bad[at] ^= 0x55;
            let _ = inflate(&bad);
            assert!(inflate(&file[..at]).is_err(), "cut at {at}");
        }
    }
}
