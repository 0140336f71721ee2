//! The name of a build by everything that goes into it.
//!
//! Inputs are collected once, in words; the key is the hash of those words, and the manifest of the entry repeats them. So
//! there is no input that counts and is not written down, and none that is written down and does not count.

use std::fmt;

use serde_json::{Map, Value};

/// A longer input is named by its hash; the words stay readable.
const WORDS_LIMIT: usize = 200;

/// Digits of a [`Key`].
pub const KEY_LENGTH: usize = 32;

/// The name of one store entry's content: 32 hexadecimal digits.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key(String);

impl Key {
    /// The digits.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

/// Everything that decides the content of one store entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CacheInputs {
    kind: &'static str,
    list: Vec<(String, String)>,
}

impl CacheInputs {
    /// The inputs of an entry of this kind. `recipe` counts up whenever the code that builds it changes what comes out.
    #[must_use]
    pub fn new(kind: &'static str, recipe: u32) -> CacheInputs {
        CacheInputs { kind, list: vec![("recipe".to_owned(), recipe.to_string())] }
    }

    /// The same with one more input.
    #[must_use]
    pub fn with(mut self, name: &str, content: impl AsRef<[u8]>) -> CacheInputs {
        let content = content.as_ref();
        let words = match str::from_utf8(content) {
            Ok(text) if text.len() <= WORDS_LIMIT && !text.contains('\n') => text.to_owned(),
            _ => format!("blake3 {}", blake3::hash(content)),
        };
        self.list.push((name.to_owned(), words));
        self
    }

    /// The kind of entry that these make.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        self.kind
    }

    /// The hash of it all. Lengths are hashed too, so that no two lists run together into the same bytes.
    #[must_use]
    pub fn key(&self) -> Key {
        let mut hasher = blake3::Hasher::new();
        let parts = self.list.iter().flat_map(|(name, words)| [name.as_str(), words.as_str()]);
        for part in std::iter::once(self.kind).chain(parts) {
            hasher.update(&(part.len() as u64).to_le_bytes());
            hasher.update(part.as_bytes());
        }
        let mut digits = hasher.finalize().to_hex().to_string();
        digits.truncate(32);
        Key(digits)
    }

    pub(super) fn to_json(&self) -> Value {
        Value::Object(
            self.list.iter().map(|(name, words)| (name.clone(), words.as_str().into())).collect::<Map<_, _>>(),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_input_counts_and_so_does_where_one_ends() {
        let base = || CacheInputs::new("program", 1);
        let keys = [
            base().key(),
            CacheInputs::new("program", 2).key(),
            CacheInputs::new("module", 1).key(),
            base().with("a", "b").key(),
            base().with("a", "").with("b", "").key(),
            base().with("ab", "").key(),
            base().with("a", "x".repeat(300)).key(),
            base().with("a", "y".repeat(300)).key(),
        ];
        for (i, key) in keys.iter().enumerate() {
            assert!(!keys[..i].contains(key), "{i}");
        }
        assert_eq!(base().with("a", "b").key(), base().with("a", "b").key());
        assert_eq!(base().key().as_str().len(), 32);
    }
}
