//! Several files in one, compressed: the same bytes for the same files.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};

/// The effort of compression, as levels of zstd.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Effort {
    /// For what is written often and read soon.
    Quick,
    /// For what travels.
    Thorough,
}

/// No file of an archive is larger: a kernel and a trace of the whole channel are far below.
const LARGEST: u64 = 1 << 30;

/// Files by their names: a `tar` in the order of the names, owner root, time 0, compressed by zstd, with a checksum.
///
/// # Errors
/// If a name is longer than the format allows.
pub fn pack(files: &BTreeMap<&str, &[u8]>, effort: Effort) -> io::Result<Vec<u8>> {
    let level = match effort {
        Effort::Quick => 1,
        Effort::Thorough => 12,
    };
    let mut encoder = zstd::Encoder::new(Vec::new(), level)?;
    encoder.include_checksum(true)?;
    let mut archive = tar::Builder::new(encoder);
    for (name, content) in files {
        let mut header = tar::Header::new_ustar();
        header.set_size(content.len() as u64);
        header.set_mode(0o644);
        archive.append_data(&mut header, name, *content)?;
    }
    let mut encoder = archive.into_inner()?;
    encoder.flush()?;
    encoder.finish()
}

/// The files of an archive.
///
/// # Errors
/// If the bytes are not an archive, are damaged, or hold something else than files.
pub fn unpack(bytes: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut decoder = zstd::Decoder::new(bytes)?;
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(&mut decoder);
    for entry in archive.entries()? {
        let entry = entry?;
        let name = entry.path()?.to_str().map(str::to_owned);
        let (Some(name), true) = (name, entry.header().entry_type().is_file()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds something else than files"));
        };
        let mut content = Vec::new();
        entry.take(LARGEST).read_to_end(&mut content)?;
        files.insert(name, content);
    }
    // The checksum stands at the very end.
    io::copy(&mut decoder, &mut io::sink())?;
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packed() -> io::Result<Vec<u8>> {
        pack(&BTreeMap::from([("trace.raw", [7; 5000].as_slice()), ("end.json", b"{}")]), Effort::Quick)
    }

    #[test]
    fn what_was_packed_is_unpacked() -> io::Result<()> {
        let files = unpack(&packed()?)?;
        assert_eq!(files, BTreeMap::from([("end.json".into(), b"{}".to_vec()), ("trace.raw".into(), vec![7; 5000])]));
        assert_eq!(packed()?, packed()?);
        Ok(())
    }

    #[test]
    fn every_cut_and_every_flipped_byte_is_noticed() -> io::Result<()> {
        let (bytes, files) = (packed()?, unpack(&packed()?)?);
        for end in 0..bytes.len() {
            assert!(unpack(&bytes[..end]).is_err(), "cut at {end}");
        }
        for at in 0..bytes.len() {
            let mut bad = bytes.clone();
            bad[at] ^= 0x10;
            // Some bits of the frame's head say nothing about the content.
            assert!(unpack(&bad).is_err() || unpack(&bad)? == files, "byte {at}");
        }
        Ok(())
    }
}
