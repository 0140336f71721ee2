//! Where the files of a workspace are. Only paths and names: the files are read by whoever knows what they mean.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};

/// The file that marks a directory as a workspace. It may be empty.
pub const MARKER: &str = "kernsnap.toml";
/// A file that only a complete workspace has: one that needs no other below it.
const OF_A_CATALOGUE: &str = "images/names.yaml";

/// A directory with `scenarios/`, `images/` and `guest-programs/`, all of them optional, and directories of the same shape below
/// it: what the first does not have is looked for in the next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    /// Its own directory.
    pub root: PathBuf,
    /// Where relative paths in its files begin: its directory, also where `root` is a copy of that.
    pub origin: PathBuf,
    /// The directories below it, the uppermost first.
    below: Vec<PathBuf>,
}

impl Workspace {
    /// The workspace in this directory. The path must be absolute: tools run elsewhere.
    #[must_use]
    pub fn at(root: impl Into<PathBuf>) -> Self {
        let root = root.into();
        Self { origin: root.clone(), root, below: Vec::new() }
    }

    /// The workspace that `start` lies in: the directory above it with the [`MARKER`], or with scenarios and images or programs. What is
    /// in a workspace runs on this host, so a directory above `start` counts only if this user or root made it.
    #[must_use]
    pub fn around(start: &Path) -> Option<Self> {
        let user = rustix::process::geteuid().as_raw();
        Self::of_owners(start, &|owner| owner == user || owner == 0)
    }

    fn of_owners(start: &Path, trusted: &dyn Fn(u32) -> bool) -> Option<Self> {
        let is_workspace = |directory: &&Path| {
            let is_trusted = |path: &Path| path.metadata().is_ok_and(|meta| trusted(meta.uid()));
            // The directory that the user named, or is in, was chosen.
            let counts = |path: &Path| *directory == start || is_trusted(directory) && is_trusted(path);
            let has = |name: &str| directory.join(name).is_dir();
            let parts = [MARKER, "scenarios", "images", "guest-programs"].map(|name| directory.join(name));
            (parts[0].is_file() || has("scenarios") && (has("images") || has("guest-programs")))
                && parts.iter().filter(|part| part.exists()).all(|part| counts(part))
        };
        start.ancestors().find(is_workspace).map(Self::at)
    }

    /// The same over another directory, which is looked into last.
    #[must_use]
    pub fn over(mut self, directory: impl Into<PathBuf>) -> Self {
        self.below.push(directory.into());
        self
    }

    /// This one in a directory, over all of another.
    #[must_use]
    pub fn on(root: impl Into<PathBuf>, other: &Self) -> Self {
        let below = other.layers().map(Path::to_owned).collect();
        Self { root: root.into(), origin: other.origin.clone(), below }
    }

    /// The same with the files of its own directory as they are now: copies of them in `directory`, which is empty.
    ///
    /// # Errors
    /// If a file cannot be copied.
    pub fn frozen(&self, directory: &Path) -> io::Result<Self> {
        for part in ["docs/lessons", "guest-programs", "images", "scenarios"] {
            copy(&self.root.join(part), &directory.join(part))?;
        }
        Ok(Self { root: directory.to_owned(), ..self.clone() })
    }

    /// True if it has all that others have in a directory below them.
    #[must_use]
    pub fn is_complete(&self) -> bool {
        self.layers().any(|layer| layer.join(OF_A_CATALOGUE).is_file())
    }

    fn layers(&self) -> impl Iterator<Item = &Path> {
        [&self.root].into_iter().chain(&self.below).map(PathBuf::as_path)
    }

    /// The directory that has the file or directory at this relative path, where one has it.
    #[must_use]
    pub fn layer_of(&self, path: impl AsRef<Path>) -> Option<&Path> {
        self.layers().find(|layer| layer.join(&path).exists())
    }

    /// The file or directory at this relative path; in the workspace's own directory where none has it.
    #[must_use]
    pub fn find(&self, path: impl AsRef<Path>) -> PathBuf {
        self.layer_of(&path).unwrap_or(&self.root).join(path)
    }

    /// The scenario files, sorted by path. Only their names are looked at.
    ///
    /// # Errors
    /// If the directories cannot be read.
    pub fn scenario_files(&self) -> io::Result<Vec<PathBuf>> {
        let mut files: BTreeMap<OsString, PathBuf> = BTreeMap::new();
        for layer in self.layers() {
            let groups = match entries(&layer.join("scenarios")) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                groups => groups?,
            };
            let is_group =
                |group: &PathBuf| group.is_dir() && group.file_name().is_some_and(|name| name != "snapshots");
            for group in groups.into_iter().filter(is_group) {
                for file in entries(&group)?.into_iter().filter(|path| is_yaml(path)) {
                    // The first one of a name counts.
                    files.entry(file.file_stem().unwrap_or_default().to_owned()).or_insert(file);
                }
            }
        }
        Ok(files.into_values().collect())
    }

    /// Where lessons and their pages stand.
    #[must_use]
    pub fn lessons_directory(&self) -> PathBuf {
        self.find("docs/lessons")
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
        self.find(format!("images/{name}.yaml"))
    }

    /// The names of the guest programs: what stands in `guest-programs/user/`, as a C file or built, and what does wrong on
    /// purpose, in `guest-programs/faults/`.
    #[must_use]
    pub fn programs(&self) -> BTreeSet<String> {
        let directories = ["guest-programs/user", "guest-programs/faults"];
        let compiled = directories.into_iter().flat_map(|directory| self.names_in(directory, ".c"));
        let built = self.names_in("guest-programs/user", "").into_iter().filter(|name| !name.contains('.'));
        compiled.chain(built).collect()
    }

    /// The names of the out-of-tree modules: directories with a `Kbuild`, and modules that come built, `NAME.ko`.
    #[must_use]
    pub fn modules(&self) -> BTreeSet<String> {
        let names = self.names_in("guest-programs/modules", "").into_iter();
        names.map(|name| name.strip_suffix(".ko").map(str::to_owned).unwrap_or(name)).collect()
    }

    /// Where the reviewed snapshots of an image stand.
    #[must_use]
    pub fn snapshots(&self, image: &str) -> PathBuf {
        self.root.join("scenarios/snapshots").join(image)
    }

    /// The configuration fragment `name`.
    #[must_use]
    pub fn fragment(&self, name: &str) -> PathBuf {
        self.find(format!("images/kconfig/{name}.config"))
    }

    /// The device tree overlay `name`.
    #[must_use]
    pub fn overlay(&self, name: &str) -> PathBuf {
        self.find(format!("images/boards/{name}.overlay.dts"))
    }

    /// The names in a directory that end like this, without that end, sorted. None for a directory that is not there.
    #[must_use]
    pub fn names_in(&self, directory: &str, end: &str) -> Vec<String> {
        let paths = self.layers().flat_map(|layer| entries(&layer.join(directory)).unwrap_or_default());
        let name = |path: PathBuf| path.file_name()?.to_str()?.strip_suffix(end).map(str::to_owned);
        paths.filter_map(name).collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// A path for messages: relative to the directory of the workspace that it is in.
    #[must_use]
    pub fn relative<'a>(&self, file: &'a Path) -> &'a Path {
        self.layers().find_map(|layer| file.strip_prefix(layer).ok()).unwrap_or(file)
    }
}

/// Copies a directory that may not be there. Links become what they name.
fn copy(from: &Path, to: &Path) -> io::Result<()> {
    if !from.is_dir() {
        return Ok(());
    }
    fs::create_dir_all(to)?;
    for path in entries(from)? {
        let target = to.join(path.file_name().unwrap_or_default());
        if path.is_dir() {
            copy(&path, &target)?;
        } else if path.is_file() {
            fs::copy(&path, &target)?;
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::files;

    #[test]
    fn a_workspace_hides_what_is_below_it_file_by_file() -> io::Result<()> {
        let (own, below) = (tempfile::tempdir()?, tempfile::tempdir()?);
        for (root, file) in [
            (&below, "images/names.yaml"),
            (&below, "images/one.yaml"),
            (&below, "scenarios/a/fork.yaml"),
            (&below, "scenarios/a/exit.yaml"),
            (&below, "guest-programs/user/old.c"),
            (&own, "scenarios/mine/fork.yaml"),
            (&own, "scenarios/snapshots/one/fork.snap"),
            (&own, "guest-programs/user/new.c"),
            (&own, MARKER),
        ] {
            let path = root.path().join(file);
            fs::create_dir_all(path.parent().unwrap_or(root.path()))?;
            fs::write(path, "")?;
        }
        let inside = own.path().join("scenarios/mine");
        let alone = Workspace::around(&inside).ok_or(io::ErrorKind::NotFound)?;
        assert_eq!(alone, Workspace::at(own.path()));
        assert!(!alone.is_complete());
        let both = alone.over(below.path());
        assert!(both.is_complete());
        let files = both.scenario_files()?;
        let expected = [below.path().join("scenarios/a/exit.yaml"), own.path().join("scenarios/mine/fork.yaml")];
        assert_eq!(files, expected);
        assert_eq!(both.programs(), ["new", "old"].map(str::to_owned).into());
        assert_eq!(both.image_names(), ["one"]);
        assert_eq!(both.image_file("one"), below.path().join("images/one.yaml"));
        assert_eq!(both.image_file("two"), own.path().join("images/two.yaml"));
        assert_eq!(both.relative(&files[0]), Path::new("scenarios/a/exit.yaml"));
        let copy = tempfile::tempdir()?;
        let frozen = both.frozen(copy.path())?;
        files::remove(&own.path().join("scenarios/mine/fork.yaml"))?;
        let expected = [below.path().join("scenarios/a/exit.yaml"), copy.path().join("scenarios/mine/fork.yaml")];
        assert_eq!(frozen.scenario_files()?, expected);
        assert_eq!(Workspace::around(below.path()), Some(Workspace::at(below.path())));
        // That of another user is used where it is named, and not from below.
        let strangers = |start: &Path| Workspace::of_owners(start, &|_| false);
        assert_eq!(strangers(below.path()), Some(Workspace::at(below.path())));
        assert_eq!(strangers(&inside), None);
        Ok(())
    }
}
