//! The sentences of scenarios and claims, against their translations.

use std::collections::BTreeSet;

use kernsnap::session::load;
use kernsnap_analysis::phrase::written_sentences;
use kernsnap_host::workspace::Workspace;

use crate::support::{Kernsnap, Outcome, root};

#[test]
fn every_sentence_of_a_scenario_and_of_a_claim_is_in_korean_and_nothing_else_is() -> Outcome {
    let workspace = Workspace::at(root());
    let (drafts, claims) = (load::drafts(&workspace)?, load::claims(&workspace)?);
    let mut needed: BTreeSet<&str> = BTreeSet::new();
    for draft in &drafts {
        needed.extend([draft.title().trim()].into_iter().chain(draft.statements().map(str::trim)));
    }
    for shown in claims.shown_by(&drafts)? {
        let claim = shown.claim;
        let more = [&claim.instead, &claim.not_shown].into_iter().flatten().map(String::as_str);
        needed.extend([claim.says.as_str()].into_iter().chain(more));
    }
    let translated: BTreeSet<&str> = written_sentences().collect();
    let missing: Vec<&&str> = needed.difference(&translated).collect();
    let left_over: Vec<&&str> = translated.difference(&needed).collect();
    assert!(missing.is_empty(), "harness/analysis/src/phrase/ko lacks {missing:#?}");
    assert!(left_over.is_empty(), "harness/analysis/src/phrase/ko has sentences that nothing says: {left_over:#?}");
    Ok(())
}

#[test]
fn a_reader_gets_claims_and_titles_in_korean() -> Outcome {
    let told = |words: &[&str]| Kernsnap::new(&root(), [words, &["--lang", "ko"]].concat()).run();
    let claims = told(&["list", "--claims"])?;
    assert!(claims.stdout.contains("C060  do_exit()는 반환하지 않습니다."), "{claims:?}");
    assert!(claims.stdout.contains("실제로는: 시스템 콜은 sys_exit_group()입니다."), "{claims:?}");
    let list = told(&["list"])?;
    assert!(list.stdout.contains("프로세스가 자식 하나를 fork합니다"), "{list:?}");
    Ok(())
}
