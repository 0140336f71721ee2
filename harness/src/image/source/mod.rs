//! The kernel's source: found, named by its content, and unpacked once.
//!
//! Where it comes from, first come first served: `--kernel-source PATH`, what was found the last time (a record in the store),
//! a package that is installed, the distribution's archive. The record makes the name stand for the same source until
//! somebody asks for another look: an upgrade of the package changes no image behind anybody's back.

mod digest;
mod package;

use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use self::package::Download;
use super::event::{Events, ImageEvent, Phase};
use super::key::Inputs;
use super::spec::{SourcePackage, SourceSpec};
use super::store::Store;
use super::{ImageError, Options, Resolve};
use crate::exec::{Tool, ToolCall, run};

const RECIPE: u32 = 1;
/// Where a source entry keeps the tree.
const TREE: &str = "linux";
pub(super) const SUPPLY: &str = "`--kernel-source PATH` takes an unpacked kernel or its tarball instead";

/// A source that is known by its content. It need not be unpacked, or even here, yet.
#[derive(Debug)]
pub(super) struct Source {
    found: Found,
    package: SourcePackage,
    download: Option<Download>,
}

/// What the record says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Found {
    /// Hash of the tarball or of the tree.
    digest: String,
    origin: Origin,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Origin {
    /// A tarball on this host.
    Tarball(PathBuf),
    /// An unpacked kernel, built where it is.
    Tree(PathBuf),
    /// The distribution's archive.
    Archive,
}

/// Finds out which source this is.
///
/// # Errors
///
/// [`ImageError::Source`] when there is none, [`ImageError::Input`] when `--kernel-source` names something else.
pub(super) fn resolve(
    store: &Store,
    spec: &SourceSpec,
    options: &Options,
    events: Events<'_>,
) -> Result<Source, ImageError> {
    let SourceSpec::Package(package) = spec;
    let source = |found, download| Source { found, package: package.clone(), download };
    let record = record_name(package);
    let recorded = || store.record::<Found>(&record).filter(|_| options.resolve == Resolve::Recorded);
    let (found, download) = match &options.kernel_source {
        Some(path) => (supplied(path)?, None),
        None => match recorded() {
            Some(found) => return Ok(source(found, None)),
            None => look(store, package, events)?,
        },
    };
    events(ImageEvent::Note(format!("{} is {found}", package.name)));
    // Only the next look-up suffers from a store that cannot be written; a build in it fails with a clear error.
    let _slower_next_time = store.set_record(&record, &found);
    Ok(source(found, download))
}

/// Whether it was found out before, so that [`resolve`] answers at once.
pub(super) fn is_recorded(store: &Store, spec: &SourceSpec) -> bool {
    let SourceSpec::Package(package) = spec;
    store.record::<Found>(&record_name(package)).is_some()
}

fn record_name(package: &SourcePackage) -> String {
    format!("source-{}", package.name)
}

impl Source {
    /// The hash of its content.
    pub(super) fn digest(&self) -> &str {
        &self.found.digest
    }

    /// The unpacked tree.
    ///
    /// # Errors
    ///
    /// [`ImageError::Source`] when it cannot be had any more, or is no longer what it was.
    pub(super) fn tree(&self, store: &Store, events: Events<'_>) -> Result<PathBuf, ImageError> {
        if let Origin::Tree(path) = &self.found.origin {
            self.verify(path, &digest::tree(path)?)?;
            return Ok(path.clone());
        }
        let inputs = Inputs::new("source", RECIPE).with("tarball", self.digest());
        let entry = store.ensure(&inputs, events, |dir, events| {
            let fetched;
            let tarball = match (&self.found.origin, &self.download) {
                (_, Some(download)) => download.tarball(),
                (Origin::Tarball(path), None) => path,
                (_, None) => {
                    fetched = package::fetch(store, &self.package, events)?;
                    fetched.tarball()
                }
            };
            self.verify(tarball, &digest::file(tarball)?)?;
            unpack(tarball, &dir.join(TREE), events)
        })?;
        Ok(entry.file(TREE))
    }

    fn verify(&self, path: &Path, digest: &str) -> Result<(), ImageError> {
        if digest == self.found.digest {
            return Ok(());
        }
        Err(ImageError::Source {
            what: path.display().to_string(),
            why: "it is not the source that was used before".to_owned(),
            hint: "`kernsnap image build --update` takes the source as it is now".to_owned(),
        })
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.origin {
            Origin::Tarball(path) | Origin::Tree(path) => write!(f, "`{}`", path.display())?,
            Origin::Archive => f.write_str("the distribution's")?,
        }
        write!(f, ", blake3 {:.16}", self.digest)
    }
}

/// What `--kernel-source` names.
fn supplied(path: &Path) -> Result<Found, ImageError> {
    let hint = "give the directory of an unpacked kernel, or a tarball of one";
    let path = path.canonicalize().map_err(|error| {
        ImageError::input(format!("cannot use the kernel source `{}`: {error}", path.display()), hint)
    })?;
    if !path.is_dir() {
        return Ok(Found { digest: digest::file(&path)?, origin: Origin::Tarball(path) });
    }
    if !path.join("Makefile").is_file() || !path.join("scripts/Makefile.build").is_file() {
        return Err(ImageError::input(format!("`{}` is not a kernel tree", path.display()), hint));
    }
    if path.join(".config").exists() || path.join("include/config").exists() {
        return Err(ImageError::input(
            format!("something was built inside the kernel tree `{}`", path.display()),
            "kbuild builds outside of clean trees only: run `make mrproper` there",
        ));
    }
    Ok(Found { digest: digest::tree(&path)?, origin: Origin::Tree(path) })
}

fn look(store: &Store, package: &SourcePackage, events: Events<'_>) -> Result<(Found, Option<Download>), ImageError> {
    if let Some(path) = package::installed(package, Path::new("/")) {
        return Ok((Found { digest: digest::file(&path)?, origin: Origin::Tarball(path) }, None));
    }
    let download = package::fetch(store, package, events)?;
    Ok((Found { digest: digest::file(download.tarball())?, origin: Origin::Archive }, Some(download)))
}

/// Unpacks a tarball that holds one directory.
fn unpack(tarball: &Path, to: &Path, events: Events<'_>) -> Result<Vec<String>, ImageError> {
    events(ImageEvent::Phase(Phase::Unpack(tarball.display().to_string())));
    std::fs::create_dir(to).map_err(super::StoreError::write(to))?;
    let tar = Tool::resolve("tar").map_err(ImageError::step("unpack the kernel source"))?;
    let call = ToolCall::new(tar)
        .args(["--extract", "--strip-components=1", "--no-same-owner", "--file"])
        .arg(tarball)
        .arg("--directory")
        .arg(to);
    run(&call, &mut |_| ()).map_err(ImageError::step("unpack the kernel source"))?;
    if !to.join("scripts/Makefile.build").is_file() {
        return Err(ImageError::Source {
            what: tarball.display().to_string(),
            why: "it holds no kernel tree".to_owned(),
            hint: SUPPLY.to_owned(),
        });
    }
    // The tree has 80,000 files; these two stand for all of them. What is built from it is checked as what was built.
    Ok(vec![format!("{TREE}/Makefile"), format!("{TREE}/scripts/Makefile.build")])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::ImageErrorKind;

    #[test]
    fn a_supplied_source_must_be_a_clean_kernel() -> Result<(), Box<dyn std::error::Error>> {
        let dir = tempfile::tempdir()?;
        let check = |message: &str| {
            let error = supplied(dir.path()).expect_err(message);
            assert_eq!(error.kind(), ImageErrorKind::BadInput);
            assert!(error.to_string().contains(message), "{error}");
        };
        check("is not a kernel tree");
        std::fs::create_dir(dir.path().join("scripts"))?;
        std::fs::write(dir.path().join("scripts/Makefile.build"), "")?;
        std::fs::write(dir.path().join("Makefile"), "")?;
        let before = supplied(dir.path())?;
        std::fs::write(dir.path().join("Makefile"), "x")?;
        assert_ne!(supplied(dir.path())?.digest, before.digest);
        std::fs::write(dir.path().join(".config"), "")?;
        check("something was built inside");
        assert!(supplied(Path::new("/no/such")).is_err_and(|error| error.to_string().contains("`/no/such`")));
        Ok(())
    }
}
