//! 500 kills of the harness, of templates, of runs and of the process that keeps templates.

use std::collections::BTreeMap;
use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};

use kernsnap::cli::Exit;
use kernsnap_host::files;
use rustix::process::{Pid, Signal, kill_process, test_kill_process};

use crate::chance::{Chance, count, tell};
use crate::host::{Machines, SCENARIOS, assert_whole, brokers, end_all, has_ended, kernsnap, known, passes, verdicts};
use crate::support::{Outcome, OwnStore, until};

const KILLS: usize = 500;

/// The latest moment of a kill after the start of a command.
const LATEST: Duration = Duration::from_millis(400);

/// How often a victim is looked for.
const LOOK: Duration = Duration::from_millis(2);

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Victim {
    Harness,
    Template,
    Run,
    Broker,
}

impl Victim {
    /// The processes that are this now.
    fn pids(self, store: &Path, harness: Pid) -> Vec<Pid> {
        match self {
            Victim::Harness => vec![harness],
            Victim::Template => Machines::of(store).booted,
            Victim::Run => Machines::of(store).forked,
            Victim::Broker => brokers(store),
        }
    }
}

/// Two at a time, each with a store of its own: a busy host delays every part of a run by turns.
#[test]
fn a_kill_at_any_moment_leaves_no_process_no_half_entry_and_no_wrong_verdict() -> Outcome {
    let half = count(KILLS).div_ceil(2);
    let kill = |name: &str| kill_often(name, half).map_err(|error| error.to_string());
    thread::scope(|scope| {
        let other = scope.spawn(|| kill("kills of one store"));
        let own = kill("kills of another store");
        let other = other.join().unwrap_or_else(|_| Err("an assertion failed".to_owned()));
        Ok(own.and(other)?)
    })
}

fn kill_often(name: &str, count: usize) -> Outcome {
    let mut chance = Chance::new(name);
    let store = OwnStore::lending(&["kernel"])?;
    let store = store.path();
    let known = known(store)?;
    let mut counts: BTreeMap<(Victim, &str), usize> = BTreeMap::new();
    let mut kills = 0;
    while kills < count {
        // A file that is built again may be half there when the kill comes.
        if let Some(unmade) = ["program", "lockstep", "facts", "result"].get(chance.below(16)) {
            files::remove(&store.join(unmade))?;
        }
        let templates = if chance.below(4) == 0 { "off" } else { "" };
        let scenario = *chance.pick(&SCENARIOS).ok_or("three")?;
        let words = ["run", "--json", "--repeat", "2", "--parallel", "2", scenario];
        let running = kernsnap(store, &words).env("KERNSNAP_TEMPLATES", templates).start()?;
        let harness = running.pid()?;
        let victim = *chance.pick(&[Victim::Harness, Victim::Template, Victim::Run, Victim::Broker]).ok_or("four")?;
        if victim == Victim::Harness {
            wait(chance.time(LATEST));
        }
        let mut pids = victim.pids(store, harness);
        while pids.is_empty() && !has_ended(harness) {
            wait(LOOK);
            pids = victim.pids(store, harness);
        }
        if victim != Victim::Harness {
            wait(chance.time(LATEST / 8));
        }
        let (name, signals) = *chance
            .pick(&[
                ("KILL", &[Signal::KILL][..]),
                ("TERM", &[Signal::TERM]),
                ("STOP+KILL", &[Signal::STOP, Signal::KILL]),
            ])
            .ok_or("three")?;
        let fault = format!("{name} of {victim:?} (kill {kills}, {scenario})");
        let hit = chance.pick(&pids).copied();
        for (pid, signal) in hit.iter().flat_map(|pid| signals.iter().map(move |signal| (*pid, *signal))) {
            // It may have ended meanwhile.
            let _ = kill_process(pid, signal);
            if signals.len() > 1 {
                wait(chance.time(LATEST / 4));
            }
        }
        if hit.is_some() {
            kills += 1;
            *counts.entry((victim, name)).or_default() += 1;
        }
        let ended = running.end()?;
        for (scenario, verdict, hash) in verdicts(&ended) {
            let expected = known.iter().find(|(known, ..)| *known == scenario);
            let is_right =
                verdict == "lost" || expected.is_some_and(|(_, _, known)| *known == hash && verdict == "passed");
            assert!(is_right, "after {fault}, {scenario} {verdict}: {ended:?}");
        }
        let allowed = [Exit::Passed, Exit::MachineLost, Exit::Interrupted].map(|exit| Some(exit as i32));
        let was_killed = victim == Victim::Harness && ended.signal.is_some();
        assert!(was_killed || allowed.contains(&ended.code), "after {fault}: {ended:?}");
        // Runs end with their harness, and machines that no template is made of.
        until(&format!("no run is left after {fault}"), || {
            let machines = Machines::of(store);
            let kept = if brokers(store).is_empty() { 0 } else { 3 };
            (machines.forked.is_empty() && machines.booted.len() <= kept).then_some(())
        })?;
        passes(store, &[scenario], &known, &fault)?;
        assert_whole(store, &fault)?;
    }
    end_all(store)?;
    tell(&format!("{name}: {kills} of {counts:?}: no process left, no half entry, no wrong verdict"));
    Ok(())
}

/// Lets time pass: the moment of a kill is what is tested.
fn wait(time: Duration) {
    let until = Instant::now() + time;
    while let Some(rest) = until.checked_duration_since(Instant::now()).filter(|rest| !rest.is_zero()) {
        thread::park_timeout(rest);
    }
}

#[test]
fn machines_end_with_the_store_that_they_are_of() -> Outcome {
    let store = OwnStore::lending(&["kernel", "facts", "program", "module"])?;
    known(store.path())?;
    let pids: Vec<Pid> = brokers(store.path()).into_iter().chain(Machines::of(store.path()).booted).collect();
    assert!(pids.len() >= 2, "{pids:?}");
    drop(store);
    until("the broker and its templates end", || pids.iter().all(|pid| test_kill_process(*pid).is_err()).then_some(()))
}
