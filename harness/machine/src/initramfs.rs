//! The guest's root file system: a `newc` cpio archive, the same bytes for the same content.

use std::collections::BTreeMap;
use std::io::{self, Read as _, Write as _};

use cpio::newc::Builder;

use crate::secrets::Secrets;

/// The root file system of a guest.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Root {
    entries: BTreeMap<String, Entry>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Entry {
    Directory,
    File { mode: u32, content: Vec<u8> },
    Link { target: String },
    Device { mode: u32, major: u32, minor: u32 },
}

/// File types of `struct stat`'s mode.
const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const SYMLINK: u32 = 0o120_000;
const CHARACTER_DEVICE: u32 = 0o020_000;

/// A payload that is being written. All numbers are little-endian, and everything is padded to 8 bytes.
struct Payload {
    bytes: Vec<u8>,
}

/// The first word of a payload.
const PAYLOAD_MAGIC: &[u8; 8] = b"KSNAPPL2";

impl Payload {
    fn new(secrets: Secrets) -> Self {
        // The size follows in `finish`.
        Self { bytes: [&PAYLOAD_MAGIC[..], &[0; 8], &secrets.bytes()].concat() }
    }

    fn file(&mut self, path: &str, mode: u32, content: &[u8]) -> io::Result<()> {
        let path = format!("/{path}");
        let length = u8::try_from(path.len()).map_err(|_| io::Error::other(format!("`{path}` is too long a path")))?;
        self.bytes.extend((content.len() as u64).to_le_bytes());
        self.bytes.extend(mode.to_le_bytes());
        self.bytes.extend(u32::from(length).to_le_bytes());
        for part in [path.as_bytes(), content] {
            self.bytes.extend(part);
            self.bytes.resize(self.bytes.len().next_multiple_of(8), 0);
        }
        Ok(())
    }

    fn finish(mut self) -> Vec<u8> {
        // A head without a path ends it.
        self.bytes.extend([0; 16]);
        let size = (self.bytes.len() as u64).to_le_bytes();
        self.bytes[8..16].copy_from_slice(&size);
        self.bytes
    }
}

impl Root {
    /// A root with what every guest needs: mount points, and the device nodes that `/init` uses before devtmpfs is mounted.
    #[must_use]
    pub fn new() -> Self {
        let mut root = Self::default();
        for directory in ["proc", "sys/kernel/tracing", "tmp"] {
            root.directory(directory);
        }
        // Numbers from the kernel's Documentation/admin-guide/devices.txt.
        for (name, mode, major, minor) in [("console", 0o600, 5, 1), ("mem", 0o600, 1, 1), ("null", 0o666, 1, 3)] {
            root.insert(&format!("dev/{name}"), Entry::Device { mode, major, minor });
        }
        root
    }

    /// Adds a directory, and those above it.
    pub fn directory(&mut self, path: &str) {
        self.insert(path, Entry::Directory);
    }

    /// Adds a program or another executable file.
    pub fn program(&mut self, path: &str, content: Vec<u8>) {
        self.insert(path, Entry::File { mode: 0o755, content });
    }

    /// Adds a file.
    pub fn file(&mut self, path: &str, content: Vec<u8>) {
        self.insert(path, Entry::File { mode: 0o644, content });
    }

    /// Adds a symbolic link.
    pub fn link(&mut self, path: &str, target: &str) {
        self.insert(path, Entry::Link { target: target.into() });
    }

    /// Adds what a tar archive holds: directories, files with their modes, and links. Owners and times are left out. A hard link
    /// becomes a copy.
    ///
    /// # Errors
    /// If it is not a tar archive, or is truncated.
    pub fn archive(&mut self, tar: &[u8]) -> io::Result<()> {
        let mut archive = tar::Archive::new(tar);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = entry.path()?.to_string_lossy().trim_start_matches("./").trim_end_matches('/').to_owned();
            if path.is_empty() || path.split('/').any(|part| part == "..") {
                continue;
            }
            let target = entry.link_name()?.map(|target| target.to_string_lossy().into_owned());
            match (entry.header().entry_type(), target) {
                (tar::EntryType::Directory, _) => self.directory(&path),
                (tar::EntryType::Symlink, Some(target)) => self.link(&path, &target),
                (tar::EntryType::Link, Some(target)) => {
                    if let Some(same) = self.entries.get(target.trim_start_matches("./")).cloned() {
                        self.insert(&path, same);
                    }
                }
                (tar::EntryType::Regular, _) => {
                    let mode = entry.header().mode()? & 0o7777;
                    let mut content = Vec::new();
                    entry.read_to_end(&mut content)?;
                    self.insert(&path, Entry::File { mode, content });
                }
                _ => {}
            }
        }
        Ok(())
    }

    fn insert(&mut self, path: &str, entry: Entry) {
        let path = path.trim_start_matches('/');
        for (at, _) in path.match_indices('/') {
            self.entries.entry(path[..at].to_owned()).or_insert(Entry::Directory);
        }
        self.entries.insert(path.to_owned(), entry);
    }

    /// The archive: entries in the order of their names (a directory stands before what is in it), owner root, time 0,
    /// inodes numbered from 1. Uncompressed: unpacking would cost more guest time than reading.
    ///
    /// # Errors
    /// If a file is larger than the format's 4 GiB.
    pub fn to_cpio(&self) -> io::Result<Vec<u8>> {
        let mut archive = Vec::new();
        for (inode, (path, entry)) in (1..).zip(&self.entries) {
            let builder = Builder::new(path).ino(inode).uid(0).gid(0).mtime(0);
            let (builder, content): (Builder, &[u8]) = match entry {
                Entry::Directory => (builder.mode(DIRECTORY | 0o755).nlink(2), &[]),
                Entry::File { mode, content } => (builder.mode(REGULAR | mode).nlink(1), content),
                Entry::Link { target } => (builder.mode(SYMLINK | 0o777).nlink(1), target.as_bytes()),
                Entry::Device { mode, major, minor } => {
                    (builder.mode(CHARACTER_DEVICE | mode).nlink(1).rdev_major(*major).rdev_minor(*minor), &[])
                }
            };
            let size = u32::try_from(content.len()).map_err(|_| io::Error::other(format!("`{path}` is too large")))?;
            let mut writer = builder.write(&mut archive, size);
            writer.write_all(content)?;
            writer.finish()?;
        }
        cpio::newc::trailer(&mut archive)?;
        Ok(archive)
    }

    /// The same files as a payload: a format that the guest's init unpacks with few instructions (docs/guest-protocol.md). The secrets
    /// are in no file: init takes them out of memory before it starts a program.
    ///
    /// # Errors
    /// If there is an entry that is neither a file nor a directory, or a path that is longer than 255 bytes.
    pub fn to_payload(&self, secrets: Secrets) -> io::Result<Vec<u8>> {
        let mut payload = Payload::new(secrets);
        for (path, entry) in &self.entries {
            match entry {
                Entry::Directory => payload.file(path, DIRECTORY | 0o755, &[])?,
                Entry::File { mode, content } => payload.file(path, REGULAR | mode, content)?,
                Entry::Link { .. } | Entry::Device { .. } => {
                    return Err(io::Error::other(format!("`{path}` is neither a file nor a directory")));
                }
            }
        }
        Ok(payload.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_order_of_adding_does_not_matter() {
        let mut a = Root::new();
        a.program("init", vec![1]);
        a.file("plan", vec![2, 3]);
        let mut b = Root::new();
        b.file("plan", vec![2, 3]);
        b.program("init", vec![1]);
        assert_eq!(a.to_cpio().ok(), b.to_cpio().ok());
    }

    #[test]
    fn a_payload_holds_files_and_directories_alone() -> io::Result<()> {
        let mut root = Root::default();
        root.file("a/b", vec![7; 3]);
        let bytes = root.to_payload(Secrets { begin: 1, end: 2, seal: 3 })?;
        let number = |at: usize| u64::from_le_bytes(bytes[at * 8..][..8].try_into().unwrap_or_default());
        assert_eq!((&bytes[..8], number(1)), (b"KSNAPPL2".as_slice(), bytes.len() as u64));
        assert_eq!([number(2), number(3), number(4)], [1, 2, 3]);
        let word = |at: usize| number(at + 3);
        // `/a`, then `/a/b` with its content, then the end.
        assert_eq!((word(2), word(3) >> 32, word(3) & 0xffff_ffff), (0, 2, 0o040_755));
        assert_eq!((word(5), word(6) >> 32, word(6) & 0xffff_ffff), (3, 4, 0o100_644));
        assert_eq!((word(8), word(9), word(10), bytes.len()), (0x07_0707, 0, 0, 112));
        assert!(Root::new().to_payload(Secrets::default()).is_err(), "devices");
        Ok(())
    }

    #[test]
    fn directories_stand_before_what_is_in_them() {
        let mut root = Root::default();
        root.file("/lib/modules/a.ko", vec![7; 5]);
        let archive = root.to_cpio().unwrap_or_default();
        let at = |name: &[u8]| archive.windows(name.len()).position(|window| window == name);
        assert!(at(b"lib\0") < at(b"lib/modules\0") && at(b"lib/modules\0") < at(b"lib/modules/a.ko\0"));
        assert!(at(b"lib\0").is_some());
    }
}
