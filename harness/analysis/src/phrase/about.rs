//! The paragraphs that describe scenarios (`about`), in other languages than theirs, which is English. A paragraph is found by the hash
//! of its English words: a scenario of somebody else with the same name has another text, and a changed text has no translation until
//! somebody has read it again.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use serde::Deserialize;

use kernsnap_yaml::from_yaml;

use crate::language::Language;

/// The files in Korean, each with the scenarios of one directory.
const KOREAN: [(&str, &str); 12] = [
    ("book", include_str!("ko/about/book.yaml")),
    ("exit", include_str!("ko/about/exit.yaml")),
    ("fork", include_str!("ko/about/fork.yaml")),
    ("kernel", include_str!("ko/about/kernel.yaml")),
    ("kthread", include_str!("ko/about/kthread.yaml")),
    ("limits", include_str!("ko/about/limits.yaml")),
    ("pidns", include_str!("ko/about/pidns.yaml")),
    ("sched", include_str!("ko/about/sched.yaml")),
    ("sharing", include_str!("ko/about/sharing.yaml")),
    ("states", include_str!("ko/about/states.yaml")),
    ("thread", include_str!("ko/about/thread.yaml")),
    ("user", include_str!("ko/about/user.yaml")),
];

/// A paragraph in Korean.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Paragraph {
    /// The hash of the English words that it translates.
    words: String,
    korean: String,
}

/// The translations, by the hashes of the English words.
static TABLE: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    // A file that cannot be read is left out, and the tests tell.
    let files = KOREAN.iter().filter_map(|(name, text)| read(name, text).ok());
    files.flat_map(BTreeMap::into_values).map(|paragraph| (paragraph.words, paragraph.korean)).collect()
});

fn read(name: &str, text: &str) -> Result<BTreeMap<String, Paragraph>, String> {
    let path = format!("harness/analysis/src/phrase/ko/about/{name}.yaml");
    from_yaml(Path::new(&path), text).map_err(|mistake| mistake.to_string())
}

/// The hash of the words of a text, as a translation names it: FNV-1a with 64 bits. Line breaks do not matter.
#[must_use]
pub fn words(text: &str) -> String {
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    let hash = words
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
    format!("{hash:016x}")
}

/// The paragraph in a language, where there is a translation.
pub(super) fn translated(text: &str, language: Language) -> Option<&'static str> {
    match language {
        Language::En => None,
        Language::Ko => TABLE.get(&words(text)).map(String::as_str),
    }
}

/// The scenarios whose paragraphs have a translation, with the hash of the English words.
///
/// # Errors
/// If a file cannot be read.
pub fn scenarios() -> Result<BTreeMap<String, String>, String> {
    let mut found = BTreeMap::new();
    for (name, text) in KOREAN {
        for (scenario, paragraph) in read(name, text)? {
            if !paragraph.korean.chars().any(|letter| ('가'..='힣').contains(&letter)) {
                return Err(format!("{scenario}: {} is not Korean", paragraph.korean));
            }
            found.insert(scenario, paragraph.words);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn line_breaks_do_not_make_another_text() {
        assert_eq!(words("a  b\nc\n"), words("a b c"));
        assert_ne!(words("a b c"), words("a b d"));
        // The reference value of FNV-1a for `a`.
        assert_eq!(words("a"), "af63dc4c8601ec8c");
    }
}
