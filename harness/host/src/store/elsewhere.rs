//! Entries that come from another place, and go there. This module knows no network: whoever moves the bytes implements [`Elsewhere`].

use std::fmt;
use std::fs;
use std::io;
use std::path::Path;
use std::sync::Arc;

use super::entry::{Entry, Opened};
use super::held::Held;
use super::{Store, StoreError, entry_name, is_key, remove, root, words};
use crate::key::CacheInputs;
use crate::progress::{Events, ImageEvent, Phase};
use crate::{files, tree};

/// The kinds of entries that travel. The others come from their origin by their hash (sources), are quick to make (the
/// catalogue), or belong to this host.
const TRAVEL: [&str; 8] = ["busybox", "device-tree", "facts", "kernel", "kselftest", "module", "program", "root"];

/// The kind of results, which are files and not directories.
pub const RESULT: &str = "result";

/// The ending of a result's file.
const RESULT_END: &str = ".tar.zst";

/// Bytes that an entry unpacks to at most: a kernel with its build tree has some hundred MiB.
const LARGEST: u64 = 8 << 30;

/// Bytes of a result at most.
const LARGEST_RESULT: u64 = 1 << 30;

/// Makes the bytes of an entry that is sent, on another thread.
pub type Pack = Box<dyn FnOnce() -> io::Result<Vec<u8>> + Send>;

/// A place that has packed entries. Nothing that goes wrong there is an error of a command: who implements this tells it.
pub trait Elsewhere: fmt::Debug + Send + Sync {
    /// The packed bytes of an entry, whose origin and hash were checked; `None` where it is not there or was refused. `partial` is a
    /// directory for the files of transfers that were cut off; `begins` gets the number of bytes before they come.
    fn fetch(&self, kind: &str, key: &str, partial: &Path, begins: &mut dyn FnMut(u64)) -> Option<Vec<u8>>;

    /// True if this place takes entries from here.
    fn takes(&self) -> bool;

    /// Sends an entry in the background, where this place takes entries from here.
    fn send(&self, kind: &str, key: &str, pack: Pack);

    /// Tells that an entry came as it was signed, and holds something else than it should.
    fn refuse(&self, kind: &str, key: &str, why: &str);
}

impl Store {
    /// The same store, which looks for entries there before they are built, and sends there what was built.
    #[must_use]
    pub fn with_elsewhere(self, elsewhere: Arc<dyn Elsewhere>) -> Store {
        Store { elsewhere: Some(elsewhere), ..self }
    }

    /// True if entries that are built are sent elsewhere.
    #[must_use]
    pub fn sends(&self) -> bool {
        self.elsewhere.as_ref().is_some_and(|elsewhere| elsewhere.takes())
    }

    /// The entry from elsewhere, published; the caller holds its lock. `None` where it is built.
    pub(super) fn receive(&self, inputs: &CacheInputs, events: Events<'_>) -> Result<Option<Entry>, StoreError> {
        let (kind, key) = (inputs.kind(), inputs.key());
        let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| TRAVEL.contains(&kind)) else { return Ok(None) };
        self.sub(kind)?;
        let tmp = self.sub("tmp")?;
        let mut begins = |size: u64| {
            let what = format!("{} from the remote store, {} KiB", words(inputs), size.div_ceil(1 << 10));
            events(ImageEvent::Phase(Phase::Fetch(what)));
        };
        let Some(bytes) = elsewhere.fetch(kind, key.as_str(), &tmp, &mut begins) else { return Ok(None) };
        let scratch = tmp.join(entry_name(inputs));
        remove(&scratch)?;
        let why = match tree::unpack(&bytes, &scratch, LARGEST) {
            Err(error) => error.to_string(),
            // Only this process knows the scratch directory: it need not be held.
            Ok(()) => match Entry::open(&scratch, inputs, &Held::default(), |_| Ok(()))? {
                Opened::Damaged(why) => why,
                Opened::Absent => "it is empty".to_owned(),
                Opened::Whole(_) => {
                    let place = self.entry_dir(inputs);
                    fs::rename(&scratch, &place).map_err(StoreError::write(&place))?;
                    return Ok(match self.open(inputs)? {
                        Opened::Whole(entry) => Some(entry),
                        Opened::Damaged(_) | Opened::Absent => None,
                    });
                }
            },
        };
        remove(&scratch)?;
        elsewhere.refuse(kind, key.as_str(), &why);
        Ok(None)
    }

    /// Sends an entry that was built.
    pub(super) fn pass_on(&self, inputs: &CacheInputs) {
        if let Some(elsewhere) = self.elsewhere.as_ref().filter(|_| TRAVEL.contains(&inputs.kind())) {
            let directory = self.entry_dir(inputs);
            elsewhere.send(inputs.kind(), inputs.key().as_str(), Box::new(move || tree::pack(&directory)));
        }
    }

    /// A result from elsewhere, written to `path` if `is_whole` says that it is the one.
    #[must_use]
    pub fn receive_result(&self, key: &str, path: &Path, is_whole: impl FnOnce(&[u8]) -> bool) -> Option<()> {
        let elsewhere = self.elsewhere.as_ref()?;
        let bytes = elsewhere.fetch(RESULT, key, &self.sub("tmp").ok()?, &mut |_| ())?;
        if !is_whole(&bytes) {
            elsewhere.refuse(RESULT, key, "it is not the result of this key");
            return None;
        }
        self.sub(RESULT).ok()?;
        files::replace_own(path, &bytes).ok()
    }

    /// Sends a result that was kept in this file.
    pub fn pass_on_result(&self, key: &str, path: &Path) {
        if let Some(elsewhere) = &self.elsewhere {
            let path = path.to_owned();
            elsewhere.send(RESULT, key, Box::new(move || files::read_within(&path, LARGEST_RESULT)));
        }
    }

    /// The entries and results that travel, as kind and key, sorted.
    ///
    /// # Errors
    /// If the store cannot be read.
    pub fn travelling(&self) -> Result<Vec<(String, String)>, StoreError> {
        root::check(&self.root)?;
        let mut found = Vec::new();
        for kind in TRAVEL.into_iter().chain([RESULT]) {
            let directory = self.root.join(kind);
            let items = match fs::read_dir(&directory) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                items => items.map_err(StoreError::read(&directory))?,
            };
            for item in items {
                let name = item.map_err(StoreError::read(&directory))?.file_name().to_string_lossy().into_owned();
                let key = if kind == RESULT { name.strip_suffix(RESULT_END) } else { Some(name.as_str()) };
                found.extend(key.filter(|key| is_key(key)).map(|key| (kind.to_owned(), key.to_owned())));
            }
        }
        found.sort();
        Ok(found)
    }

    /// Sends one of the [travelling](Store::travelling) entries.
    pub fn send(&self, kind: &str, key: &str) {
        let Some(elsewhere) = &self.elsewhere else { return };
        if kind == RESULT {
            return self.pass_on_result(key, &self.root.join(kind).join(format!("{key}{RESULT_END}")));
        }
        let directory = self.root.join(kind).join(key);
        elsewhere.send(kind, key, Box::new(move || tree::pack(&directory)));
    }
}
