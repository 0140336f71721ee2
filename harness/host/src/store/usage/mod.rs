//! The content of the store, and the eviction of unused entries.
//!
//! When an entry was used last is told by the time of its manifest, which opening it renews; for a workshop by that of its lock,
//! which whoever is in it writes his name to.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::entry::{MANIFEST, Manifest};
use super::held::if_unheld;
use super::lock::if_free;
use super::root::{self, EVIDENCE, FOR_A_CACHE, KINDS, NO_ENTRIES, WORK};
use super::{Store, StoreError, is_key, remove};
use crate::name::is_name;

/// Something in the store that can be had again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its directory in the store: the kind of entry, or `work`.
    pub kind: String,
    /// Its name there.
    pub name: String,
    /// Bytes on the disk; what it shares with another item counts once, and not for a workshop.
    pub size: u64,
    /// When it was used last.
    pub used: SystemTime,
}

/// The policy for what is kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Keep {
    /// Everything that was used within this time.
    Within(Duration),
    /// As much as this, in bytes: what was used last. Workshops go first.
    Most(u64),
}

/// The result of a removal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gone {
    /// It is gone.
    Removed,
    /// A process uses it, so it stays.
    InUse,
}

impl Keep {
    /// True if an item stays while the whole store has `total` bytes.
    #[must_use]
    pub fn keeps(self, item: &Item, total: u64, now: SystemTime) -> bool {
        match self {
            Keep::Within(time) => now.duration_since(item.used).unwrap_or_default() <= time,
            Keep::Most(limit) => total <= limit,
        }
    }
}

impl Item {
    fn is_workshop(&self) -> bool {
        self.kind == WORK
    }
}

/// True if a cache that machines share should keep this directory of a store.
#[must_use]
pub fn is_for_a_cache(kind: &str) -> bool {
    FOR_A_CACHE.contains(&kind)
}

impl Store {
    /// All entries and workshops, by kind and name.
    ///
    /// # Errors
    ///
    /// [`StoreError::Read`] when the disk fails. What another process removes meanwhile is not there.
    pub fn items(&self) -> Result<Vec<Item>, StoreError> {
        root::check(&self.root)?;
        let mut seen = BTreeSet::new();
        let mut items = Vec::new();
        // Build directories last: what they share with a source counts as the source's.
        for kind in KINDS.into_iter().chain([WORK]) {
            let directory = self.root.join(kind);
            for name in names(&directory).map_err(StoreError::read(&directory))? {
                if !self.is_item(kind, &name) {
                    continue;
                }
                let used = self.used(kind, &name);
                let size = size(&directory.join(&name), &mut seen);
                items.extend(used.map(|used| Item { kind: kind.to_owned(), name, size, used }));
            }
        }
        Ok(items)
    }

    /// Bytes in the other directories of the store, by name.
    #[must_use]
    pub fn others(&self) -> BTreeMap<&'static str, u64> {
        let others = NO_ENTRIES.into_iter().filter(|name| *name != WORK);
        others.map(|name| (name, size(&self.root.join(name), &mut BTreeSet::new()))).collect()
    }

    /// Removes an item, unless a process uses it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn discard(&self, item: &Item) -> Result<Gone, StoreError> {
        let name = format!("{}-{}", item.kind, item.name);
        let lock = self.sub("lock")?.join(format!("{name}.lock"));
        let (from, to) = (self.root.join(&item.kind).join(&item.name), self.sub("tmp")?.join(&name));
        let gone = if_free(&lock, || {
            if !self.is_item(&item.kind, &item.name) {
                return Err(StoreError::write(&from)(io::ErrorKind::InvalidInput.into()));
            }
            // By one rename, so that no process finds half an entry. What dies here is swept away by the next builder.
            remove(&to)?;
            let leave = || fs::rename(&from, &to).map_err(StoreError::write(&from));
            let manifest = from.join(MANIFEST);
            let left = if manifest.is_file() {
                if_unheld(&manifest, leave).map_err(StoreError::read(&manifest))?
            } else {
                Some(leave())
            };
            let Some(left) = left else { return Ok(Gone::InUse) };
            left?;
            remove(&to).map(|()| Gone::Removed)
        })?;
        gone.unwrap_or(Ok(Gone::InUse))
    }

    /// True if a process uses an item, so that it would stay.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be read.
    pub fn is_in_use(&self, item: &Item) -> Result<bool, StoreError> {
        let lock = self.root.join("lock").join(format!("{}-{}.lock", item.kind, item.name));
        let manifest = self.root.join(&item.kind).join(&item.name).join(MANIFEST);
        let is_free = || !manifest.is_file() || if_unheld(&manifest, || ()).is_ok_and(|free| free.is_some());
        if !lock.is_file() {
            return Ok(!is_free());
        }
        Ok(!if_free(&lock, is_free)?.unwrap_or(false))
    }

    /// True if a directory is what its path says: an entry whose manifest has the same kind and key, a build directory, or evidence.
    /// Anything else is another's, and stays.
    fn is_item(&self, kind: &str, name: &str) -> bool {
        let directory = self.root.join(kind).join(name);
        let is_directory = directory.symlink_metadata().is_ok_and(|meta| meta.is_dir());
        is_directory
            && match kind {
                EVIDENCE => is_name(name),
                WORK => is_key(name) && self.root.join("lock").join(format!("{kind}-{name}.lock")).is_file(),
                _ => {
                    KINDS.contains(&kind)
                        && is_key(name)
                        && Manifest::read(&directory).is_some_and(|it| it.is(kind, name))
                }
            }
    }

    fn used(&self, kind: &str, name: &str) -> Option<SystemTime> {
        let directory = self.root.join(kind).join(name);
        let file = match kind {
            WORK => self.root.join("lock").join(format!("{kind}-{name}.lock")),
            _ => directory.join(MANIFEST),
        };
        let modified = |path: &Path| path.metadata().and_then(|meta| meta.modified()).ok();
        // An item without a manifest, such as the evidence of a machine that was lost, is as old as its directory.
        modified(&file).or_else(|| modified(&directory))
    }
}

/// Renews when an entry was used. A store that cannot be written is one whose entries are not removed.
pub(super) fn renew(entry: &Path) {
    let _ = File::open(entry.join(MANIFEST)).and_then(|file| file.set_modified(SystemTime::now()));
}

/// The items in the order of their eviction: build directories first, and then what was not used for longest.
#[must_use]
pub fn eviction_order(items: &[Item]) -> Vec<&Item> {
    let mut order: Vec<&Item> = items.iter().collect();
    order.sort_by_key(|item| (!item.is_workshop(), item.used));
    order
}

/// The directories in a directory; none where it is not there.
fn names(directory: &Path) -> io::Result<Vec<String>> {
    let entries = match fs::read_dir(directory) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut names = Vec::new();
    for entry in entries {
        let entry = entry?;
        // A link lends what belongs to another store.
        if entry.file_type()?.is_dir() {
            names.extend(entry.file_name().into_string());
        }
    }
    names.sort();
    Ok(names)
}

/// Bytes on the disk below a path. A file with several names counts when it is `seen` first.
fn size(path: &Path, seen: &mut BTreeSet<(u64, u64)>) -> u64 {
    let mut total = 0;
    let mut open: Vec<PathBuf> = vec![path.to_owned()];
    let mut count = |meta: &Metadata| {
        let new = meta.nlink() < 2 || meta.is_dir() || seen.insert((meta.dev(), meta.ino()));
        if new { meta.blocks() * 512 } else { 0 }
    };
    while let Some(path) = open.pop() {
        // Another process may have removed it.
        let Ok(meta) = path.symlink_metadata() else { continue };
        total += count(&meta);
        if meta.is_dir() {
            open.extend(fs::read_dir(&path).into_iter().flatten().flatten().map(|entry| entry.path()));
        }
    }
    total
}

#[cfg(test)]
mod tests;
