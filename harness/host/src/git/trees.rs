//! Trees of files as git keeps them: taken from a directory or from a commit of the user's, and laid out in a directory of ours.
//!
//! The repository is ours. It borrows the objects of the user's repository, which is only read: its work tree, index,
//! references and configuration stay as they are. (git renews the time of an object that it finds there, as `git gc` wants it.) git remembers what it saw of each file (gitdatamodel(7), the index), so a
//! directory of 80,000 files with one change is taken and laid out again in a moment.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use super::{GitError, History};
use crate::exec::{Tool, ToolCall, capture, run};
use crate::files;

/// A repository of ours that holds trees of files.
#[derive(Clone, Debug)]
pub struct Trees {
    git: Tool,
    repository: PathBuf,
}

impl Trees {
    /// The repository at `repository`, which is made where it is not there. It borrows the objects of `lender`.
    ///
    /// # Errors
    /// If git fails, or the directory cannot be written.
    pub fn open(repository: &Path, lender: Option<&History>) -> Result<Self, GitError> {
        let trees = Self { git: Tool::resolve("git")?, repository: repository.to_owned() };
        let alternates = repository.join("objects/info/alternates");
        let line = lender.map(|lender| [lender.objects.as_os_str().as_encoded_bytes(), b"\n"].concat());
        // Trees that were made with the objects of another repository are not whole without it.
        if fs::read(&alternates).ok() != line && repository.exists() {
            files::remove(repository).map_err(write(repository))?;
        }
        fs::create_dir_all(repository).map_err(write(repository))?;
        let format = lender.map_or(Ok("sha1".to_owned()), History::object_format)?;
        run(&trees.call().args(["init", "--quiet", "--bare", "--object-format", &format]), &mut |_| ())?;
        if let Some(line) = line {
            fs::write(&alternates, line).map_err(write(&alternates))?;
        }
        Ok(trees)
    }

    /// Takes the files of `directory` at `paths`, relative to it, and returns the id of the tree that they make. Only files that
    /// changed since the last call are read. Paths of directories and of what is not there are left out.
    ///
    /// # Errors
    /// If git fails, or a list cannot be written.
    pub fn take(&self, directory: &Path, paths: &BTreeSet<String>) -> Result<String, GitError> {
        let index = self.repository.join("index");
        let is_file = |path: &&String| directory.join(path).symlink_metadata().is_ok_and(|meta| !meta.is_dir());
        let paths: BTreeSet<&str> = paths.iter().filter(is_file).map(String::as_str).collect();
        let call = || self.with(&index, directory);
        unlock(&index)?;
        let known = capture(&call().args(["ls-files", "-z"]))?;
        let gone: BTreeSet<&str> = names(&known).filter(|path| !paths.contains(path)).collect();
        for (word, list) in [("--force-remove", gone), ("--add", paths)] {
            if !list.is_empty() {
                let input = self.list("paths", list)?;
                run(&call().args(["update-index", word, "-z", "--stdin"]).input(input), &mut |_| ())?;
            }
        }
        Ok(capture(&call().arg("write-tree"))?.trim().to_owned())
    }

    /// The paths of all files of a tree.
    ///
    /// # Errors
    /// If git fails.
    pub fn files(&self, tree: &str) -> Result<BTreeSet<String>, GitError> {
        let text = capture(&self.call().args(["ls-tree", "-r", "-z", "--name-only", "--full-tree", tree]))?;
        Ok(names(&text).map(str::to_owned).collect())
    }

    /// The id of a tree without these files of it.
    ///
    /// # Errors
    /// If git fails, or a list cannot be written.
    pub fn without(&self, tree: &str, paths: &BTreeSet<&str>) -> Result<String, GitError> {
        if paths.is_empty() {
            return Ok(tree.to_owned());
        }
        let index = self.repository.join("index.without");
        unlock(&index)?;
        let call = || self.with(&index, &self.repository);
        run(&call().args(["read-tree", tree]), &mut |_| ())?;
        let input = self.list("without", paths.iter().copied())?;
        run(&call().args(["update-index", "--force-remove", "-z", "--stdin"]).input(input), &mut |_| ())?;
        Ok(capture(&call().arg("write-tree"))?.trim().to_owned())
    }

    /// The entries of a tree itself, one each: mode, kind, id, and name.
    ///
    /// # Errors
    /// If git fails.
    pub fn entries(&self, tree: &str) -> Result<Vec<String>, GitError> {
        let text = capture(&self.call().args(["ls-tree", "-z", "--full-tree", tree]))?;
        Ok(names(&text).map(str::to_owned).collect())
    }

    /// True if all of the tree's objects that a look at its top needs are here.
    #[must_use]
    pub fn has(&self, tree: &str) -> bool {
        capture(&self.call().args(["cat-file", "-e", tree])).is_ok()
    }

    /// Writes the files of a tree below `directory`, which is ours alone; `index` remembers what is there. Files in which the
    /// last tree and this one are the same stay untouched, so that a build follows what changed.
    ///
    /// # Errors
    /// If git fails, or a file cannot be written.
    pub fn lay_out(&self, tree: &str, directory: &Path, index: &Path) -> Result<(), GitError> {
        fs::create_dir_all(directory).map_err(write(directory))?;
        unlock(index)?;
        // Both look at the files themselves: what a killed call left behind is put right.
        run(&self.with(index, directory).args(["read-tree", "--reset", "-u", tree]), &mut |_| ())?;
        run(&self.with(index, directory).args(["clean", "--quiet", "-ffdx"]), &mut |_| ())?;
        Ok(())
    }

    fn with(&self, index: &Path, directory: &Path) -> ToolCall {
        self.call().env("GIT_INDEX_FILE", index).env("GIT_WORK_TREE", directory).dir(directory)
    }

    /// git on the repository, with nothing of the user's or the host's configuration that changes files on their way.
    fn call(&self) -> ToolCall {
        let call = ToolCall::new(self.git.clone()).env("GIT_DIR", &self.repository);
        let call = call.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null");
        let settings =
            ["core.bare=false", "core.hooksPath=/dev/null", "core.autocrlf=false", "core.attributesFile=/dev/null"];
        // All of it can be made again: it need not be small, nor survive a power failure.
        let speed = ["core.compression=1", "core.fsync=none", "index.threads=true"];
        settings.into_iter().chain(speed).fold(call, |call, setting| call.args(["-c", setting]))
    }

    fn list<'a>(&self, name: &str, paths: impl IntoIterator<Item = &'a str>) -> Result<PathBuf, GitError> {
        let file = self.repository.join(name);
        let text: String = paths.into_iter().flat_map(|path| [path, "\0"]).collect();
        fs::write(&file, text).map_err(write(&file))?;
        Ok(file)
    }
}

/// The words of what git printed with `-z`.
pub(super) fn names(text: &str) -> impl Iterator<Item = &str> {
    text.trim_end_matches('\n').split('\0').filter(|name| !name.is_empty())
}

/// Removes the lock of a call that was killed. The caller is alone with the index.
fn unlock(index: &Path) -> Result<(), GitError> {
    let mut lock = index.as_os_str().to_owned();
    lock.push(".lock");
    files::remove_file(Path::new(&lock)).map_err(write(Path::new(&lock)))
}

fn write(path: &Path) -> impl FnOnce(std::io::Error) -> GitError {
    let path = path.to_owned();
    move |source| GitError::Write { path, source }
}
