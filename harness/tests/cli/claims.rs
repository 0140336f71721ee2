//! The table of claims against the scenarios: every claim of the notes is shown by one, or says why none can.

use std::path::Path;

use kernsnap::cli::Exit;
use kernsnap_host::workspace::Workspace;
use kernsnap_scenario::Draft;
use kernsnap_scenario::claims::Claims;

use crate::support::{Kernsnap, Outcome};

#[test]
fn every_claim_has_a_scenario_or_says_why_not() -> Outcome {
    let workspace = Workspace::at(kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR")));
    let (claims, drafts) = (kernsnap::session::load::claims(&workspace)?, kernsnap::session::load::drafts(&workspace)?);
    let shown = claims.shown_by(&drafts)?;
    let gaps: Vec<_> = shown.iter().filter_map(|claim| Some((claim.id, claim.gap()?))).collect();
    assert_eq!(gaps, []);
    let kinds = ["C", "N"].map(|kind| shown.iter().filter(|claim| claim.id.starts_with(kind)).count());
    assert_eq!(kinds.iter().sum::<usize>(), shown.len());
    assert!(kinds.iter().all(|count| *count > 0), "{kinds:?}");
    Ok(())
}

#[test]
fn a_claim_that_the_notes_do_not_make_is_a_mistake_of_the_scenario() -> Outcome {
    let claims = Claims::read(Path::new("claims.yaml"), "claims: { C001: { says: x } }\ncorrections: {}\n")?;
    let good = std::fs::read_to_string(crate::support::data("good-scenario.yaml"))?;
    let draft = Draft::read(Path::new("x.yaml"), format!("{good}claims: [C001, C002]\n"))?;
    let told = claims.shown_by(&[draft]).expect_err("nobody claims C002");
    assert_eq!(
        (told.message.as_str(), told.hint.as_deref()),
        ("there is no claim `C002`", Some("did you mean `C001`?"))
    );
    Ok(())
}

#[test]
fn the_table_is_told_to_people_and_machines() -> Outcome {
    let root = kernsnap::testing::directory(env!("CARGO_MANIFEST_DIR"));
    let told = Kernsnap::new(&root, ["list", "--claims"]).run()?;
    assert_eq!(told.code, Some(Exit::Passed as i32), "{told:?}");
    assert!(told.stdout.contains("on rpi3-6.1: user-fork"), "{told:?}");
    let json = Kernsnap::new(&root, ["list", "--claims", "--json"]).run()?;
    let rows = json.stdout.lines().map(serde_json::from_str).collect::<Result<Vec<serde_json::Value>, _>>()?;
    assert_eq!(rows[0]["claim"], "C001");
    let workspace = Workspace::at(&root);
    let drafts = kernsnap::session::load::drafts(&workspace)?;
    let claims = kernsnap::session::load::claims(&workspace)?;
    let shown = claims.shown_by(&drafts)?;
    let ids: Vec<&str> = rows.iter().filter_map(|row| row["claim"].as_str()).collect();
    assert_eq!(ids, shown.iter().map(|claim| claim.id).collect::<Vec<_>>());
    Ok(())
}
