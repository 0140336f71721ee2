//! 200 parts of a store that are damaged between runs.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use kernsnap_host::files;
use rustix::fs::{CWD, FileType, Mode, mknodat};

use crate::chance::{Chance, count, tell};
use crate::host::{SCENARIOS, assert_whole, end_all, known, passes};
use crate::support::{Outcome, OwnStore};

const DAMAGES: usize = 200;

/// Kinds of entries that are made again in moments.
const KINDS: [&str; 5] = ["result", "records", "program", "facts", "lockstep"];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    Bit,
    Cut,
    Empty,
    Gone,
    Directory,
    Pipe,
    Link,
}

#[test]
fn a_damaged_part_of_a_store_is_noticed_and_made_again() -> Outcome {
    let mut chance = Chance::new("damage");
    let store = OwnStore::lending(&["kernel"])?;
    let store = store.path();
    // Programs, facts and results are made here: what is lent is another store's.
    let known = known(store)?;
    let mut counts: BTreeMap<Damage, usize> = BTreeMap::new();
    for _ in 0..count(DAMAGES) {
        let mut victims: Vec<PathBuf> = Vec::new();
        let kind = chance.pick(&KINDS).ok_or("five")?;
        collect(&store.join(kind), &mut victims);
        victims.sort();
        let victim = chance.pick(&victims).ok_or(format!("no {kind}"))?;
        let damage = *chance
            .pick(&[
                Damage::Bit,
                Damage::Bit,
                Damage::Bit,
                Damage::Cut,
                Damage::Empty,
                Damage::Gone,
                Damage::Directory,
                Damage::Pipe,
                Damage::Link,
            ])
            .ok_or("nine")?;
        apply(damage, victim, &mut chance)?;
        *counts.entry(damage).or_default() += 1;
        let fault = format!("{damage:?} for {}", victim.strip_prefix(store)?.display());
        passes(store, &SCENARIOS, &known, &fault)?;
        // A result of another name, or none, is not used; the entries that are used are whole again.
        if *kind != "result" {
            assert_whole(store, &fault)?;
        }
    }
    end_all(store)?;
    tell(&format!("damage: {counts:?}: each was noticed, and each next run passed with the same bytes"));
    Ok(())
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => collect(&entry.path(), files),
            Ok(kind) if kind.is_file() => files.push(entry.path()),
            _ => {}
        }
    }
}

fn apply(damage: Damage, victim: &Path, chance: &mut Chance) -> Outcome {
    let mut bytes = fs::read(victim)?;
    match damage {
        Damage::Bit => {
            let at = chance.below(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= 1 << chance.below(8);
            }
            fs::write(victim, bytes)?;
        }
        Damage::Cut => {
            bytes.truncate(chance.below(bytes.len()));
            fs::write(victim, bytes)?;
        }
        Damage::Empty => fs::write(victim, "")?,
        Damage::Gone => files::remove(victim)?,
        Damage::Directory => {
            files::remove(victim)?;
            fs::create_dir(victim)?;
        }
        Damage::Pipe => {
            files::remove(victim)?;
            mknodat(CWD, victim, FileType::Fifo, Mode::RUSR, 0)?;
        }
        Damage::Link => {
            files::remove(victim)?;
            symlink("/nowhere", victim)?;
        }
    }
    Ok(())
}
