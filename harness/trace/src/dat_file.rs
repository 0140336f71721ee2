//! A `trace.dat` whose pages stay in the file: it may be longer than memory.

#![expect(clippy::disallowed_types, reason = "this module reads pages that stay in a file")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::sync::Arc;

use crate::ReadAt;
use crate::dat;
use crate::dat::{DatError, TraceDat, Version7};

/// Bytes that are read at first: the formats of all events and the symbols of a kernel are some MiB, mostly in front.
const BEGINNING: u64 = 1 << 20;

/// All of a file that is not pages, and as many of the pages as come before.
#[derive(Debug)]
pub struct DatFile {
    beginning: Vec<u8>,
    /// The file, and its length; `None` where all of it is in `beginning`.
    whole: Option<(Arc<dyn ReadAt + Send + Sync>, u64)>,
    /// The parts of a file of version 7 that are in memory, which can be anywhere in it.
    version_7: Option<Result<Version7, DatError>>,
}

#[derive(Debug)]
struct OnDisk(File);

impl ReadAt for OnDisk {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }
}

impl DatFile {
    /// Reads until all is there that is not pages; all of a file of version 6 that is wrong.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        Self::over(Arc::new(OnDisk(file)), length)
    }

    /// The same of anything that is read as a file is, of `length` bytes.
    ///
    /// # Errors
    /// The error of reading.
    pub fn over(file: Arc<dyn ReadAt + Send + Sync>, length: u64) -> io::Result<Self> {
        let (mut beginning, mut wanted) = (Vec::new(), BEGINNING);
        loop {
            let (there, end) = (beginning.len(), wanted.min(length));
            beginning.resize(usize::try_from(end).map_err(io::Error::other)?, 0);
            file.read_exact_at(beginning.get_mut(there..).unwrap_or_default(), there as u64)?;
            if let Some(version_7) = Version7::open(&beginning, &file, length).transpose() {
                return Ok(Self { beginning: Vec::new(), whole: Some((file, length)), version_7: Some(version_7) });
            }
            if end == length {
                return Ok(Self::from(beginning));
            }
            if dat::read_beginning(&beginning, &*file, length).is_ok() {
                return Ok(Self { beginning, whole: Some((file, length)), version_7: None });
            }
            wanted *= 2;
        }
    }

    /// Its content.
    ///
    /// # Errors
    /// [`DatError`] where it is damaged, or of a kind that is not read.
    pub fn read(&self) -> Result<TraceDat<'_>, DatError> {
        match (&self.whole, &self.version_7) {
            (Some((file, length)), Some(version_7)) => version_7.as_ref().map_err(Clone::clone)?.read(&**file, *length),
            (Some((file, length)), None) => dat::read_beginning(&self.beginning, &**file, *length),
            (None, _) => dat::read(&self.beginning),
        }
    }

    /// The same recording as a file without compression; `None` where it is one, or where its pages stay in a file.
    ///
    /// # Errors
    /// [`DatError`] where it is damaged, or compressed in a way that is not read.
    pub fn inflate(&self) -> Result<Option<Vec<u8>>, DatError> {
        // Where there is more than the beginning, that was readable.
        if self.whole.is_some() { Ok(None) } else { dat::inflate(&self.beginning) }
    }
}

impl From<Vec<u8>> for DatFile {
    fn from(whole: Vec<u8>) -> Self {
        Self { beginning: whole, whole: None, version_7: None }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the files that they read")]
mod tests {
    use std::fs;
    use std::io::Write as _;
    use std::os::unix::fs::FileExt as _;

    use super::*;
    use crate::Cpu;

    #[test]
    fn long_pages_stay_in_the_file() -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("trace.dat");
        let pages: Vec<u8> = (0_u8..251).cycle().take(3 << 20).collect();
        // The symbols alone are longer than what is read at first.
        let kallsyms = "ffffffc008000000 T a_function\n".repeat(50_000);
        let dat = TraceDat {
            header_page: "head",
            kallsyms: &kallsyms,
            cpus: vec![(Cpu(0), pages[..].into()), (Cpu(1), pages[..8192].into())],
            ..TraceDat::default()
        };
        let bytes = dat::write(&dat)?;
        fs::write(&path, &bytes)?;
        let file = DatFile::open(File::open(&path)?)?;
        let held = file.beginning.len();
        assert!(held < bytes.len() - pages.len() / 2, "{held} of {} bytes are held", bytes.len());
        let read = file.read()?;
        assert_eq!((read.kallsyms, read.cpus.len(), file.inflate()?), (dat.kallsyms, 2, None));
        for ((_, found), (_, expected)) in read.cpus.iter().zip(&dat.cpus) {
            assert_eq!(found.read()?, expected.read()?);
        }
        // A file that is cut while it is read.
        File::options().write(true).open(&path)?.set_len(held as u64 + 5)?;
        assert!(read.cpus[0].1.read().is_err());
        // A damaged one is an error, and a short one is held as a whole.
        let damaged = File::options().write(true).open(&path)?;
        damaged.write_all_at(b"x", 10)?;
        assert!(DatFile::open(File::open(&path)?)?.read().is_err());
        fs::write(&path, dat::write(&TraceDat { header_page: "head", ..TraceDat::default() })?)?;
        assert_eq!(DatFile::open(File::open(&path)?)?.read()?.header_page, "head");
        Ok(())
    }

    /// A file of version 7 with a section of symbols that is longer than what is read at first, and a buffer of two CPUs.
    fn version_7(pages: &[Vec<u8>; 2], algorithm: &str) -> Vec<u8> {
        let word = |number: usize| u32::try_from(number).expect("short").to_le_bytes();
        let long = |number: usize| (number as u64).to_le_bytes();
        let packed = |content: &[u8]| match algorithm {
            "zlib" => {
                let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
                encoder.write_all(content).expect("memory");
                encoder.finish().expect("memory")
            }
            _ => zstd::bulk::compress(content, 1).expect("memory"),
        };
        let is_packed = algorithm != "none";
        let chunk = |content: &[u8]| {
            let packed = packed(content);
            [&word(packed.len())[..], &word(content.len()), &packed].concat()
        };
        let section = |id: u16, is_packed: bool, content: &[u8]| {
            let head = [&id.to_le_bytes()[..], &u16::from(is_packed).to_le_bytes(), &[0; 4], &long(content.len())];
            [&head.concat()[..], content].concat()
        };
        let kallsyms = "ffffffc008000000 T a_function\n".repeat(50_000);
        let symbols = [&word(kallsyms.len())[..], kallsyms.as_bytes()].concat();
        let symbols = if is_packed { chunk(&symbols) } else { symbols };
        let mut file = [dat::MAGIC, b"7\0\0\x08", &word(4096), algorithm.as_bytes(), b"\x001\0"].concat();
        let options_at = file.len();
        file.extend([0; 8]);
        let symbols_at = file.len();
        file.extend(section(19, is_packed, &symbols));
        let (mut buffer, mut of_cpus) = (Vec::new(), Vec::new());
        let buffer_at = file.len();
        for (cpu, pages) in pages.iter().enumerate() {
            let chunks: Vec<&[u8]> = pages.chunks(40_960).collect();
            let content = if is_packed {
                [word(chunks.len()).to_vec(), chunks.into_iter().flat_map(chunk).collect()].concat()
            } else {
                pages.clone()
            };
            let at = buffer_at + 16 + buffer.len();
            of_cpus.extend([&word(cpu)[..], &long(at), &long(content.len())].concat());
            buffer.extend(content);
        }
        file.extend(section(3, is_packed, &buffer));
        let described = [&long(buffer_at)[..], b"\0local\0", &word(4096), &word(2), &of_cpus].concat();
        let option = |id: u16, data: &[u8]| [&id.to_le_bytes()[..], &word(data.len()), data].concat();
        let options = [option(19, &long(symbols_at)), option(3, &described), option(0, &long(0))].concat();
        let at = file.len();
        file.extend(section(0, false, &options));
        file[options_at..options_at + 8].copy_from_slice(&long(at));
        file
    }

    #[test]
    fn no_number_of_a_damaged_file_breaks_the_reader() {
        for algorithm in ["none", "zlib", "zstd"] {
            let bytes = version_7(&[vec![7; 8192], vec![9; 4096]], algorithm);
            // Places and sizes stand at both ends.
            for at in (0..100).chain(bytes.len() - 300..bytes.len() - 8) {
                for number in [u64::MAX, u64::MAX - 15, 1 << 40] {
                    let mut bad = bytes.clone();
                    bad[at..at + 8].copy_from_slice(&number.to_le_bytes());
                    let length = bad.len() as u64;
                    let file = DatFile::over(Arc::new(bad), length).expect("memory");
                    for (_, pages) in file.read().iter().flat_map(|dat| &dat.cpus) {
                        let _ = pages.read();
                    }
                }
            }
        }
    }

    #[test]
    fn pages_of_version_7_stay_in_the_file_and_are_inflated_as_they_are_read() -> Result<(), Box<dyn std::error::Error>>
    {
        let directory = tempfile::tempdir()?;
        let path = directory.path().join("trace.dat");
        // Bytes that are hardly compressed, so that what is cut off belongs to them.
        let noise = |length: usize| {
            let next = |state: &u32| Some(state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223));
            let states = std::iter::successors(Some(1_u32), next);
            states.map(|state| state.to_be_bytes()[0]).take(length).collect()
        };
        let pages = [noise(3 << 20), noise(5 * 4096)];
        for algorithm in ["none", "zlib", "zstd"] {
            let bytes = version_7(&pages, algorithm);
            fs::write(&path, &bytes)?;
            let file = DatFile::open(File::open(&path)?)?;
            assert!(file.version_7.is_some() && file.inflate()?.is_none(), "{algorithm}");
            let read = file.read()?;
            assert_eq!((read.kallsyms.len(), read.clock.name), (50_000 * 30, Some("local")), "{algorithm}");
            let found = |cpu: usize| read.cpus[cpu].1.read();
            assert!(*found(0)? == pages[0] && *found(1)? == pages[1], "{algorithm}");
            // The same file in memory.
            let memory = DatFile::from(bytes.clone());
            let inflated = memory.inflate()?.map_or(memory, DatFile::from);
            assert!(*inflated.read()?.cpus[0].1.read()? == pages[0], "{algorithm}");
            // A damaged chunk is an error when it is read, where it has a checksum; a file that is cut is one at once.
            fs::write(&path, [&bytes[..2 << 20], &[0x55; 64], &bytes[(2 << 20) + 64..]].concat())?;
            assert_eq!(DatFile::open(File::open(&path)?)?.read()?.cpus[0].1.read().is_err(), algorithm == "zlib");
            fs::write(&path, &bytes[..2 << 20])?;
            assert!(DatFile::open(File::open(&path)?)?.read().is_err(), "{algorithm}");
        }
        Ok(())
    }
}
