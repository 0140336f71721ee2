//! The claims of the notes, and the scenarios that show them. Pure.

use std::collections::BTreeMap;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::Draft;
use kernsnap_yaml::{Diagnostic, Step as At, did_you_mean, from_yaml};

/// The claims and mistakes of the notes, by their ids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Claims {
    claims: BTreeMap<String, Claim>,
    corrections: BTreeMap<String, Claim>,
}

/// A sentence of the notes.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Claim {
    /// The statement of the notes.
    pub says: String,
    /// The true statement, where they are wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub instead: Option<String>,
    /// Why no scenario shows it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub not_shown: Option<String>,
}

/// A claim and the scenarios that show it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Shown<'a> {
    /// `C012` or `N5`.
    pub id: &'a str,
    /// The sentence.
    pub claim: &'a Claim,
    /// The ids of the scenarios, sorted.
    pub scenarios: Vec<&'a str>,
}

impl Claims {
    /// Reads the table `text` of the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first mistake in its shape.
    pub fn read(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        from_yaml(path, text)
    }

    /// Joins the claims with the scenarios that name them, claims first, each kind by number.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first claim of a scenario that the table does not have.
    pub fn shown_by<'a>(&'a self, drafts: &'a [Draft]) -> Result<Vec<Shown<'a>>, Diagnostic> {
        for draft in drafts {
            check(draft, "claims", draft.claims(), &self.claims)?;
            check(draft, "corrects", draft.corrects(), &self.corrections)?;
        }
        let mut shown: Vec<Shown<'a>> = Vec::new();
        for (table, of) in
            [(&self.claims, Draft::claims as fn(&Draft) -> &[String]), (&self.corrections, Draft::corrects)]
        {
            for (id, claim) in table {
                let mut scenarios: Vec<&str> =
                    drafts.iter().filter(|draft| of(draft).contains(id)).map(|draft| draft.id.as_str()).collect();
                scenarios.sort_unstable();
                shown.push(Shown { id, claim, scenarios });
            }
        }
        // N10 stands behind N9.
        shown.sort_by_key(|shown| (&shown.id[..1], shown.id[1..].parse::<u32>().unwrap_or(u32::MAX)));
        Ok(shown)
    }
}

/// True if the table knows the claims that a scenario names under `key`.
fn check(draft: &Draft, key: &str, named: &[String], known: &BTreeMap<String, Claim>) -> Result<(), Diagnostic> {
    let Some((index, id)) = named.iter().enumerate().find(|(_, id)| !known.contains_key(*id)) else { return Ok(()) };
    let hint = did_you_mean(id, known.keys().map(String::as_str));
    let hint = hint.or_else(|| Some("the claims stand in `scenarios/claims.yaml`".into()));
    Err(draft.mistake(&[At::from(key), index.into()], format!("there is no claim `{id}`"), hint))
}

impl Shown<'_> {
    /// Why the table is wrong about this claim: nothing shows it and nothing says why, or both.
    #[must_use]
    pub fn gap(&self) -> Option<&'static str> {
        match (&self.claim.not_shown, self.scenarios.is_empty()) {
            (None, true) => Some("no scenario shows it, and `not-shown` does not say why"),
            (Some(_), false) => Some("a scenario shows it, and `not-shown` says that none can"),
            _ => None,
        }
    }
}
