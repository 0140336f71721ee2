//! The identity of a file, to notice that it was replaced.

use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// A file's path, size and time of change: what is quick to ask, and changes with its content.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stamp {
    path: PathBuf,
    size: u64,
    changed: i64,
    changed_ns: i64,
}

impl Stamp {
    /// The stamp of the file as it is now; `None` where it cannot be seen.
    #[must_use]
    pub fn from_path(path: &Path) -> Option<Stamp> {
        let meta = path.metadata().ok()?;
        Some(Stamp { path: path.to_owned(), size: meta.len(), changed: meta.mtime(), changed_ns: meta.mtime_nsec() })
    }

    /// True if the file is still the same.
    #[must_use]
    pub fn holds(&self) -> bool {
        Stamp::from_path(&self.path).as_ref() == Some(self)
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[test]
    fn a_stamp_holds_until_the_file_changes() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let file = dir.path().join("libc.a");
        fs::write(&file, "one")?;
        let stamp = Stamp::from_path(&file).ok_or("it is there")?;
        assert!(stamp.holds());
        fs::write(&file, "three")?;
        assert!(!stamp.holds());
        Ok(())
    }
}
