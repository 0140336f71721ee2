//! The places of the kernel's functions in its sources.

use std::collections::BTreeMap;
use std::path::Path;

use kernsnap_yaml;
use kernsnap_yaml::Diagnostic;

/// Functions by the file of the kernel's source that defines them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sources(BTreeMap<String, String>);

impl Sources {
    /// Reads the table `text` of the file at `path`: files with their functions.
    ///
    /// # Errors
    /// A [`Diagnostic`] where it is not a map of lists of names.
    pub fn read(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        let files: BTreeMap<String, Vec<String>> = kernsnap_yaml::from_yaml(path, text)?;
        let functions = |(file, functions): (String, Vec<String>)| {
            functions.into_iter().map(move |function| (function, file.clone()))
        };
        Ok(Self(files.into_iter().flat_map(functions).collect()))
    }

    /// The file that defines `function`, a folded name.
    #[must_use]
    pub fn file(&self, function: &str) -> Option<&str> {
        self.0.get(function).map(String::as_str)
    }

    /// All functions, with their files.
    pub fn all(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(function, file)| (function.as_str(), file.as_str()))
    }
}
