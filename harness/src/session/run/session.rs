//! Everything that the runs of one process share.

use super::RunError;
use crate::session::cache::Cache;
use crate::session::templates::Templates;
use kernsnap_host::store::{Scratch, Store};
use kernsnap_machine::BootError;
use kernsnap_machine::emulator::Emulator;

/// The store, the QEMU of this host, the results of its earlier runs, and the machines that stand booted in it.
#[derive(Debug)]
pub struct Session {
    /// The store.
    pub store: Store,
    /// The QEMU that machines run in.
    pub emulator: Emulator,
    /// The results of earlier runs in this QEMU.
    pub cache: Cache,
    /// The booted machines that runs are forked from.
    pub templates: Templates,
}

impl Session {
    /// A session that keeps its results in `store`.
    ///
    /// # Errors
    /// [`BootError::Tool`] where QEMU is not on this host.
    pub fn open(store: &Store, templates: Templates) -> Result<Self, RunError> {
        let emulator = Emulator::find(store).map_err(BootError::Tool)?;
        let cache = Cache::new(store, &emulator.hash);
        Ok(Self { store: store.clone(), emulator, cache, templates })
    }

    /// A directory for one run. It goes away with the value.
    ///
    /// # Errors
    /// [`RunError::Store`] where the store does not take one.
    pub fn scratch(&self) -> Result<Scratch, RunError> {
        Ok(self.store.scratch()?)
    }
}
