//! The files that the program carries: boards, kernel configurations, the guest's init and library, images, scenarios and lessons.
//! They lie below every workspace that is not complete by itself.

use std::fs;
use std::path::PathBuf;

use kernsnap_host::key::CacheInputs;
use kernsnap_host::store::{Store, StoreError};

/// The files, by their paths in a workspace.
const FILES: &[(&str, &[u8])] = include!(concat!(env!("OUT_DIR"), "/catalogue.rs"));

/// The directory of the catalogue in the store, which gets it where it is missing.
///
/// # Errors
/// If the store cannot be written.
pub fn directory(store: &Store) -> Result<PathBuf, StoreError> {
    let inputs =
        FILES.iter().fold(CacheInputs::new("catalogue", 1), |inputs, (path, content)| inputs.with(path, content));
    let entry = store.ensure(&inputs, &mut |_| (), |directory, _| {
        for (path, content) in FILES {
            let file = directory.join(path);
            if let Some(parent) = file.parent() {
                fs::create_dir_all(parent).map_err(StoreError::write(parent))?;
            }
            fs::write(&file, content).map_err(StoreError::write(&file))?;
        }
        Ok::<_, StoreError>(FILES.iter().map(|(path, _)| (*path).to_owned()).collect())
    })?;
    Ok(entry.dir().to_owned())
}
