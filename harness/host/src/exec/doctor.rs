//! The tools on this host that the harness needs.

use super::facts::{TOOLS, ToolFacts};
use super::{Tool, ToolCall, ToolError, capture, native};

/// One line of `kernsnap doctor`.
#[derive(Debug, Clone)]
pub struct ToolReport {
    /// The purpose of the tool and the package that holds it.
    pub facts: &'static ToolFacts,
    /// The result.
    pub finding: Finding,
}

/// The report of a tool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// It is here and good.
    Good(Found),
    /// It is here and works, with this weakness.
    Usable(Found, String),
    /// It is here and too old, or does not run; this says why.
    Unusable(Found, String),
    /// It is not on `PATH`.
    Missing,
}

/// A tool that is here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Found {
    /// The file that runs.
    pub path: std::path::PathBuf,
    /// The first line it prints about its version.
    pub version: String,
}

impl ToolReport {
    /// True if the harness can work with what was found.
    #[must_use]
    pub fn is_usable(&self) -> bool {
        matches!(self.finding, Finding::Good(_) | Finding::Usable(..))
    }

    /// True if something must be done about it.
    #[must_use]
    pub fn is_wanting(&self) -> bool {
        !(self.is_usable() || self.facts.optional && self.finding == Finding::Missing)
    }
}

/// Looks for every tool of the table and asks each for its version.
#[must_use]
pub fn inspect() -> Vec<ToolReport> {
    TOOLS.iter().map(|facts| ToolReport { facts, finding: find(facts) }).collect()
}

fn find(facts: &ToolFacts) -> Finding {
    let Ok(tool) = Tool::resolve(native(facts.name)) else { return Finding::Missing };
    let path = tool.path().to_owned();
    match capture(&ToolCall::new(tool).arg(facts.version_argument)) {
        // Perl starts its answer with an empty line.
        Ok(text) => {
            let version = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default().trim().to_owned();
            judge(facts, Found { path, version })
        }
        Err(error) => Finding::Unusable(Found { path, version: String::new() }, error.to_string()),
    }
}

/// Refuses a tool that says this of its version, if the harness cannot work with it.
///
/// # Errors
/// [`ToolError::Unusable`], which says what would do.
pub fn accept(tool: &Tool, version: &str) -> Result<(), ToolError> {
    let Some(facts) = super::facts(tool.name()) else { return Ok(()) };
    match judge(facts, Found { path: tool.path().to_owned(), version: version.to_owned() }) {
        Finding::Unusable(Found { version, .. }, what) => {
            Err(ToolError::Unusable { name: tool.name().to_owned(), what, version, facts: Some(facts) })
        }
        Finding::Good(_) | Finding::Usable(..) | Finding::Missing => Ok(()),
    }
}

fn judge(facts: &ToolFacts, found: Found) -> Finding {
    let Some(versions) = facts.versions else { return Finding::Good(found) };
    match version_number(&found.version) {
        Some(version) if version >= versions.preferred => Finding::Good(found),
        Some(version) if version >= versions.minimum => {
            let (major, minor) = versions.preferred;
            Finding::Usable(found, format!("older than {major}.{minor}: {}", versions.because))
        }
        Some(_) => {
            let (major, minor) = versions.minimum;
            Finding::Unusable(found, format!("is older than {major}.{minor}"))
        }
        None => Finding::Unusable(found, "does not tell its version".to_owned()),
    }
}

/// The first `N.N` of a version line.
/// The first version number in a line: major and minor.
#[must_use]
pub fn version_number(line: &str) -> Option<(u32, u32)> {
    line.split(|c: char| !c.is_ascii_digit() && c != '.').find_map(|word| {
        let mut parts = word.split('.').map(str::parse);
        Some((parts.next()?.ok()?, parts.next()?.ok()?))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_judged_by_the_table() {
        let Some(qemu) = super::super::facts("qemu-system-aarch64") else { panic!("the table has QEMU") };
        let check =
            |version: &str| match judge(qemu, Found { path: "/usr/bin/qemu".into(), version: version.to_owned() }) {
                Finding::Good(_) => "good",
                Finding::Usable(..) => "usable",
                Finding::Unusable(..) => "unusable",
                Finding::Missing => "missing",
            };
        assert_eq!(check("QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)"), "good");
        assert_eq!(check("QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7)"), "usable");
        assert_eq!(check("QEMU emulator version 6.2.0"), "unusable");
        assert_eq!(check("???"), "unusable");
    }
}
