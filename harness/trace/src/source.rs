//! Where the pages of a CPU are: in memory, or in a file that is longer than memory.

use std::borrow::Cow;
use std::fmt::Debug;
use std::io;

/// Bytes of a file that are held at a time for one CPU, and for all of them together. A page is held whatever its size.
const HELD: usize = 64 << 10;
const HELD_IN_ALL: usize = 16 << 20;

/// Bytes that are held for each of so many CPUs.
pub(super) fn held_for_each(cpus: usize) -> usize {
    (HELD_IN_ALL / cpus.max(1)).min(HELD)
}

/// A file of which any part can be read at any time. This module knows no files, only that there are some.
pub trait ReadAt: Debug {
    /// Fills `into` with what the file has from `offset` on.
    ///
    /// # Errors
    /// A file that cannot be read, or that ends before.
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()>;
}

impl ReadAt for Vec<u8> {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let rest = usize::try_from(offset).ok().and_then(|offset| self.get(offset..));
        let bytes = rest.and_then(|rest| rest.get(..into.len())).ok_or(io::ErrorKind::UnexpectedEof)?;
        into.copy_from_slice(bytes);
        Ok(())
    }
}

/// All that `per_cpu/cpuN/trace_pipe_raw` gave, page by page.
#[derive(Clone, Copy, Debug)]
pub enum PageBytes<'a> {
    /// The bytes themselves.
    Memory(&'a [u8]),
    /// A part of a file.
    File {
        /// The file.
        file: &'a dyn ReadAt,
        /// Bytes before that part.
        offset: u64,
        /// Its length in bytes.
        size: u64,
    },
}

impl Default for PageBytes<'_> {
    fn default() -> Self {
        Self::Memory(&[])
    }
}

impl<'a> From<&'a [u8]> for PageBytes<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Self::Memory(bytes)
    }
}

impl<'a> PageBytes<'a> {
    /// How many bytes there are.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Memory(bytes) => bytes.len() as u64,
            Self::File { size, .. } => *size,
        }
    }

    /// All of them.
    ///
    /// # Errors
    /// A file that cannot be read.
    pub fn read(&self) -> io::Result<Cow<'a, [u8]>> {
        match *self {
            Self::Memory(bytes) => Ok(Cow::Borrowed(bytes)),
            Self::File { file, offset, size } => {
                let mut bytes = vec![0; usize::try_from(size).map_err(io::Error::other)?];
                file.read_exact_at(&mut bytes, offset)?;
                Ok(Cow::Owned(bytes))
            }
        }
    }
}

/// Goes through the bytes of a CPU, a piece at a time.
#[derive(Debug)]
pub(super) struct Pieces<'a> {
    bytes: PageBytes<'a>,
    /// The part of a file that is in memory, and its bytes at least.
    held: Vec<u8>,
    least: usize,
    /// Bytes of the source before those that are held.
    before: u64,
    /// Where in the source the next piece begins.
    at: u64,
}

impl<'a> Pieces<'a> {
    pub(super) fn new(bytes: PageBytes<'a>, least: usize) -> Self {
        Self { bytes, held: Vec::new(), least, before: 0, at: 0 }
    }

    /// The place of the next `length` bytes, or of as many as are left, for [`Pieces::get`]; `None` at the end.
    ///
    /// # Errors
    /// A file that cannot be read. Nothing follows then.
    pub(super) fn next(&mut self, length: usize) -> io::Result<Option<(usize, usize)>> {
        let left = usize::try_from(self.bytes.size() - self.at).unwrap_or(usize::MAX);
        let length = length.min(left);
        if length == 0 {
            return Ok(None);
        }
        let in_held = |before: u64| usize::try_from(self.at - before).unwrap_or(usize::MAX);
        let mut begin = in_held(self.before);
        if let PageBytes::File { file, offset, size } = self.bytes
            && begin.saturating_add(length) > self.held.len()
        {
            self.held.resize(length.max(self.least).min(left), 0);
            if let Err(error) = file.read_exact_at(&mut self.held, offset + self.at) {
                self.at = size;
                return Err(error);
            }
            self.before = self.at;
            begin = 0;
        }
        self.at += length as u64;
        Ok(Some((begin, begin + length)))
    }

    /// The bytes of a place, until the next one is asked for.
    #[inline]
    pub(super) fn get(&self, begin: usize, end: usize) -> &[u8] {
        let all = match self.bytes {
            PageBytes::Memory(bytes) => bytes,
            PageBytes::File { .. } => &self.held,
        };
        all.get(begin..end).unwrap_or_default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(bytes: PageBytes<'_>, length: usize) -> io::Result<Vec<Vec<u8>>> {
        let mut pieces = Pieces::new(bytes, held_for_each(1));
        let mut found = Vec::new();
        while let Some((begin, end)) = pieces.next(length)? {
            found.push(pieces.get(begin, end).to_vec());
        }
        Ok(found)
    }

    #[test]
    fn many_cpus_hold_as_much_as_some() {
        assert_eq!((held_for_each(0), held_for_each(4)), (HELD, HELD));
        assert!((held_for_each(65_535) * 65_535) <= HELD_IN_ALL);
    }

    #[test]
    fn a_file_is_read_as_memory_is() {
        let file: Vec<u8> = (0_u8..251).cycle().take(3 * HELD + 77).collect();
        for (begin, end, length) in
            [(0, file.len(), 4096), (5, file.len() - 9, 1000), (7, 7, 4096), (3, 190_000, 2 * HELD)]
        {
            let memory = &file[begin..end];
            let part = PageBytes::File { file: &file, offset: begin as u64, size: (end - begin) as u64 };
            let found = pieces(part, length).expect("readable");
            assert_eq!(found, memory.chunks(length).collect::<Vec<_>>());
            assert_eq!(found, pieces(memory.into(), length).expect("memory"));
            assert_eq!(part.read().expect("readable"), memory);
        }
        let gone = PageBytes::File { file: &file, offset: 10, size: file.len() as u64 };
        assert_eq!(pieces(gone, 4096).map_err(|error| error.kind()), Err(io::ErrorKind::UnexpectedEof));
    }
}
