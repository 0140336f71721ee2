//! Where kernels are compiled: a directory for each line of descent, kept between builds.
//!
//! ```text
//! ROOT/work/<key>/tree       the source, with the patches of the last build applied; not there for a tree of the user's own
//! ROOT/work/<key>/applied/   those patches, 0, 1, 2, …
//! ROOT/work/<key>/out        kbuild's output directory
//! ROOT/work/<key>/busy       there while a build is at it: found later, it says that the build died
//! ```
//!
//! kbuild compiles what has changed since its last run in the same directories. What comes out is copied into an entry of the
//! store; a workshop itself is not an entry and may be removed at any time.

use std::fs;
use std::path::{Path, PathBuf};

use super::source::{Patch, Source};
use crate::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, ToolError, run};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::Events;
use kernsnap_host::store::StoreError;
use kernsnap_host::store::{Store, remove};

/// A workshop that no other process is in.
pub(super) struct BuildDir {
    /// The source to build.
    pub(super) tree: PathBuf,
    /// kbuild's output directory.
    pub(super) out: PathBuf,
    dir: PathBuf,
}

impl BuildDir {
    /// Does this in the workshop that `inputs` name, with `source` laid out in it.
    pub(super) fn enter<T>(
        store: &Store,
        inputs: &CacheInputs,
        source: &Source,
        events: Events<'_>,
        work: impl FnOnce(&BuildDir, Events<'_>) -> Result<T, ImageError>,
    ) -> Result<T, ImageError> {
        let base = source.tree(store, events)?;
        store.build_dir(inputs, events, |dir, events| {
            let own = dir.join("tree");
            let tree = if source.is_tree() { base.clone() } else { own.clone() };
            let workshop = BuildDir { tree, out: dir.join("out"), dir: dir.to_owned() };
            let busy = dir.join("busy");
            if busy.exists() {
                // Half-written objects look finished to kbuild.
                for dir in [&workshop.out, &own, &dir.join("applied")] {
                    remove(dir)?;
                }
            }
            fs::write(&busy, "").map_err(StoreError::write(&busy))?;
            fs::create_dir_all(&workshop.out).map_err(StoreError::write(&workshop.out))?;
            if !source.is_tree() {
                workshop.lay_out(&base, source.patches())?;
            }
            let done = work(&workshop, events);
            // make removes what it was writing when a compiler fails, but not when it is stopped itself.
            if !matches!(done, Err(ImageError::Interrupted(_))) {
                fs::remove_file(&busy).map_err(StoreError::write(&busy))?;
            }
            done
        })
    }

    /// True if something was built here before.
    pub(super) fn is_used(&self) -> bool {
        self.out.join("vmlinux").exists()
    }

    /// The base with these patches. Files that no patch touches share their content with the base.
    fn lay_out(&self, base: &Path, wanted: &[Patch]) -> Result<(), ImageError> {
        let step = || ImageError::step("lay out the kernel source");
        if !self.tree.is_dir() {
            let cp = ToolCall::new(Tool::resolve("cp").map_err(step())?);
            let part = self.dir.join("tree.part");
            remove(&part)?;
            run(&cp.args(["--archive", "--link"]).arg(base).arg(&part), &mut |_| ()).map_err(step())?;
            fs::rename(&part, &self.tree).map_err(StoreError::write(&self.tree))?;
            remove(&self.dir.join("applied"))?;
        }
        let applied = self.applied()?;
        if applied.len() == wanted.len() && applied.iter().zip(wanted).all(|(text, patch)| *text == patch.text) {
            return Ok(());
        }
        for number in (0..applied.len()).rev() {
            let file = self.file(number);
            self.patch(&file, true).map_err(step())?;
            fs::remove_file(&file).map_err(StoreError::write(&file))?;
        }
        for (number, patch) in wanted.iter().enumerate() {
            let file = self.file(number);
            fs::create_dir_all(self.dir.join("applied")).map_err(StoreError::write(&file))?;
            fs::write(&file, &patch.text).map_err(StoreError::write(&file))?;
            match self.patch(&file, false) {
                Ok(()) => {}
                Err(ToolError::Failed { tail, .. }) => {
                    // Half of it may be applied: the tree is not worth mending.
                    remove(&self.tree)?;
                    remove(&self.dir.join("applied"))?;
                    return Err(ImageError::input(
                        format!("the patch `{}` does not apply:\n  | {}", patch.path.display(), tail.join("\n  | ")),
                        "it must be made against the source that the base image is built from, with `a/` and `b/` before its paths",
                    ));
                }
                Err(error) => return Err(step()(error)),
            }
        }
        Ok(())
    }

    fn applied(&self) -> Result<Vec<Vec<u8>>, StoreError> {
        let mut texts = Vec::new();
        loop {
            let file = self.file(texts.len());
            match fs::read(&file) {
                Ok(text) => texts.push(text),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(texts),
                Err(error) => return Err(StoreError::read(&file)(error)),
            }
        }
    }

    fn file(&self, number: usize) -> PathBuf {
        self.dir.join("applied").join(number.to_string())
    }

    /// `patch` writes a new file beside the old one and renames it, so the base, which shares the old one, keeps its own.
    fn patch(&self, file: &Path, reverse: bool) -> Result<(), ToolError> {
        let mut call = ToolCall::new(Tool::resolve("patch")?)
            .args(["--strip=1", "--batch", "--no-backup-if-mismatch", "--reject-file=-", "--input"])
            .arg(file)
            .dir(&self.tree);
        call = call.arg(if reverse { "--reverse" } else { "--forward" });
        run(&call, &mut |_| ()).map(drop)
    }
}
