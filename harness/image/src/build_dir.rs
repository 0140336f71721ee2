//! Where kernels are compiled: a directory for each line of descent, `work/<key>` in the store, kept between builds.
//!
//! ```text
//! tree       the source, with the patches of the last build applied
//! applied/   those patches, 0, 1, 2, …
//! index      git's notes on the files of `tree`, for a live source
//! out        kbuild's output directory
//! patching   there while a patch is applied to `tree`, or taken back
//! stage/     the files that a patch changes, while it is tried
//! busy       there while a build is at it, with the id of the host's boot: found later, the build was stopped
//! ```
//!
//! kbuild compiles what has changed since its last run in the same directories. What comes out is copied into an entry of the
//! store; a workshop itself is not an entry and may be removed at any time.

use std::fs;
use std::path::{Component, Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::module_headers;
use super::source::{Base, LiveTree, Patch, Source};
use crate::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture, run};
use kernsnap_host::files;
use kernsnap_host::git::patched_paths;
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent};
use kernsnap_host::store::StoreError;
use kernsnap_host::store::{Store, remove};

/// The mark of a patch that is being applied or taken back.
const PATCHING: &str = "patching";

/// A workshop that no other process is in.
pub(super) struct BuildDir {
    /// The source to build.
    pub(super) tree: PathBuf,
    /// kbuild's output directory.
    pub(super) out: PathBuf,
    dir: PathBuf,
}

impl BuildDir {
    /// The source in the workshop that `inputs` name, where the last build left it.
    pub(super) fn tree(store: &Store, inputs: &CacheInputs) -> Option<PathBuf> {
        let tree = store.root().join("work").join(inputs.key().as_str()).join("tree");
        Some(tree).filter(|tree| tree.is_dir())
    }

    /// Does this in the workshop that `inputs` name, with `source` laid out in it.
    pub(super) fn enter<T>(
        store: &Store,
        inputs: &CacheInputs,
        source: &Source,
        events: Events<'_>,
        work: impl FnOnce(&BuildDir, Events<'_>) -> Result<T, ImageError>,
    ) -> Result<T, ImageError> {
        let base = source.base(store, events)?;
        store.build_dir(inputs, events, |dir, events| {
            let workshop = BuildDir { tree: dir.join("tree"), out: dir.join("out"), dir: dir.to_owned() };
            let busy = dir.join("busy");
            if let Ok(boot) = fs::read_to_string(&busy) {
                workshop.recover(&boot, &busy)?;
            }
            fs::write(&busy, boot_id()).map_err(StoreError::write(&busy))?;
            fs::create_dir_all(&workshop.out).map_err(StoreError::write(&workshop.out))?;
            let laid_out = match &base {
                Base::Unpacked(base) => workshop.copy(base),
                Base::Live(tree) => workshop.lay_out(store, tree, source.patches(), events),
            };
            let laid_out = laid_out.and_then(|()| workshop.patch(source.patches(), events));
            let done = laid_out.and_then(|()| work(&workshop, events));
            // make removes what it was writing when a compiler fails, but not when it is stopped itself.
            if !matches!(done, Err(ImageError::Interrupted(_))) {
                files::remove_file(&busy).map_err(StoreError::write(&busy))?;
            }
            done
        })
    }

    /// Makes the directory sound after a build that was stopped in the boot of the host with the id `boot`.
    fn recover(&self, boot: &str, busy: &Path) -> Result<(), ImageError> {
        // A file that was not on the disk when the power failed may be short without a trace of it, and a patch that was
        // being applied may be there by half.
        let mark = self.dir.join(PATCHING);
        if boot != boot_id() || boot.is_empty() || mark.exists() {
            for dir in [&self.out, &self.tree, &self.dir.join("applied")] {
                remove(dir)?;
            }
            files::remove_file(&mark).map_err(StoreError::write(&mark))?;
            return Ok(());
        }
        let begun = busy.metadata().and_then(|meta| meta.modified()).map_err(StoreError::read(busy))?;
        for half in half_written(&self.out, begun) {
            files::remove_file(&half).map_err(StoreError::write(&half))?;
        }
        Ok(())
    }

    /// True if something was built here before.
    pub(super) fn is_used(&self) -> bool {
        self.out.join("vmlinux").exists()
    }

    /// A copy of the base, where there is none yet. Its files share their content with the base's.
    fn copy(&self, base: &Path) -> Result<(), ImageError> {
        let step = || ImageError::step("lay out the kernel source");
        if self.tree.is_dir() {
            return Ok(());
        }
        let cp = ToolCall::new(Tool::resolve("cp").map_err(step())?);
        let part = self.dir.join("tree.part");
        remove(&part)?;
        run(&cp.args(["--archive", "--link"]).arg(base).arg(&part), &mut |_| ()).map_err(step())?;
        fs::rename(&part, &self.tree).map_err(StoreError::write(&self.tree))?;
        Ok(remove(&self.dir.join("applied"))?)
    }

    /// The files of a live tree, in place of those of the last one. Of one that is there with `patches` applied, nothing changes.
    fn lay_out(&self, store: &Store, live: &LiveTree, patches: &[Patch], events: Events<'_>) -> Result<(), ImageError> {
        let mark = self.dir.join("laid-out");
        let is_here = fs::read_to_string(&mark).is_ok_and(|id| id == live.id()) && self.tree.is_dir();
        if is_here && !patches.is_empty() && is_applied(&self.applied()?, patches) {
            return Ok(());
        }
        remove(&self.dir.join("applied"))?;
        live.lay_out(store, &self.tree, &self.dir.join("index"), events)?;
        Ok(fs::write(&mark, live.id()).map_err(StoreError::write(&mark))?)
    }

    /// Applies these patches, in place of those of the last build.
    fn patch(&self, wanted: &[Patch], events: Events<'_>) -> Result<(), ImageError> {
        let step = || ImageError::step("lay out the kernel source");
        let applied = self.applied()?;
        if is_applied(&applied, wanted) {
            return Ok(());
        }
        for number in (0..applied.len()).rev() {
            let file = self.file(number);
            self.patching(|| {
                patch(&self.tree, &file, true).map_err(step())?;
                Ok(files::remove_file(&file).map_err(StoreError::write(&file))?)
            })?;
        }
        for (number, wanted) in wanted.iter().enumerate() {
            // Tried on copies first: a patch that fails leaves the tree as the ones before it made it.
            self.try_on_copies(wanted, events)?;
            let file = self.file(number);
            self.patching(|| {
                fs::create_dir_all(self.dir.join("applied")).map_err(StoreError::write(&file))?;
                fs::write(&file, &wanted.text).map_err(StoreError::write(&file))?;
                patch(&self.tree, &file, false).map(drop).map_err(step())
            })?;
        }
        Ok(())
    }

    /// Does this with a mark beside the tree, which stays if it is not done to the end.
    fn patching(&self, work: impl FnOnce() -> Result<(), ImageError>) -> Result<(), ImageError> {
        let mark = self.dir.join(PATCHING);
        fs::write(&mark, "").map_err(StoreError::write(&mark))?;
        work()?;
        Ok(files::remove_file(&mark).map_err(StoreError::write(&mark))?)
    }

    /// Applies a patch to copies of the files that it changes, and tells which of its parts did not fit exactly.
    fn try_on_copies(&self, wanted: &Patch, events: Events<'_>) -> Result<(), ImageError> {
        let refused = |why: &str| {
            ImageError::input(
                format!("the patch `{}` does not apply:\n  | {why}", wanted.path.display()),
                "it must be made against the source that the base image is built from, with `a/` and `b/` before its paths",
            )
        };
        let step = || ImageError::step("lay out the kernel source");
        let tried = |error: ToolError| match error {
            ToolError::Failed { tail, .. } => refused(&tail.join("\n  | ")),
            error => step()(error),
        };
        let stage = self.dir.join("stage");
        remove(&stage)?;
        fs::create_dir_all(&stage).map_err(StoreError::write(&stage))?;
        let text = self.dir.join("stage.patch");
        fs::write(&text, &wanted.text).map_err(StoreError::write(&text))?;
        for path in patched_paths(&text).map_err(tried)? {
            if Path::new(&path).components().any(|part| !matches!(part, Component::Normal(_))) {
                return Err(refused(&format!("`{}` is outside of the source", path.escape_debug())));
            }
            let (from, to) = (self.tree.join(&path), stage.join(&path));
            if from.is_file() {
                module_headers::copy(&from, &to)?;
            }
        }
        let told = patch(&stage, &text, false).map_err(tried)?;
        // Of hunks, `patch` names those only that did not fit exactly.
        for line in told.lines().filter(|line| line.starts_with("Hunk #")) {
            events(ImageEvent::Note(format!("{}: {line}", wanted.path.display())));
        }
        remove(&stage)?;
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
}

/// True if these patches, and no others, are applied.
fn is_applied(applied: &[Vec<u8>], wanted: &[Patch]) -> bool {
    applied.len() == wanted.len() && applied.iter().zip(wanted).all(|(text, patch)| *text == patch.text)
}

/// Applies a patch in a tree, and returns the words of `patch`. It writes a new file beside the old one and renames it, so a tree
/// that shares the old one keeps its own.
fn patch(tree: &Path, file: &Path, reverse: bool) -> Result<String, ToolError> {
    let call = ToolCall::new(Tool::resolve("patch")?)
        .args(["--strip=1", "--batch", "--no-backup-if-mismatch", "--reject-file=-", "--input"])
        .arg(file)
        .dir(tree);
    capture(&call.arg(if reverse { "--reverse" } else { "--forward" }))
}

/// The id of the host's boot (`boot_id`, proc(5)); empty where the host does not tell.
fn boot_id() -> String {
    fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default()
}

/// How long before the last product a product may have been written that its tool was stopped at.
const IN_FLIGHT: Duration = Duration::from_secs(5);

/// The products of a stopped build that may be incomplete and look finished to kbuild. kbuild writes `.NAME.cmd` after NAME
/// (scripts/Kbuild.include, `if_changed`), and makes NAME again without it. What remains are products newer than a `.NAME.cmd`
/// of an earlier build, begun before `begun`, and those that were written at the very end: old kernels change an object after
/// its `.NAME.cmd` (`record_mcount`).
fn half_written(out: &Path, begun: SystemTime) -> Vec<PathBuf> {
    let mut products = Vec::new();
    let mut directories = vec![out.to_owned()];
    while let Some(dir) = directories.pop() {
        let Ok(entries) = fs::read_dir(&dir) else { continue };
        for entry in entries.filter_map(Result::ok) {
            let (path, name) = (entry.path(), entry.file_name());
            if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
                directories.push(path);
                continue;
            }
            let name = name.to_string_lossy();
            let Some(product) = name.strip_prefix('.').and_then(|name| name.strip_suffix(".cmd")) else { continue };
            let product = dir.join(product);
            let written = |path: &Path| path.metadata().and_then(|meta| meta.modified());
            if let (Ok(made), Ok(recorded)) = (written(&product), written(&path)) {
                products.push((product, made, recorded));
            }
        }
    }
    let newest = products.iter().map(|(_, made, _)| *made).max().unwrap_or(begun);
    let is_half =
        |made: SystemTime, recorded: SystemTime| made > recorded && (recorded < begun || made + IN_FLIGHT >= newest);
    products.into_iter().filter(|(_, made, recorded)| is_half(*made, *recorded)).map(|(path, ..)| path).collect()
}

#[cfg(test)]
mod tests {
    use std::fs::{File, FileTimes};

    use super::*;

    #[test]
    fn what_a_stopped_build_left_by_half_is_found() -> Result<(), Box<dyn std::error::Error>> {
        let out = tempfile::tempdir()?;
        let begun = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
        let write = |name: &str, second: u64| -> std::io::Result<()> {
            let file = File::create(out.path().join(name))?;
            file.set_times(FileTimes::new().set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(second)))
        };
        fs::create_dir(out.path().join("kernel"))?;
        for (name, made, recorded) in [
            // Whole, of an earlier build and of this one.
            ("kernel/fork.o", 500, 501),
            ("kernel/exit.o", 1010, 1011),
            // Changed after its record, long before the end.
            ("kernel/pid.o", 1012, 1011),
            // Written over when the build was stopped, with a record of the build before.
            ("kernel/cred.o", 1100, 501),
            // Changed at the very end.
            ("kernel/sys.o", 1100, 1099),
        ] {
            let (dir, base) = name.split_once('/').ok_or("it has one")?;
            write(name, made)?;
            write(&format!("{dir}/.{base}.cmd"), recorded)?;
        }
        write("kernel/new.o", 1100)?;
        let mut found = half_written(out.path(), begun);
        found.sort();
        assert_eq!(found, ["kernel/cred.o", "kernel/sys.o"].map(|name| out.path().join(name)));
        Ok(())
    }
}
