//! The results of runs: the evidence of each, found by its inputs. A run is a pure function, so it gives the same result again.
//!
//! ```text
//! STORE/result/<key>.tar.zst   end.json (what it is of, and how it ended), trace.raw, console.log
//! ```
//!
//! Only evidence is kept: views and verdicts are made anew by the program that shows them. Only machines that came to their
//! end by themselves are kept: what a deadline or a signal cut off says nothing about the next time. All is bounded: beyond
//! [`LIMIT`] what was not used for longest goes.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};

use kernsnap_host::archive::{Effort, pack, unpack};
use kernsnap_host::files;
use kernsnap_host::key::Key;
use kernsnap_host::store::Store;
use kernsnap_machine::{Evidence, Schedule};

/// Bytes of all results together. One is about 5 KiB.
pub const LIMIT: u64 = 256 << 20;

/// How entries' names end.
const END: &str = ".tar.zst";

/// The results of earlier runs, by one build of QEMU.
#[derive(Clone, Debug)]
pub struct Cache {
    store: Store,
    directory: PathBuf,
    /// Where entries go that did not repeat.
    aside: PathBuf,
    qemu: String,
    limit: u64,
}

/// The subject of an entry: enough to make its inputs again.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct About {
    /// The image's name.
    pub image: String,
    /// The scenario's id.
    pub scenario: String,
    /// The schedule, as the command line takes it.
    pub schedule: String,
}

impl About {
    /// The subject of a run of the scenario with the id `scenario`.
    #[must_use]
    pub fn new(image: &str, scenario: &str, schedule: Schedule) -> Self {
        Self { image: image.to_owned(), scenario: scenario.to_owned(), schedule: schedule.to_string() }
    }
}

/// `end.json`.
#[derive(Serialize, Deserialize)]
struct End {
    /// The key of its inputs: under another name, the entry counts as unknown.
    key: String,
    #[serde(flatten)]
    about: About,
    panic: Option<String>,
    guest_ns: Option<u64>,
}

/// The parts of an entry.
mod part {
    pub(super) const END: &str = "end.json";
    pub(super) const TRACE: &str = "trace.raw";
    pub(super) const CONSOLE: &str = "console.log";
}

/// Bytes of an entry at most. It unpacks to no more than an archive may, and is smaller.
const LARGEST: u64 = 1 << 30;

/// A boot gave other bytes than the cache has of the same input: one of the two is wrong, or a run is not a pure function.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a kept result does not repeat: the same input gave other bytes{}\n  the entry was moved to `{}`",
    differences.iter().fold(String::new(), |all, one| all + "\n  " + one), entry.display()
)]
pub struct CacheMismatch {
    /// The differences, one sentence each.
    pub differences: Vec<String>,
    /// Where the entry is now.
    pub entry: PathBuf,
}

impl Cache {
    /// The results in a store that come from the QEMU with this hash.
    #[must_use]
    pub fn new(store: &Store, qemu: &str) -> Self {
        let place = |name: &str| store.root().join(name);
        let (directory, aside) = (place("result"), place("damaged"));
        Self { store: store.clone(), directory, aside, qemu: qemu.to_owned(), limit: LIMIT }
    }

    /// The hash of the QEMU build whose results these are.
    #[must_use]
    pub fn qemu(&self) -> &str {
        &self.qemu
    }

    /// The result of the input, from this store or else from the remote one; `None` where it is unknown. A damaged entry counts as
    /// unknown.
    #[must_use]
    pub fn find(&self, key: &Key) -> Option<Evidence> {
        let path = self.path(key);
        let received = || {
            let is_whole = |bytes: &[u8]| parse(bytes, key.as_str()).is_some();
            self.store.receive_result(key.as_str(), &path, is_whole)?;
            open(&path, key.as_str())
        };
        let (_, evidence) = open(&path, key.as_str()).or_else(received)?;
        // Entries in use are kept longest. In a store that cannot be written, nothing is evicted.
        let _ = File::open(&path).and_then(|file| file.set_modified(SystemTime::now()));
        Some(evidence)
    }

    /// Keeps what an input gave. A store that cannot be written costs a boot next time, no more.
    pub fn keep(&self, key: &Key, about: &About, evidence: &Evidence) {
        let write = || {
            self.store.sub("result").map_err(io::Error::other)?;
            Self::write(&self.path(key), key, about, evidence)?;
            self.store.pass_on_result(key.as_str(), &self.path(key));
            self.make_room()
        };
        let _ = write();
    }

    /// Holds what a boot gave against what is known.
    ///
    /// # Errors
    /// [`CacheMismatch`] where they differ. The entry is moved aside, for a person to look at.
    pub fn verify(&self, key: &Key, known: &Evidence, found: &Evidence) -> Result<(), CacheMismatch> {
        let differences = known.differences(found);
        if differences.is_empty() {
            return Ok(());
        }
        let path = self.path(key);
        let aside = self.aside.join(format!("result-{key}{END}"));
        let moved = self.store.sub("damaged").is_ok() && fs::rename(&path, &aside).is_ok();
        if let Some((about, _)) = open(&aside, key.as_str()).filter(|_| moved) {
            // Both are needed to find the reason; the alarm does not depend on it.
            let beside = self.aside.join(format!("result-{key}.found{END}"));
            let _kept = Self::write(&beside, key, &about, found);
        }
        Err(CacheMismatch { differences, entry: if moved { aside } else { path } })
    }

    /// The entries, by key.
    #[must_use]
    pub fn entries(&self) -> BTreeMap<String, About> {
        let files = fs::read_dir(&self.directory).into_iter().flatten().flatten();
        let about = |path: PathBuf| {
            let key = path.file_name()?.to_str()?.strip_suffix(END)?.to_owned();
            let (about, _) = open(&path, &key)?;
            Some((key, about))
        };
        files.filter_map(|file| about(file.path())).collect()
    }

    fn path(&self, key: &Key) -> PathBuf {
        self.directory.join(format!("{key}{END}"))
    }

    fn write(path: &Path, key: &Key, about: &About, evidence: &Evidence) -> io::Result<()> {
        let (panic, guest_ns) = (evidence.panic.clone(), evidence.guest_ns);
        let end = End { key: key.to_string(), about: about.clone(), panic, guest_ns };
        let end = serde_json::to_vec(&end)?;
        let parts = [(part::END, &*end), (part::TRACE, &evidence.body), (part::CONSOLE, &evidence.console)];
        let bytes = pack(&BTreeMap::from(parts), Effort::Quick)?;
        // Two that write the same entry write the same bytes; a reader sees a whole one or none.
        files::replace_own(path, &bytes)
    }

    /// Removes what was not used for longest, where there is too much: down to three quarters, so that this is rare.
    fn make_room(&self) -> io::Result<()> {
        let mut files = Vec::new();
        for file in fs::read_dir(&self.directory)?.flatten() {
            // Another process may have removed it; and a file with another name is not the cache's.
            if !file.file_name().to_string_lossy().ends_with(END) {
                continue;
            }
            let Ok(meta) = file.metadata() else { continue };
            files.push((meta.modified()?, meta.len(), file.path()));
        }
        let mut total: u64 = files.iter().map(|(_, size, _)| size).sum();
        if total <= self.limit {
            return Ok(());
        }
        files.sort();
        for (_, size, path) in files {
            if total <= self.limit / 4 * 3 {
                break;
            }
            let _gone = files::remove_file(&path);
            total -= size;
        }
        Ok(())
    }
}

/// The entry in a file, if it is that of this key.
fn open(path: &Path, key: &str) -> Option<(About, Evidence)> {
    parse(&files::read_within(path, LARGEST).ok()?, key)
}

fn parse(bytes: &[u8], key: &str) -> Option<(About, Evidence)> {
    let mut parts = unpack(bytes).ok()?;
    let end: End = serde_json::from_slice(&parts.remove(part::END)?).ok()?;
    let End { about, panic, guest_ns, .. } = Some(end).filter(|end| end.key == key)?;
    let evidence =
        Evidence { panic, guest_ns, body: parts.remove(part::TRACE)?, console: parts.remove(part::CONSOLE)? };
    Some((about, evidence))
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_host::key::CacheInputs;

    fn key(input: &str) -> Key {
        CacheInputs::new("result", 1).with("initramfs", input).key()
    }

    fn about() -> About {
        About { image: "rpi3-6.1".into(), scenario: "user-fork".into(), schedule: "1:4".into() }
    }

    fn evidence(console: &str) -> Evidence {
        Evidence { panic: None, guest_ns: Some(3), body: vec![0; 64], console: console.into() }
    }

    fn cache(directory: &tempfile::TempDir) -> Cache {
        Cache::new(&Store::at(directory.path()), "a build of QEMU")
    }

    #[test]
    fn what_was_kept_is_found_by_its_input_alone() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = cache(&directory);
        cache.keep(&key("one"), &about(), &evidence("said"));
        assert_eq!(cache.find(&key("one")), Some(evidence("said")));
        assert_eq!(cache.find(&key("two")), None);
        assert_eq!(cache.entries(), BTreeMap::from([(key("one").to_string(), about())]));
        Ok(())
    }

    #[test]
    fn an_entry_under_another_name_is_none() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = cache(&directory);
        cache.keep(&key("one"), &about(), &evidence("said"));
        fs::rename(cache.path(&key("one")), cache.path(&key("two")))?;
        assert_eq!((cache.find(&key("two")), cache.entries()), (None, BTreeMap::new()));
        Ok(())
    }

    #[test]
    fn a_damaged_entry_is_none() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = cache(&directory);
        cache.keep(&key("one"), &about(), &evidence("said"));
        let path = cache.path(&key("one"));
        let bytes = fs::read(&path)?;
        fs::write(&path, &bytes[..bytes.len() - 1])?;
        assert_eq!(cache.find(&key("one")), None);
        Ok(())
    }

    #[test]
    fn a_directory_in_the_place_of_an_entry_is_not_in_the_way() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = cache(&directory);
        cache.store.sub("result").map_err(io::Error::other)?;
        fs::create_dir_all(cache.path(&key("one")).join("below"))?;
        assert_eq!(cache.find(&key("one")), None);
        cache.keep(&key("one"), &about(), &evidence("said"));
        assert_eq!(cache.find(&key("one")), Some(evidence("said")));
        Ok(())
    }

    #[test]
    fn an_entry_that_does_not_repeat_is_moved_aside_and_told() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let cache = cache(&directory);
        cache.keep(&key("one"), &about(), &evidence("said"));
        assert_eq!(cache.verify(&key("one"), &evidence("said"), &evidence("said")), Ok(()));
        let mismatch = cache.verify(&key("one"), &evidence("said"), &evidence("sang")).expect_err("it differs");
        assert_eq!(mismatch.differences, ["the console differs from line 1 on"]);
        assert_eq!((cache.find(&key("one")), mismatch.entry.exists()), (None, true));
        let beside = cache.aside.join(format!("result-{}.found{END}", key("one")));
        assert_eq!(open(&beside, key("one").as_str()).map(|(_, found)| found), Some(evidence("sang")));
        Ok(())
    }

    #[test]
    fn what_was_not_used_for_longest_goes_first() -> io::Result<()> {
        let directory = tempfile::tempdir()?;
        let mut cache = cache(&directory);
        let names: Vec<String> = (0..10).map(|number| number.to_string()).collect();
        for (name, seconds) in names.iter().zip(1..) {
            cache.keep(&key(name), &about(), &evidence("said"));
            let then = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(seconds);
            File::open(cache.path(&key(name)))?.set_modified(then)?;
        }
        // Used just now.
        assert!(cache.find(&key("0")).is_some());
        cache.limit = fs::metadata(cache.path(&key("0")))?.len() * 8;
        cache.keep(&key("new"), &about(), &evidence("said"));
        let left = names.iter().filter(|name| cache.path(&key(name)).exists());
        assert_eq!(left.collect::<Vec<_>>(), ["0", "6", "7", "8", "9"]);
        Ok(())
    }
}
