//! The kernel's source: found, named by its content, and unpacked once.
//!
//! Where it comes from, first come first served: `--kernel-source`, what was found the last time (a record in the store), what
//! the image file says. The record makes a name that can move (a package, a branch) stand for the same source until somebody
//! asks for another look: an upgrade changes no image behind anybody's back. A tree is looked at every time.

pub(super) mod digest;
mod git;
mod live;
mod package;
mod products;
pub(super) mod spec;
mod tarball;

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub(super) use self::live::LiveTree;
use self::live::Version;
use self::package::Download;
use self::spec::{GitSpec, PackageSpec, SourceSpec, TarballSpec};
use crate::{ImageError, Options, Resolve};
use kernsnap_host::exec::{Tool, ToolCall, run};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::Store;
use kernsnap_host::store::StoreError;

const RECIPE: u32 = 1;
/// Where a source entry keeps the tree.
const TREE: &str = "linux";
/// A file that only kernels have.
const KERNEL_FILE: &str = "scripts/Makefile.build";
pub(super) const SUPPLY: &str = "`--kernel-source PATH` takes an unpacked kernel or its tarball instead";

/// A source that is known by its content. It need not be unpacked, or even here, yet.
#[derive(Debug)]
pub(super) struct Source {
    found: Found,
    named: Named,
    patches: Vec<Patch>,
    /// The record that is to say that its name means this.
    record: Option<String>,
}

/// The files of a source, without its patches.
#[derive(Debug)]
pub(super) enum Base<'a> {
    /// Somewhere in the store.
    Unpacked(PathBuf),
    /// A kernel tree on this host.
    Live(&'a LiveTree),
}

/// A change to a source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Patch {
    /// Its file, for messages.
    pub(super) path: PathBuf,
    /// The file's content.
    pub(super) text: Vec<u8>,
}

/// The source that the image file names, with the files fetched to resolve it.
#[derive(Debug)]
enum Named {
    Package(PackageSpec, Option<Download>),
    Git(GitSpec),
    Tarball(TarballSpec, PathBuf),
    Path,
}

/// The content of the record.
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
    /// A kernel tree on this host.
    Live(LiveTree),
    /// The distribution's archive, or an address.
    Archive,
    /// A commit.
    Commit(String),
}

/// Finds out which source this is. `root` is where relative paths begin.
///
/// # Errors
///
/// [`ImageError::Source`] when there is none, [`ImageError::Input`] when `--kernel-source` names something else.
pub(super) fn resolve(
    store: &Store,
    root: &Path,
    spec: &SourceSpec,
    options: &Options,
    events: Events<'_>,
) -> Result<Source, ImageError> {
    let patches = options.patches.iter().map(|path| {
        let text = fs::read(path).map_err(|error| {
            ImageError::input(
                format!("cannot read the patch `{}`: {error}", path.display()),
                "give a file that `diff -u` or git made",
            )
        })?;
        Ok(Patch { path: path.clone(), text })
    });
    let patches = patches.collect::<Result<Vec<_>, ImageError>>()?;
    let source = |found, named, record| Source { found, named, patches, record };
    let record = record_name(spec);
    let stands = options.kernel_source.is_none() || options.remember;
    let recorded = || {
        record.as_ref().and_then(|name| store.record::<Found>(name)).filter(|_| options.resolve == Resolve::Recorded)
    };
    let wanted = options.kernel_source.as_ref().unwrap_or(spec);
    let (found, from) = match wanted {
        SourceSpec::Path(path) => (supplied(store, &root.join(path), events)?, Named::Path),
        SourceSpec::Tarball(tarball) => {
            let digest = format!("sha256 {}", tarball.sha256.to_lowercase());
            (Found { digest, origin: Origin::Archive }, Named::Tarball(tarball.clone(), root.to_owned()))
        }
        SourceSpec::Git(git) if root.join(&git.url).is_dir() => {
            let path = root.join(&git.url);
            let path = path.canonicalize().map_err(StoreError::read(&path))?;
            let (digest, tree) = live::look(store, &path, Version::Commit(&git.name), events)?;
            (Found { digest, origin: Origin::Live(tree) }, Named::Path)
        }
        SourceSpec::Git(git) => {
            if options.kernel_source.is_none()
                && let Some(found) = recorded()
            {
                return Ok(source(found, Named::Git(git.clone()), None));
            }
            (commit(store, git, events)?, Named::Git(git.clone()))
        }
        SourceSpec::Package(package) => {
            if let Some(found) = recorded() {
                return Ok(source(found, Named::Package(package.clone(), None), None));
            }
            let (found, download) = look(store, package, events)?;
            (found, Named::Package(package.clone(), download))
        }
        SourceSpec::Prebuilt(_) => {
            return Err(ImageError::input(
                format!("the kernel `{wanted}` comes built; it has no source"),
                "another image is built from source: `kernsnap image list`",
            ));
        }
    };
    events(ImageEvent::Note(format!("{wanted} is {found}")));
    // Names that can move are recorded; a tree is hashed again, unless it replaces another name.
    Ok(source(found, from, record.filter(|_| stands)))
}

/// True if it was found out before, so that [`resolve`] answers at once.
pub(super) fn is_recorded(store: &Store, spec: &SourceSpec) -> bool {
    record_name(spec).is_none_or(|name| store.record::<Found>(&name).is_some())
}

/// The record of a name that can stand for another source tomorrow.
fn record_name(spec: &SourceSpec) -> Option<String> {
    match spec {
        SourceSpec::Package(package) => {
            // The same name may stand for another version in another release.
            let suite = package.suite.as_ref().map(|suite| format!("-{suite}")).unwrap_or_default();
            Some(format!("source-{}{suite}", package.name))
        }
        SourceSpec::Git(git) => {
            let name = CacheInputs::new("git", 1).with("url", &git.url).with("ref", &git.name).key();
            Some(format!("source-git-{name}"))
        }
        SourceSpec::Path(_) | SourceSpec::Tarball(_) | SourceSpec::Prebuilt(_) => None,
    }
}

impl Source {
    /// Records that its name means this source, now that a kernel was built from it: a source that does not build is looked for
    /// again.
    pub(super) fn remember(&self, store: &Store) {
        if let Some(name) = &self.record {
            // Only the next look-up suffers from a store that cannot be written.
            let _slower_next_time = store.set_record(name, &self.found);
        }
    }

    /// The hash of its content, patches and all.
    pub(super) fn digest(&self) -> String {
        if self.patches.is_empty() {
            return self.found.digest.clone();
        }
        let inputs = CacheInputs::new("patched", 1).with("source", &self.found.digest);
        let patched = self.patches.iter().fold(inputs, |inputs, patch| inputs.with("patch", &patch.text));
        format!("{} with {} patches, {}", self.found.digest, self.patches.len(), patched.key())
    }

    /// The name of its build directory: builds of one tree's versions, or of one source with other patches, follow each other
    /// in the same directory, so that only what differs is compiled.
    pub(super) fn lineage(&self) -> String {
        match &self.found.origin {
            Origin::Live(tree) => format!("versions of the tree {}", tree.path.display()),
            _ => self.found.digest.clone(),
        }
    }

    /// The resolved commit, where a name can move.
    pub(super) fn commit(&self) -> Option<&str> {
        match &self.found.origin {
            Origin::Commit(commit) => Some(commit),
            Origin::Live(tree) if !tree.changed => tree.commit.as_deref(),
            _ => None,
        }
    }

    /// The patches to apply to the [base](Self::base), in this order.
    pub(super) fn patches(&self) -> &[Patch] {
        &self.patches
    }

    /// The files without the patches. What is not live is unpacked for it.
    ///
    /// # Errors
    ///
    /// [`ImageError::Source`] when it cannot be had any more, or is no longer what it was.
    pub(super) fn base(&self, store: &Store, events: Events<'_>) -> Result<Base<'_>, ImageError> {
        match &self.found.origin {
            Origin::Live(tree) => Ok(Base::Live(tree)),
            _ => Ok(Base::Unpacked(self.unpacked(store, events)?)),
        }
    }

    /// The unpacked files. Nothing may be written among them.
    fn unpacked(&self, store: &Store, events: Events<'_>) -> Result<PathBuf, ImageError> {
        let inputs = CacheInputs::new("source", RECIPE).with("tarball", &self.found.digest);
        store.ensure_checked(&inputs, TREE, events, |dir, events| {
            let to = dir.join(TREE);
            let fetched;
            let tarball = match (&self.found.origin, &self.named) {
                (Origin::Commit(commit), Named::Git(git)) => {
                    let fetched = git::fetch(store, git, commit, events)?;
                    self.verify(Path::new(&git.url), &git_digest(&fetched.tree))?;
                    fetched.check_out(&to)?;
                    return kernel(Path::new(&git.url), &to);
                }
                (_, Named::Tarball(spec, root)) => {
                    let tarball = tarball::fetch(store, spec, root, events)?;
                    return unpack(&tarball.path, &to, events);
                }
                (_, Named::Package(_, Some(download))) => download.tarball(),
                (Origin::Tarball(path), _) => path,
                (_, Named::Package(package, None)) => {
                    fetched = package::fetch(store, package, events)?;
                    fetched.tarball()
                }
                (_, Named::Git(_) | Named::Path) => return Err(gone(Path::new(TREE))),
            };
            self.verify(tarball, &digest::file(tarball)?)?;
            unpack(tarball, &to, events)
        })
    }

    fn verify(&self, path: &Path, digest: &str) -> Result<(), ImageError> {
        if digest == self.found.digest { Ok(()) } else { Err(gone(path)) }
    }
}

fn gone(path: &Path) -> ImageError {
    ImageError::Source {
        what: path.display().to_string(),
        why: "it is not the source that was used before".to_owned(),
        hint: "`kernsnap image build --update` takes the source as it is now".to_owned(),
    }
}

impl std::fmt::Display for Found {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.origin {
            Origin::Tarball(path) => write!(f, "`{}`", path.display())?,
            Origin::Live(LiveTree { commit: Some(commit), changed, .. }) => {
                return write!(f, "commit {commit}{}", if *changed { " with changes" } else { "" });
            }
            Origin::Live(tree) => write!(f, "`{}`", tree.path.display())?,
            Origin::Archive => f.write_str("of the archive")?,
            Origin::Commit(commit) => return write!(f, "commit {commit}"),
        }
        write!(f, ", {:.23}", self.digest)
    }
}

/// A tree or a tarball on this host.
fn supplied(store: &Store, path: &Path, events: Events<'_>) -> Result<Found, ImageError> {
    let hint = "give the directory of an unpacked kernel, or a tarball of one";
    let path = path.canonicalize().map_err(|error| {
        ImageError::input(format!("cannot use the kernel source `{}`: {error}", path.display()), hint)
    })?;
    if !path.is_dir() {
        return Ok(Found { digest: digest::file(&path)?, origin: Origin::Tarball(path) });
    }
    if !path.join("Makefile").is_file() || !path.join(KERNEL_FILE).is_file() {
        return Err(ImageError::input(format!("`{}` is not a kernel tree", path.display()), hint));
    }
    let (digest, tree) = live::look(store, &path, Version::WorkTree, events)?;
    Ok(Found { digest, origin: Origin::Live(tree) })
}

/// The commit that a name means now. Its files are kept at once: they were fetched to find out.
fn commit(store: &Store, git: &GitSpec, events: Events<'_>) -> Result<Found, ImageError> {
    let fetched = git::fetch(store, git, &git.name, events)?;
    let digest = git_digest(&fetched.tree);
    let inputs = CacheInputs::new("source", RECIPE).with("tarball", &digest);
    store.ensure(&inputs, events, |dir, _| {
        fetched.check_out(&dir.join(TREE))?;
        kernel(Path::new(&git.url), &dir.join(TREE))
    })?;
    Ok(Found { digest, origin: Origin::Commit(fetched.hash.clone()) })
}

fn git_digest(tree: &str) -> String {
    format!("git tree {tree}")
}

fn look(store: &Store, package: &PackageSpec, events: Events<'_>) -> Result<(Found, Option<Download>), ImageError> {
    if let Some(path) = package::installed(package, Path::new("/")) {
        return Ok((Found { digest: digest::file(&path)?, origin: Origin::Tarball(path) }, None));
    }
    let download = package::fetch(store, package, events)?;
    Ok((Found { digest: digest::file(download.tarball())?, origin: Origin::Archive }, Some(download)))
}

/// Unpacks a tarball that holds one directory.
fn unpack(tarball: &Path, to: &Path, events: Events<'_>) -> Result<Vec<String>, ImageError> {
    events(ImageEvent::Phase(Phase::Unpack(tarball.display().to_string())));
    fs::create_dir(to).map_err(StoreError::write(to))?;
    let tar = Tool::resolve("tar").map_err(ImageError::step("unpack the kernel source"))?;
    let call = ToolCall::new(tar)
        .args(["--extract", "--strip-components=1", "--no-same-owner", "--file"])
        .arg(tarball)
        .arg("--directory")
        .arg(to);
    run(&call, &mut |_| ()).map_err(ImageError::step("unpack the kernel source"))?;
    kernel(tarball, to)
}

/// The tree of a source entry, once it is known to hold a kernel.
fn kernel(what: &Path, tree: &Path) -> Result<Vec<String>, ImageError> {
    if !tree.join(KERNEL_FILE).is_file() {
        return Err(ImageError::Source {
            what: what.display().to_string(),
            why: "it holds no kernel tree".to_owned(),
            hint: SUPPLY.to_owned(),
        });
    }
    Ok(vec![TREE.to_owned()])
}

#[cfg(test)]
mod tests;
