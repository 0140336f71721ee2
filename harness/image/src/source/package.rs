//! A kernel's source package: installed, or fetched through apt without being installed.

use std::fs;
use std::path::{Path, PathBuf};

use kernsnap_host::store::Scratch;

use super::SUPPLY;
use super::spec::PackageSpec;
use crate::ImageError;
use crate::apt::{Apt, Look};
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture, run};
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::Store;

/// A fetched tarball, in a directory that goes away with it.
#[derive(Debug)]
pub(super) struct Download {
    tarball: PathBuf,
    _dir: Scratch,
}

impl Download {
    pub(super) fn tarball(&self) -> &Path {
        &self.tarball
    }
}

/// The tarball of a package that is installed below `root`: `usr/src/NAME.tar.*` (Debian), or the same in a directory of the
/// package's name (Ubuntu).
pub(super) fn installed(package: &PackageSpec, root: &Path) -> Option<PathBuf> {
    let src = root.join("usr/src");
    let is_tarball = |path: &PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        path.is_file() && name.strip_prefix("linux-source-").is_some_and(|rest| rest.contains(".tar"))
    };
    let named = |dir: &Path| -> Option<PathBuf> {
        let mut paths: Vec<PathBuf> = fs::read_dir(dir).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
        paths.sort();
        paths.into_iter().find(|path| {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            is_tarball(path) && name.strip_prefix(&package.name).is_some_and(|rest| rest.starts_with(".tar"))
        })
    };
    named(&src).or_else(|| named(&src.join(&package.name)))
}

/// Downloads the package and takes the tarball out of it. Needs no root: nothing is installed.
pub(super) fn fetch(store: &Store, package: &PackageSpec, events: Events<'_>) -> Result<Download, ImageError> {
    events(ImageEvent::Phase(Phase::Fetch(package.name.clone())));
    let dir = store.scratch()?;
    let failed = |error: ToolError| match error {
        ToolError::Interrupted(interrupted) => ImageError::Interrupted(interrupted),
        error => ImageError::Source { what: package.name.clone(), why: error.to_string(), hint: lists_hint() },
    };
    // The host's own lists first: they are there already.
    let own = if listed(package).map_err(failed)? {
        let download = ToolCall::new(Tool::resolve("apt-get").map_err(failed)?).args(["download", &package.name]);
        run(&download.dir(dir.path()), &mut |_| ()).map(drop).map_err(failed)
    } else {
        let why = "apt's package lists have no package of that name".to_owned();
        Err(ImageError::Source { what: package.name.clone(), why, hint: lists_hint() })
    };
    match (own, &package.suite) {
        (Err(ImageError::Interrupted(interrupted)), _) => return Err(interrupted.into()),
        (Err(error), Some(suite)) => match Apt::new(dir.path().to_owned(), Look::Release(suite, "arm64"))? {
            // The host's own release does not have it; another release of the same archive does.
            Some(apt) => {
                events(ImageEvent::Note(format!("looking in the release `{suite}` of the same archive")));
                apt.fetch(&["download", &package.name]).map_err(failed)?;
            }
            None => return Err(error),
        },
        (own, _) => own?,
    }
    let deb = only_deb(dir.path()).ok_or_else(|| missing(package, "apt-get left no package behind"))?;
    let dpkg = Tool::resolve("dpkg-deb").map_err(failed)?;
    let root = dir.path().join("root");
    capture(&ToolCall::new(dpkg).arg("--extract").arg(&deb).arg(&root)).map_err(failed)?;
    let tarball =
        installed(package, &root).ok_or_else(|| missing(package, "the package holds no tarball of that name"))?;
    Ok(Download { tarball, _dir: dir })
}

/// True if the host's package lists have it. Asked before downloading: a name that it does not know is a regular expression to
/// apt, and `linux-source-6.1` would bring `linux-source-6.12`.
fn listed(package: &PackageSpec) -> Result<bool, ToolError> {
    let names = capture(&ToolCall::new(Tool::resolve("apt-cache")?).args(["pkgnames", &package.name]))?;
    Ok(names.lines().any(|name| name == package.name))
}

fn only_deb(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension().is_some_and(|end| end == "deb"))
}

fn lists_hint() -> String {
    format!("{SUPPLY}; `ci/setup` brings apt's package lists up to date")
}

fn missing(package: &PackageSpec, why: &str) -> ImageError {
    ImageError::Source { what: package.name.clone(), why: why.to_owned(), hint: SUPPLY.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_tarballs_are_found_where_each_distribution_puts_them() -> Result<(), Box<dyn std::error::Error>> {
        let package = |name: &str| PackageSpec { name: name.to_owned(), suite: None };
        let root = tempfile::tempdir()?;
        let src = root.path().join("usr/src");
        fs::create_dir_all(src.join("linux-source-6.8.0"))?;
        for file in
            ["linux-source-6.1.tar.xz", "linux-source-6.12.tar.xz", "linux-source-6.8.0/linux-source-6.8.0.tar.bz2"]
        {
            fs::write(src.join(file), "")?;
        }
        let check = |name: &str, file: Option<&str>| {
            assert_eq!(installed(&package(name), root.path()), file.map(|file| src.join(file)), "{name}");
        };
        check("linux-source-6.1", Some("linux-source-6.1.tar.xz"));
        check("linux-source-6.8.0", Some("linux-source-6.8.0/linux-source-6.8.0.tar.bz2"));
        check("linux-source-6.11", None);
        Ok(())
    }
}
