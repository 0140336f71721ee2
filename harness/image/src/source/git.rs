//! A commit of a git repository, fetched without its history.

use std::fs;
use std::path::Path;

use kernsnap_host::store::Scratch;

use super::SUPPLY;
use super::spec::GitSpec;
use crate::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture, run};
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::remote::{GIT_PROTOCOLS, check_ref, check_repository};
use kernsnap_host::store::Store;
use kernsnap_host::store::StoreError;

/// One commit with its files, in a repository that goes away with it.
#[derive(Debug)]
pub(super) struct Commit {
    /// Its hash, hexadecimal.
    pub(super) hash: String,
    /// The tree it means, hexadecimal: a hash of all of its files.
    pub(super) tree: String,
    repository: Scratch,
}

/// Fetches the commit that `name` means now, or that it stood for when it was looked up.
pub(super) fn fetch(store: &Store, git: &GitSpec, name: &str, events: Events<'_>) -> Result<Commit, ImageError> {
    let checked = check_repository(&git.url).and_then(|()| check_ref(name));
    checked.map_err(|refused| {
        ImageError::input(refused.to_string(), "give the address of a repository and a name in it")
    })?;
    events(ImageEvent::Phase(Phase::Fetch(format!("{name} of {}", git.url))));
    let failed = |error: ToolError| match error {
        ToolError::Interrupted(interrupted) => ImageError::Interrupted(interrupted),
        error => {
            ImageError::Source { what: format!("{}#{name}", git.url), why: error.to_string(), hint: SUPPLY.to_owned() }
        }
    };
    let repository = store.scratch()?;
    let tool = Tool::resolve("git").map_err(failed)?;
    let call = || call(&tool, repository.path());
    run(&call().args(["init", "--quiet", "--bare"]), &mut |_| ()).map_err(failed)?;
    run(&call().args(["fetch", "--quiet", "--depth=1", "--no-tags", "--end-of-options", &git.url, name]), &mut |_| ())
        .map_err(failed)?;
    let ask = |what: &str| {
        capture(&call().args(["rev-parse", "--verify", what])).map(|text| text.trim().to_owned()).map_err(failed)
    };
    let (hash, tree) = (ask("FETCH_HEAD^{commit}")?, ask("FETCH_HEAD^{tree}")?);
    Ok(Commit { hash, tree, repository })
}

impl Commit {
    /// Writes its files below `to`, which is made.
    pub(super) fn check_out(&self, to: &Path) -> Result<(), ImageError> {
        let step = || ImageError::step("unpack the kernel source");
        fs::create_dir(to).map_err(StoreError::write(to))?;
        let tool = Tool::resolve("git").map_err(step())?;
        let mut work_tree = std::ffi::OsString::from("--work-tree=");
        work_tree.push(to);
        let call = call(&tool, self.repository.path()).arg(work_tree);
        run(&call.args(["checkout", "--quiet", "--force", &self.hash, "--", "."]), &mut |_| ()).map_err(step())?;
        Ok(())
    }
}

/// git on this repository, with nothing of the user's configuration that changes files on their way.
fn call(tool: &Tool, repository: &Path) -> ToolCall {
    let mut git_dir = std::ffi::OsString::from("--git-dir=");
    git_dir.push(repository);
    let call = ToolCall::new(tool.clone()).with_network_env().env("GIT_ALLOW_PROTOCOL", GIT_PROTOCOLS);
    call.arg(git_dir).args([
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "core.autocrlf=false",
        "-c",
        "advice.detachedHead=false",
    ])
}
