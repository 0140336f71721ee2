//! An SD card that a Raspberry Pi boots from, as a file: what a run needs goes onto it, and the card comes back with what the
//! guest left.
//!
//! ```text
//! 0          partition table
//! 1 MiB      FAT32: firmware, kernel, device tree, config.txt, cmdline.txt, initramfs, and run.json
//! 190 MiB    the evidence, as the guest's channel has it (docs/guest-protocol.md)
//! 256 MiB    the end: QEMU takes cards whose size is a power of two
//! ```

mod table;

use std::fs::{File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::Path;

use fatfs::{FileSystem, FormatVolumeOptions, FsOptions, format_volume};
use fscommon::{BufStream, StreamSlice};
use serde::{Deserialize, Serialize};

use self::table::{BOOT, EVIDENCE, SIZE};
use crate::channel::{ChannelError, HEADER_SIZE, Header};

/// The file that says which run is on a card.
const RUN: &str = "run.json";
/// Where the guest sees the evidence.
pub const EVIDENCE_PARTITION: u32 = 2;
/// The volume's name and number: fixed, as all of the card's bytes are.
const LABEL: [u8; 11] = *b"KERNSNAP   ";
const VOLUME: u32 = 0x6b73_6e61;

/// Which run a card is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CardRun {
    /// The scenario.
    pub scenario: String,
    /// The image, and the hash of what its kernel was made from.
    pub image: String,
    /// See [`image`](Self::image).
    pub image_key: String,
    /// The number of CPUs, of which each has a section in the channel.
    pub cpus: u16,
}

/// A card that came back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Returned {
    /// Which run it was made for.
    pub run: CardRun,
    /// The sections of the channel.
    pub body: Vec<u8>,
}

/// Why a card cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum CardError {
    /// The file cannot be read or written, or its boot partition is damaged.
    #[error("the card cannot be read or written: {0}")]
    Io(#[from] io::Error),
    /// It is not a card of ours.
    #[error("it is not a card that `kernsnap image export --sdcard` made: {0}")]
    Foreign(&'static str),
    /// The guest left nothing that is whole.
    #[error("{0}: the card was not booted, or the guest did not come to its end")]
    Channel(#[from] ChannelError),
}

/// True if a file begins like a card.
#[must_use]
pub fn begins_card(head: &[u8]) -> bool {
    table::is_ours(head)
}

/// Writes a card with these files in its boot partition.
///
/// # Errors
/// If the file cannot be written, or the partition is too small for the files.
pub fn write(to: &mut File, run: &CardRun, files: &[(String, Vec<u8>)]) -> Result<(), CardError> {
    to.set_len(SIZE)?;
    to.seek(SeekFrom::Start(0))?;
    to.write_all(&table::sector())?;
    let mut partition = BufStream::new(StreamSlice::new(to, BOOT.start, BOOT.end)?);
    let options = FormatVolumeOptions::new().fat_type(fatfs::FatType::Fat32).volume_label(LABEL).volume_id(VOLUME);
    format_volume(&mut partition, options)?;
    let volume = FileSystem::new(&mut partition, FsOptions::new())?;
    {
        let root = volume.root_dir();
        let described = serde_json::to_vec_pretty(run).map_err(io::Error::from)?;
        let named = files.iter().map(|(name, content)| (name.as_str(), content));
        for (name, content) in named.chain([(RUN, &described)]) {
            let mut file = root.create_file(name)?;
            file.truncate()?;
            file.write_all(content)?;
            file.flush()?;
        }
    }
    volume.unmount()?;
    partition.flush()?;
    Ok(())
}

/// A file of a card's boot partition.
///
/// # Errors
/// If it is not a card of ours, or has no such file.
pub fn file(card: &Path, name: &str) -> Result<Vec<u8>, CardError> {
    let mut image = open(card)?;
    boot_file(&mut image, name)
}

/// Which run a card is for.
///
/// # Errors
/// A [`CardError`].
pub fn run(card: &Path) -> Result<CardRun, CardError> {
    serde_json::from_slice(&file(card, RUN)?).map_err(|_| CardError::Foreign("its `run.json` is not such a file"))
}

/// The guest's evidence on a card.
///
/// # Errors
/// A [`CardError`].
pub fn read(card: &Path) -> Result<Returned, CardError> {
    let mut image = open(card)?;
    let run = boot_file(&mut image, RUN)?;
    let run = serde_json::from_slice(&run).map_err(|_| CardError::Foreign("its `run.json` is not such a file"))?;
    image.seek(SeekFrom::Start(EVIDENCE.start))?;
    let mut head = [0; HEADER_SIZE];
    image.read_exact(&mut head)?;
    let header = Header::read(&head)?;
    if !header.complete || header.used > EVIDENCE.end - EVIDENCE.start - HEADER_SIZE as u64 {
        return Err(CardError::Channel(ChannelError::NotOpened));
    }
    let mut body = Vec::new();
    image.take(header.used).read_to_end(&mut body)?;
    crate::channel::sections(&header, &body)?;
    Ok(Returned { run, body })
}

fn open(card: &Path) -> Result<File, CardError> {
    let mut image = OpenOptions::new().read(true).open(card)?;
    let mut head = [0; 512];
    image.read_exact(&mut head).map_err(|_| CardError::Foreign("it is too short"))?;
    if table::is_ours(&head) { Ok(image) } else { Err(CardError::Foreign("its partitions are others")) }
}

fn boot_file(image: &mut File, name: &str) -> Result<Vec<u8>, CardError> {
    // fatfs wants to be able to write; nothing here does.
    let partition = ReadOnly(StreamSlice::new(image, BOOT.start, BOOT.end)?);
    let volume = FileSystem::new(BufStream::new(partition), FsOptions::new().update_accessed_date(false))?;
    let mut content = Vec::new();
    volume.root_dir().open_file(name)?.read_to_end(&mut content)?;
    Ok(content)
}

/// Something that takes writes and forgets them.
struct ReadOnly<T>(T);

impl<T: Read> Read for ReadOnly<T> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.0.read(buffer)
    }
}

impl<T: Seek> Seek for ReadOnly<T> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.0.seek(to)
    }
}

impl<T> Write for ReadOnly<T> {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        Ok(buffer.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run() -> CardRun {
        CardRun { scenario: "user-fork".into(), image: "x".into(), image_key: "k".into(), cpus: 4 }
    }

    #[test]
    fn files_come_back_and_evidence_is_asked_for() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let path = dir.path().join("card.img");
        let files =
            [("config.txt".to_owned(), b"arm_64bit=1\n".to_vec()), ("kernel8.img".to_owned(), vec![7; 3 << 20])];
        let make = |path: &Path| -> Result<(), CardError> {
            let mut image = OpenOptions::new().read(true).write(true).create(true).truncate(true).open(path)?;
            write(&mut image, &run(), &files)
        };
        make(&path)?;
        for (name, content) in &files {
            assert_eq!(file(&path, name)?, *content, "{name}");
        }
        assert!(matches!(read(&path), Err(CardError::Channel(ChannelError::NotOpened))));
        let other = dir.path().join("other.img");
        make(&other)?;
        assert!(std::fs::read(&path)? == std::fs::read(&other)?, "the same card has the same bytes");
        std::fs::write(&other, [0; 4096])?;
        assert!(matches!(read(&other), Err(CardError::Foreign(_))));
        Ok(())
    }
}
