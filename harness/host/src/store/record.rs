//! Records: small answers that are slow to find out again.

use std::io;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Store, StoreError};
use crate::files;

/// Bytes of a record at most.
const LARGEST: u64 = 16 << 20;

/// A record's file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    /// Under another name, it says nothing.
    name: String,
    /// The hash of the name and the value: a damaged record may still be JSON.
    blake3: String,
    value: Value,
}

impl Sealed {
    fn new(name: &str, value: Value) -> Sealed {
        Sealed { name: name.to_owned(), blake3: hash(name, &value), value }
    }

    fn is_whole(&self, name: &str) -> bool {
        self.name == name && self.blake3 == hash(name, &self.value)
    }
}

fn hash(name: &str, value: &Value) -> String {
    blake3::hash(format!("{name}\n{value}").as_bytes()).to_string()
}

impl Store {
    /// A record, if it is there and whole. One that is not is found out again, so nothing here is an error.
    #[must_use]
    pub fn record<T: DeserializeOwned>(&self, name: &str) -> Option<T> {
        let text = files::read_within(&self.root.join("records").join(format!("{name}.json")), LARGEST).ok()?;
        match serde_json::from_slice::<Sealed>(&text) {
            Ok(record) => serde_json::from_value(record.value.clone()).ok().filter(|_| record.is_whole(name)),
            // An earlier version wrote the value alone.
            Err(_) => serde_json::from_slice(&text).ok(),
        }
    }

    /// Replaces a record, by rename: a reader sees the old one or the new one.
    ///
    /// # Errors
    ///
    /// [`StoreError`] when the store cannot be written.
    pub fn set_record<T: Serialize>(&self, name: &str, value: &T) -> Result<(), StoreError> {
        let path = self.sub("records")?.join(format!("{name}.json"));
        let write = || -> io::Result<()> {
            let text = serde_json::to_string_pretty(&Sealed::new(name, serde_json::to_value(value)?))?;
            files::replace_own(&path, (text + "\n").as_bytes())
        };
        write().map_err(StoreError::write(&path))
    }
}
