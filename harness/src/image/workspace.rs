//! Where the repository keeps what images are made of.

use std::fs;
use std::path::{Path, PathBuf};

/// A checkout of the repository.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The checkout in this directory. The path must be absolute: tools run elsewhere.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Workspace {
        Workspace { root: root.into() }
    }

    /// Its directory.
    #[must_use]
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The names of the images, sorted.
    #[must_use]
    pub fn image_names(&self) -> Vec<String> {
        // `names.yaml` holds the names of functions, not an image.
        self.names_in("images", ".yaml").into_iter().filter(|name| name != "names").collect()
    }

    /// The names of the guest programs, sorted; the last part of [`Workspace::program_names`] are those that do wrong.
    #[must_use]
    pub fn program_names(&self) -> Vec<String> {
        let mut names = self.names_in("guest-programs/user", ".c");
        names.extend(self.names_in("guest-programs/faults", ".c"));
        names
    }

    /// The names of the out-of-tree modules, sorted.
    #[must_use]
    pub fn module_names(&self) -> Vec<String> {
        self.names_in("guest-programs/modules", "")
    }

    pub(super) fn image_file(&self, name: &str) -> PathBuf {
        self.root.join("images").join(format!("{name}.yaml"))
    }

    pub(super) fn fragment(&self, name: &str) -> PathBuf {
        self.root.join("images/kconfig").join(format!("{name}.config"))
    }

    pub(super) fn overlay(&self, name: &str) -> PathBuf {
        self.root.join("images/boards").join(format!("{name}.overlay.dts"))
    }

    /// A path for messages: relative to the checkout where it is in it.
    pub(super) fn relative<'a>(&self, path: &'a Path) -> &'a Path {
        path.strip_prefix(&self.root).unwrap_or(path)
    }

    /// The names in a directory that end like this, without that end, sorted. None for a directory that is not there.
    pub(super) fn names_in(&self, dir: &str, end: &str) -> Vec<String> {
        let Ok(entries) = fs::read_dir(self.root.join(dir)) else { return Vec::new() };
        let name = |entry: fs::DirEntry| entry.file_name().to_str()?.strip_suffix(end).map(str::to_owned);
        let mut names: Vec<String> = entries.filter_map(|entry| name(entry.ok()?)).collect();
        names.sort();
        names
    }
}
