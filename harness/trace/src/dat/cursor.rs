//! Takes what a file has one behind the other.

use std::collections::BTreeMap;

use super::DatError;
use crate::{PageBytes, ReadAt};

/// The parts of a file that are in memory, by their places.
pub(super) type Parts = BTreeMap<u64, Vec<u8>>;

/// A place in a file, little-endian.
#[derive(Clone, Debug)]
pub(super) struct Cursor<'a> {
    file: &'a [u8],
    /// Bytes of the file before `file`.
    before: u64,
    at: usize,
    /// The file as a whole, and its length, where `file` is only a part of it.
    whole: Option<(&'a dyn ReadAt, u64)>,
    /// The parts that are in memory, where there are several.
    parts: Option<&'a Parts>,
}

impl<'a> Cursor<'a> {
    pub(super) fn new(file: &'a [u8]) -> Self {
        Self { file, before: 0, at: 0, whole: None, parts: None }
    }

    /// At the beginning of a file of `length` bytes, of which `file` is what comes first.
    pub(super) fn beginning(file: &'a [u8], whole: &'a dyn ReadAt, length: u64) -> Self {
        Self { file, before: 0, at: 0, whole: Some((whole, length)), parts: None }
    }

    /// At the beginning of a file of `length` bytes, of which these parts are in memory.
    pub(super) fn in_parts(parts: &'a Parts, whole: &'a dyn ReadAt, length: u64) -> Self {
        let file = parts.get(&0).map_or(&[][..], Vec::as_slice);
        Self { file, before: 0, at: 0, whole: Some((whole, length)), parts: Some(parts) }
    }

    /// A cursor at another place of the same file.
    pub(super) fn at(&self, offset: u64) -> Result<Self, DatError> {
        let part = match self.parts.and_then(|parts| parts.range(..=offset).next_back()) {
            Some((before, part)) => Self { file: part, before: *before, ..*self },
            None => Self { ..*self },
        };
        let at = offset.checked_sub(part.before).and_then(|at| usize::try_from(at).ok());
        let at = at.filter(|at| *at <= part.file.len());
        at.map(|at| Self { at, ..part }).ok_or_else(|| self.damaged("place that the file has"))
    }

    /// Bytes of the whole file.
    pub(super) fn length(&self) -> u64 {
        self.whole.map_or(self.before + self.file.len() as u64, |(_, length)| length)
    }

    /// Bytes from the beginning of the file.
    pub(super) fn place(&self) -> u64 {
        self.before + self.at as u64
    }

    pub(super) fn damaged(&self, expected: &'static str) -> DatError {
        DatError::Damaged { at: usize::try_from(self.place()).unwrap_or(usize::MAX), expected }
    }

    pub(super) fn bytes(&mut self, length: u64, expected: &'static str) -> Result<&'a [u8], DatError> {
        let end = usize::try_from(length).ok().and_then(|length| self.at.checked_add(length));
        let bytes = end.and_then(|end| self.file.get(self.at..end)).ok_or_else(|| self.damaged(expected))?;
        self.at += bytes.len();
        Ok(bytes)
    }

    /// The pages of a CPU, which may lie behind the beginning.
    pub(super) fn pages(&self, offset: u64, size: u64) -> Result<PageBytes<'a>, DatError> {
        const EXPECTED: &str = "pages of a CPU";
        let end = offset.checked_add(size).ok_or_else(|| self.damaged(EXPECTED))?;
        match self.whole {
            Some((file, length)) if (self.parts.is_some() || end > self.file.len() as u64) && end <= length => {
                Ok(PageBytes::File { file, offset, size })
            }
            _ => self.at(offset)?.bytes(size, EXPECTED).map(PageBytes::Memory),
        }
    }

    fn array<const N: usize>(&mut self, expected: &'static str) -> Result<[u8; N], DatError> {
        let bytes = self.file.get(self.at..).and_then(|rest| rest.first_chunk().copied());
        self.at += N;
        bytes.ok_or_else(|| self.damaged(expected))
    }

    pub(super) fn u8(&mut self, expected: &'static str) -> Result<u8, DatError> {
        self.array(expected).map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self, expected: &'static str) -> Result<u16, DatError> {
        self.array(expected).map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self, expected: &'static str) -> Result<u32, DatError> {
        self.array(expected).map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self, expected: &'static str) -> Result<u64, DatError> {
        self.array(expected).map(u64::from_le_bytes)
    }

    /// A text up to its NUL.
    pub(super) fn string(&mut self, expected: &'static str) -> Result<&'a str, DatError> {
        let rest = self.file.get(self.at..).unwrap_or_default();
        let end = memchr::memchr(0, rest).ok_or_else(|| self.damaged(expected))?;
        let text = rest.get(..end).and_then(|text| std::str::from_utf8(text).ok());
        let text = text.ok_or_else(|| self.damaged(expected))?;
        self.at += end + 1;
        Ok(text)
    }

    /// A text of `length` bytes; where it is not UTF-8, as much as is.
    pub(super) fn text(&mut self, length: u64, expected: &'static str) -> Result<&'a str, DatError> {
        let bytes = self.bytes(length, expected)?;
        let beginning = |_| bytes.utf8_chunks().next().map_or("", |chunk| chunk.valid());
        Ok(std::str::from_utf8(bytes).unwrap_or_else(beginning).trim_end_matches('\0'))
    }

    /// These bytes and nothing else.
    pub(super) fn literal(&mut self, literal: &[u8], expected: &'static str) -> Result<(), DatError> {
        let before = self.at;
        if self.bytes(literal.len() as u64, expected)? == literal {
            return Ok(());
        }
        self.at = before;
        Err(self.damaged(expected))
    }
}
