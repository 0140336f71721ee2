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
use super::lock::if_free;
use super::root::{self, EVIDENCE, KINDS, NO_ENTRIES, WORK};
use super::{Store, StoreError, is_key, remove};
use crate::name::is_name;

/// Entries used more recently are kept: a reader does not hold a lock, and a long command opens its kernel once.
const RECENT: Duration = Duration::from_secs(24 * 60 * 60);

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

impl Item {
    fn is_workshop(&self) -> bool {
        self.kind == WORK
    }
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
            fs::rename(&from, &to).map_err(StoreError::write(&from))?;
            remove(&to)
        })?;
        gone.map_or(Ok(Gone::InUse), |removed| removed.map(|()| Gone::Removed))
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

/// The items to evict, in this order.
#[must_use]
pub fn unused(items: &[Item], keep: Keep, now: SystemTime) -> Vec<&Item> {
    let age = |item: &Item| now.duration_since(item.used).unwrap_or_default();
    let mut old: Vec<&Item> = items.iter().filter(|item| item.is_workshop() || age(item) > RECENT).collect();
    old.sort_by_key(|item| (!item.is_workshop(), item.used));
    match keep {
        Keep::Within(time) => old.into_iter().filter(|item| age(item) > time).collect(),
        Keep::Most(limit) => {
            let mut total: u64 = items.iter().map(|item| item.size).sum();
            let too_much = |item: &&Item| {
                let goes = total > limit;
                total = total.saturating_sub(if goes { item.size } else { 0 });
                goes
            };
            old.into_iter().take_while(too_much).collect()
        }
    }
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
