//! An apt with everything it writes in a directory of its own.
//!
//! It reads the host's configuration, sources and keys, and neither needs root, nor adds an architecture to the host, nor
//! touches the host's package lists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::ImageError;
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture};
use kernsnap_host::store::StoreError;

/// Where a Debian host's sources stand.
const SOURCES: &str = "/etc/apt";

/// Where Debian keeps the keys of its releases, older and newer ones too.
const DEBIAN_KEYS: &str = "/usr/share/keyrings/debian-archive-keyring.gpg";

/// The packages to look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look<'a> {
    /// Packages for an architecture, by the distribution's name of it, in the host's sources.
    Packages(&'static str),
    /// Source packages, also where the host's own sources do not list them.
    Sources,
    /// Packages for an architecture and for this host, in another release of the archive that the host uses.
    Release(&'a str, &'static str),
}

/// An apt of its own; what it downloads is left in its directory.
pub(super) struct Apt {
    config: PathBuf,
    /// Where packages are left.
    dir: PathBuf,
}

impl Apt {
    /// Sets one up in an empty directory. `None` where another release is looked for and the host does not use Debian's
    /// archive.
    pub(super) fn new(dir: PathBuf, look: Look<'_>) -> Result<Option<Apt>, ImageError> {
        let path = dir.join("apt.conf");
        for sub in ["state/lists/partial", "cache/archives/partial", "sources"] {
            let sub = dir.join(sub);
            fs::create_dir_all(&sub).map_err(StoreError::write(&sub))?;
        }
        let mut config = config(&dir);
        match look {
            Look::Packages(architecture) => config += &foreign(architecture),
            Look::Sources => {
                source_lists(Path::new(SOURCES), &dir.join("sources"))?;
                config += &copied_lists(&dir);
            }
            Look::Release(suite, architecture) => {
                let step = || ImageError::step(format!("look for the mirror of the release `{suite}`"));
                let own = capture(&ToolCall::new(Tool::resolve("dpkg").map_err(step())?).arg("--print-architecture"));
                let Some(list) = release_list(suite).map_err(step())? else { return Ok(None) };
                let file = dir.join("sources/release.list");
                fs::write(&file, list).map_err(StoreError::write(&file))?;
                config += &copied_lists(&dir);
                config += &architectures(&[own.map_err(step())?.trim(), architecture]);
            }
        }
        fs::write(&path, config).map_err(StoreError::write(&path))?;
        Ok(Some(Apt { config: path, dir }))
    }

    /// The fields of a package in its lists, the newest version first. Its lists must be [up to date](Self::update).
    pub(super) fn show(&self, package: &str) -> Result<String, ToolError> {
        capture(&self.call("apt-cache")?.args(["show", package]))
    }

    fn call(&self, tool: &str) -> Result<ToolCall, ToolError> {
        Ok(ToolCall::new(Tool::resolve(tool)?).arg("-c").arg(&self.config).dir(&self.dir))
    }

    /// Brings its package lists up to date. One that cannot be read may not matter: the caller keeps the error for the case
    /// that nothing is found.
    pub(super) fn update(&self) -> Result<Option<ToolError>, ToolError> {
        match capture(&self.call("apt-get")?.arg("update")) {
            Err(error @ ToolError::Interrupted(_)) => Err(error),
            updated => Ok(updated.err()),
        }
    }

    /// Brings its package lists up to date and then carries out `words`.
    ///
    /// One source that cannot be read (another vendor's, which has no such architecture) does not matter where another has
    /// what is looked for. Where none has, it is the reason.
    pub(super) fn fetch(&self, words: &[&str]) -> Result<(), ToolError> {
        let unread = self.update()?;
        match (self.get(words), unread) {
            (Ok(()), _) => Ok(()),
            (Err(error @ ToolError::Interrupted(_)), _) | (Err(error), None) => Err(error),
            (Err(_), Some(unread)) => Err(unread),
        }
    }

    /// `apt-get` with these words.
    pub(super) fn get(&self, words: &[&str]) -> Result<(), ToolError> {
        capture(&self.call("apt-get")?.args(words.iter().copied())).map(drop)
    }

    /// The file that was left, by a part of its name.
    pub(super) fn left(&self, part: &str) -> Option<PathBuf> {
        let files = fs::read_dir(&self.dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut named = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(part)));
        named.next()
    }
}

/// The sources of another release, on the mirrors of the host's own.
fn release_list(suite: &str) -> Result<Option<String>, ToolError> {
    let ask = ToolCall::new(Tool::resolve("apt-get")?).args([
        "indextargets",
        "--format",
        "$(LABEL) $(REPO_URI) $(COMPONENT)",
        "Created-By: Packages",
        "Origin: Debian",
    ]);
    let targets = capture(&ask)?;
    let mirror = |label: &str| {
        let of_label = |line: &str| Some(line.strip_prefix(label)?.trim().strip_suffix(" main")?.to_owned());
        targets.lines().find_map(of_label)
    };
    let Some(main) = mirror("Debian ") else { return Ok(None) };
    let keys = if Path::new(DEBIAN_KEYS).exists() { format!("[signed-by={DEBIAN_KEYS}] ") } else { String::new() };
    let line = |mirror: String, suite: String| format!("deb {keys}{mirror} {suite} main\n");
    let security = mirror("Debian-Security ").map(|security| line(security, format!("{suite}-security")));
    Ok(Some(line(main, suite.to_owned()) + &security.unwrap_or_default()))
}

/// The configuration of apt in addition to the host's own, which apt reads first.
fn config(dir: &Path) -> String {
    let dir = dir.display();
    format!(
        "Dir::State \"{dir}/state\";
Dir::State::status \"/dev/null\";
Dir::Cache \"{dir}/cache\";
// apt's own user could not enter the directory.
APT::Sandbox::User \"root\";
// Nothing but the package lists.
Acquire::Languages \"none\";
Acquire::IndexTargets::deb::DEP-11::DefaultEnabled \"false\";
Acquire::IndexTargets::deb::CNF::DefaultEnabled \"false\";
// The host's hooks after an update concern the host's lists.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"
    )
}

/// The architectures whose packages are looked for, and no others.
fn architectures(names: &[&str]) -> String {
    let list: Vec<String> = names.iter().map(|name| format!("\"{name}\";")).collect();
    format!("#clear APT::Architectures;\nAPT::Architectures {{ {} }};\n", list.join(" "))
}

fn foreign(architecture: &str) -> String {
    format!(
        "APT::Architecture \"{architecture}\";\n#clear APT::Architectures;\nAPT::Architectures {{ \"{architecture}\"; }};\n"
    )
}

fn copied_lists(dir: &Path) -> String {
    format!("Dir::Etc::SourceList \"/dev/null\";\nDir::Etc::SourceParts \"{}/sources\";\n", dir.display())
}

/// The host's lists, asking for source packages: nothing else about them changes, neither mirrors nor keys.
fn source_lists(from: &Path, to: &Path) -> Result<(), StoreError> {
    let parts = fs::read_dir(from.join("sources.list.d")).into_iter().flatten();
    let parts = parts.filter_map(|entry| Some(entry.ok()?.path()));
    for path in parts.chain([from.join("sources.list")]) {
        let name = path.file_name().unwrap_or_default();
        let end = path.extension().unwrap_or_default();
        // Whichever of them is not there has nothing to say.
        if let Ok(text) = fs::read_to_string(&path)
            && (end == "list" || end == "sources")
        {
            let path = to.join(name);
            fs::write(&path, asking_for_sources(&text)).map_err(StoreError::write(&path))?;
        }
    }
    Ok(())
}

fn asking_for_sources(list: &str) -> String {
    let line = |line: &str| match line.strip_prefix("deb ") {
        Some(rest) => format!("deb-src {rest}\n"),
        None if line.starts_with("Types:") => "Types: deb-src\n".to_owned(),
        None => format!("{line}\n"),
    };
    list.lines().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn apt_writes_in_a_directory_of_its_own() {
        let config = config(Path::new("/d"));
        let written: Vec<&str> = config.lines().filter(|line| line.starts_with("Dir::")).collect();
        assert_eq!(
            written,
            [r#"Dir::State "/d/state";"#, r#"Dir::State::status "/dev/null";"#, r#"Dir::Cache "/d/cache";"#]
        );
    }

    #[test]
    fn lists_of_both_forms_are_made_to_ask_for_sources() {
        let check = |list: &str, expected: &str| assert_eq!(asking_for_sources(list), expected);
        check("# deb x\ndeb [arch=amd64] http://m/ s main\n", "# deb x\ndeb-src [arch=amd64] http://m/ s main\n");
        check("Types: deb deb-src\nSigned-By: /k\n", "Types: deb-src\nSigned-By: /k\n");
    }
}
