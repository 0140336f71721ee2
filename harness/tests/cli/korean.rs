//! The sentences of scenarios and claims, against their translations.

use std::collections::{BTreeMap, BTreeSet};

use kernsnap::session::load;
use kernsnap_analysis::language::Language;
use kernsnap_analysis::phrase::{described_scenarios, words_of, written_sentences};
use kernsnap_analysis::report::{Report, page};
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
fn the_description_of_each_scenario_is_in_korean_as_it_is_now_in_english() -> Outcome {
    let drafts = load::drafts(&Workspace::at(root()))?;
    let wanted: BTreeMap<String, String> =
        drafts.iter().map(|draft| (draft.id.clone(), words_of(draft.about()))).collect();
    assert!(drafts.iter().all(|draft| !draft.about().is_empty()), "a scenario has no `about`");
    // A text whose hash differs has changed in English: translate it again, and put the hash of the left side beside it.
    assert_eq!(wanted, described_scenarios()?);
    let user_fork = drafts.iter().find(|draft| draft.id == "user-fork").ok_or("there is no user-fork")?;
    let report = Report { about: user_fork.about().to_owned(), ..Report::default() };
    assert!(page(&report, None, Language::Ko).contains("자식을 런큐에 넣습니다"));
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
