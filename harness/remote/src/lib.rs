//! The remote store: entries of a store on an object store (a directory, S3, Google Cloud Storage, Azure, HTTPS). Machines share their
//! builds and results through it.
//!
//! ```text
//! URL/claim/<kind>/<key>.json   the hash of the entry's content, signed with ed25519
//! URL/content/<hash>            packed entries, by the blake3 of their bytes
//! ```
//!
//! A claim is taken from a trusted key only, and content only with the hash that the claim names. So whoever writes to the remote store
//! can keep entries from a reader, and cannot change one. Nothing that goes wrong there is an error of a command.

mod claim;
pub mod keys;
mod place;
mod settings;
mod transfer;

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinHandle;

use kernsnap_host::interrupt;
use kernsnap_host::store::{Elsewhere, Pack};

pub use settings::Settings;
use transfer::{Transfer, Trouble};

/// How long a command waits at its end for entries that are still being sent.
const AT_THE_END: Duration = Duration::from_secs(60);

/// Packed bytes of an entry at most, where the settings do not say.
const LIMIT: u64 = 1 << 30;

/// Where messages for people go. The receiver escapes them: some hold text from the remote.
pub type Tell = Box<dyn Fn(&str) + Send + Sync>;

/// Why a remote store cannot be used at all.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// The URL names no object store.
    #[error("the remote store `{url}` cannot be used: {why}")]
    Url {
        /// The URL.
        url: String,
        /// The reason.
        why: String,
    },
    /// The settings of the workspace cannot be used.
    #[error("`{}` cannot be used: {why}", path.display())]
    Settings {
        /// Their file.
        path: PathBuf,
        /// The reason.
        why: String,
    },
    /// Neither a key to trust nor one to sign with: there is nothing to do.
    #[error("the remote store has no use without keys")]
    NoKeys,
    /// The host gives no threads.
    #[error("cannot start the threads that move entries")]
    Threads(#[source] std::io::Error),
}

impl RemoteError {
    /// A hint for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            Self::NoKeys => Some(
                "`--store-trust` names the keys whose entries are taken, `--store-key` the file of the key that signs what is sent; `kernsnap \
                 store key FILE` makes one",
            ),
            _ => None,
        }
    }
}

/// The entries and bytes that were moved.
#[derive(Debug, Default)]
struct Count {
    entries: AtomicU64,
    bytes: AtomicU64,
}

impl Count {
    fn add(&self, bytes: u64) {
        self.entries.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes, Ordering::Relaxed);
    }
}

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (entries, bytes) = (self.entries.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed));
        write!(f, "{entries} entries ({} KiB)", bytes.div_ceil(1 << 10))
    }
}

/// The messages and counters, which transfers in the background share.
struct Desk {
    tell: Tell,
    /// True after the remote was found to be away.
    off: AtomicBool,
    fetched: Count,
    sent: Count,
}

impl Desk {
    /// Tells once that the remote is away, and leaves it alone from then on.
    fn away(&self, why: &str) {
        if !self.off.swap(true, Ordering::Relaxed) {
            (self.tell)(&format!("the remote store is away, and is left alone: {why}"));
        }
    }
}

/// A remote store. Its end waits, for a limited time, for what is still being sent.
pub struct Remote {
    runtime: Option<Runtime>,
    transfer: Arc<Transfer>,
    desk: Arc<Desk>,
    signs: bool,
    pending: Mutex<Vec<JoinHandle<()>>>,
    patience: Duration,
}

impl fmt::Debug for Remote {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Remote").finish_non_exhaustive()
    }
}

impl Remote {
    /// The remote store at a URL. `environment` has the settings of the object stores by their usual names, such as `AWS_ENDPOINT`. Nothing
    /// is asked of the remote yet.
    ///
    /// # Errors
    /// [`RemoteError`] where it can never be used; a remote that does not answer is not an error.
    pub fn open(
        url: &str,
        settings: &Settings,
        key: Option<keys::PrivateKey>,
        environment: &[(String, String)],
        tell: Tell,
    ) -> Result<Self, RemoteError> {
        // Who signs entries takes his own.
        let trusted: Vec<_> =
            settings.trust.iter().copied().chain(key.as_ref().map(keys::PrivateKey::public)).collect();
        if trusted.is_empty() {
            return Err(RemoteError::NoKeys);
        }
        let (place, root) = place::open(url, environment)?;
        let runtime =
            Builder::new_multi_thread().worker_threads(2).enable_all().build().map_err(RemoteError::Threads)?;
        let signs = key.is_some();
        let limit = settings.limit.unwrap_or(LIMIT);
        let transfer = Transfer::new(place, root, trusted, key, limit, settings.max_age);
        let desk = Desk { tell, off: AtomicBool::new(false), fetched: Count::default(), sent: Count::default() };
        Ok(Self {
            runtime: Some(runtime),
            transfer: Arc::new(transfer),
            desk: Arc::new(desk),
            signs,
            pending: Mutex::default(),
            patience: AT_THE_END,
        })
    }

    /// The same, which waits at its end until everything is sent, however long that takes: for a command that does nothing else.
    #[must_use]
    pub fn patient(mut self) -> Self {
        self.patience = Duration::from_secs(24 * 60 * 60);
        self
    }

    fn is_off(&self) -> bool {
        self.desk.off.load(Ordering::Relaxed)
    }
}

impl Elsewhere for Remote {
    fn fetch(&self, kind: &str, key: &str, partial: &Path, begins: &mut dyn FnMut(u64)) -> Option<Vec<u8>> {
        let runtime = self.runtime.as_ref().filter(|_| !self.is_off())?;
        let fetched = runtime.block_on(async {
            let Some(claim) = self.transfer.claim(kind, key).await? else { return Ok(None) };
            begins(claim.size);
            self.transfer.content(&claim, partial).await.map(Some)
        });
        match fetched {
            Ok(Some(bytes)) => {
                self.desk.fetched.add(bytes.len() as u64);
                Some(bytes)
            }
            Ok(None) => None,
            Err(Trouble::Refused(why)) => {
                self.refuse(kind, key, &why);
                None
            }
            Err(Trouble::Away(why)) => {
                self.desk.away(&why);
                None
            }
        }
    }

    fn takes(&self) -> bool {
        self.signs
    }

    fn send(&self, kind: &str, key: &str, pack: Pack) {
        let Some(runtime) = self.runtime.as_ref().filter(|_| self.signs && !self.is_off()) else { return };
        let (transfer, desk) = (Arc::clone(&self.transfer), Arc::clone(&self.desk));
        let (kind, key) = (kind.to_owned(), key.to_owned());
        let task = runtime.spawn(async move {
            match transfer.send(&kind, &key, pack, &desk.off).await {
                Ok(Some(bytes)) => desk.sent.add(bytes),
                Ok(None) => {}
                Err(Trouble::Refused(why)) => {
                    (desk.tell)(&format!("{kind}/{key} is not sent to the remote store: {why}"));
                }
                Err(Trouble::Away(why)) => desk.away(&why),
            }
        });
        self.pending.lock().unwrap_or_else(PoisonError::into_inner).push(task);
    }

    fn refuse(&self, kind: &str, key: &str, why: &str) {
        (self.desk.tell)(&format!("{kind}/{key} of the remote store is refused: {why}; it is made here"));
    }
}

impl Drop for Remote {
    fn drop(&mut self) {
        let Some(runtime) = self.runtime.take() else { return };
        let tasks = std::mem::take(&mut *self.pending.lock().unwrap_or_else(PoisonError::into_inner));
        let mut left = tasks.len();
        let all = async {
            for task in tasks {
                // A task that panicked has sent nothing; the others go on.
                let _ended = task.await;
                left -= 1;
            }
        };
        // The time-out is made inside of the runtime: it needs the runtime's clock.
        let patience = if interrupt::requested() { Duration::ZERO } else { self.patience };
        let in_time = runtime.block_on(async { tokio::time::timeout(patience, all).await });
        if in_time.is_err() {
            (self.desk.tell)(&format!("{left} entries were not sent in time: `kernsnap store send` sends them"));
        }
        runtime.shutdown_background();
        let Desk { fetched, sent, .. } = &*self.desk;
        if fetched.entries.load(Ordering::Relaxed) + sent.entries.load(Ordering::Relaxed) > 0 {
            (self.desk.tell)(&format!("remote store: fetched {fetched}, sent {sent}"));
        }
    }
}
