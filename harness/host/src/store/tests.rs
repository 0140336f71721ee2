use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

fn inputs() -> CacheInputs {
    CacheInputs::new("thing", 1).with("source", "text")
}

fn write_thing(dir: &Path) -> Result<Vec<String>, StoreError> {
    let path = dir.join("thing");
    fs::write(&path, "content").map_err(StoreError::write(&path))?;
    Ok(vec!["thing".to_owned()])
}

fn ensure(store: &Store, events: &mut Vec<ImageEvent>) -> Result<Entry, StoreError> {
    store.ensure(&inputs(), &mut |event| events.push(event), |dir, _| write_thing(dir))
}

#[test]
fn what_was_built_is_found() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path().join("not-yet-there"));
    assert_eq!(store.find(&inputs())?, None);
    let built = ensure(&store, &mut Vec::new())?;
    assert_eq!(fs::read_to_string(built.file("thing"))?, "content");
    let found = store.ensure(&inputs(), &mut |_| (), |_, _| -> Result<_, StoreError> { panic!("it is there") })?;
    assert_eq!(found, built);
    assert!(found.is(&inputs().key()));
    Ok(())
}

#[test]
fn a_damaged_entry_is_set_aside_and_built_again() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    for (damage, why) in [
        (Some("another"), "`thing` has another content"),
        (Some("longer content"), "`thing` has 14 bytes instead of 7"),
        (None, "`thing`: No such file or directory (os error 2)"),
    ] {
        let entry = ensure(&store, &mut Vec::new())?;
        match damage {
            Some(text) => fs::write(entry.file("thing"), text)?,
            None => fs::remove_file(entry.file("thing"))?,
        }
        assert_eq!(store.find(&inputs())?, None);
        let mut events = Vec::new();
        let rebuilt = ensure(&store, &mut events)?;
        assert_eq!(fs::read_to_string(rebuilt.file("thing"))?, "content");
        assert_eq!(events, [ImageEvent::Damaged { entry: words(&inputs()), why: why.to_owned() }]);
        assert!(dir.path().join("damaged").join(entry_name(&inputs())).exists());
    }
    Ok(())
}

#[test]
fn a_build_that_fails_publishes_nothing_and_leaves_nothing() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let failed = store.ensure(&inputs(), &mut |_| (), |dir, _| {
        write_thing(dir)?;
        Err(StoreError::Full { path: dir.to_owned() })
    });
    assert!(matches!(failed, Err(StoreError::Full { .. })));
    assert_eq!(store.find(&inputs())?, None);
    assert_eq!(fs::read_dir(dir.path().join("tmp"))?.count(), 0);
    Ok(())
}

#[test]
fn of_many_builders_one_builds() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let builds = AtomicUsize::new(0);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                store.ensure(&inputs(), &mut |_| (), |dir, _| {
                    builds.fetch_add(1, Ordering::SeqCst);
                    write_thing(dir)
                })
            });
        }
    });
    assert_eq!(builds.load(Ordering::SeqCst), 1);
    Ok(())
}

#[test]
fn what_a_dead_builder_left_is_removed_and_what_a_living_one_has_is_not() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let (dead, living) = (store.sub("tmp")?.join("thing-dead"), store.sub("tmp")?.join("thing-living"));
    fs::create_dir(&dead)?;
    fs::create_dir(&living)?;
    let lock = store.sub("lock")?.join("thing-living.lock");
    with_lock(&lock, &mut |_| (), || ensure(&store, &mut Vec::new()))?;
    assert_eq!((dead.exists(), living.exists()), (false, true));
    Ok(())
}

#[test]
fn a_record_is_read_back_and_a_broken_one_is_none() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    assert_eq!(store.record::<Vec<u32>>("numbers"), None);
    store.set_record("numbers", &vec![1, 2])?;
    assert_eq!(store.record::<Vec<u32>>("numbers"), Some(vec![1, 2]));
    fs::write(dir.path().join("records/numbers.json"), "[1,")?;
    assert_eq!(store.record::<Vec<u32>>("numbers"), None);
    Ok(())
}

#[test]
fn a_scratch_directory_goes_with_its_owner() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    // No process has this id: Linux gives none above 2^22.
    let left = dir.path().join("scratch/4294967295-left");
    fs::create_dir_all(&left)?;
    let mine = store.scratch()?;
    assert!(!left.exists() && mine.path().exists());
    let other = store.scratch()?;
    assert!(mine.path().exists() && other.path() != mine.path());
    Ok(())
}
