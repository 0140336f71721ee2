//! A recording of any format: opened by its first bytes, read by one iterator.

#![expect(clippy::disallowed_types, reason = "this module opens recordings")]

use std::cell::OnceCell;
use std::collections::BTreeMap;
use std::fmt;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::path::Path;

use crate::dat::{self, DatError};
use crate::text::{Facts, Summary, TRACER_HEADER, TextReader};
use crate::{DatFile, Event, RawReader, RawSummary, Symbols};

/// Bytes read at a time.
const BUFFER: usize = 256 << 10;

/// Bytes by which a format is recognised.
const SNIFFED: u64 = 4096;

/// Why a recording cannot be read, or cannot be read any further.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// The file cannot be read.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The file is a `trace.dat` that is damaged, or of a kind that is not read.
    #[error(transparent)]
    Dat(#[from] DatError),
    /// The file is binary, and not of a format that is read.
    #[error("it is neither text nor a trace.dat")]
    UnknownFormat,
    /// The events of a text were taken out already: a stream can be read once.
    #[error("its events were read already")]
    AlreadyRead,
}

/// A recording that was opened.
pub struct Reader {
    source: Source,
}

enum Source {
    /// A text, read as its events are asked for; `None` after they were taken out.
    Text(Option<Box<TextReader<Box<dyn BufRead>>>>),
    /// A `trace.dat`, and its symbols.
    Dat(Box<DatFile>, OnceCell<Symbols>),
}

impl Reader {
    /// Opens a file and recognises its format by its first bytes. A pipe is read once, from its beginning; the pages of a
    /// `trace.dat` on a disk stay in the file.
    ///
    /// # Errors
    /// [`ReadError`] where the file cannot be read, is a damaged `trace.dat`, or is not a recording.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, ReadError> {
        let file = File::open(path)?;
        let is_on_disk = file.metadata().is_ok_and(|meta| meta.is_file());
        let mut begun = BufReader::with_capacity(BUFFER, file.try_clone()?);
        if is_on_disk && begun.fill_buf()?.starts_with(dat::MAGIC) {
            return Self::from_dat(DatFile::open(file)?);
        }
        Self::from_read(begun)
    }

    /// A text that is read from `source` as its events are asked for.
    #[must_use]
    pub fn new(source: impl BufRead + 'static) -> Self {
        Self { source: Source::Text(Some(Box::new(TextReader::new(Box::new(source))))) }
    }

    /// Recognises the format of a stream by its first bytes. A `trace.dat` is read to its end.
    ///
    /// # Errors
    /// As [`Reader::open`].
    pub fn from_read(source: impl Read + 'static) -> Result<Self, ReadError> {
        let mut source = BufReader::with_capacity(BUFFER, source);
        let mut head = Vec::new();
        source.by_ref().take(SNIFFED).read_to_end(&mut head)?;
        if head.starts_with(dat::MAGIC) {
            source.read_to_end(&mut head)?;
            Self::from_dat(head.into())
        } else if head.contains(&0) && !head.starts_with(TRACER_HEADER) {
            Err(ReadError::UnknownFormat)
        } else {
            Ok(Self::new(BufReader::with_capacity(BUFFER, Cursor::new(head).chain(source))))
        }
    }

    fn from_dat(file: DatFile) -> Result<Self, ReadError> {
        let file = file.inflate()?.map_or(file, DatFile::from);
        file.read()?;
        Ok(Self { source: Source::Dat(Box::new(file), OnceCell::new()) })
    }

    /// The events of the recording.
    ///
    /// # Errors
    /// [`ReadError::AlreadyRead`] for a text whose events were taken out.
    pub fn events(&mut self) -> Result<Events<'_>, ReadError> {
        let inner = match &mut self.source {
            Source::Text(reader) => Inner::Text(reader.take().ok_or(ReadError::AlreadyRead)?),
            Source::Dat(file, symbols) => {
                let dat = file.read()?;
                let symbols = symbols.get_or_init(|| Symbols::from_system_map(dat.kallsyms).0);
                Inner::Raw(Box::new(RawReader::new(&dat.recording(), symbols)))
            }
        };
        Ok(Events { inner })
    }
}

impl fmt::Debug for Reader {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let format = match self.source {
            Source::Text(_) => "text",
            Source::Dat(..) => "trace.dat",
        };
        f.debug_struct("Reader").field("format", &format).finish()
    }
}

/// The events of a recording, one at a time, as few of them in memory as possible.
pub struct Events<'a> {
    inner: Inner<'a>,
}

enum Inner<'a> {
    Text(Box<TextReader<Box<dyn BufRead>>>),
    Raw(Box<RawReader<'a>>),
}

/// An event until the next one is asked for, and the names of tasks that are known so far, by pid.
pub type LentEvent<'e> = (&'e Event, &'e BTreeMap<i32, String>);

impl<'a> Events<'a> {
    /// The events of a text.
    #[must_use]
    pub fn from_text(reader: Box<TextReader<Box<dyn BufRead>>>) -> Self {
        Self { inner: Inner::Text(reader) }
    }

    /// The events of raw pages.
    #[must_use]
    pub fn from_raw(reader: RawReader<'a>) -> Self {
        Self { inner: Inner::Raw(Box::new(reader)) }
    }

    /// The next event, until the one after it is asked for, with the names of tasks that are known so far, by pid.
    ///
    /// # Errors
    /// [`ReadError::Io`] where the file cannot be read any further, once.
    #[inline]
    pub fn next_ref(&mut self) -> Option<Result<LentEvent<'_>, ReadError>> {
        let next = match &mut self.inner {
            Inner::Text(reader) => reader.next_ref(),
            Inner::Raw(reader) => reader.next_ref(),
        };
        Some(next?.map_err(ReadError::from))
    }

    /// The summary of the recording, when all events were read.
    #[must_use]
    pub fn finish(self) -> Summary {
        match self.inner {
            Inner::Text(reader) => reader.finish(),
            Inner::Raw(reader) => {
                let RawSummary { names, defects, issues, counts_instead_of_times, .. } = reader.finish();
                let facts = Facts { counts_instead_of_times, ..Facts::default() };
                Summary { names, defects, issues, facts, one_clock: true, ..Summary::default() }
            }
        }
    }
}

impl fmt::Debug for Events<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Events").finish_non_exhaustive()
    }
}

impl Iterator for Events<'_> {
    type Item = Result<Event, ReadError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        match &mut self.inner {
            Inner::Text(reader) => Some(reader.next()?.map_err(ReadError::from)),
            // An error of the file comes after the last event.
            Inner::Raw(reader) => match reader.next() {
                Some(event) => Some(Ok(event)),
                None => reader.next_ref().and_then(Result::err).map(|error| Err(error.into())),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    type Outcome = Result<(), Box<dyn std::error::Error>>;

    const TEXT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/data/recordings/function/trace.txt");
    const DAT: [&str; 2] = [
        concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/dat/function"),
        concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz/corpus/dat/compressed"),
    ];

    fn count(reader: &mut Reader) -> Result<(usize, usize), ReadError> {
        let owned = reader.events()?.collect::<Result<Vec<_>, _>>()?.len();
        let mut lent = 0;
        if let Ok(mut events) = reader.events() {
            while let Some(event) = events.next_ref() {
                event?;
                lent += 1;
            }
        }
        Ok((owned, lent))
    }

    #[test]
    fn a_file_of_every_format_is_opened_by_its_content() -> Outcome {
        assert_eq!(count(&mut Reader::open(TEXT)?)?, (28, 0));
        for file in DAT {
            let (owned, lent) = count(&mut Reader::open(file)?)?;
            assert!(owned > 0 && owned == lent, "{file}");
            assert_eq!(count(&mut Reader::from_read(File::open(file)?)?)?, (owned, lent), "{file}");
        }
        Ok(())
    }

    #[test]
    fn what_is_not_a_recording_is_an_error() -> Outcome {
        assert!(matches!(Reader::from_read(&b"\x7fELF\0\0"[..]), Err(ReadError::UnknownFormat)));
        assert!(matches!(Reader::from_read(dat::MAGIC), Err(ReadError::Dat(_))));
        assert!(matches!(Reader::open("/does/not/exist"), Err(ReadError::Io(_))));
        let mut reader = Reader::new(&b""[..]);
        assert_eq!(reader.events()?.count(), 0);
        assert!(matches!(reader.events(), Err(ReadError::AlreadyRead)));
        Ok(())
    }
}
