//! The host as the tests of faults see it: the processes of a store, and the content of its directories.

use std::collections::BTreeSet;
use std::error::Error;
use std::fs;
use std::path::Path;

use kernsnap::cli::Exit;
use kernsnap_host::archive::unpack;
use rustix::process::Pid;
use serde_json::Value;

use crate::support::{Ended, Kernsnap, Outcome, machines, root, until};

/// The scenarios that are run.
pub(crate) const SCENARIOS: [&str; 3] = ["user-fork", "user-exit", "zombie-and-autoreap"];

/// A call of `kernsnap` on a store.
pub(crate) fn kernsnap(store: &Path, words: &[&str]) -> Kernsnap {
    Kernsnap::new(&root(), words.iter().copied()).store(store).env("KERNSNAP_FRESH", "")
}

/// The emulators of a store: those that no other emulator has forked, and those that one has.
pub(crate) struct Machines {
    pub(crate) booted: Vec<Pid>,
    pub(crate) forked: Vec<Pid>,
}

impl Machines {
    pub(crate) fn of(store: &Path) -> Self {
        let all = machines(store);
        let ids: BTreeSet<i32> = all.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        let (forked, booted) =
            all.into_iter().partition(|pid| parent(*pid).is_some_and(|parent| ids.contains(&parent)));
        Self { booted, forked }
    }
}

/// A field of a process behind its name (`proc_pid_stat(5)`): 0 is its state, 1 its parent.
fn field(pid: Pid, number: usize) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero())).ok()?;
    stat.rsplit_once(')')?.1.split_whitespace().nth(number).map(str::to_owned)
}

fn parent(pid: Pid) -> Option<i32> {
    field(pid, 1)?.parse().ok()
}

/// True if a child that was not waited for has ended.
pub(crate) fn has_ended(pid: Pid) -> bool {
    field(pid, 0).is_none_or(|state| state == "Z")
}

/// The process that keeps the templates of a store.
pub(crate) fn brokers(store: &Path) -> Vec<Pid> {
    let processes = fs::read_dir("/proc").into_iter().flatten().flatten();
    let wanted = format!("KERNSNAP_TEMPLATE_BROKER={}", store.display());
    let is_broker = |pid: &i32| {
        let read = |name: &str| fs::read(format!("/proc/{pid}/{name}")).unwrap_or_default();
        read("cmdline").starts_with(b"kernsnap-templates")
            && read("environ").split(|byte| *byte == 0).any(|one| one == wanted.as_bytes())
    };
    let pids = processes.filter_map(|process| process.file_name().to_str()?.parse().ok()).filter(is_broker);
    pids.filter_map(Pid::from_raw).collect()
}

/// Ends the templates of a store, and waits until no process of it is left.
pub(crate) fn end_all(store: &Path) -> Outcome {
    let ended = kernsnap(store, &["store", "templates", "--stop"]).run()?;
    assert!(ended.code == Some(0), "{ended:?}");
    until("the broker and all machines are gone", || {
        (brokers(store).is_empty() && machines(store).is_empty()).then_some(())
    })
}

/// A scenario, its verdict and the hash of its trace.
pub(crate) type Told = (String, String, Option<String>);

/// The verdicts and hashes that a call printed, by scenario.
pub(crate) fn verdicts(ended: &Ended) -> Vec<Told> {
    // A process that was killed may have been at a line.
    let records = ended.stdout.lines().filter_map(|line| serde_json::from_str::<Value>(line).ok());
    let word = |record: &Value, key: &str| record[key].as_str().map(str::to_owned);
    records
        .filter_map(|record| Some((word(&record, "scenario")?, word(&record, "verdict")?, word(&record, "raw_sha256"))))
        .collect()
}

/// Runs the scenarios, which must pass with the hashes that are known.
pub(crate) fn passes(store: &Path, scenarios: &[&str], known: &[Told], fault: &str) -> Outcome {
    let ended = kernsnap(store, &[&["run", "--json"], scenarios].concat()).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "after {fault}: {ended:?}");
    let expected: Vec<_> = known.iter().filter(|(known, ..)| scenarios.contains(&known.as_str())).cloned().collect();
    assert_eq!(verdicts(&ended), expected, "after {fault}: {ended:?}");
    Ok(())
}

/// Makes sure that every result and entry of a store is whole, and that nothing is left of runs.
pub(crate) fn assert_whole(store: &Path, fault: &str) -> Outcome {
    let list = |directory: &str| -> Vec<_> {
        fs::read_dir(store.join(directory)).into_iter().flatten().flatten().map(|entry| entry.path()).collect()
    };
    for result in list("result") {
        let whole = fs::read(&result).and_then(|bytes| unpack(&bytes));
        assert!(whole.is_ok_and(|parts| parts.contains_key("end.json")), "after {fault}: {}", result.display());
    }
    for kind in ["program", "module", "facts", "lockstep", "kernel", "device-tree"] {
        for entry in list(kind) {
            let manifest: Value = serde_json::from_slice(&fs::read(entry.join("manifest.json"))?)?;
            let key = entry.file_name().and_then(|name| name.to_str());
            assert_eq!(manifest["key"].as_str(), key, "after {fault}");
        }
    }
    for directory in ["scratch", "tmp"] {
        assert_eq!(list(directory), Vec::<std::path::PathBuf>::new(), "after {fault}");
    }
    Ok(())
}

/// The results of the scenarios without any fault.
pub(crate) fn known(store: &Path) -> Result<Vec<Told>, Box<dyn Error>> {
    let mut words = vec!["run", "--json"];
    words.extend(SCENARIOS);
    let ended = kernsnap(store, &words).run()?;
    let known = verdicts(&ended);
    let all_passed = known.len() == SCENARIOS.len() && known.iter().all(|(_, verdict, _)| verdict == "passed");
    if all_passed { Ok(known) } else { Err(format!("without a fault: {ended:?}").into()) }
}
