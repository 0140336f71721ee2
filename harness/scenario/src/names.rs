//! Logical names: one name in a scenario for what kernels call differently.

use std::collections::BTreeMap;
use std::path::Path;

use kernsnap_yaml::{Diagnostic, from_yaml};

/// Logical name to the names kernels give it, and the numbers of system calls. Compiler suffixes play no role here: all names are
/// folded ones.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    logical: BTreeMap<String, Vec<String>>,
    syscalls: BTreeMap<String, i64>,
}

impl Names {
    /// Reads the table `text` of the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] where it is not a map of lists of names.
    pub fn read(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        Ok(Self { logical: from_yaml(path, text)?, syscalls: BTreeMap::new() })
    }

    /// Adds the numbers of system calls on `architecture`, from the table `text` of the file at `path`. An architecture that
    /// the table does not have has none.
    ///
    /// # Errors
    /// A [`Diagnostic`] where it is not a map of maps of numbers.
    pub fn with_syscalls(self, path: &Path, text: &str, architecture: &str) -> Result<Self, Diagnostic> {
        let mut tables: BTreeMap<String, BTreeMap<String, i64>> = from_yaml(path, text)?;
        Ok(Self { syscalls: tables.remove(architecture).unwrap_or_default(), ..self })
    }

    /// The number of the system call `name`.
    #[must_use]
    pub fn syscall(&self, name: &str) -> Option<i64> {
        self.syscalls.get(name).copied()
    }

    /// The names of system calls.
    pub fn syscalls(&self) -> impl Iterator<Item = &str> {
        self.syscalls.keys().map(String::as_str)
    }

    /// The candidates for `name`; `name` itself where it is not a logical name.
    pub fn candidates<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let listed = self.logical.get(name);
        let itself = if listed.is_none() { Some(name) } else { None };
        listed.into_iter().flatten().map(String::as_str).chain(itself)
    }

    /// True if `function`, a folded name from a trace, is what `name` means.
    #[must_use]
    pub fn means(&self, name: &str, function: &str) -> bool {
        self.candidates(name).any(|candidate| candidate == function)
    }

    /// The functions that have several names: a line for each, with the names that kernels give it.
    #[must_use]
    pub fn table(&self) -> String {
        self.logical.values().filter(|names| names.len() > 1).map(|names| names.join(" ") + "\n").collect()
    }

    /// The names that other kernels give to the function `name`.
    pub fn others<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let all = self.logical.values().filter(move |names| names.iter().any(|known| known == name)).flatten();
        all.map(String::as_str).filter(move |other| *other != name)
    }

    /// The logical names.
    pub fn logical(&self) -> impl Iterator<Item = &str> {
        self.logical.keys().map(String::as_str)
    }
}
