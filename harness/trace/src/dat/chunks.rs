//! The compressed pages of a CPU, which stay in the file: a chunk of them is in memory at a time.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

use super::DatError;
use super::compression::Algorithm;
use crate::ReadAt;

/// Bytes of one chunk's content: `trace-cmd record` puts a few pages into one.
const LONGEST: u32 = 64 << 20;

/// Chunks of one CPU.
const MOST: usize = 1 << 22;

/// The chunks of one CPU as one piece of memory would be read.
#[derive(Debug)]
pub(super) struct Chunks {
    file: Arc<dyn ReadAt + Send + Sync>,
    algorithm: Algorithm,
    places: Vec<Chunk>,
    size: u64,
    /// The chunk that was read last, by its place, and its content.
    held: Mutex<Option<(usize, Vec<u8>)>>,
}

#[derive(Clone, Copy, Debug)]
struct Chunk {
    /// Bytes of content before it.
    begin: u64,
    /// Where in the file it is.
    offset: u64,
    /// How long it is there.
    length: u32,
    /// Bytes of its content.
    inside: u32,
}

impl Chunks {
    /// Finds the chunks: their number, and of each its length, that of its content, and bytes.
    pub(super) fn open(
        file: Arc<dyn ReadAt + Send + Sync>,
        length: u64,
        offset: u64,
        algorithm: Algorithm,
    ) -> Result<Self, DatError> {
        let word = |at: u64, expected| {
            let mut word = [0; 4];
            file.read_exact_at(&mut word, at).map_err(|_| damaged(at, expected))?;
            Ok::<_, DatError>(u32::from_le_bytes(word))
        };
        let count = word(offset, "number of chunks")?;
        let (mut places, mut size, mut at) = (Vec::new(), 0, offset.saturating_add(4));
        for _ in 0..count {
            let (packed, inside) = (word(at, "length of a chunk")?, word(at + 4, "length of a chunk's content")?);
            let begin = at + 8;
            at = begin + u64::from(packed);
            if at > length {
                return Err(damaged(begin, "chunk"));
            }
            if inside > LONGEST || places.len() >= MOST {
                let hint = "`trace-cmd convert --compression none -i IN -o OUT` makes a file that is not compressed";
                let what = format!("a CPU has a chunk of more than {} MiB or more than {MOST} chunks", LONGEST >> 20);
                return Err(DatError::Unsupported(format!("{what}; {hint}")));
            }
            if inside > 0 {
                places.push(Chunk { begin: size, offset: begin, length: packed, inside });
                size += u64::from(inside);
            }
        }
        Ok(Self { file, algorithm, places, size, held: Mutex::new(None) })
    }

    /// Bytes of the content.
    pub(super) fn size(&self) -> u64 {
        self.size
    }

    fn inflate(&self, chunk: Chunk) -> io::Result<Vec<u8>> {
        let mut packed = vec![0; usize::try_from(chunk.length).map_err(io::Error::other)?];
        self.file.read_exact_at(&mut packed, chunk.offset)?;
        let inside = usize::try_from(chunk.inside).map_err(io::Error::other)?;
        let content = self.algorithm.inflate(&packed, inside).filter(|content| content.len() == inside);
        content.ok_or_else(|| {
            let text = format!("the compressed chunk at byte {} is damaged", chunk.offset);
            io::Error::new(ErrorKind::InvalidData, text)
        })
    }
}

impl ReadAt for Chunks {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
        let (mut into, mut at) = (into, offset);
        while !into.is_empty() {
            let place = self.places.partition_point(|chunk| chunk.begin <= at).checked_sub(1);
            let found = place.and_then(|place| Some((place, *self.places.get(place)?)));
            let (place, chunk) = found.ok_or(ErrorKind::UnexpectedEof)?;
            let content = match &mut *held {
                Some((known, content)) if *known == place => content,
                held => &mut held.insert((place, self.inflate(chunk)?)).1,
            };
            let rest = usize::try_from(at - chunk.begin).ok().and_then(|begin| content.get(begin..));
            let rest = rest.filter(|rest| !rest.is_empty()).ok_or(ErrorKind::UnexpectedEof)?;
            let length = rest.len().min(into.len());
            let (now, later) = into.split_at_mut(length);
            now.copy_from_slice(&rest[..length]);
            into = later;
            at += length as u64;
        }
        Ok(())
    }
}

fn damaged(at: u64, expected: &'static str) -> DatError {
    DatError::Damaged { at: usize::try_from(at).unwrap_or(usize::MAX), expected }
}
