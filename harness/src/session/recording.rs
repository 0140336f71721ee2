//! A recording as a file: what it is, and its events.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Cursor, Read as _};
use std::path::{Path, PathBuf};

pub use kernsnap_trace::DatFile;

use crate::session::capsule::Capsule;
use kernsnap_machine::card;
use kernsnap_machine::card::{CardError, Returned};
use kernsnap_machine::channel;
use kernsnap_trace::dat;
use kernsnap_trace::text::{TRACER_HEADER, TextReader};

/// Bytes read at a time.
const BUFFER: usize = 256 << 10;
/// How far into a file is looked to see what it is.
const SNIFFED: u64 = 4096;

/// The first bytes of a capsule, which is compressed (RFC 8878, 3.1.1).
const ZSTD: [u8; 4] = [0x28, 0xb5, 0x2f, 0xfd];

/// The first bytes of files that are compressed in other ways, and the program that writes what is in them.
const COMPRESSED: [(&[u8], &str); 4] =
    [(b"\x1f\x8b", "zcat"), (b"\xfd7zXZ\0", "xzcat"), (b"\x04\x22\x4d\x18", "lz4cat"), (b"PK\x03\x04", "unzip -p")];

/// Where a text comes from.
pub type Source = Box<dyn BufRead>;

/// A recording that was opened.
pub enum Opened {
    /// A text, which is read as it is asked for.
    Text(Box<TextReader<Source>>),
    /// A file of `trace-cmd record`.
    TraceDat(DatFile),
    /// The sections of the channel that a run left (`trace.raw` below `--out`), whole.
    Run(Vec<u8>),
    /// The same, from a card that came back, with the run it was made for.
    Card(Returned),
}

/// Why there is nothing to read.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The file cannot be read.
    #[error("cannot read `{}`", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
    /// The file is a card, and nothing can be had from it.
    #[error("`{}`: {source}", path.display())]
    Card {
        /// The file.
        path: PathBuf,
        /// Why.
        source: CardError,
    },
    /// The file is compressed like a capsule, and is not one.
    #[error("`{}` is not a capsule", path.display())]
    Capsule {
        /// The file.
        path: PathBuf,
        /// The reason.
        source: io::Error,
    },
    /// The file is compressed, and not like a capsule.
    #[error("`{}` is compressed", path.display())]
    Compressed {
        /// The file.
        path: PathBuf,
        /// The program that writes what is in it.
        program: &'static str,
    },
    /// The capsule is of a machine that was lost, or of version 0.2, which kept no recording.
    #[error("the capsule `{}` holds no recording that can be read without its image", .0.display())]
    NoRecording(PathBuf),
    /// The file is not a recording.
    #[error("`{}` is neither text, nor a trace.dat, nor a capsule, nor the raw trace of a run", path.display())]
    Unknown {
        /// The file.
        path: PathBuf,
    },
}

impl OpenError {
    /// The way to what is in a compressed file.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        let (path, program) = match self {
            Self::Compressed { path, program } => (path, program),
            Self::Capsule { path, .. } => (path, &"zstdcat"),
            _ => return None,
        };
        Some(format!(
            "if it is a recording that was compressed, `{program} {} | kernsnap view -` shows it",
            path.display()
        ))
    }
}

/// True if a file begins as a capsule does.
#[must_use]
pub fn is_capsule(path: &Path) -> bool {
    let mut head = [0; ZSTD.len()];
    path.is_file() && File::open(path).and_then(|mut file| file.read_exact(&mut head)).is_ok() && head == ZSTD
}

/// Opens a file, or with `-` the standard input, and sees what it is from its first bytes.
///
/// # Errors
/// [`OpenError`] where it cannot be read, or is nothing of the three.
pub fn open(path: &Path) -> Result<Opened, OpenError> {
    let error = |source| OpenError::Read { path: path.to_owned(), source };
    let (mut source, on_disk): (Source, _) = if path == Path::new("-") {
        (Box::new(BufReader::with_capacity(BUFFER, io::stdin())), false)
    } else {
        let file = File::open(path).map_err(error)?;
        // Bytes that were read from a pipe cannot be read again.
        let on_disk = file.metadata().is_ok_and(|data| data.is_file());
        (Box::new(BufReader::with_capacity(BUFFER, file)), on_disk)
    };
    let mut head = Vec::new();
    source.by_ref().take(SNIFFED).read_to_end(&mut head).map_err(error)?;
    let mut whole = |head: Vec<u8>| {
        let mut bytes = head;
        source.read_to_end(&mut bytes).map(|_| bytes).map_err(error)
    };
    if head.starts_with(&ZSTD) {
        let bytes = whole(head)?;
        let capsule = Capsule::unpack(&bytes).map_err(|source| OpenError::Capsule { path: path.to_owned(), source })?;
        let recording = capsule.recording().map(<[u8]>::to_vec);
        recording.map(|bytes| Opened::TraceDat(bytes.into())).ok_or_else(|| OpenError::NoRecording(path.to_owned()))
    } else if head.starts_with(dat::MAGIC) {
        let file = if on_disk { File::open(path).and_then(DatFile::open).map_err(error)? } else { whole(head)?.into() };
        Ok(Opened::TraceDat(file))
    } else if card::begins_card(&head) {
        let returned = card::read(path).map_err(|source| OpenError::Card { path: path.to_owned(), source })?;
        Ok(Opened::Card(returned))
    } else if channel::begins_section(&head) {
        whole(head).map(Opened::Run)
    } else if let Some(program) = compressed_by(&head) {
        Err(OpenError::Compressed { path: path.to_owned(), program })
    } else if head.contains(&0) && !head.starts_with(TRACER_HEADER) {
        Err(OpenError::Unknown { path: path.to_owned() })
    } else {
        let text = BufReader::with_capacity(BUFFER, Cursor::new(head).chain(source));
        Ok(Opened::Text(Box::new(TextReader::new(Box::new(text)))))
    }
}

/// The program for a file that begins so, if it is compressed.
fn compressed_by(head: &[u8]) -> Option<&'static str> {
    // The digit between is the size of its blocks.
    let is_bzip2 = head.starts_with(b"BZh") && head.get(4..).is_some_and(|rest| rest.starts_with(b"1AY&SY"));
    let known = COMPRESSED.iter().find(|(magic, _)| head.starts_with(magic));
    known.map(|(_, program)| *program).or_else(|| is_bzip2.then_some("bzcat"))
}
