//! The status of a run, in one spelling: the same word in JSON, tables, capsules and records on disk.

use std::error::Error;
use std::fmt;

use serde::{Deserialize, Serialize};

use kernsnap_analysis::verdict::Verdict;

/// The status of a run of a scenario on an image.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RunStatus {
    /// Every expectation holds.
    Passed,
    /// The scenario needs something that this kernel does not have, and says so.
    DoesNotApply,
    /// The kernel, or a guest program, behaved differently.
    Failed,
    /// The scenario names something that this kernel does not have, or the kernel refuses one of its settings.
    Refused,
    /// The machine did not boot, or was lost.
    Lost,
    /// The trace is incomplete.
    Unusable,
    /// A boot gave other bytes than the cache has of the same inputs.
    CacheMismatch,
}

impl RunStatus {
    /// All of them, in the order of declaration.
    pub const ALL: [Self; 7] = [
        Self::Passed,
        Self::DoesNotApply,
        Self::Failed,
        Self::Refused,
        Self::Lost,
        Self::Unusable,
        Self::CacheMismatch,
    ];

    /// The word: `passed`, `does-not-apply`, …
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::DoesNotApply => "does-not-apply",
            Self::Failed => "failed",
            Self::Refused => "refused",
            Self::Lost => "lost",
            Self::Unusable => "unusable",
            Self::CacheMismatch => "cache-mismatch",
        }
    }

    /// The name of the sentence that tells it in each language.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Self::Passed => "verdict-passed",
            Self::DoesNotApply => "verdict-does-not-apply",
            Self::Failed => "verdict-failed",
            Self::Refused => "verdict-refused",
            Self::Lost => "verdict-lost",
            Self::Unusable => "verdict-unusable",
            Self::CacheMismatch => "verdict-cache-mismatch",
        }
    }

    /// True if nothing is wrong with the run.
    #[must_use]
    pub fn is_good(self) -> bool {
        matches!(self, Self::Passed | Self::DoesNotApply)
    }

    /// True if there is a trace to look at.
    #[must_use]
    pub fn has_view(self) -> bool {
        matches!(self, Self::Passed | Self::Failed)
    }
}

impl fmt::Display for RunStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}

impl From<&Verdict> for RunStatus {
    fn from(verdict: &Verdict) -> Self {
        match verdict {
            Verdict::Passed => Self::Passed,
            Verdict::Failed(_) => Self::Failed,
            Verdict::Unusable(_) => Self::Unusable,
        }
    }
}

/// The reasons of a verdict, one each; none of a run that passed.
#[must_use]
pub fn reasons(verdict: &Verdict) -> Vec<String> {
    match verdict {
        Verdict::Passed => Vec::new(),
        Verdict::Failed(violations) => violations.iter().map(ToString::to_string).collect(),
        Verdict::Unusable(reasons) => reasons.clone(),
    }
}

/// An error with its causes.
#[must_use]
pub fn with_causes(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let told = error.to_string();
        // Some errors have the text of their cause in their own.
        if !text.contains(&told) {
            text += ": ";
            text += &told;
        }
        cause = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_analysis::language::Language;
    use kernsnap_analysis::phrase::say;

    #[test]
    fn every_status_has_one_spelling() -> Result<(), serde_json::Error> {
        for status in RunStatus::ALL {
            assert_eq!(serde_json::to_string(&status)?, format!("\"{status}\""));
            assert_eq!(serde_json::from_str::<RunStatus>(&format!("\"{status}\""))?, status);
            assert_eq!(say(Language::En, status.sentence()), status.word());
        }
        Ok(())
    }
}
