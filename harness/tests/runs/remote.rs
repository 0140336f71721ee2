//! Results that travel between two machines: stores of their own, and one remote store.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use kernsnap::cli::Exit;
use tempfile::TempDir;

use crate::cache::{entry, tamper};
use crate::support::{Ended, Kernsnap, Outcome, OwnStore, root};

/// A key's file, and the public key in it.
fn key(directory: &Path) -> Result<(String, String), Box<dyn Error>> {
    let file = directory.join("key").display().to_string();
    let made = Kernsnap::new(&root(), ["store", "key", &file]).run()?;
    assert_eq!(made.code, Some(Exit::Passed as i32), "{made:?}");
    Ok((file, made.stdout.trim().to_owned()))
}

struct Machines {
    directory: TempDir,
    private: String,
    public: String,
}

impl Machines {
    fn new() -> Result<Self, Box<dyn Error>> {
        let directory = tempfile::tempdir()?;
        let (private, public) = key(directory.path())?;
        Ok(Self { directory, private, public })
    }

    fn remote(&self) -> String {
        format!("file://{}", self.directory.path().join("remote").display())
    }

    fn call(&self, store: &OwnStore, keys: &[&str], words: &[&str]) -> Result<Ended, Box<dyn Error>> {
        let remote = self.remote();
        let all = words.iter().chain(&["--store-remote", &remote]).chain(keys).copied().collect::<Vec<&str>>();
        Kernsnap::new(&root(), all).store(store.path()).env("KERNSNAP_FRESH", "").run()
    }

    fn sends(&self, store: &OwnStore, words: &[&str]) -> Result<Ended, Box<dyn Error>> {
        self.call(store, &["--store-key", &self.private], words)
    }

    fn takes(&self, store: &OwnStore, words: &[&str]) -> Result<Ended, Box<dyn Error>> {
        self.call(store, &["--store-trust", &self.public], words)
    }
}

const RUN: [&str; 3] = ["run", "user-fork", "--json"];

fn started(ended: &Ended) -> Result<String, Box<dyn Error>> {
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    Ok(ended.record()?["started"].as_str().unwrap_or_default().to_owned())
}

#[test]
fn a_machine_takes_the_results_of_a_key_that_it_trusts_and_no_others() -> Outcome {
    let (machines, sender, reader, stranger) =
        (Machines::new()?, OwnStore::whole()?, OwnStore::whole()?, OwnStore::whole()?);
    assert_eq!(started(&machines.sends(&sender, &RUN)?)?, "fork");
    assert_eq!(started(&machines.takes(&reader, &RUN)?)?, "cache");
    let elsewhere = tempfile::tempdir()?;
    let (_, public) = key(elsewhere.path())?;
    assert_eq!(started(&machines.call(&stranger, &["--store-trust", &public], &RUN)?)?, "fork");
    Ok(())
}

#[test]
fn a_result_of_another_machine_that_does_not_repeat_is_an_alarm() -> Outcome {
    let (machines, sender, reader) = (Machines::new()?, OwnStore::whole()?, OwnStore::whole()?);
    let local = Kernsnap::new(&root(), RUN).store(sender.path()).env("KERNSNAP_FRESH", "").run()?;
    assert_eq!(started(&local)?, "fork");
    tamper(&entry(&sender)?)?;
    let sent = machines.sends(&sender, &["store", "send", "result"])?;
    assert_eq!(sent.code, Some(Exit::Passed as i32), "{sent:?}");
    let ended = machines.takes(&reader, &[&RUN[..], &["--fresh"]].concat())?;
    assert_eq!(ended.code, Some(Exit::CacheMismatch as i32), "{ended:?}");
    assert!(ended.stdout.contains("the console differs from line 1 on"), "{ended:?}");
    assert_eq!(reader.list("damaged").len(), 2);
    Ok(())
}

#[test]
fn a_remote_store_that_is_away_or_damaged_is_told_once_and_changes_no_exit_code() -> Outcome {
    let (machines, store) = (Machines::new()?, OwnStore::whole()?);
    // Port 9 is `discard`, which no host serves.
    let away = ["--store-remote", "https://127.0.0.1:9/kernsnap", "--store-trust", &machines.public];
    let words = [&["run", "user-fork", "user-exit", "--json"], &away[..]].concat();
    let ended = Kernsnap::new(&root(), words).store(store.path()).env("KERNSNAP_FRESH", "").run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert_eq!(ended.stderr.matches("remote store").count(), 1, "{ended:?}");

    let sender = OwnStore::whole()?;
    assert_eq!(started(&machines.sends(&sender, &RUN)?)?, "fork");
    for file in files_below(&machines.directory.path().join("remote")) {
        fs::write(file, "no entry")?;
    }
    let reader = OwnStore::whole()?;
    assert_eq!(started(&machines.takes(&reader, &RUN)?)?, "fork");
    Ok(())
}

/// All files below a directory.
fn files_below(directory: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(directory).into_iter().flatten().flatten().map(|entry| entry.path());
    entries.flat_map(|path| if path.is_dir() { files_below(&path) } else { vec![path] }).collect()
}
