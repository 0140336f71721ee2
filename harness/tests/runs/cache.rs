//! A cached result replaces the next run; a result that does not repeat is an alarm.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use kernsnap::cli::Exit;
use kernsnap::session::run::evidence;
use kernsnap_host::archive::{Effort, pack, unpack};
use serde_json::Value;

use crate::support::{Checkout, Ended, Kernsnap, Outcome, OwnStore, data, root};

fn call(store: &OwnStore, arguments: &[&str]) -> Result<Ended, Box<dyn Error>> {
    // Whoever tests everything anew means the scenarios.
    Kernsnap::new(&root(), arguments.iter().copied()).store(store.path()).env("KERNSNAP_FRESH", "").run()
}

fn record(store: &OwnStore, arguments: &[&str]) -> Result<Value, Box<dyn Error>> {
    let ended = call(store, arguments)?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    ended.record()
}

/// The one entry of a store that has seen one run.
pub(crate) fn entry(store: &OwnStore) -> Result<PathBuf, Box<dyn Error>> {
    match &store.list("result")[..] {
        [entry] => Ok(entry.clone()),
        entries => Err(format!("not one entry: {entries:?}").into()),
    }
}

/// Puts something else in place of the console's log.
pub(crate) fn tamper(entry: &Path) -> Outcome {
    let mut parts = unpack(&fs::read(entry)?)?;
    parts.insert("console.log".into(), b"kernsnap: done ns=1\n".to_vec());
    let parts: BTreeMap<&str, &[u8]> = parts.iter().map(|(name, bytes)| (name.as_str(), bytes.as_slice())).collect();
    Ok(fs::write(entry, pack(&parts, Effort::Quick)?)?)
}

#[test]
fn a_known_run_is_not_booted_again_and_says_so() -> Outcome {
    let store = OwnStore::whole()?;
    let booted = record(&store, &["run", "user-fork", "--json"])?;
    assert_eq!(booted["started"], "fork");
    let out = tempfile::tempdir()?;
    let directory = out.path().display().to_string();
    let cached = record(&store, &["run", "user-fork", "--json", "--out", &directory])?;
    assert_eq!(cached["started"], "cache");
    for key in ["raw_sha256", "view_sha256", "guest_seconds", "verdict", "events"] {
        assert_eq!(cached[key], booted[key], "{key}");
    }
    // Its files are those of the boot.
    let again = tempfile::tempdir()?;
    let directory = again.path().display().to_string();
    let fresh = record(&store, &["run", "user-fork", "--json", "--fresh", "--out", &directory])?;
    assert_eq!(fresh["started"], "boot");
    for file in [evidence::CONSOLE_LOG, evidence::INITRAMFS, evidence::RAW, evidence::PLAN, evidence::VIEW] {
        let read = |out: &Path| fs::read(out.join("user-fork").join(file));
        assert!(read(out.path())? == read(again.path())?, "{file}");
    }
    // Another schedule is another run.
    assert_eq!(record(&store, &["run", "user-fork", "--json", "--schedule", "0:4"])?["started"], "fork");
    assert_eq!(store.list("result").len(), 2);
    Ok(())
}

#[test]
fn a_result_that_does_not_repeat_is_an_alarm_wherever_it_is_noticed() -> Outcome {
    let store = OwnStore::whole()?;
    for arguments in [["store", "verify", "--json"].as_slice(), &["run", "user-fork", "--fresh", "--json"]] {
        record(&store, &["run", "user-fork", "--json"])?;
        tamper(&entry(&store)?)?;
        let ended = call(&store, arguments)?;
        assert_eq!(ended.code, Some(Exit::CacheMismatch as i32), "{ended:?}");
        assert!(ended.stdout.contains("the console differs from line 1 on"), "{ended:?}");
        assert_eq!((store.list("result").len(), store.list("damaged").len()), (0, 2));
    }
    Ok(())
}

#[test]
fn results_that_repeat_are_told_and_no_alarm() -> Outcome {
    let store = OwnStore::whole()?;
    record(&store, &["run", "user-exit", "--json"])?;
    let tried = record(&store, &["store", "verify", "--json"])?;
    assert_eq!((&tried["scenario"], &tried["same"]), (&"user-exit".into(), &true.into()));
    Ok(())
}

#[test]
fn what_ended_by_no_will_of_its_own_is_not_kept() -> Outcome {
    let checkout = Checkout::with(&[data("fault-scenarios/endless.yaml"), data("fault-scenarios/panics.yaml")])?;
    let store = OwnStore::whole()?;
    for arguments in [["run", "endless", "--limit", "1", "--json"].as_slice(), &["run", "panics", "--json"]] {
        let ended = Kernsnap::new(checkout.path(), arguments.iter().copied()).store(store.path()).run()?;
        assert_eq!(ended.code, Some(Exit::MachineLost as i32), "{ended:?}");
        assert_eq!(store.list("result"), Vec::<PathBuf>::new());
    }
    Ok(())
}

#[test]
fn what_a_cache_should_keep_is_enough_for_a_run() -> Outcome {
    let listed = Kernsnap::new(&root(), ["store", "--json"]).run()?;
    let rows: Vec<Value> = listed.stdout.lines().map(serde_json::from_str).collect::<Result<_, _>>()?;
    let kept = rows.iter().filter(|row| row["for_a_cache"] == true && row["bytes"] != 0);
    // These two are lent in any case.
    let lent = |kind: &&str| !["device-tree", "records"].contains(kind);
    let kinds: Vec<&str> = kept.filter_map(|row| row["kind"].as_str()).filter(lent).collect();
    let store = OwnStore::lending(&kinds)?;
    record(&store, &["run", "kernel-thread", "--fresh", "--json"])?;
    for nothing in ["work", "source"] {
        assert_eq!(store.list(nothing), Vec::<PathBuf>::new(), "{kinds:?}");
    }
    Ok(())
}
