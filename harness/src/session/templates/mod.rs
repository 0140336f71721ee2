//! Booted machines that runs are forked from, each found by all that it is made of.
//!
//! ```text
//! run ──▶ Templates (this process) ──connection per key──▶ broker (a process per store and user) ──▶ QEMU, booted
//!            └─ without a broker: boots and keeps its own
//! ```
//!
//! The process that needs a machine first boots it, and gives it to the broker. Others are given a hold on it. A template ends
//! when no process holds it any more. It never decides bytes: without it, the same run boots.

mod broker;
mod client;
mod server;
mod wire;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use kernsnap_host::key::Key;
use kernsnap_host::store::Store;
use kernsnap_machine::BootError;
use kernsnap_machine::template::Template;

use self::client::{Client, Lease};
pub use self::client::{list, stop};
pub use self::server::become_broker_if_asked;
pub use self::wire::TemplateRow;

/// Templates that one process holds at most. Above it, the one that was not used for longest is let go.
const MOST: usize = 8;

/// The templates that this process can use.
#[derive(Debug)]
pub struct Templates {
    /// `None` where each run boots.
    pool: Option<Pool>,
}

#[derive(Debug)]
struct Pool {
    client: Client,
    slots: Mutex<Slots>,
}

#[derive(Debug, Default)]
struct Slots {
    by_key: BTreeMap<Key, (u64, Arc<Slot>)>,
    uses: u64,
}

/// One template. Its lock is held while it boots.
#[derive(Debug, Default)]
struct Slot(Mutex<State>);

#[derive(Debug, Default)]
enum State {
    #[default]
    Unknown,
    Ready(Arc<Held>),
    /// This machine cannot be forked.
    Unavailable,
}

/// A template, and the hold on it.
#[derive(Debug)]
pub struct Held {
    /// The booted machine.
    pub template: Template,
    _lease: Option<Lease>,
}

impl Templates {
    /// None: each run boots.
    #[must_use]
    pub fn off() -> Self {
        Self { pool: None }
    }

    /// Those that the broker of `store` keeps, and those of this process.
    #[must_use]
    pub fn new(store: &Store) -> Self {
        Self { pool: Some(Pool { client: Client::new(store), slots: Mutex::default() }) }
    }

    /// The template with this key; `boot` makes it where there is none. `None` where the machine has to boot for itself.
    ///
    /// # Errors
    /// [`BootError::Interrupted`].
    pub fn get(
        &self,
        key: &Key,
        boot: impl FnOnce() -> Result<Template, BootError>,
    ) -> Result<Option<Arc<Held>>, BootError> {
        let Some(pool) = &self.pool else { return Ok(None) };
        let slot = pool.slot(key);
        let mut state = slot.0.lock().unwrap_or_else(PoisonError::into_inner);
        match &*state {
            State::Ready(held) => return Ok(Some(held.clone())),
            State::Unavailable => return Ok(None),
            State::Unknown => {}
        }
        match pool.client.get(key, boot) {
            Ok((template, lease)) => {
                let held = Arc::new(Held { template, _lease: lease });
                *state = State::Ready(held.clone());
                Ok(Some(held))
            }
            Err(BootError::Template(_)) => {
                *state = State::Unavailable;
                Ok(None)
            }
            Err(error @ BootError::Interrupted(_)) => Err(error),
            // Whatever else is wrong, the run's own boot finds it and tells it.
            Err(_) => Ok(None),
        }
    }

    /// Forgets a template that turned out to be gone.
    pub fn forget(&self, key: &Key) {
        if let Some(pool) = &self.pool {
            pool.slots().by_key.remove(key);
        }
    }
}

impl Pool {
    fn slots(&self) -> std::sync::MutexGuard<'_, Slots> {
        self.slots.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn slot(&self, key: &Key) -> Arc<Slot> {
        let mut slots = self.slots();
        slots.uses += 1;
        let now = slots.uses;
        let (used, slot) = slots.by_key.entry(key.clone()).or_default();
        *used = now;
        let slot = slot.clone();
        if slots.by_key.len() > MOST
            && let Some(oldest) = slots.by_key.iter().min_by_key(|(_, (used, _))| *used).map(|(key, _)| key.clone())
        {
            // A run that uses it still has it.
            slots.by_key.remove(&oldest);
        }
        slot
    }
}
