//! The output of every command with `--json` follows docs/schema/kernsnap-1.json.

use serde_json::json;

use crate::support::{Kernsnap, Outcome, OwnStore, root, schema_mistakes};

/// Holds each line that a command prints against a definition; there is at least one.
fn check(store: &OwnStore, name: &str, words: &[&str]) -> Outcome {
    let ended = Kernsnap::new(&root(), words.iter().copied().chain(["--json"])).store(store.path()).run()?;
    let documents = ended.records()?;
    assert!(!documents.is_empty(), "{words:?}: {ended:?}");
    for document in documents {
        assert_eq!(schema_mistakes(name, &document)?, Vec::<String>::new(), "{words:?} printed {document}");
        assert!(name == "event" || document["schema"] == 1, "{words:?} printed {document}");
        // The schema is strict: a document with anything more is not one of its documents.
        let mut more = document.clone();
        more["something-else"] = json!(1);
        assert_ne!(schema_mistakes(name, &more)?, Vec::<String>::new(), "{name} takes anything");
    }
    Ok(())
}

#[test]
fn runs_print_what_the_schema_says() -> Outcome {
    let store = OwnStore::whole()?;
    let out = tempfile::tempdir()?;
    let file = out.path().join("capsule").display().to_string();
    check(&store, "run", &["run", "user-exit", "boot-first-three", "task-state-tour"])?;
    let views = ["events", "tree", "calls", "stacks", "timeline", "summary"].map(|kind| ["--view", kind]).concat();
    check(&store, "run", &[&["run", "user-exit", "--mutate"], &*views].concat())?;
    check(&store, "run", &["run", "user-exit", "--capsule", &file])?;
    check(&store, "replay", &["replay", &file])?;
    check(&store, "cost", &["cost", "user-exit", "user-fork"])?;
    check(&store, "explore", &["explore", "user-fork", "--schedules", "3"])?;
    check(&store, "matrix", &["matrix", "user-exit", "boot-first-three", "--images", "rpi3-6.1"])?;
    check(&store, "lesson", &["lesson", "user-exit"])?;
    check(&store, "regress", &["regress", "--base", "rpi3-6.1", "--head", "rpi3-6.1", "user-exit"])?;
    check(&store, "diff-images", &["diff", "rpi3-6.1", "rpi3-6.1", "--scenario", "user-exit"])?;
    check(&store, "store-templates", &["store", "templates"])?;
    check(&store, "store-verify", &["store", "verify", "--sample", "1"])?;
    check(&store, "store", &["store"])
}

#[test]
fn runs_without_a_trace_print_what_the_schema_says() -> Outcome {
    let checkout = crate::support::Checkout::with(&[crate::support::data("fault-scenarios/crash.yaml")])?;
    let store = OwnStore::whole()?;
    for words in [["run", "crash", "--json"].as_slice(), &["run", "crash", "--limit", "0", "--json"]] {
        let ended = Kernsnap::new(checkout.path(), words.iter().copied()).store(store.path()).run()?;
        let record = ended.record()?;
        assert!(record["reasons"].is_array(), "{record}");
        assert_eq!(schema_mistakes("run", &record)?, Vec::<String>::new(), "{record}");
    }
    Ok(())
}

#[test]
fn commands_that_run_nothing_print_what_the_schema_says() -> Outcome {
    let store = OwnStore::whole()?;
    let text = |name: &str| root().join("harness/trace/tests/data/recordings").join(name).display().to_string();
    let (function, graph) = (text("function/trace.txt"), text("graph/trace.txt"));
    check(&store, "list", &["list"])?;
    check(&store, "claims", &["list", "--claims"])?;
    check(&store, "image-list", &["image", "list"])?;
    check(&store, "lesson-list", &["lesson"])?;
    check(&store, "doctor", &["doctor"])?;
    check(&store, "event", &["view", &function])?;
    check(&store, "event", &["view", &graph])?;
    for kind in ["events", "tree", "calls", "stacks", "timeline", "summary"] {
        check(&store, "view", &["view", &function, "--view", kind])?;
        check(&store, "view", &["view", &graph, "--view", kind])?;
    }
    check(&store, "diff", &["diff", &function, &graph])?;
    check(&store, "diff", &["diff", &function, &function])
}
