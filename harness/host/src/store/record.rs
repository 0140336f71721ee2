//! Records: small answers that are slow to find out again.

use std::fs;
use std::io::Write;

use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{Store, StoreError};

impl Store {
    /// A record, if it is there and readable. One that is not is found out again, so nothing here is an error.
    #[must_use]
    pub fn record<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = fs::read(self.root.join("records").join(format!("{name}.json"))).ok()?;
        serde_json::from_slice(&text).ok()
    }

    /// Replaces a record, by rename: a reader sees the old one or the new one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn set_record<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.sub("records")?.join(format!("{name}.json"));
        let write = || {
            let mut file = tempfile::NamedTempFile::new_in(self.root.join("records"))?;
            serde_json::to_writer_pretty(&mut file, value)?;
            writeln!(file)?;
            file.persist(&path)?;
            Ok(())
        };
        write().map_err(StoreError::write(&path))
    }
}
