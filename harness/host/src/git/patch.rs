//! The files that a patch changes.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::exec::{Tool, ToolCall, ToolError, capture};

/// The paths that a patch changes, as `git apply` understands it, without their first part (`a/`, `b/`).
///
/// # Errors
/// If it is not a patch, or git is not on this host.
pub fn patched_paths(patch: &Path) -> Result<BTreeSet<String>, ToolError> {
    let call = ToolCall::new(Tool::resolve("git")?).env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CEILING_DIRECTORIES", "/");
    // Inside of a repository git would leave out the files that are not below the current directory.
    let text = capture(&call.dir("/").args(["apply", "--numstat", "-z", "--"]).arg(patch))?;
    let words = text.trim_end_matches('\n').split('\0').filter(|word| !word.is_empty());
    // `ADDED\tDELETED\tPATH`; of a file that moves, PATH is the new one.
    let paths = words.filter_map(|word| word.splitn(3, '\t').nth(2));
    let moved = moved_from(&fs::read(patch).unwrap_or_default());
    Ok(paths.map(str::to_owned).chain(moved).collect())
}

/// The old paths of the files that a patch moves or copies.
fn moved_from(text: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(text);
    let from =
        |line: &str| ["rename from ", "copy from "].iter().find_map(|word| Some(line.strip_prefix(word)?.to_owned()));
    text.lines().filter_map(from).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_tells_the_paths_it_changes() -> Result<(), Box<dyn std::error::Error>> {
        let directory = tempfile::tempdir()?;
        let patch = directory.path().join("it.patch");
        fs::write(
            &patch,
            "A subject\n\n--- a/kernel/fork.c\n+++ b/kernel/fork.c\n@@ -1 +1 @@\n-x\n+y\n\
             diff --git a/old b/new\nsimilarity index 100%\nrename from old\nrename to new\n",
        )?;
        assert_eq!(patched_paths(&patch)?, ["kernel/fork.c", "new", "old"].map(str::to_owned).into());
        fs::write(&patch, "not a patch\n")?;
        assert!(patched_paths(&patch).is_err());
        Ok(())
    }
}
