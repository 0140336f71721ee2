//! The source of a kernel, as an image file or the command line names it.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use kernsnap_host::remote::{RefusedAddress, check_download, check_package, check_ref, check_repository};

/// Where a kernel comes from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum SourceSpec {
    /// A source package of the distribution.
    Package(PackageSpec),
    /// A tree on this host, built outside of it and never written to.
    Path(PathBuf),
    /// A commit of a git repository.
    Git(GitSpec),
    /// A tarball of one tree.
    Tarball(TarballSpec),
    /// A kernel that comes built.
    Prebuilt(PrebuiltSpec),
}

/// A package of the distribution.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageSpec {
    /// Its name.
    pub name: String,
    /// The release of the distribution that has it, where the host's own release does not.
    pub suite: Option<String>,
}

/// A commit, by a name that a server knows.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct GitSpec {
    /// A repository's directory on this host, or anything that `git fetch` takes.
    pub url: String,
    /// A branch, a tag, or a commit that the server hands out; of a directory anything that `git rev-parse` takes.
    #[serde(rename = "ref")]
    pub name: String,
}

/// A tarball, on this host or elsewhere.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct TarballSpec {
    /// A file on this host, or what `curl` fetches.
    pub url: String,
    /// Its SHA-256, 64 hexadecimal digits. Another content is refused.
    pub sha256: String,
}

/// A kernel that comes built.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum PrebuiltSpec {
    /// The distribution's: `linux-image-arm64` and the like. Its headers are found by its version.
    Package(PackageSpec),
    /// Files on this host.
    Files(PrebuiltFiles),
    /// kbuild's output directory on this host.
    Build(PathBuf),
}

/// The files of a kernel that a user has built.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PrebuiltFiles {
    /// The kernel, as QEMU takes it.
    pub kernel: PathBuf,
    /// Its configuration.
    pub config: PathBuf,
    /// The board's device tree blob.
    pub device_tree: Option<PathBuf>,
    /// A directory with its modules.
    pub modules: Option<PathBuf>,
    /// The directory that modules are built against: a kernel's build directory, or its installed headers.
    pub headers: Option<PathBuf>,
}

impl PackageSpec {
    /// Checks the names that apt gets.
    pub(crate) fn check(&self) -> Result<(), RefusedAddress> {
        check_package(&self.name)?;
        self.suite.as_deref().map_or(Ok(()), check_package)
    }
}

impl SourceSpec {
    /// Checks the names and addresses that tools get.
    ///
    /// # Errors
    /// [`RefusedAddress`] for one that a tool could take for an option or a command.
    pub fn check(&self) -> Result<(), RefusedAddress> {
        match self {
            Self::Package(package) | Self::Prebuilt(PrebuiltSpec::Package(package)) => package.check(),
            Self::Git(git) => check_repository(&git.url).and_then(|()| check_ref(&git.name)),
            Self::Tarball(tarball) if tarball.url.contains("://") => check_download(&tarball.url),
            Self::Tarball(_) | Self::Path(_) | Self::Prebuilt(PrebuiltSpec::Files(_) | PrebuiltSpec::Build(_)) => {
                Ok(())
            }
        }
    }

    /// True if there is nothing to compile.
    #[must_use]
    pub fn is_prebuilt(&self) -> bool {
        matches!(self, SourceSpec::Prebuilt(_))
    }

    /// What `--kernel-source` says: a tree or a tarball on this host, `URL#REF` of a git repository, or a tarball's
    /// `URL#sha256=DIGITS`.
    ///
    /// # Errors
    /// With a sentence, where it is none of these.
    pub fn from_argument(text: &str) -> Result<SourceSpec, String> {
        if let Some((url, digest)) = text.rsplit_once("#sha256=") {
            return Ok(SourceSpec::Tarball(TarballSpec { url: url.to_owned(), sha256: digest.to_owned() }));
        }
        // A path may hold `#` too: what exists is meant.
        if Path::new(text).exists() || !(text.contains("://") || text.contains('#')) {
            return Ok(SourceSpec::Path(text.into()));
        }
        match text.rsplit_once('#') {
            Some((url, name)) if !url.is_empty() && !name.is_empty() => {
                let spec = SourceSpec::Git(GitSpec { url: url.to_owned(), name: name.to_owned() });
                // A repository on this host is asked for the name, which can be any expression.
                if !Path::new(url).is_dir() {
                    spec.check().map_err(|refused| refused.to_string())?;
                }
                Ok(spec)
            }
            _ => Err("an address needs `#REF` (a git repository) or `#sha256=DIGITS` (a tarball) behind it".to_owned()),
        }
    }
}

impl fmt::Display for SourceSpec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            SourceSpec::Package(package) | SourceSpec::Prebuilt(PrebuiltSpec::Package(package)) => {
                f.write_str(&package.name)
            }
            SourceSpec::Path(path) => write!(f, "{}", path.display()),
            SourceSpec::Git(git) => write!(f, "{}#{}", git.url, git.name),
            SourceSpec::Tarball(tarball) => f.write_str(&tarball.url),
            SourceSpec::Prebuilt(PrebuiltSpec::Build(out)) => write!(f, "{}", out.display()),
            SourceSpec::Prebuilt(PrebuiltSpec::Files(files)) => write!(f, "{}", files.kernel.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_names_a_tree_a_commit_or_a_tarball() {
        let check = |text: &str, expected: Option<&str>| {
            let found = SourceSpec::from_argument(text).ok();
            assert_eq!(found.map(|spec| format!("{spec:?}")).as_deref(), expected, "{text}");
        };
        check("linux", Some(r#"Path("linux")"#));
        check("/", Some(r#"Path("/")"#));
        check("file:///r#v6.1", Some(r#"Git(GitSpec { url: "file:///r", name: "v6.1" })"#));
        check("a/linux.git#main", Some(r#"Git(GitSpec { url: "a/linux.git", name: "main" })"#));
        check(
            "https://h/l.tar.xz#sha256=0a",
            Some(r#"Tarball(TarballSpec { url: "https://h/l.tar.xz", sha256: "0a" })"#),
        );
        check("https://h/linux.git", None);
        check("--upload-pack=touch x#main", None);
        check("https://h/linux.git#--upload-pack=touch x", None);
        check("ext::sh -c x#main", None);
        check("#x", None);
    }
}
