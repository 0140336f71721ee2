//! A `trace.dat` whose pages stay in the file: it may be longer than memory.

#![expect(clippy::disallowed_types, reason = "this module reads pages that stay in a file")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

use crate::ReadAt;
use crate::dat;
use crate::dat::{DatError, TraceDat};

/// Bytes that are read at first: the formats of all events and the symbols of a kernel are some MiB, mostly in front.
const BEGINNING: u64 = 1 << 20;

/// All of a file that is not pages, and as many of the pages as come before.
#[derive(Debug)]
pub struct DatFile {
    beginning: Vec<u8>,
    /// The file, and its length; `None` where all of it is in `beginning`.
    whole: Option<(OnDisk, u64)>,
}

#[derive(Debug)]
struct OnDisk(File);

impl ReadAt for OnDisk {
    fn read_exact_at(&self, into: &mut [u8], offset: u64) -> io::Result<()> {
        self.0.read_exact_at(into, offset)
    }
}

impl DatFile {
    /// Reads until all is there that is not pages; all of a file that is compressed or wrong.
    ///
    /// # Errors
    /// The system's error.
    pub fn open(file: File) -> io::Result<Self> {
        let length = file.metadata()?.len();
        let file = OnDisk(file);
        let (mut beginning, mut wanted) = (Vec::new(), BEGINNING);
        loop {
            let (there, end) = (beginning.len(), wanted.min(length));
            beginning.resize(usize::try_from(end).map_err(io::Error::other)?, 0);
            file.read_exact_at(beginning.get_mut(there..).unwrap_or_default(), there as u64)?;
            if end == length {
                return Ok(Self::from(beginning));
            }
            if dat::read_beginning(&beginning, &file, length).is_ok() {
                return Ok(Self { beginning, whole: Some((file, length)) });
            }
            wanted *= 2;
        }
    }

    /// Its content.
    ///
    /// # Errors
    /// [`DatError`] where it is damaged, or of a kind that is not read.
    pub fn read(&self) -> Result<TraceDat<'_>, DatError> {
        match &self.whole {
            Some((file, length)) => dat::read_beginning(&self.beginning, file, *length),
            None => dat::read(&self.beginning),
        }
    }

    /// The same recording as a file without compression; `None` where it is one.
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
        Self { beginning: whole, whole: None }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "the tests write the files that they read")]
mod tests {
    use std::fs;
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
}
