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

/// No archive unpacks to more: a kernel and a trace of the whole channel are far below.
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
/// If the bytes are not an archive, are damaged, hold something else than files, or unpack to more than a GiB.
pub fn unpack(bytes: &[u8]) -> io::Result<BTreeMap<String, Vec<u8>>> {
    unpack_within(bytes, LARGEST)
}

fn unpack_within(bytes: &[u8], limit: u64) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut decoder = zstd::Decoder::new(bytes)?.take(limit);
    let unpacked = files(&mut decoder);
    // The limit looks like the end of the archive to whoever reads it.
    if decoder.limit() == 0 {
        return Err(io::Error::new(io::ErrorKind::InvalidData, format!("it unpacks to more than {limit} bytes")));
    }
    unpacked
}

fn files(decoder: &mut impl io::Read) -> io::Result<BTreeMap<String, Vec<u8>>> {
    let mut files = BTreeMap::new();
    let mut archive = tar::Archive::new(&mut *decoder);
    for entry in archive.entries()? {
        let mut entry = entry?;
        let name = entry.path()?.to_str().map(str::to_owned);
        let (Some(name), true) = (name, entry.header().entry_type().is_file()) else {
            return Err(io::Error::new(io::ErrorKind::InvalidData, "it holds something else than files"));
        };
        let mut content = Vec::new();
        entry.read_to_end(&mut content)?;
        files.insert(name, content);
    }
    // The checksum stands at the very end.
    io::copy(decoder, &mut io::sink())?;
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
    fn the_limit_is_for_all_files_together() -> io::Result<()> {
        let zeros = vec![0; 100_000];
        let names: Vec<String> = (0..10).map(|number| format!("part-{number}")).collect();
        let bytes = pack(&names.iter().map(|name| (name.as_str(), zeros.as_slice())).collect(), Effort::Quick)?;
        assert!(bytes.len() < 10_000);
        assert_eq!(unpack_within(&bytes, 1 << 21)?.len(), 10);
        let error = unpack_within(&bytes, 500_000).expect_err("it is too large");
        assert!(error.to_string().contains("more than 500000 bytes"), "{error}");
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
