//! 50 processes at the same time on a store that has a kernel and nothing else.

use std::collections::BTreeSet;
use std::fs;

use kernsnap::cli::Exit;

use crate::chance::{count, tell};
use crate::host::{SCENARIOS, assert_whole, end_all, kernsnap, verdicts};
use crate::support::{Outcome, OwnStore};

const PROCESSES: usize = 50;

#[test]
fn many_processes_on_a_cold_store_get_the_same_results() -> Outcome {
    let store = OwnStore::lending(&["kernel"])?;
    let store = store.path();
    let mut words = vec!["run", "--json"];
    words.extend(SCENARIOS);
    let mut running = Vec::new();
    for _ in 0..count(PROCESSES) {
        running.push(kernsnap(store, &words).start()?);
    }
    let processes = running.len();
    let mut results = BTreeSet::new();
    for one in running {
        let ended = one.end()?;
        assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
        results.insert(verdicts(&ended));
    }
    assert_eq!(results.len(), 1, "{results:?}");
    assert_whole(store, "a crowd")?;
    assert_eq!(fs::read_dir(store.join("result"))?.count(), SCENARIOS.len());
    end_all(store)?;
    tell(&format!("crowd: {processes} processes, one result"));
    Ok(())
}
