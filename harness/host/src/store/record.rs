//! Records: small answers that are slow to find out again.

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError};
use crate::files;

/// Bytes of a record at most.
const LARGEST: u64 = 16 << 20;

impl Store {
    /// A record, if it is there and readable. One that is not is found out again, so nothing here is an error.
    #[must_use]
    pub fn record<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = files::read_within(&self.root.join("records").join(format!("{name}.json")), LARGEST).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Replaces a record, by rename: a reader sees the old one or the new one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn set_record<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.sub("records")?.join(format!("{name}.json"));
        let write = || files::replace(&path, &[&serde_json::to_vec_pretty(value)?, b"\n".as_slice()].concat());
        write().map_err(StoreError::write(&path))
    }
}
