//! The compressed pages of a CPU, which stay in the file: a chunk of them is in memory at a time.

use std::io::{self, ErrorKind};
use std::sync::{Arc, Mutex, PoisonError};

use super::DatError;
use super::compression::Algorithm;
use crate::ReadAt;

/// The limit of decompressed bytes of a file of `length` bytes: reading takes a time that its length bounds.
pub(super) fn most_inflated(length: u64) -> u64 {
    length.saturating_mul(100).max(64 << 20)
}

/// The room that the chunks of a file may still take, over all of its CPUs: a few bytes can claim anything, and CPUs can share them.
#[derive(Debug)]
pub(super) struct Room {
    /// Chunks. `trace-cmd record` puts ten pages into one: these are 40 GiB.
    chunks: u64,
    /// Bytes of the longest chunk of each CPU, which are in memory at a time.
    held: u64,
    /// Bytes of content.
    content: u64,
}

impl Room {
    /// For a file of `length` bytes.
    pub(super) fn new(length: u64) -> Self {
        Self { chunks: 1 << 20, held: 128 << 20, content: most_inflated(length) }
    }
}

/// Takes `amount` of what is left.
fn take(left: &mut u64, amount: u64, what: &str) -> Result<(), DatError> {
    *left = left.checked_sub(amount).ok_or_else(|| {
        let hint = "`trace-cmd convert --compression none -i IN -o OUT` makes a file that is not compressed";
        DatError::Unsupported(format!("{what}; {hint}"))
    })?;
    Ok(())
}

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
        room: &mut Room,
    ) -> Result<Self, DatError> {
        let word = |at: u64, expected| {
            let mut word = [0; 4];
            file.read_exact_at(&mut word, at).map_err(|_| damaged(at, expected))?;
            Ok::<_, DatError>(u32::from_le_bytes(word))
        };
        let count = word(offset, "number of chunks")?;
        let (mut places, mut size, mut at) = (Vec::new(), 0, offset.saturating_add(4));
        let mut longest = 0;
        for _ in 0..count {
            let (packed, inside) = (word(at, "length of a chunk")?, word(at + 4, "length of a chunk's content")?);
            let begin = at + 8;
            at = begin + u64::from(packed);
            if at > length {
                return Err(damaged(begin, "chunk"));
            }
            take(&mut room.chunks, 1, "it has more than a million compressed chunks")?;
            take(
                &mut room.content,
                inside.into(),
                "its compressed pages are more than a hundred times as long as the file",
            )?;
            longest = longest.max(packed).max(inside);
            if inside > 0 {
                places.push(Chunk { begin: size, offset: begin, length: packed, inside });
                size += u64::from(inside);
            }
        }
        take(&mut room.held, longest.into(), "the longest chunks of its CPUs have more than 128 MiB")?;
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
        self.algorithm.inflate(&packed, inside).ok_or_else(|| {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_bytes_that_claim_much_take_neither_memory_nor_time() {
        // CPUs that each have a number of empty chunks, of which each claims to have some bytes inside, in a file with more behind them.
        let error = |cpus: usize, chunks: u32, inside: u32, behind: usize| {
            let chunk = [0_u32.to_le_bytes(), inside.to_le_bytes()].concat();
            let bytes = [chunks.to_le_bytes().to_vec(), chunk.repeat(chunks as usize), vec![0; behind]].concat();
            let length = bytes.len() as u64;
            let file: Arc<dyn ReadAt + Send + Sync> = Arc::new(bytes);
            let mut room = Room::new(length);
            let mut open = || Chunks::open(Arc::clone(&file), length, 0, Algorithm::Zstd, &mut room);
            (0..cpus).find_map(|_| open().err()).map(|error| error.to_string()).unwrap_or_default()
        };
        let check = |(cpus, chunks, inside, behind), expected: &str| {
            let error = error(cpus, chunks, inside, behind);
            assert!(error.contains(expected) && error.is_empty() == expected.is_empty(), "{expected}: {error}");
        };
        check((256, 6, 40_960, 0), "");
        check((1, 1, 60 << 20, 0), "");
        check((1, 1, u32::MAX, 0), "a hundred times");
        check((2, 1, 60 << 20, 0), "a hundred times");
        check((2, 1, 60 << 20, 4 << 20), "");
        check((3, 1, 60 << 20, 4 << 20), "the longest chunks");
        check((32, 1 << 15, 1, 0), "");
        check((33, 1 << 15, 1, 0), "more than a million");
    }
}
