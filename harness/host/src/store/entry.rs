//! One entry: a directory with a manifest that says what must be in it.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::held::Held;
use crate::key::{CacheInputs, Key};

pub(super) const MANIFEST: &str = "manifest.json";

/// The inputs and the content of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    kind: String,
    key: String,
    inputs: serde_json::Value,
    files: BTreeMap<String, FileFacts>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct FileFacts {
    size: u64,
    blake3: String,
}

/// An entry whose files were all checked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    dir: PathBuf,
    manifest: Manifest,
}

/// The content of an entry's place.
pub(super) enum Opened {
    Whole(Entry),
    Damaged(String),
    Absent,
}

impl Entry {
    pub(super) fn new(dir: PathBuf, manifest: Manifest) -> Entry {
        Entry { dir, manifest }
    }

    /// Its directory.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// One of its files or directories.
    #[must_use]
    pub fn file(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// The hash (blake3, hexadecimal) of one of its checked files.
    #[must_use]
    pub fn hash(&self, name: &str) -> Option<&str> {
        self.manifest.files.get(name).map(|facts| facts.blake3.as_str())
    }

    /// Reads the manifest and every file it names. The entry is held from then on.
    pub(super) fn open(dir: &Path, held: &Held) -> Result<Opened, StoreError> {
        let path = dir.join(MANIFEST);
        let read = |mut file: File| {
            let mut text = Vec::new();
            file.read_to_end(&mut text).map(|_| text)
        };
        let text = match held.open(&path).and_then(read) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Entries appear whole: a directory without a manifest has lost it.
                return Ok(if dir.exists() {
                    Opened::Damaged(format!("`{MANIFEST}` is missing"))
                } else {
                    Opened::Absent
                });
            }
            Err(error) => return Err(StoreError::read(&path)(error)),
        };
        let manifest: Manifest = match serde_json::from_slice(&text) {
            Ok(manifest) => manifest,
            Err(error) => return Ok(Opened::Damaged(format!("`{MANIFEST}`: {error}"))),
        };
        for (name, expected) in &manifest.files {
            match FileFacts::from_path(&dir.join(name)) {
                Ok(found) if found == *expected => {}
                Ok(found) if found.size != expected.size => {
                    return Ok(Opened::Damaged(format!(
                        "`{name}` has {} bytes instead of {}",
                        found.size, expected.size
                    )));
                }
                Ok(_) => return Ok(Opened::Damaged(format!("`{name}` has another content"))),
                Err(error) => return Ok(Opened::Damaged(format!("`{name}`: {error}"))),
            }
        }
        Ok(Opened::Whole(Entry { dir: dir.to_owned(), manifest }))
    }
}

impl Manifest {
    /// The manifest of a directory that was just filled.
    pub(super) fn from_files(dir: &Path, inputs: &CacheInputs, files: &[String]) -> Result<Manifest, StoreError> {
        let facts = |name: &String| {
            let path = dir.join(name);
            Ok((name.clone(), FileFacts::from_path(&path).map_err(StoreError::read(&path))?))
        };
        Ok(Manifest {
            kind: inputs.kind().to_owned(),
            key: inputs.key().to_string(),
            inputs: inputs.to_json(),
            files: files.iter().map(facts).collect::<Result<_, StoreError>>()?,
        })
    }

    /// The manifest in a directory; `None` where there is none that can be read.
    pub(super) fn read(dir: &Path) -> Option<Manifest> {
        serde_json::from_slice(&fs::read(dir.join(MANIFEST)).ok()?).ok()
    }

    /// True if it is that of this entry.
    pub(super) fn is(&self, kind: &str, key: &str) -> bool {
        self.kind == kind && self.key == key
    }

    pub(super) fn write(&self, dir: &Path) -> Result<(), StoreError> {
        let path = dir.join(MANIFEST);
        let failed = StoreError::write(&path);
        let text = match serde_json::to_string_pretty(self) {
            Ok(text) => text + "\n",
            Err(error) => return Err(failed(error.into())),
        };
        fs::write(&path, text).map_err(failed)
    }
}

impl FileFacts {
    fn from_path(path: &Path) -> io::Result<FileFacts> {
        let mut hasher = blake3::Hasher::new();
        let mut file = File::open(path)?;
        hasher.update_reader(&mut file)?;
        Ok(FileFacts { size: hasher.count(), blake3: hasher.finalize().to_hex().to_string() })
    }
}

/// The key and kind as the manifest states them, for listings.
impl Entry {
    /// The kind of the entry.
    #[must_use]
    pub fn kind(&self) -> &str {
        &self.manifest.kind
    }

    /// True if it is the entry of this key.
    #[must_use]
    pub fn is(&self, key: &Key) -> bool {
        self.manifest.key == key.as_str()
    }
}
