//! The sentences about events and functions, against what the scenarios show.

use std::collections::BTreeSet;
use std::fs;

use kernsnap_analysis::explain::Shown;
use kernsnap_analysis::language::Language;
use kernsnap_host::workspace::Workspace;
use kernsnap_scenario::Draft;

use crate::support::{Kernsnap, Outcome, root};

/// The functions of the modules in guest-programs/modules: a scenario shows the source of each.
fn of_modules() -> Result<String, std::io::Error> {
    let mut text = String::new();
    for directory in fs::read_dir(root().join("guest-programs/modules"))? {
        for file in fs::read_dir(directory?.path())? {
            let file = file?.path();
            if file.extension().is_some_and(|end| end == "c") {
                text += &fs::read_to_string(file)?;
            }
        }
    }
    Ok(text)
}

#[test]
fn every_function_that_a_reviewed_scenario_shows_has_a_sentence() -> Outcome {
    let modules = of_modules()?;
    let mut missing = BTreeSet::new();
    for file in fs::read_dir(Workspace::at(root()).snapshots("rpi3-6.1"))? {
        let text = fs::read_to_string(file?.path())?;
        let mut shown = Shown::default();
        shown.read(text.splitn(3, "---\n").nth(2).unwrap_or_default());
        for language in Language::ALL {
            missing.extend(shown.explained(&[], language).unknown);
        }
    }
    missing.retain(|name| !modules.contains(&format!("{}(", name.trim_end_matches("()"))));
    assert_eq!(missing, BTreeSet::new(), "harness/analysis/src/explain/catalogue.yaml lacks them");
    Ok(())
}

#[test]
fn every_event_that_a_scenario_records_has_a_sentence() -> Outcome {
    let drafts = kernsnap::session::load::drafts(&Workspace::at(root()))?;
    let mut missing = BTreeSet::new();
    for event in drafts.iter().flat_map(Draft::events) {
        let mut shown = Shown::default();
        let name = event.rsplit(':').next().unwrap_or_default();
        shown.read(name);
        let is_known = shown.explained(&[], Language::Ko).show(&kernsnap_analysis::view::Style::PLAIN).contains(name);
        if !is_known && !name.contains('*') {
            missing.insert(name.to_owned());
        }
    }
    assert_eq!(missing, BTreeSet::new());
    Ok(())
}

#[test]
fn view_explains_a_recording() -> Outcome {
    let file = root().join("harness/trace/tests/data/texts/book_4_19_arm.txt").display().to_string();
    let plain = Kernsnap::new(&root(), ["view", &file]).run()?;
    for (language, sentence) in
        [("en", "It makes a new task out of the current one"), ("ko", "현재 태스크를 부분마다 복사해")]
    {
        let told = Kernsnap::new(&root(), ["view", &file, "--explain", "--lang", language]).run()?;
        assert!(told.stdout.starts_with(&plain.stdout) && told.stdout.contains(sentence), "{told:?}");
    }
    Ok(())
}
