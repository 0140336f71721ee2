//! The compressions of files of version 7.

use std::io::Read as _;

use flate2::read::ZlibDecoder;

use super::DatError;

/// How the sections of a file are compressed.
#[derive(Clone, Copy, Debug)]
pub(super) enum Algorithm {
    Zstd,
    Zlib,
}

impl Algorithm {
    pub(super) fn named(name: &str) -> Result<Self, DatError> {
        match name {
            "zstd" => Ok(Self::Zstd),
            "zlib" => Ok(Self::Zlib),
            _ => {
                let other = "and only zstd and zlib are read; `trace-cmd convert --compression none -i IN -o OUT` makes one \
                             that is not compressed";
                Err(DatError::Unsupported(format!("it is compressed by {name}, {other}")))
            }
        }
    }

    /// The content of a chunk, which has `length` bytes; `None` where it is damaged.
    pub(super) fn inflate(self, chunk: &[u8], length: usize) -> Option<Vec<u8>> {
        let content = match self {
            Self::Zstd => zstd::bulk::decompress(chunk, length).ok()?,
            Self::Zlib => {
                // It grows as there is content: what a chunk claims may be a gigabyte.
                let mut content = Vec::new();
                let most = u64::try_from(length).ok()?.checked_add(1)?;
                ZlibDecoder::new(chunk).take(most).read_to_end(&mut content).ok()?;
                content
            }
        };
        (content.len() == length).then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn a_chunk_has_as_many_bytes_as_it_claims() {
        let content = b"as many bytes as this";
        let mut zlib = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
        zlib.write_all(content).expect("memory");
        let chunks = [
            (Algorithm::Zstd, zstd::bulk::compress(content, 1).expect("memory")),
            (Algorithm::Zlib, zlib.finish().expect("memory")),
        ];
        for (algorithm, chunk) in chunks {
            assert_eq!(algorithm.inflate(&chunk, content.len()).as_deref(), Some(&content[..]), "{algorithm:?}");
            for claimed in [0, content.len() - 1, content.len() + 1] {
                assert_eq!(algorithm.inflate(&chunk, claimed), None, "{algorithm:?} {claimed}");
            }
        }
    }
}
