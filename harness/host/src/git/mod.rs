//! A kernel's git repository: which commits there are, and what their files are.
//!
//! The repository belongs to the user. It is only read; its files are written elsewhere, by a repository of ours that
//! borrows its objects. Its work tree, index, references and configuration stay as they are.

mod patch;

pub use patch::patched_paths;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Serialize;

use crate::exec::{Ended, Tool, ToolCall, ToolError, capture, run};

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

    /// Writes the files of a commit below `directory`, which is ours alone, and returns where. What is there from another commit
    /// is changed where the two differ, so that a build follows what changed.
    ///
    /// # Errors
    /// If git fails, or a file cannot be written.
    pub fn check_out(&self, commit: &str, directory: &Path) -> Result<PathBuf, GitError> {
        let (repository, tree) = (directory.join("repository"), directory.join("tree"));
        let write = |path: &Path| {
            let path = path.to_owned();
            move |source| GitError::Write { path, source }
        };
        fs::create_dir_all(&tree).map_err(write(&tree))?;
        let call = || {
            // The user's and the host's git configuration must not change the files of the commit.
            let call = ToolCall::new(self.git.clone()).dir(&tree);
            let call = call.args(["-c", "core.hooksPath=/dev/null"]);
            call.env("GIT_DIR", &repository).env("GIT_WORK_TREE", &tree).env("GIT_CONFIG_NOSYSTEM", "1")
        };
        run(&call().args(["init", "--quiet"]), &mut |_| ())?;
        let alternates = repository.join("objects/info/alternates");
        let mut line = self.objects.as_os_str().as_encoded_bytes().to_vec();
        line.push(b'\n');
        fs::write(&alternates, line).map_err(write(&alternates))?;
        // Both look at the files themselves: what a killed call left behind is put right.
        run(&call().args(["read-tree", "--reset", "-u", commit]), &mut |_| ())?;
        run(&call().args(["clean", "--quiet", "-ffdx"]), &mut |_| ())?;
        Ok(tree)
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
