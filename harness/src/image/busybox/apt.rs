//! An apt with everything it writes in a directory of its own.
//!
//! It reads the host's configuration, sources and keys, and neither needs root, nor adds an architecture to the host, nor
//! touches the host's package lists.

use std::fs;
use std::path::{Path, PathBuf};

use crate::exec::{Tool, ToolCall, ToolError, capture};
use crate::image::{ImageError, StoreError};

/// Where a Debian host's sources stand.
const SOURCES: &str = "/etc/apt";

/// What to look for in the host's sources.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Look {
    /// Packages for an architecture, by the distribution's name of it.
    Packages(&'static str),
    /// Source packages, also where the host's own sources do not list them.
    Sources,
}

/// An apt of its own; what it downloads is left in its directory.
pub(super) struct Apt {
    call: ToolCall,
    /// Where packages are left.
    dir: PathBuf,
}

impl Apt {
    /// Sets one up in an empty directory.
    pub(super) fn new(dir: PathBuf, look: Look) -> Result<Apt, ImageError> {
        let tool = Tool::resolve("apt-get").map_err(ImageError::step("fetch busybox"))?;
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
        }
        fs::write(&path, config).map_err(StoreError::write(&path))?;
        Ok(Apt { call: ToolCall::new(tool).arg("-c").arg(&path).dir(&dir), dir })
    }

    /// Brings its package lists up to date and then carries out `words`.
    ///
    /// One source that cannot be read (another vendor's, which has no such architecture) does not matter where another has
    /// what is looked for. Where none has, it is the reason.
    pub(super) fn fetch(&self, words: &[&str]) -> Result<(), ToolError> {
        let unread = match capture(&self.call.clone().arg("update")) {
            Err(error @ ToolError::Interrupted(_)) => return Err(error),
            updated => updated.err(),
        };
        match (capture(&self.call.clone().args(words.iter().copied())), unread) {
            (Ok(_), _) => Ok(()),
            (Err(error @ ToolError::Interrupted(_)), _) | (Err(error), None) => Err(error),
            (Err(_), Some(unread)) => Err(unread),
        }
    }

    /// The file that was left, by a part of its name.
    pub(super) fn left(&self, part: &str) -> Option<PathBuf> {
        let files = fs::read_dir(&self.dir).ok()?.filter_map(|entry| Some(entry.ok()?.path()));
        let mut named = files.filter(|path| path.file_name().is_some_and(|name| name.to_string_lossy().contains(part)));
        named.next()
    }
}

/// What apt is told on top of the host's own configuration, which it reads first.
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
// What the host does after an update is about the host's lists.
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
"
    )
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
