use super::*;
use crate::key::CacheInputs;

type Outcome = Result<(), Box<dyn std::error::Error>>;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A store with the kernels and workshops of these names.
fn store(directory: &Path, kernels: &[&str], workshops: &[&str]) -> Result<Store, StoreError> {
    let store = Store::at(directory);
    for name in kernels {
        store.ensure(&CacheInputs::new("kernel", 1).with("name", name), &mut |_| (), |dir, _| {
            let path = dir.join("Image");
            fs::write(&path, vec![1; 10_000]).map_err(StoreError::write(&path))?;
            Ok::<_, StoreError>(vec!["Image".to_owned()])
        })?;
    }
    for name in workshops {
        store.build_dir(&CacheInputs::new(WORK, 1).with("name", name), &mut |_| (), |dir, _| {
            let path = dir.join("object");
            fs::write(&path, "").map_err(StoreError::write(&path))
        })?;
    }
    Ok(store)
}

#[test]
fn everything_that_can_be_had_again_is_listed() -> Outcome {
    let directory = tempfile::tempdir()?;
    let store = store(directory.path(), &["one", "two"], &["work"])?;
    store.set_record("answer", &1)?;
    let items = store.items()?;
    assert_eq!(items.iter().map(|item| &*item.kind).collect::<Vec<_>>(), ["kernel", "kernel", "work"]);
    assert!(items[0].size >= 10_000 && items[2].size < 10_000, "{items:?}");
    assert!(store.others()["records"] > 0);
    assert_eq!(Store::at(directory.path().join("none")).items()?, []);
    Ok(())
}

#[test]
fn what_a_workshop_shares_is_not_its_own() -> Outcome {
    let directory = tempfile::tempdir()?;
    let store = store(directory.path(), &["one"], &["work"])?;
    let items = store.items()?;
    let path = |item: &Item| directory.path().join(&item.kind).join(&item.name);
    fs::hard_link(path(&items[0]).join("Image"), path(&items[1]).join("Image"))?;
    assert_eq!(store.items()?[1].size, items[1].size);
    Ok(())
}

#[test]
fn opening_an_entry_is_using_it() -> Outcome {
    let directory = tempfile::tempdir()?;
    let store = store(directory.path(), &["one"], &[])?;
    let item = store.items()?.remove(0);
    let manifest = directory.path().join("kernel").join(&item.name).join(MANIFEST);
    File::open(&manifest)?.set_modified(SystemTime::UNIX_EPOCH)?;
    assert_eq!(store.items()?[0].used, SystemTime::UNIX_EPOCH);
    assert!(store.find(&CacheInputs::new("kernel", 1).with("name", "one"))?.is_some());
    assert!(store.items()?[0].used > SystemTime::UNIX_EPOCH + DAY);
    Ok(())
}

#[test]
fn what_is_removed_is_gone_and_what_somebody_is_at_stays() -> Outcome {
    let directory = tempfile::tempdir()?;
    let store = store(directory.path(), &["one"], &["work"])?;
    let items = store.items()?;
    let inputs = CacheInputs::new(WORK, 1).with("name", "work");
    let inside = store.build_dir(&inputs, &mut |_| (), |_, _| store.discard(&items[1]))?;
    assert_eq!((inside, store.items()?.len()), (Gone::InUse, 2));
    // The one who built the entry may still read it.
    let other = Store::at(directory.path());
    assert_eq!((other.discard(&items[0])?, other.is_in_use(&items[0])?), (Gone::InUse, true));
    drop(store);
    assert!(!other.is_in_use(&items[0])? && !other.is_in_use(&items[1])?);
    for item in &items {
        assert_eq!(other.discard(item)?, Gone::Removed);
    }
    assert_eq!(other.items()?, []);
    assert_eq!(fs::read_dir(directory.path().join("tmp"))?.count(), 0);
    Ok(())
}

#[test]
fn build_dirs_go_first_and_then_what_was_not_used_for_longest() {
    let now = SystemTime::UNIX_EPOCH + DAY * 100;
    let item = |kind: &str, name: &str, size, days: u32| Item {
        kind: kind.into(),
        name: name.into(),
        size,
        used: now - DAY * days,
    };
    let items = [
        item("kernel", "a", 10, 0),
        item("kernel", "b", 10, 40),
        item("source", "c", 50, 20),
        item(WORK, "d", 20, 0),
        item(WORK, "e", 20, 30),
    ];
    let check = |keep: Keep, expected: &str| {
        let mut total: u64 = items.iter().map(|item| item.size).sum();
        let mut names = String::new();
        for item in eviction_order(&items) {
            if !keep.keeps(item, total, now) {
                total -= item.size;
                names += &item.name;
            }
        }
        assert_eq!(names, expected, "{keep:?}");
    };
    check(Keep::Most(110), "");
    check(Keep::Most(109), "e");
    check(Keep::Most(89), "ed");
    check(Keep::Most(65), "edb");
    check(Keep::Most(0), "edbca");
    check(Keep::Within(DAY * 25), "eb");
    check(Keep::Within(Duration::ZERO), "ebc");
}

#[test]
fn an_entry_that_was_removed_meanwhile_is_absent() -> Outcome {
    let directory = tempfile::tempdir()?;
    let inputs = CacheInputs::new("kernel", 1).with("name", "one");
    drop(store(directory.path(), &["one"], &[])?);
    let (reader, other) = (Store::at(directory.path()), Store::at(directory.path()));
    let item = other.items()?.remove(0);
    assert_eq!(other.discard(&item)?, Gone::Removed);
    assert!(reader.find(&inputs)?.is_none());
    Ok(())
}
