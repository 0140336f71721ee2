//! Errors between the harness and a tool.

use std::io;

use super::Ended;
use super::facts::ToolFacts;
use super::packages::{PackageManager, how_to_install};
use crate::interrupt::Interrupted;

/// Why a tool did not do its work. The texts continue "failed to …: ".
#[derive(Debug, thiserror::Error)]
pub enum ToolError {
    /// It is not on this host.
    #[error("`{name}` is not on PATH{}", .facts.map(why).unwrap_or_default())]
    Missing {
        /// The name looked for.
        name: String,
        /// The harness's facts about it.
        facts: Option<&'static ToolFacts>,
    },
    /// It is here, and too old or broken.
    #[error("`{name}` {what}; it says `{version}`{}", .facts.map(why).unwrap_or_default())]
    Unusable {
        /// The name looked for.
        name: String,
        /// The reason, such as "is older than 7.2".
        what: String,
        /// Its version line.
        version: String,
        /// The harness's facts about it.
        facts: Option<&'static ToolFacts>,
    },
    /// The system refused to start it, or to keep its output.
    #[error("cannot run `{call}`")]
    Start {
        /// The command line.
        call: String,
        /// The system's error.
        #[source]
        source: io::Error,
    },
    /// It ran and failed.
    #[error("`{call}` failed: {ended}{}", tail_text(.tail))]
    Failed {
        /// The command line.
        call: String,
        /// The end of it.
        ended: Ended,
        /// The last lines it printed.
        tail: Vec<String>,
    },
    /// A signal asked the harness to stop; the tool and its children were ended.
    #[error(transparent)]
    Interrupted(#[from] Interrupted),
}

impl ToolError {
    /// A hint for the user.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        match self {
            ToolError::Missing { .. } | ToolError::Unusable { .. } => {
                Some("`ci/setup` installs every tool the harness needs")
            }
            _ => None,
        }
    }

    /// True if the host lacks the tool, or has one that cannot be used.
    #[must_use]
    pub fn is_not_set_up(&self) -> bool {
        matches!(self, ToolError::Missing { .. } | ToolError::Unusable { .. })
    }

    /// True if the tool's last words say that a disk is full.
    #[must_use]
    pub fn is_disk_full(&self) -> bool {
        match self {
            ToolError::Start { source, .. } => source.kind() == io::ErrorKind::StorageFull,
            ToolError::Failed { tail, .. } => tail.iter().any(|line| line.contains("No space left on device")),
            ToolError::Missing { .. } | ToolError::Unusable { .. } | ToolError::Interrupted(_) => false,
        }
    }
}

fn why(facts: &ToolFacts) -> String {
    let how = how_to_install(PackageManager::of_host(), facts.name, facts.package);
    format!(": needed to {}; {how}", facts.purpose)
}

fn tail_text(tail: &[String]) -> String {
    tail.iter().fold(String::new(), |text, line| text + "\n  | " + line)
}
