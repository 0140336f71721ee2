//! A kernel's git repository: which commits there are, and what their files are.
//!
//! The repository belongs to the user and is only read. [`Trees`] writes its files elsewhere.

mod patch;
mod trees;

pub use patch::patched_paths;
pub use trees::Trees;

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exec::{Ended, Tool, ToolCall, ToolError, capture};

/// A user's repository.
#[derive(Clone, Debug)]
pub struct History {
    git: Tool,
    /// The name that was given.
    path: PathBuf,
    /// Where its objects are.
    objects: PathBuf,
}

/// A commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Commit {
    /// Its hash, hexadecimal.
    pub hash: String,
    /// The first line of its message.
    pub subject: String,
    /// `NAME <ADDRESS>`.
    pub author: String,
}

/// Why a repository does not answer.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is none, or git refuses it.
    #[error("`{path}` is not a git repository: {why}")]
    NoRepository {
        /// The name that was given.
        path: PathBuf,
        /// git's message.
        why: String,
    },
    /// It has no such commit.
    #[error("`{path}` has no commit `{name}`")]
    NoCommit {
        /// The repository.
        path: PathBuf,
        /// The name that was given.
        name: String,
    },
    /// git failed.
    #[error(transparent)]
    Tool(#[from] ToolError),
    /// The files of a commit cannot be laid out.
    #[error("cannot write `{path}`")]
    Write {
        /// The path that could not be written.
        path: PathBuf,
        /// The system's error.
        source: io::Error,
    },
}

impl Commit {
    /// As much of the hash as people read.
    #[must_use]
    pub fn short(&self) -> &str {
        self.hash.get(..12).unwrap_or(&self.hash)
    }
}

impl History {
    /// The repository at `path`, which is absolute: a work tree, or a bare one.
    ///
    /// # Errors
    /// If there is none.
    pub fn open(path: &Path) -> Result<Self, GitError> {
        let git = Tool::resolve("git")?;
        let history = Self { git, path: path.to_owned(), objects: PathBuf::new() };
        let common = history.ask(["rev-parse", "--path-format=absolute", "--git-common-dir"]).map_err(|error| {
            let ToolError::Failed { tail, .. } = error else { return error.into() };
            GitError::NoRepository { path: path.to_owned(), why: tail.join(" ") }
        })?;
        Ok(Self { objects: Path::new(common.trim()).join("objects"), ..history })
    }

    /// The commit that a name means.
    ///
    /// # Errors
    /// If there is none.
    pub fn commit(&self, name: &str) -> Result<Commit, GitError> {
        let none = |error| match error {
            ToolError::Failed { .. } => GitError::NoCommit { path: self.path.clone(), name: name.to_owned() },
            error => error.into(),
        };
        // A name that begins with a dash is not an option.
        let hash =
            self.ask(["rev-parse", "--verify", "--end-of-options", &format!("{name}^{{commit}}")]).map_err(none)?;
        let told =
            self.ask(["log", "--max-count=1", "--no-show-signature", "--format=%H%n%s%n%an <%ae>", hash.trim()])?;
        let mut lines = told.lines().map(str::to_owned);
        let mut line = || lines.next().unwrap_or_default();
        Ok(Commit { hash: line(), subject: line(), author: line() })
    }

    /// True if `past` is in the past of `present`.
    ///
    /// # Errors
    /// If git fails.
    pub fn is_ancestor(&self, past: &Commit, present: &Commit) -> Result<bool, GitError> {
        match self.ask(["merge-base", "--is-ancestor", &past.hash, &present.hash]) {
            Ok(_) => Ok(true),
            Err(ToolError::Failed { ended: Ended::Exit(1), .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The commits in the past of `bad`, itself included, that are in the past of no `good` one; those first that halve them best.
    ///
    /// # Errors
    /// If git fails.
    pub fn candidates(&self, bad: &str, good: &[String]) -> Result<Vec<String>, GitError> {
        let without = good.iter().map(|good| format!("^{good}"));
        let words = ["rev-list", "--bisect-all", bad].map(str::to_owned).into_iter().chain(without);
        let told = self.ask(words)?;
        let hashes = told.lines().filter_map(|line| line.split_whitespace().next());
        Ok(hashes.filter(|word| is_hash(word)).map(str::to_owned).collect())
    }

    /// The commit `base`, and the commits from it to `head` along first parents, the oldest first.
    ///
    /// # Errors
    /// If there are none, or git fails.
    pub fn range(&self, base: &str, head: &str) -> Result<Vec<Commit>, GitError> {
        let (base, head) = (self.commit(base)?, self.commit(head)?);
        let words = ["rev-list", "--reverse", "--first-parent", &format!("{}..{}", base.hash, head.hash)];
        let told = self.ask(words)?;
        let commits = told.lines().map(|hash| self.commit(hash)).collect::<Result<Vec<_>, _>>()?;
        Ok([base].into_iter().chain(commits).collect())
    }

    /// The id of the tree that a commit's files make, below the directory that the history was opened at.
    ///
    /// # Errors
    /// If that directory is not in the commit.
    pub fn tree(&self, commit: &str) -> Result<String, GitError> {
        let prefix = self.ask(["rev-parse", "--show-prefix"])?;
        let tree = self.ask(["rev-parse", "--verify", "--end-of-options", &format!("{commit}:{}", prefix.trim())]);
        Ok(tree.map(|id| id.trim().to_owned())?)
    }

    /// The files of the work tree below the directory that the history was opened at, relative to it: those that git tracks,
    /// and new ones that it does not ignore.
    ///
    /// # Errors
    /// If git fails.
    pub fn work_tree_files(&self) -> Result<BTreeSet<String>, GitError> {
        let text = self.ask(["ls-files", "-z", "--cached", "--others", "--exclude-standard"])?;
        Ok(trees::names(&text).map(str::to_owned).collect())
    }

    /// The name of the hash that names its objects: `sha1`, `sha256`.
    ///
    /// # Errors
    /// If git fails.
    pub fn object_format(&self) -> Result<String, GitError> {
        Ok(self.ask(["rev-parse", "--show-object-format"])?.trim().to_owned())
    }

    /// True if git tracks the file, by its path relative to the directory that the history was opened at.
    #[must_use]
    pub fn is_tracked(&self, file: &str) -> bool {
        self.ask(["ls-files", "--error-unmatch", "--", file]).is_ok()
    }

    /// The directory that the history was opened at.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Asks git about the repository. None of these calls writes.
    fn ask<A: Into<String>>(&self, words: impl IntoIterator<Item = A>) -> Result<String, ToolError> {
        let call = ToolCall::new(self.git.clone()).with_network_env().dir(&self.path).env("GIT_OPTIONAL_LOCKS", "0");
        // The repository belongs to its user, who may have configured programs for other uses of it.
        let call = call.args(["-c", "core.fsmonitor=false", "-c", "core.hooksPath=/dev/null"]);
        capture(&call.args(words.into_iter().map(Into::<String>::into)))
    }
}

/// Hexadecimal digits, as many as a hash has.
fn is_hash(word: &str) -> bool {
    word.len() >= 40 && word.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests;
