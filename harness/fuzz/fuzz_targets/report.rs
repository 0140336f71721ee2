//! No data of a report, and no result of a run, can break the page, and the page has no control characters and no element of theirs.
#![no_main]

use kernsnap_analysis::language::Language;
use kernsnap_analysis::report::{Report, page};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let Ok(report) = serde_json::from_str::<Report>(text) else { return };
    for language in Language::ALL {
        let page = page(&report, None, language);
        let is_text = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
        assert!(page.chars().all(is_text), "a control character");
        assert!(!page.contains("<fuzz"), "an element of a stranger's");
    }
});
