//! Where the files of a checkout are. Only paths and names: the files are read by whoever knows what they mean.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A directory with `scenarios/`, `images/` and `guest-programs/`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its top directory.
    pub root: PathBuf,
}

impl Workspace {
    /// The checkout in this directory. The path must be absolute: tools run elsewhere.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// The checkout that `start` lies in.
    ///
    #[must_use]
    pub fn around(start: &Path) -> Option<Self> {
        start
            .ancestors()
            .find(|candidate| candidate.join("images").is_dir() && candidate.join("scenarios").is_dir())
            .map(|root| Self { root: root.into() })
    }

    /// The scenario files, sorted by path. Only their names are looked at.
    ///
    /// # Errors
    /// If the directories cannot be read.
    pub fn scenario_files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files = Vec::new();
        for group in entries(&self.root.join("scenarios"))? {
            if group.is_dir() && group.file_name().is_some_and(|name| name != "snapshots") {
                files.extend(entries(&group)?.into_iter().filter(|path| is_yaml(path)));
            }
        }
        files.sort_by(|a, b| a.file_stem().cmp(&b.file_stem()));
        Ok(files)
    }

    /// Where lessons and their pages stand.
    #[must_use]
    pub fn lessons_directory(&self) -> PathBuf {
        self.root.join("docs/lessons")
    }

    /// The lessons' ids, sorted. Only the names of their files are looked at.
    #[must_use]
    pub fn lesson_ids(&self) -> Vec<String> {
        self.names_in("docs/lessons", ".yaml")
    }

    /// The names of the image specifications, sorted.
    #[must_use]
    pub fn image_names(&self) -> Vec<String> {
        // These two are tables, not images: of logical names, and of functions' source files.
        let tables = ["names", "sources", "syscalls"];
        self.names_in("images", ".yaml").into_iter().filter(|name| !tables.contains(&name.as_str())).collect()
    }

    /// The file of the image `name`, whether it is there or not.
    #[must_use]
    pub fn image_file(&self, name: &str) -> PathBuf {
        self.root.join(format!("images/{name}.yaml"))
    }

    /// The names of the guest programs: what stands in `guest-programs/user/`, and what does wrong on purpose, in
    /// `guest-programs/faults/`.
    #[must_use]
    pub fn programs(&self) -> BTreeSet<String> {
        let directories = ["guest-programs/user", "guest-programs/faults"];
        directories.into_iter().flat_map(|directory| self.names_in(directory, ".c")).collect()
    }

    /// The names of the out-of-tree modules.
    #[must_use]
    pub fn modules(&self) -> BTreeSet<String> {
        self.names_in("guest-programs/modules", "").into_iter().collect()
    }

    /// Where the reviewed snapshots of an image stand.
    #[must_use]
    pub fn snapshots(&self, image: &str) -> PathBuf {
        self.root.join("scenarios/snapshots").join(image)
    }

    /// The configuration fragment `name`.
    #[must_use]
    pub fn fragment(&self, name: &str) -> PathBuf {
        self.root.join(format!("images/kconfig/{name}.config"))
    }

    /// The device tree overlay `name`.
    #[must_use]
    pub fn overlay(&self, name: &str) -> PathBuf {
        self.root.join(format!("images/boards/{name}.overlay.dts"))
    }

    /// The names in a directory that end like this, without that end, sorted. None for a directory that is not there.
    #[must_use]
    pub fn names_in(&self, directory: &str, end: &str) -> Vec<String> {
        let paths = entries(&self.root.join(directory)).unwrap_or_default();
        let name = |path: &PathBuf| path.file_name()?.to_str()?.strip_suffix(end).map(str::to_owned);
        paths.iter().filter_map(name).collect()
    }

    /// A path for messages: relative to the checkout where it is in it.
    #[must_use]
    pub fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        file.strip_prefix(&self.root).unwrap_or(file)
    }
}

/// The paths in a directory, sorted.
fn entries(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut paths = fs::read_dir(directory)?.map(|entry| Ok(entry?.path())).collect::<io::Result<Vec<_>>>()?;
    paths.sort();
    Ok(paths)
}

fn is_yaml(path: &Path) -> bool {
    path.extension().is_some_and(|extension| extension == "yaml")
}
