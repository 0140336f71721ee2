//! Sentences that are written in scenarios and in the table of claims, in other languages than theirs, which is English. They are kept
//! here and not beside the English ones: a scenario is an input of runs, and what its reader speaks is not.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::LazyLock;

use kernsnap_yaml::from_yaml;

use crate::language::Language;

/// The files in Korean, each with English sentences and their translations.
const KOREAN: [(&str, &str); 13] = [
    ("book", include_str!("ko/book.yaml")),
    ("claims", include_str!("ko/claims.yaml")),
    ("exit", include_str!("ko/exit.yaml")),
    ("fork", include_str!("ko/fork.yaml")),
    ("kernel", include_str!("ko/kernel.yaml")),
    ("kthread", include_str!("ko/kthread.yaml")),
    ("limits", include_str!("ko/limits.yaml")),
    ("pidns", include_str!("ko/pidns.yaml")),
    ("sched", include_str!("ko/sched.yaml")),
    ("sharing", include_str!("ko/sharing.yaml")),
    ("states", include_str!("ko/states.yaml")),
    ("thread", include_str!("ko/thread.yaml")),
    ("user", include_str!("ko/user.yaml")),
];

static TABLE: LazyLock<BTreeMap<String, String>> = LazyLock::new(|| {
    // A file that cannot be read is left out, and the tests tell.
    KOREAN.iter().filter_map(|(name, text)| read(name, text).ok()).flatten().collect()
});

fn read(name: &str, text: &str) -> Result<BTreeMap<String, String>, String> {
    let path = format!("harness/analysis/src/phrase/ko/{name}.yaml");
    from_yaml(Path::new(&path), text).map_err(|mistake| mistake.to_string())
}

/// The sentence in a language, where there is a translation.
pub(super) fn translated(sentence: &str, language: Language) -> Option<&'static str> {
    match language {
        Language::En => None,
        Language::Ko => TABLE.get(sentence.trim()).map(String::as_str),
    }
}

/// The English sentences that have a translation into every other language.
pub fn sentences() -> impl Iterator<Item = &'static str> {
    TABLE.keys().map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_can_be_read_and_no_sentence_is_there_twice() -> Result<(), String> {
        let files = KOREAN.iter().map(|(name, text)| read(name, text)).collect::<Result<Vec<_>, _>>()?;
        assert_eq!(files.iter().map(BTreeMap::len).sum::<usize>(), TABLE.len());
        for (english, korean) in TABLE.iter() {
            assert!(korean.chars().any(|letter| ('가'..='힣').contains(&letter)), "{english}: {korean}");
        }
        Ok(())
    }
}
