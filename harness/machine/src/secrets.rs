//! Words that init knows and no program of the guest: with them it marks the trace and signs its report.

/// The secrets of one run. They are a function of its inputs, so that a run repeats. docs/security.md says against whom they hold.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Secrets {
    /// In the mark at the begin of each CPU's trace.
    pub begin: u64,
    /// In the mark at the end of the trace.
    pub end: u64,
    /// In the last line of the report.
    pub seal: u64,
}

/// The use of the secrets, among all uses of the hash.
const CONTEXT: &str = "kernsnap: secrets of a guest's init, 1";

impl Secrets {
    /// The secrets of a run whose inputs have this hash.
    #[must_use]
    pub fn from_hash(inputs: &str) -> Self {
        let hash = blake3::derive_key(CONTEXT, inputs.as_bytes());
        let word = |number: usize| {
            let bytes = hash.get(number * 8..).and_then(|rest| rest.first_chunk());
            u64::from_le_bytes(bytes.copied().unwrap_or_default())
        };
        Self { begin: word(0), end: word(1), seal: word(2) }
    }

    /// The words as a payload has them.
    pub(crate) fn bytes(self) -> [u8; 24] {
        let words = [self.begin, self.end, self.seal].map(u64::to_le_bytes);
        let mut bytes = [0; 24];
        bytes.copy_from_slice(words.as_flattened());
        bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_run_has_its_own_words_and_always_the_same() {
        let one = Secrets::from_hash("one");
        assert_eq!(one, Secrets::from_hash("one"));
        let words = [one.begin, one.end, one.seal, Secrets::from_hash("two").begin, 0];
        let different: std::collections::BTreeSet<_> = words.into_iter().collect();
        assert_eq!(different.len(), words.len());
    }
}
