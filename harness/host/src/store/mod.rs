//! The store: what was built once, found by what it was built from.
//!
//! ```text
//! ROOT/kernsnap-store          the marker: a directory without it is not touched
//! ROOT/<kind>/<key>/…          an entry: its files and manifest.json
//! ROOT/tmp/<kind>-<key>/       an entry being built, by the holder of …
//! ROOT/lock/<kind>-<key>.lock  … this lock, which dies with its holder
//! ROOT/damaged/<kind>-<key>/   an entry that lost its content, kept for a look
//! ROOT/work/<key>/             a place to build in that outlives builds; no entry
//! ROOT/records/<name>.json     answers that are quick to look up and slow to find out
//! ROOT/log/<kind>-<key>.log    what the tools said during the last build of an entry
//! ```
//!
//! An entry appears by one rename and is never written again. A reader's lock only keeps it from being removed. A build that fails, or dies, leaves
//! only a directory below `tmp`, which the next holder of its lock removes.

mod content;
mod elsewhere;
mod entry;
mod error;
mod held;
mod lock;
mod record;
mod root;
mod scratch;
mod usage;

pub use elsewhere::{Elsewhere, Pack, RESULT};
pub use entry::Entry;
pub use error::StoreError;
pub use scratch::Scratch;
pub use usage::{Gone, Item, Keep, eviction_order, is_for_a_cache};

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use self::entry::{Manifest, Opened};
use self::held::Held;
use self::lock::{if_free, with_lock};
use crate::files;
use crate::key::{CacheInputs, KEY_LENGTH};
use crate::name::is_name;
use crate::progress::{Events, ImageEvent};

/// A store in a directory. Making one touches nothing. The entries that were opened through one or a clone of it stay until the last
/// of these is gone.
#[derive(Debug, Clone)]
pub struct Store {
    root: PathBuf,
    /// True if entries that are missing may be built.
    builds: bool,
    held: Held,
    /// Where entries that are missing are looked for before they are built.
    elsewhere: Option<Arc<dyn Elsewhere>>,
}

impl PartialEq for Store {
    fn eq(&self, other: &Store) -> bool {
        (&self.root, self.builds) == (&other.root, other.builds)
    }
}

impl Eq for Store {}

impl Store {
    /// The store in this directory, which need not exist yet. The path must be absolute: tools run elsewhere.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Store {
        Store { root: root.into(), builds: true, held: Held::default(), elsewhere: None }
    }

    /// The same store for a command that only reads: what it does not have is an error, and is not built.
    #[must_use]
    pub fn without_builds(&self) -> Store {
        Store { builds: false, ..self.clone() }
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The entry made from these inputs, if it is there and whole. Nothing is written but the time of its use.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`] when the disk fails; a damaged entry counts as absent.
    pub fn find(&self, inputs: &CacheInputs) -> Result<Option<Entry>, StoreError> {
        root::check(&self.root)?;
        Ok(match self.open(inputs)? {
            Opened::Whole(entry) => {
                usage::renew(entry.dir());
                Some(entry)
            }
            Opened::Absent | Opened::Damaged(_) => None,
        })
    }

    /// The entry made from these inputs, built by `build` when it is not there.
    ///
    /// `build` gets an empty directory to fill and returns the files that are the entry's content: their sizes and hashes
    /// are checked at every opening (files it does not name are kept, unchecked). Of several processes that want the same
    /// entry, one builds and the others wait.
    ///
    /// # Errors
    ///
    /// The errors of `build`, and [`StoreError`] when the store cannot be read or written. Nothing is published then.
    pub fn ensure<E: From<StoreError>>(
        &self,
        inputs: &CacheInputs,
        events: Events<'_>,
        build: impl FnOnce(&Path, Events<'_>) -> Result<Vec<String>, E>,
    ) -> Result<Entry, E> {
        root::check(&self.root)?;
        if let Opened::Whole(entry) = self.open(inputs)? {
            usage::renew(entry.dir());
            return Ok(entry);
        }
        if !self.builds {
            return Err(StoreError::NotBuilt { entry: words(inputs) }.into());
        }
        let lock = self.sub("lock")?.join(format!("{}.lock", entry_name(inputs)));
        // The events have two users, one after the other: whoever waits, then whoever builds.
        let events = std::cell::RefCell::new(events);
        let mut waiting = |holder: &str| {
            (events.borrow_mut())(ImageEvent::Waiting { entry: words(inputs), holder: holder.to_owned() });
        };
        with_lock(&lock, &mut waiting, || {
            // Whoever held the lock may have built it.
            match self.open(inputs)? {
                Opened::Whole(entry) => return Ok(entry),
                Opened::Damaged(why) => {
                    self.set_aside(inputs)?;
                    (events.borrow_mut())(ImageEvent::Damaged { entry: words(inputs), why });
                }
                Opened::Absent => {}
            }
            if let Some(entry) = self.receive(inputs, *events.borrow_mut())? {
                return Ok(entry);
            }
            let entry = self.publish(inputs, *events.borrow_mut(), build)?;
            self.pass_on(inputs);
            Ok(entry)
        })
    }

    /// A directory of the entry made from these inputs, with all files below it checked. Where one was damaged, the entry is set aside
    /// and built again.
    ///
    /// # Errors
    ///
    /// As [`Store::ensure`].
    pub fn ensure_checked<E: From<StoreError>>(
        &self,
        inputs: &CacheInputs,
        directory: &str,
        events: Events<'_>,
        build: impl Fn(&Path, Events<'_>) -> Result<Vec<String>, E>,
    ) -> Result<PathBuf, E> {
        let why = match self.ensure(inputs, events, &build)?.checked(directory) {
            Err(StoreError::Damaged { why, .. }) if self.builds => why,
            checked => return Ok(checked?),
        };
        events(ImageEvent::Damaged { entry: words(inputs), why });
        let lock = self.sub("lock")?.join(format!("{}.lock", entry_name(inputs)));
        with_lock(&lock, &mut |_| (), || self.set_aside(inputs))?;
        Ok(self.ensure(inputs, events, &build)?.checked(directory)?)
    }

    /// Does this in a directory that is kept, with whatever is in it, alone.
    ///
    /// # Errors
    ///
    /// The errors of `work`, and [`StoreError`] when the store cannot be written.
    pub fn build_dir<T, E: From<StoreError>>(
        &self,
        inputs: &CacheInputs,
        events: Events<'_>,
        work: impl FnOnce(&Path, Events<'_>) -> Result<T, E>,
    ) -> Result<T, E> {
        if !self.builds {
            return Err(StoreError::NotBuilt { entry: words(inputs) }.into());
        }
        let lock = self.sub("lock")?.join(format!("{}.lock", entry_name(inputs)));
        let dir = self.sub(root::WORK)?.join(inputs.key().as_str());
        let events = std::cell::RefCell::new(events);
        let mut waiting = |holder: &str| {
            (events.borrow_mut())(ImageEvent::Waiting { entry: words(inputs), holder: holder.to_owned() });
        };
        with_lock(&lock, &mut waiting, || work(&root::directory(dir)?, *events.borrow_mut()))
    }

    /// Builds an entry; the caller holds its lock.
    fn publish<E: From<StoreError>>(
        &self,
        inputs: &CacheInputs,
        events: Events<'_>,
        build: impl FnOnce(&Path, Events<'_>) -> Result<Vec<String>, E>,
    ) -> Result<Entry, E> {
        let dir = self.entry_dir(inputs);
        self.sub(inputs.kind())?;
        let scratch = self.sub("tmp")?.join(entry_name(inputs));
        remove(&scratch)?;
        self.sweep()?;
        let published = fill(&scratch, inputs, events, build).and_then(|manifest| {
            fs::rename(&scratch, &dir).map_err(StoreError::write(&dir))?;
            // The holder of the build lock is the only one that could remove it now.
            let path = dir.join(entry::MANIFEST);
            self.held.read(&path).map_err(StoreError::read(&path))?;
            Ok(Entry::new(dir, manifest))
        });
        if published.is_err() {
            // The reason is what counts; a rest that cannot be removed now is removed by the next builder.
            let _rest = remove(&scratch);
        }
        published
    }

    /// Moves a damaged entry out of the way, for a person to look at.
    fn set_aside(&self, inputs: &CacheInputs) -> Result<(), StoreError> {
        let aside = self.sub("damaged")?.join(entry_name(inputs));
        remove(&aside)?;
        fs::rename(self.entry_dir(inputs), &aside).map_err(StoreError::write(&aside))
    }

    /// Where the tools' words about an entry go. The file is emptied.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn log_for(&self, inputs: &CacheInputs) -> Result<PathBuf, StoreError> {
        let path = self.sub("log")?.join(format!("{}.log", entry_name(inputs)));
        fs::write(&path, "").map_err(StoreError::write(&path))?;
        Ok(path)
    }

    /// An empty directory for the files of a debugger's run, in place of the one before.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn debug_dir(&self, scenario: &str) -> Result<PathBuf, StoreError> {
        let parent = self.sub("gdb")?;
        if !is_name(scenario) {
            return Err(StoreError::write(&parent)(io::ErrorKind::InvalidFilename.into()));
        }
        let directory = parent.join(scenario);
        remove(&directory)?;
        fs::create_dir(&directory).map_err(StoreError::write(&directory))?;
        Ok(directory)
    }

    /// Moves the evidence of a run that did not pass into the store, in place of what was kept under that name before.
    /// `parts` name the image, the scenario and, where there are several, the repetition.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn keep_evidence(&self, from: &Path, parts: &[&str]) -> Result<PathBuf, StoreError> {
        let mut to = self.sub(root::EVIDENCE)?;
        for part in parts {
            if !is_name(part) {
                return Err(StoreError::write(&to)(io::ErrorKind::InvalidFilename.into()));
            }
            // All but the last are directories of the store.
            to = root::directory(to)?.join(part);
        }
        remove(&to)?;
        fs::rename(from, &to).map_err(StoreError::write(&to))?;
        Ok(to)
    }

    /// Removes what builders that died left below `tmp`: whoever is alive holds the lock of what it builds.
    fn sweep(&self) -> Result<(), StoreError> {
        let (tmp, locks) = (self.sub("tmp")?, self.sub("lock")?);
        for dir in fs::read_dir(&tmp).map_err(StoreError::read(&tmp))? {
            let dir = dir.map_err(StoreError::read(&tmp))?;
            if !is_entry_name(&dir.file_name().to_string_lossy()) {
                continue;
            }
            let lock = locks.join(format!("{}.lock", dir.file_name().to_string_lossy()));
            if_free(&lock, || remove(&dir.path()))?.unwrap_or(Ok(()))?;
        }
        Ok(())
    }

    fn open(&self, inputs: &CacheInputs) -> Result<Opened, StoreError> {
        Entry::open(&self.entry_dir(inputs), inputs, &self.held, |part| root::check_part(&self.root, part))
    }

    fn entry_dir(&self, inputs: &CacheInputs) -> PathBuf {
        self.root.join(inputs.kind()).join(inputs.key().as_str())
    }

    /// A directory of the store, made when it is missing.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written, or the root is not a store's.
    pub fn sub(&self, name: &str) -> Result<PathBuf, StoreError> {
        root::claim(&self.root)?;
        root::directory(self.root.join(name))
    }
}

/// Builds into a directory and writes its manifest.
fn fill<E: From<StoreError>>(
    scratch: &Path,
    inputs: &CacheInputs,
    events: Events<'_>,
    build: impl FnOnce(&Path, Events<'_>) -> Result<Vec<String>, E>,
) -> Result<Manifest, E> {
    fs::create_dir(scratch).map_err(StoreError::write(scratch))?;
    let files = build(scratch, events)?;
    let manifest = Manifest::from_files(scratch, inputs, &files)?;
    manifest.write(scratch)?;
    Ok(manifest)
}

fn entry_name(inputs: &CacheInputs) -> String {
    format!("{}-{}", inputs.kind(), inputs.key())
}

/// True if something in `tmp` has the name of an entry, `kind-key`.
fn is_entry_name(name: &str) -> bool {
    name.rsplit_once('-').is_some_and(|(kind, key)| root::KINDS.contains(&kind) && is_key(key))
}

/// True if this is the text of a [`crate::key::Key`].
fn is_key(text: &str) -> bool {
    text.len() == KEY_LENGTH && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn words(inputs: &CacheInputs) -> String {
    format!("{}/{}", inputs.kind(), inputs.key())
}

/// Removes a file or a directory tree that may not be there.
///
/// # Errors
/// If it is there and cannot be removed.
pub fn remove(path: &Path) -> Result<(), StoreError> {
    files::remove(path).map_err(StoreError::write(path))
}

#[cfg(test)]
mod tests;
