//! A source that changes under its user's hands: a kernel tree on this host, as it is now or as one of its commits has it.
//!
//! git's id of the tree names it. The tree is kept in a repository of the store's, which borrows the objects of the user's
//! ([`Trees`]), so nothing is written beside the user's files, and products of a build inside of the tree stay behind.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use kernsnap_host::git::{Commit, GitError, History, Trees};
use kernsnap_host::interrupt;
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::Events;
use kernsnap_host::store::{Store, StoreError};

use super::KERNEL_FILE;
use super::products::without_products;
use crate::ImageError;

/// Raised when the content of the repository of trees changes.
const RECIPE: u32 = 1;
/// The part of a tree that no build reads the content of, but for Kconfig files, which do not change what is built.
const DOCUMENTATION: &str = "Documentation";

/// A kernel tree on this host, with the files that it had when it was looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct LiveTree {
    /// The tree's directory, absolute.
    pub(super) path: PathBuf,
    /// git's id of the files.
    tree: String,
    /// The commit that they are of, or that the work tree's changes began with.
    pub(super) commit: Option<String>,
    /// True if they are not as the commit has them.
    pub(super) changed: bool,
}

/// Which files of a kernel tree are meant.
#[derive(Debug, Clone, Copy)]
pub(super) enum Version<'a> {
    /// Those that are there now.
    WorkTree,
    /// Those of a commit: anything that `git rev-parse` takes.
    Commit(&'a str),
}

/// Looks at the tree at `path`, which is absolute. Returns the hash of all that a build reads, and the tree.
pub(super) fn look(
    store: &Store,
    path: &Path,
    version: Version<'_>,
    events: Events<'_>,
) -> Result<(String, LiveTree), ImageError> {
    let history = History::open(path);
    let history = match (history, version) {
        (Ok(history), Version::Commit(_)) => Some(history),
        // A tree that lies inside of another repository is not that repository's.
        (Ok(history), Version::WorkTree) => Some(history).filter(|history| history.is_tracked("Makefile")),
        (Err(_), Version::WorkTree) => None,
        (Err(error), Version::Commit(_)) => return Err(refused(error)),
    };
    with_trees(store, path, history.as_ref(), events, |trees| {
        let committed = |name: &str| match &history {
            Some(history) => of_commit(trees, history, name).map(Some),
            None => Ok(None),
        };
        let live = match version {
            Version::Commit(name) => {
                let (commit, tree) = committed(name)?.ok_or_else(|| not_a_repository(path))?;
                LiveTree { path: path.to_owned(), tree, commit: Some(commit.hash), changed: false }
            }
            Version::WorkTree => {
                let files = match &history {
                    Some(history) => history.work_tree_files().map_err(refused)?,
                    None => all_files(path)?,
                };
                let tree = trees.take(path, &without_products(&files)).map_err(refused)?;
                // A repository without a commit has no `HEAD`.
                let head = committed("HEAD").unwrap_or_default();
                let changed = head.as_ref().is_some_and(|(_, committed)| *committed != tree);
                LiveTree { path: path.to_owned(), tree, commit: head.map(|(commit, _)| commit.hash), changed }
            }
        };
        Ok((live.digest(trees)?, live))
    })
}

/// A commit, and the tree of its files without products of a build.
fn of_commit(trees: &Trees, history: &History, name: &str) -> Result<(Commit, String), ImageError> {
    let commit = history.commit(name).map_err(refused)?;
    let tree = history.tree(&commit.hash).map_err(refused)?;
    let files = trees.files(&tree).map_err(refused)?;
    if !files.contains(KERNEL_FILE) {
        let what = format!("commit {} of `{}` is not a kernel tree", commit.short(), history.path().display());
        return Err(ImageError::input(what, "give a commit of a kernel's repository"));
    }
    let sources = without_products(&files);
    let products: BTreeSet<&str> = files.difference(&sources).map(String::as_str).collect();
    let tree = trees.without(&tree, &products).map_err(refused)?;
    Ok((commit, tree))
}

impl LiveTree {
    /// The name of exactly these files.
    pub(crate) fn id(&self) -> &str {
        &self.tree
    }

    /// Writes the files below `to`, where only what differs from the last tree is written; `index` remembers that tree.
    pub(crate) fn lay_out(&self, store: &Store, to: &Path, index: &Path, events: Events<'_>) -> Result<(), ImageError> {
        let history = History::open(&self.path).ok();
        let lay_out = |trees: &Trees| trees.lay_out(&self.tree, to, index).map_err(refused);
        let is_here = with_trees(store, &self.path, history.as_ref(), events, |trees| {
            if trees.has(&self.tree) { lay_out(trees).map(|()| true) } else { Ok(false) }
        })?;
        if is_here {
            return Ok(());
        }
        // The store was cleaned in between.
        let version = match &self.commit {
            Some(commit) if !self.changed => Version::Commit(commit),
            _ => Version::WorkTree,
        };
        let (_, again) = look(store, &self.path, version, events)?;
        if again.tree != self.tree {
            return Err(super::gone(&self.path));
        }
        with_trees(store, &self.path, history.as_ref(), events, lay_out)
    }

    /// The hash of all files that a build reads.
    fn digest(&self, trees: &Trees) -> Result<String, ImageError> {
        let entries = trees.entries(&self.tree).map_err(refused)?;
        let read = entries.iter().filter(|entry| !entry.ends_with(&format!("\t{DOCUMENTATION}")));
        let inputs = read.fold(CacheInputs::new("tree", RECIPE), |inputs, entry| inputs.with("entry", entry));
        Ok(format!("tree {}", inputs.key()))
    }
}

/// Does this with the repository of the trees of `path`, alone.
fn with_trees<T>(
    store: &Store,
    path: &Path,
    history: Option<&History>,
    events: Events<'_>,
    work: impl FnOnce(&Trees) -> Result<T, ImageError>,
) -> Result<T, ImageError> {
    let inputs = CacheInputs::new("work", RECIPE).with("trees", path.as_os_str().as_encoded_bytes());
    // A command that builds nothing must know a tree's name as well.
    Store::at(store.root())
        .build_dir(&inputs, events, |dir, _| work(&Trees::open(&dir.join("repository"), history).map_err(refused)?))
}

/// The paths of all files below `root`, relative to it.
fn all_files(root: &Path) -> Result<BTreeSet<String>, ImageError> {
    let mut files = BTreeSet::new();
    let mut directories = vec![PathBuf::new()];
    while let Some(directory) = directories.pop() {
        interrupt::check()?;
        let path = root.join(&directory);
        for entry in fs::read_dir(&path).map_err(StoreError::read(&path))? {
            let entry = entry.map_err(StoreError::read(&path))?;
            let (name, kind) = (entry.file_name(), entry.file_type().map_err(StoreError::read(&path))?);
            let file = directory.join(&name);
            if kind.is_dir() {
                directories.extend((name != ".git").then_some(file));
            } else if let (true, Some(file)) = (name != ".git", file.to_str()) {
                files.insert(file.to_owned());
            }
        }
    }
    Ok(files)
}

fn not_a_repository(path: &Path) -> ImageError {
    ImageError::input(format!("`{}` is not a git repository", path.display()), "give the tree without `#REF`")
}

fn refused(error: GitError) -> ImageError {
    match error {
        GitError::Tool(error) => ImageError::step("read the kernel source with git")(error),
        GitError::Write { path, source } => StoreError::write(&path)(source).into(),
        error @ (GitError::NoRepository { .. } | GitError::NoCommit { .. }) => {
            ImageError::input(error.to_string(), "PATH#REF takes what `git rev-parse REF` knows in PATH")
        }
    }
}
