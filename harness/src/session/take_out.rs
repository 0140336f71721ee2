//! Files that a shell's guest sent, written into a directory. A guest is a stranger: its names are names and never paths, nothing is
//! overwritten, and the channel's region bounds what there can be.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use kernsnap_host::name::is_name;
use kernsnap_machine::channel::{ChannelError, sections};
use kernsnap_machine::machine::Region;
use kernsnap_machine::memory::GuestMemory;

/// As many files are taken out: a guest could fill a directory with empty ones.
const MOST_FILES: usize = 1000;
/// As many names are tried for a file whose name is taken.
const MOST_NAMES: usize = 1000;

/// The files that left a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TakenOut {
    /// Where they are.
    pub files: Vec<PathBuf>,
    /// The guest's names that are not plain names, or are too many. These files were left in the guest.
    pub refused: Vec<String>,
    /// False if the guest was switched off, or ran out of room, while it sent them: the last one may be truncated.
    pub complete: bool,
}

/// Why files cannot be taken out.
#[derive(Debug, thiserror::Error)]
pub enum TakeOutError {
    /// The guest's memory cannot be read.
    #[error("cannot read the guest's memory")]
    Memory(#[source] io::Error),
    /// The guest wrote something else there than files.
    #[error("the files of the guest cannot be read")]
    Channel(#[from] ChannelError),
    /// A file cannot be written.
    #[error("cannot write `{}`", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

/// Writes the files that the guest left in the channel into `directory`; `None` where it sent nothing. A file whose name is taken gets
/// a number: `trace.1`.
///
/// # Errors
/// A [`TakeOutError`]; files before the one that failed are there.
pub fn take_out(memory: &GuestMemory, channel: Region, directory: &Path) -> Result<Option<TakenOut>, TakeOutError> {
    let (header, body) = match memory.channel(channel).map_err(TakeOutError::Memory)? {
        Err(ChannelError::NotOpened) => return Ok(None),
        found => found?,
    };
    let mut taken = TakenOut { complete: header.complete, ..TakenOut::default() };
    for (number, (name, content)) in sections(&header, &body)?.into_iter().enumerate() {
        if number >= MOST_FILES || !is_name(name) {
            taken.refused.push(name.to_owned());
            continue;
        }
        let path = directory.join(name);
        let file = write_new(&path, content).map_err(|source| TakeOutError::Write { path, source })?;
        taken.files.push(file);
    }
    Ok(Some(taken))
}

/// Writes a file that is not there yet, under another name where this one is taken. A link in its place counts as taken.
fn write_new(path: &Path, content: &[u8]) -> io::Result<PathBuf> {
    let numbered = (1..MOST_NAMES).map(|number| {
        let mut name = path.as_os_str().to_owned();
        name.push(format!(".{number}"));
        PathBuf::from(name)
    });
    for path in [path.to_owned()].into_iter().chain(numbered) {
        match OpenOptions::new().write(true).create_new(true).open(&path) {
            Ok(mut file) => {
                file.write_all(content)?;
                return Ok(path);
            }
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Makes the directory that files go to, where it is not there.
///
/// # Errors
/// If it cannot be made.
pub fn make(directory: &Path) -> Result<(), TakeOutError> {
    fs::create_dir_all(directory).map_err(|source| TakeOutError::Write { path: directory.to_owned(), source })
}

#[cfg(test)]
mod tests {
    use std::error::Error;
    use std::os::unix::fs::{FileExt as _, symlink};

    use super::*;

    const REGION: Region = Region { address: 0x1000, size: 0x8000 };

    /// A guest's memory with a channel that holds these sections, as `guest-programs/init/channel.c` writes them.
    fn memory(sections: &[(&str, &[u8])], complete: bool) -> io::Result<GuestMemory> {
        let mut body = Vec::new();
        for (name, payload) in sections {
            body.extend((payload.len() as u64).to_le_bytes());
            body.extend(crc32fast::hash(payload).to_le_bytes());
            body.extend(u32::try_from(name.len()).unwrap_or(0).to_le_bytes());
            for part in [name.as_bytes(), payload] {
                body.extend(part);
                body.resize(body.len().next_multiple_of(8), 0);
            }
        }
        let mut bytes = b"KSNAPCH1".to_vec();
        bytes.extend((body.len() as u64).to_le_bytes());
        bytes.extend(u32::try_from(sections.len()).unwrap_or(0).to_le_bytes());
        bytes.extend(u32::from(complete).to_le_bytes());
        bytes.extend(crc32fast::hash(&bytes).to_le_bytes());
        bytes.resize(64, 0);
        bytes.extend(body);
        let memory = GuestMemory::new(1)?;
        let file = OpenOptions::new().write(true).open(memory.path())?;
        file.write_all_at(&bytes, REGION.address)?;
        Ok(memory)
    }

    #[test]
    fn files_of_a_guest_are_in_the_directory_and_replace_none() -> Result<(), Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        fs::write(path("trace"), "mine")?;
        symlink("/nowhere", path("trace.1"))?;
        let taken = take_out(&memory(&[("trace", b"its"), ("empty", b"")], true)?, REGION, directory.path())?;
        let expected = TakenOut { files: vec![path("empty"), path("trace.2")], refused: Vec::new(), complete: true };
        assert_eq!(taken, Some(expected));
        assert_eq!((fs::read(path("trace"))?, fs::read(path("trace.2"))?), (b"mine".to_vec(), b"its".to_vec()));
        Ok(())
    }

    #[test]
    fn a_name_that_is_a_path_leaves_nothing_anywhere() -> Result<(), Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let inner = directory.path().join("inner");
        make(&inner)?;
        let names = ["../up", "/tmp/x", "..", ".profile", "-rf", "a/b", "a\nb", ""];
        let sections = names.map(|name| (name, b"x".as_slice()));
        let taken = take_out(&memory(&sections, false)?, REGION, &inner)?.ok_or("nothing")?;
        assert_eq!((taken.refused.len(), taken.files.len(), taken.complete), (names.len(), 0, false));
        assert_eq!((fs::read_dir(&inner)?.count(), fs::read_dir(directory.path())?.count()), (0, 1));
        Ok(())
    }

    #[test]
    fn more_files_than_a_directory_should_have_are_refused() -> Result<(), Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let names: Vec<String> = (0..=MOST_FILES).map(|number| format!("f{number:04}")).collect();
        let sections: Vec<(&str, &[u8])> = names.iter().map(|name| (name.as_str(), &b""[..])).collect();
        let taken = take_out(&memory(&sections, true)?, REGION, directory.path())?.ok_or("nothing")?;
        assert_eq!((taken.files.len(), taken.refused), (MOST_FILES, vec![format!("f{MOST_FILES}")]));
        Ok(())
    }

    #[test]
    fn a_guest_that_sent_nothing_leaves_nothing() -> Result<(), Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        assert_eq!(take_out(&GuestMemory::new(1)?, REGION, directory.path())?, None);
        let memory = GuestMemory::new(1)?;
        OpenOptions::new().write(true).open(memory.path())?.write_all_at(b"KSNAPCH1damaged", REGION.address)?;
        assert!(take_out(&memory, REGION, directory.path()).is_err());
        Ok(())
    }
}
