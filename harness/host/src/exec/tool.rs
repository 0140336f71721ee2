//! Finding the host's tools on `PATH`.
#![expect(clippy::disallowed_methods, reason = "this module looks tools up on `PATH`")]

use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::error::ToolError;
use super::facts::facts;
use super::search::find;

/// A program that was found on this host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tool {
    name: String,
    path: PathBuf,
}

impl Tool {
    /// Looks `name` up on `PATH`.
    ///
    /// # Errors
    ///
    /// [`ToolError::Missing`], which says what the tool is for and which package holds it.
    pub fn resolve(name: &str) -> Result<Tool, ToolError> {
        find(name)
            .map(|path| Tool { name: name.to_owned(), path })
            .ok_or_else(|| ToolError::Missing { name: name.to_owned(), facts: facts(name) })
    }

    /// The name it was looked up by.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The file that runs.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

/// The variables of the caller's environment that a tool keeps: where to find other tools, where to put temporary files, and whether and where
/// the compiler cache is to be used.
const INHERITED: [&str; 4] = ["PATH", "TMPDIR", "CCACHE_DIR", "CCACHE_DISABLE"];

/// The further variables of a tool that talks to servers: the caller's identity, and the route.
const ABROAD: [&str; 6] = ["HOME", "SSH_AUTH_SOCK", "http_proxy", "https_proxy", "all_proxy", "no_proxy"];

pub(super) fn inherited(abroad: bool) -> Vec<(OsString, OsString)> {
    INHERITED
        .iter()
        .chain(ABROAD.iter().filter(|_| abroad))
        .filter_map(|name| Some((OsString::from(name), env::var_os(name)?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_tool_says_what_it_is_for_and_where_it_comes_from() {
        let error = ToolError::Missing { name: "dtc".into(), facts: facts("dtc") };
        let text = error.to_string();
        assert!(text.starts_with("`dtc` is not on PATH: needed to compile device tree overlays; "), "{text}");
    }
}
