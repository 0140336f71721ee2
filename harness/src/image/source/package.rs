//! A kernel's source package: installed, or fetched through apt without being installed.

use std::fs;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::SUPPLY;
use crate::exec::{Tool, ToolCall, ToolError, capture, run};
use crate::image::event::{Events, ImageEvent, Phase};
use crate::image::spec::SourcePackage;
use crate::image::store::Store;
use crate::image::{ImageError, StoreError};

/// Where Debian keeps the keys of its releases, older and newer ones too.
const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// A fetched tarball, in a directory that goes away with it.
#[derive(Debug)]
pub(super) struct Download {
    tarball: PathBuf,
    _dir: TempDir,
}

impl Download {
    pub(super) fn tarball(&self) -> &Path {
        &self.tarball
    }
}

/// The tarball of a package that is installed below `root`: `usr/src/NAME.tar.*` (Debian), or the same in a directory of the
/// package's name (Ubuntu).
pub(super) fn installed(package: &SourcePackage, root: &Path) -> Option<PathBuf> {
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
pub(super) fn fetch(store: &Store, package: &SourcePackage, events: Events<'_>) -> Result<Download, ImageError> {
    events(ImageEvent::Phase(Phase::Fetch(package.name.clone())));
    let dir = store.scratch()?;
    let failed = |error: ToolError| match error {
        ToolError::Interrupted(interrupted) => ImageError::Interrupted(interrupted),
        error => ImageError::Source {
            what: package.name.clone(),
            why: error.to_string(),
            hint: format!("{SUPPLY}; `ci/setup` brings apt's package lists up to date"),
        },
    };
    let apt = Apt { tool: Tool::resolve("apt-get").map_err(failed)?, dir: dir.path() };
    match (apt.download(package, &[]), &package.suite) {
        (Ok(()), _) => {}
        (Err(ToolError::Interrupted(interrupted)), _) => return Err(interrupted.into()),
        (Err(error), None) => return Err(failed(error)),
        (Err(error), Some(suite)) => match apt.suite(suite, events)? {
            // The host's own release does not have it; another release of the same archive does.
            Some(options) => apt.download(package, &options).map_err(failed)?,
            None => return Err(failed(error)),
        },
    }
    let deb = only_deb(dir.path()).ok_or_else(|| missing(package, "apt-get left no package behind"))?;
    let dpkg = Tool::resolve("dpkg-deb").map_err(failed)?;
    let root = dir.path().join("root");
    capture(&ToolCall::new(dpkg).arg("--extract").arg(&deb).arg(&root)).map_err(failed)?;
    let tarball =
        installed(package, &root).ok_or_else(|| missing(package, "the package holds no tarball of that name"))?;
    Ok(Download { tarball, _dir: dir })
}

struct Apt<'a> {
    tool: Tool,
    dir: &'a Path,
}

impl Apt<'_> {
    fn download(&self, package: &SourcePackage, options: &[String]) -> Result<(), ToolError> {
        let call = ToolCall::new(self.tool.clone()).args(options).arg("download").arg(&package.name).dir(self.dir);
        run(&call, &mut |_| ()).map(drop)
    }

    /// Options that let apt see another release of the archive the host uses; `None` where the host does not use Debian's.
    /// The mirror is the host's own: no host name stands here.
    fn suite(&self, suite: &str, events: Events<'_>) -> Result<Option<Vec<String>>, ImageError> {
        let ask = ToolCall::new(self.tool.clone()).args([
            "indextargets",
            "--format",
            "$(REPO_URI) $(COMPONENT)",
            "Created-By: Packages",
            "Origin: Debian",
            "Label: Debian",
        ]);
        let step = || ImageError::step("look for the package in another release");
        let targets = capture(&ask).map_err(step())?;
        let Some(mirror) = targets.lines().find_map(|line| line.strip_suffix(" main")) else { return Ok(None) };
        events(ImageEvent::Note(format!("looking in the release `{suite}` of the same archive")));
        let keys = if Path::new(DEBIAN_KEYS).exists() { format!("[signed-by={DEBIAN_KEYS}] ") } else { String::new() };
        let list = self.dir.join("sources.list");
        fs::write(&list, format!("deb {keys}{mirror} {suite} main\n")).map_err(StoreError::write(&list))?;
        for sub in ["lists/partial", "cache/archives/partial"] {
            let dir = self.dir.join(sub);
            fs::create_dir_all(&dir).map_err(StoreError::write(&dir))?;
        }
        let dir = self.dir.display();
        let options: Vec<String> = [
            format!("Dir::Etc::SourceList={}", list.display()),
            "Dir::Etc::SourceParts=/dev/null".to_owned(),
            format!("Dir::State::Lists={dir}/lists"),
            format!("Dir::Cache={dir}/cache"),
            // apt's own user could not enter the directory.
            "APT::Sandbox::User=root".to_owned(),
            "Acquire::Languages=none".to_owned(),
        ]
        .into_iter()
        .flat_map(|option| ["-o".to_owned(), option])
        .collect();
        run(&ToolCall::new(self.tool.clone()).args(&options).arg("update"), &mut |_| ()).map_err(step())?;
        Ok(Some(options))
    }
}

fn only_deb(dir: &Path) -> Option<PathBuf> {
    let entries = fs::read_dir(dir).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).find(|path| path.extension().is_some_and(|end| end == "deb"))
}

fn missing(package: &SourcePackage, why: &str) -> ImageError {
    ImageError::Source { what: package.name.clone(), why: why.to_owned(), hint: SUPPLY.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn installed_tarballs_are_found_where_each_distribution_puts_them() -> Result<(), Box<dyn std::error::Error>> {
        let package = |name: &str| SourcePackage { name: name.to_owned(), suite: None };
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
