//! One entry: a directory with a manifest that says what must be in it.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::StoreError;
use super::content::{self, FileFacts, Files};
use super::held::{Held, LARGEST};
use crate::files;
use crate::key::{CacheInputs, Key};

pub(super) const MANIFEST: &str = "manifest.json";

/// The facts of the files below an entry's directories. The manifest has its hash.
const CONTENT: &str = "content.json";

/// The inputs and the content of an entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Manifest {
    kind: String,
    key: String,
    inputs: serde_json::Value,
    files: Files,
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
        self.manifest.files.get(name).map(FileFacts::hash)
    }

    /// The hash (blake3, hexadecimal) of the list of all files below its directories; `None` where it has no directories.
    #[must_use]
    pub fn directories_hash(&self) -> Option<&str> {
        self.hash(CONTENT)
    }

    /// Reads the manifest and every file it names. The entry is held from then on. `check` refuses a path that others could have
    /// written.
    pub(super) fn open(
        dir: &Path,
        inputs: &CacheInputs,
        held: &Held,
        check: impl Fn(&Path) -> Result<(), StoreError>,
    ) -> Result<Opened, StoreError> {
        let path = dir.join(MANIFEST);
        let damaged = |why: String| Ok(Opened::Damaged(why));
        let text = match held.read(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                // Entries appear whole: one without a manifest has lost it, and a link that leads nowhere is in the way.
                return match dir.symlink_metadata() {
                    Ok(meta) if meta.is_symlink() && !dir.exists() => damaged("it is a link that leads nowhere".into()),
                    Ok(_) => damaged(format!("`{MANIFEST}` is missing")),
                    Err(_) => Ok(Opened::Absent),
                };
            }
            Err(error) if is_of_the_disk(&error) => return Err(StoreError::read(&path)(error)),
            Err(error) => return damaged(format!("`{MANIFEST}`: {error}")),
        };
        for part in dir.parent().into_iter().chain([dir, &path]) {
            check(part)?;
        }
        let manifest: Manifest = match serde_json::from_slice(&text) {
            Ok(manifest) => manifest,
            Err(error) => return damaged(format!("`{MANIFEST}`: {error}")),
        };
        if !manifest.is(inputs.kind(), inputs.key().as_str()) {
            return damaged(format!("`{MANIFEST}` is that of {}/{}", manifest.kind, manifest.key));
        }
        for (name, expected) in &manifest.files {
            let path = dir.join(name);
            if let Some(why) = expected.difference(name, FileFacts::from_path(&path)) {
                return damaged(why);
            }
            check(&path)?;
        }
        Ok(Opened::Whole(Entry { dir: dir.to_owned(), manifest }))
    }

    /// One of its files, or a directory with all files below it. What is below a directory is checked now, and not when the entry
    /// is opened. An entry of an earlier version does not know those files.
    ///
    /// # Errors
    ///
    /// [`StoreError::Damaged`] where it is not what was kept.
    pub fn checked(&self, name: &str) -> Result<PathBuf, StoreError> {
        let damaged = |why| StoreError::Damaged { entry: self.dir.clone(), why };
        let path = self.file(name);
        if !self.manifest.files.contains_key(CONTENT) {
            return Ok(path);
        }
        let list = self.file(CONTENT);
        let text = fs::read(&list).map_err(StoreError::read(&list))?;
        let content: Files = serde_json::from_slice(&text).map_err(|error| damaged(format!("`{CONTENT}`: {error}")))?;
        if let Some(expected) = content.get(name) {
            return match expected.difference(name, FileFacts::from_path(&path)) {
                Some(why) => Err(damaged(why)),
                None => Ok(path),
            };
        }
        let inside = |file: &String| file.strip_prefix(name).is_some_and(|rest| rest.starts_with('/'));
        let expected: Files = content.into_iter().filter(|(file, _)| inside(file)).collect();
        let found = content::below(&self.dir, name).map_err(|error| damaged(format!("`{name}`: {error}")))?;
        match content::first_difference(&expected, &found) {
            Some(why) => Err(damaged(why)),
            None => Ok(path),
        }
    }
}

/// True if a file cannot be read now, which says nothing about its content.
fn is_of_the_disk(error: &io::Error) -> bool {
    use io::ErrorKind::{FileTooLarge, InvalidInput, IsADirectory, NotADirectory};
    let is_a_loop = error.raw_os_error() == Some(rustix::io::Errno::LOOP.raw_os_error());
    !is_a_loop && !matches!(error.kind(), FileTooLarge | InvalidInput | IsADirectory | NotADirectory)
}

impl Manifest {
    /// The manifest of a directory that was just filled. `names` are its files, and directories of files.
    pub(super) fn from_files(dir: &Path, inputs: &CacheInputs, names: &[String]) -> Result<Manifest, StoreError> {
        let (mut files, mut content) = (Files::new(), Files::new());
        for name in names {
            let path = dir.join(name);
            if path.is_dir() {
                content.extend(content::below(dir, name).map_err(StoreError::read(&path))?);
            } else {
                files.insert(name.clone(), FileFacts::from_path(&path).map_err(StoreError::read(&path))?);
            }
        }
        if names.iter().any(|name| dir.join(name).is_dir()) {
            let path = dir.join(CONTENT);
            let written = serde_json::to_vec(&content).map_err(io::Error::from).and_then(|text| fs::write(&path, text));
            written.map_err(StoreError::write(&path))?;
            files.insert(CONTENT.to_owned(), FileFacts::from_path(&path).map_err(StoreError::read(&path))?);
        }
        let (kind, key) = (inputs.kind().to_owned(), inputs.key().to_string());
        Ok(Manifest { kind, key, inputs: inputs.to_json(), files })
    }

    /// The manifest in a directory; `None` where there is none that can be read.
    pub(super) fn read(dir: &Path) -> Option<Manifest> {
        serde_json::from_slice(&files::read_within(&dir.join(MANIFEST), LARGEST).ok()?).ok()
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
