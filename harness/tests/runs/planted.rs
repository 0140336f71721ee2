//! Changes that are planted in recordings of real runs: `kernsnap diff` names the task and the place of each, and finds nothing in
//! recordings of which only times and pids differ.

mod change;
mod other_run;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kernsnap::cli::Exit;
use kernsnap_trace::Trace;
use kernsnap_trace::text::{parse, write};
use serde_json::Value;

use crate::support::{Kernsnap, Outcome, root};
use change::{Kind, Planted};

/// Scenarios with functions or call trees, and wake-ups.
const SCENARIOS: [&str; 6] =
    ["user-fork", "user-exit", "kernel-thread", "producer-consumer-wakeup", "exit-call-tree", "wake-up-new-task-steps"];

/// Changes of each kind.
const EACH: usize = 6;

/// The recording of a run, as text.
fn recording(scenario: &str, directory: &Path) -> Result<Trace, Box<dyn std::error::Error>> {
    let (out, text) = (directory.join("run"), directory.join(format!("{scenario}.txt")));
    let run = Kernsnap::new(&root(), ["run", scenario]).out(&out).run()?;
    assert_eq!(run.code, Some(Exit::Passed as i32), "{run:?}");
    let raw = out.join(scenario).display().to_string();
    let exported = Kernsnap::new(&root(), ["export", "--to", "text", &raw, "-o", &text.display().to_string()]).run()?;
    assert_eq!(exported.code, Some(Exit::Passed as i32), "{exported:?}");
    let (trace, issues) = parse(&fs::read(&text)?);
    assert_eq!((issues, &trace.defects), (vec![], &vec![]), "{scenario}");
    assert!(trace.events.len() > 10, "{scenario}");
    Ok(trace)
}

/// The answer of `kernsnap diff` about two recordings: the exit code, and the document.
fn compared(before: &Path, after: &Path) -> Result<(Option<i32>, Value), Box<dyn std::error::Error>> {
    let [before, after] = [before, after].map(|path| path.display().to_string());
    let ended = Kernsnap::new(&root(), ["diff", &before, &after, "--json"]).run()?;
    assert_eq!(ended.stderr, "");
    Ok((ended.code, ended.record()?))
}

fn saved(trace: &Trace, file: PathBuf) -> Result<PathBuf, Box<dyn std::error::Error>> {
    fs::write(&file, write(trace))?;
    Ok(file)
}

#[test]
fn each_of_thirty_changes_is_found_at_its_task_and_its_place() -> Outcome {
    let directory = tempfile::tempdir()?;
    let mut recordings = Vec::new();
    for scenario in SCENARIOS {
        let trace = recording(scenario, directory.path())?;
        let file = saved(&trace, directory.path().join(format!("{scenario}-before.txt")))?;
        recordings.push((scenario, trace, file));
    }
    let mut found = BTreeMap::new();
    for kind in Kind::ALL {
        // In turn from each recording that has such a place, and in each from all of its length.
        let places = recordings.iter().map(|(.., trace, _)| kind.places(trace)).collect::<Vec<_>>();
        let usable: Vec<_> = recordings.iter().zip(&places).filter(|(_, places)| !places.is_empty()).collect();
        for number in 0..EACH {
            let ((scenario, trace, before), places) = usable[number % usable.len()];
            let round = number / usable.len();
            let rounds = EACH.div_ceil(usable.len());
            let place = &places[places.len() * (2 * round + 1) / (2 * rounds)];
            let Planted { trace: changed, expected } = kind.plant(trace, place);
            let after = saved(&other_run::of(&changed), directory.path().join("after.txt"))?;
            let (code, diff) = compared(before, &after)?;
            let told = || format!("{kind:?} {number} in {scenario}, {place:?}: {diff:#}");
            assert_eq!(code, Some(Exit::Different as i32), "{}", told());
            let places: BTreeMap<String, u64> = diff["divergences"]
                .as_object()
                .into_iter()
                .flatten()
                .filter_map(|(task, divergence)| Some((task.clone(), divergence["place"].as_u64()?)))
                .collect();
            assert_eq!(places, expected, "{}", told());
            *found.entry(kind.name()).or_insert(0) += 1;
        }
    }
    assert_eq!(found.len() * EACH, 30);
    assert!(found.values().all(|count| *count == EACH), "{found:?}");
    Ok(())
}

#[test]
fn other_times_and_other_pids_are_no_difference() -> Outcome {
    let directory = tempfile::tempdir()?;
    for scenario in SCENARIOS {
        let trace = recording(scenario, directory.path())?;
        let before = saved(&trace, directory.path().join("before.txt"))?;
        let after = saved(&other_run::of(&trace), directory.path().join("after.txt"))?;
        assert_ne!(fs::read(&before)?, fs::read(&after)?, "{scenario}");
        for (before, after) in [(&before, &after), (&after, &before), (&before, &before)] {
            let (code, diff) = compared(before, after)?;
            assert_eq!(code, Some(Exit::Passed as i32), "{scenario}: {diff:#}");
        }
    }
    Ok(())
}
