//! Logical names: one name in a scenario for what kernels call differently.

use std::collections::BTreeMap;
use std::path::Path;

use super::diagnostic::{self, Diagnostic};

/// Logical name to the names kernels give it. Compiler suffixes play no role here: all names are folded ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names(BTreeMap<String, Vec<String>>);

impl Names {
    /// Reads the table `text` of the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] where it is no map of lists of names.
    pub fn read(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        diagnostic::from_yaml(path, text).map(Self)
    }

    /// The candidates for `name`; `name` itself where it is no logical name.
    pub fn candidates<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let listed = self.0.get(name);
        let itself = if listed.is_none() { Some(name) } else { None };
        listed.into_iter().flatten().map(String::as_str).chain(itself)
    }

    /// Whether `function`, a folded name from a trace, is what `name` means.
    #[must_use]
    pub fn means(&self, name: &str, function: &str) -> bool {
        self.candidates(name).any(|candidate| candidate == function)
    }

    /// The logical names.
    pub fn logical(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}
