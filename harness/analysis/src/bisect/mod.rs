//! Which of several commits changed something: what is asked of each, which one to try next, and when it is known. Pure.

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use crate::complaints::SILENT;
use crate::cost::Threshold;
use crate::regress::{Class, Finding};

/// The criterion of a bad commit, compared with the good one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum When {
    /// Something does not hold any more that must.
    Expectation,
    /// A task does something else.
    View,
    /// A figure costs more.
    Cost(Threshold),
    /// It does not build.
    Builds,
    /// It does not boot.
    Boots,
    /// The kernel complains about itself: a warning, a lock, a fault.
    Complains,
}

/// Why a text is no [`When`].
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is none of `expectation`, `view`, `complains`, `builds`, `boots`, `cost>5%` (any figure) and `cost NAME>5%` (that figure)"
)]
pub struct WhenError(String);

/// The answer for a commit.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase", tag = "answer", content = "why")]
pub enum Answer {
    /// As the good one.
    Good,
    /// Changed.
    Bad,
    /// Nothing can be said, and why: it does not build, or not boot.
    Skip(String),
}

/// The next step of a search.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// This commit must be tried.
    Try(String),
    /// This is the first bad commit.
    Found(String),
    /// One of these is, the last known bad one last; all others cannot be tried.
    Undecided(Vec<String>),
}

/// The knowledge about the commits, by their hashes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    good: Vec<String>,
    bad: String,
    skipped: BTreeMap<String, String>,
}

impl When {
    /// The answer that a comparison with the good commit gives for a commit.
    #[must_use]
    pub fn judge(&self, finding: &Finding) -> Answer {
        if finding.class == Class::Unusable {
            return Answer::Skip(finding.unusable.join("; "));
        }
        let broken = !finding.broken.is_empty();
        let bad = match self {
            Self::Expectation => broken,
            Self::View => broken || finding.difference.as_ref().is_some_and(|difference| !difference.is_empty()),
            Self::Complains => finding.broken.iter().any(|(that, _)| that == SILENT),
            Self::Cost(_) => !finding.too_much.is_empty(),
            // Whoever compares has built and booted both.
            Self::Builds | Self::Boots => false,
        };
        if bad { Answer::Bad } else { Answer::Good }
    }

    /// True if a scenario must be run to answer it.
    #[must_use]
    pub fn needs_a_run(&self) -> bool {
        !matches!(self, Self::Builds | Self::Boots)
    }

    /// The limit of a cost.
    #[must_use]
    pub fn allowed(&self) -> &[Threshold] {
        match self {
            Self::Cost(threshold) => std::slice::from_ref(threshold),
            _ => &[],
        }
    }
}

impl FromStr for When {
    type Err = WhenError;

    fn from_str(text: &str) -> Result<Self, WhenError> {
        match text {
            "expectation" => Ok(Self::Expectation),
            "view" => Ok(Self::View),
            "builds" => Ok(Self::Builds),
            "boots" => Ok(Self::Boots),
            "complains" => Ok(Self::Complains),
            _ => {
                let threshold = text.strip_prefix("cost").and_then(|rest| rest.parse().ok());
                threshold.map(Self::Cost).ok_or_else(|| WhenError(text.to_owned()))
            }
        }
    }
}

impl fmt::Display for When {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expectation => f.write_str("expectation"),
            Self::View => f.write_str("view"),
            Self::Builds => f.write_str("builds"),
            Self::Boots => f.write_str("boots"),
            Self::Complains => f.write_str("complains"),
            Self::Cost(threshold) if threshold.name.is_empty() => write!(f, "cost{threshold}"),
            Self::Cost(threshold) => write!(f, "cost {threshold}"),
        }
    }
}

impl Answer {
    /// In one word.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Skip(_) => "skip",
        }
    }

    /// Why nothing can be said, where that is so.
    #[must_use]
    pub fn why(&self) -> Option<&str> {
        if let Self::Skip(why) = self { Some(why) } else { None }
    }
}

impl Search {
    /// A search between two commits of which this is known.
    #[must_use]
    pub fn between(good: &str, bad: &str) -> Self {
        Self { good: vec![good.to_owned()], bad: bad.to_owned(), skipped: BTreeMap::new() }
    }

    /// Takes note of what a commit turned out to be.
    pub fn learn(&mut self, commit: &str, answer: Answer) {
        match answer {
            Answer::Good => self.good.push(commit.to_owned()),
            Answer::Bad => commit.clone_into(&mut self.bad),
            Answer::Skip(why) => {
                self.skipped.insert(commit.to_owned(), why);
            }
        }
    }

    /// Commits that have not what is looked for.
    #[must_use]
    pub fn good(&self) -> &[String] {
        &self.good
    }

    /// The commit that has it, and no other that is known to have it is in its past.
    #[must_use]
    pub fn bad(&self) -> &str {
        &self.bad
    }

    /// Commits of which nothing can be said, with the reason.
    #[must_use]
    pub fn skipped(&self) -> &BTreeMap<String, String> {
        &self.skipped
    }

    /// The next step. `candidates` are the commits in the past of [`Search::bad`], itself included, that are in no
    /// good one's past, those first that leave the least whatever they turn out to be (`git rev-list --bisect-all`).
    #[must_use]
    pub fn next(&self, candidates: &[String]) -> Step {
        let others = || candidates.iter().filter(|commit| **commit != self.bad);
        let untried: Vec<&String> = others().filter(|commit| !self.skipped.contains_key(*commit)).collect();
        let skipped = others().count() - untried.len();
        if let Some(commit) = untried.get(away(untried.len(), skipped)) {
            Step::Try((*commit).clone())
        } else if skipped == 0 {
            Step::Found(self.bad.clone())
        } else {
            Step::Undecided(others().chain([&self.bad]).cloned().collect())
        }
    }
}

/// The place of the next of so many commits when so many were skipped: what stands beside a commit that does not build often does
/// not build either, so the search goes elsewhere each time, but stays in the better half: 0, 1/4, 1/8, 3/8, … of the way.
fn away(length: usize, skipped: usize) -> usize {
    let number = u32::try_from(skipped).unwrap_or(u32::MAX);
    let part = (length as u128 * u128::from(number.reverse_bits())) >> 33;
    usize::try_from(part).unwrap_or(0)
}

#[cfg(test)]
mod tests;
