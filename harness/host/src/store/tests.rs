use std::error::Error;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use super::*;

fn inputs() -> CacheInputs {
    CacheInputs::new("program", 1).with("source", "text")
}

fn write_thing(dir: &Path) -> Result<Vec<String>, StoreError> {
    let path = dir.join("program");
    fs::write(&path, "content").map_err(StoreError::write(&path))?;
    Ok(vec!["program".to_owned()])
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
    assert_eq!(fs::read_to_string(built.file("program"))?, "content");
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
        (Some("another"), "`program` has another content"),
        (Some("longer content"), "`program` has 14 bytes instead of 7"),
        (None, "`program`: No such file or directory (os error 2)"),
    ] {
        let entry = ensure(&store, &mut Vec::new())?;
        match damage {
            Some(text) => fs::write(entry.file("program"), text)?,
            None => fs::remove_file(entry.file("program"))?,
        }
        assert_eq!(store.find(&inputs())?, None);
        let mut events = Vec::new();
        let rebuilt = ensure(&store, &mut events)?;
        assert_eq!(fs::read_to_string(rebuilt.file("program"))?, "content");
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
    let (dead, living) = (
        store.sub("tmp")?.join("program-00000000000000000000000000000000"),
        store.sub("tmp")?.join("program-11111111111111111111111111111111"),
    );
    fs::create_dir(&dead)?;
    fs::create_dir(&living)?;
    let lock = store.sub("lock")?.join("program-11111111111111111111111111111111.lock");
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

/// A directory with other things in it, of which some look as if a store had made them.
fn home() -> Result<tempfile::TempDir, Box<dyn Error>> {
    let home = tempfile::tempdir()?;
    for directory in
        ["photos/2019", "kernel/0123456789abcdef0123456789abcdef", "tmp/letters", "scratch/1-draft", "lock"]
    {
        fs::create_dir_all(home.path().join(directory))?;
    }
    fs::write(home.path().join("photos/2019/one.jpg"), "one")?;
    Ok(home)
}

#[test]
fn a_directory_that_holds_other_things_is_not_touched() -> Result<(), Box<dyn Error>> {
    let home = home()?;
    let before = fs::read_dir(home.path())?.count();
    let store = Store::at(home.path());
    let item = Item { kind: "photos".into(), name: "2019".into(), size: 0, used: std::time::SystemTime::UNIX_EPOCH };
    assert!(matches!(store.items(), Err(StoreError::Foreign { .. })));
    assert!(matches!(store.discard(&item), Err(StoreError::Foreign { .. })));
    assert!(matches!(store.scratch(), Err(StoreError::Foreign { .. })));
    assert!(matches!(store.set_record("answer", &1), Err(StoreError::Foreign { .. })));
    assert!(matches!(ensure(&store, &mut Vec::new()), Err(StoreError::Foreign { .. })));
    assert_eq!(fs::read_dir(home.path())?.count(), before);
    assert!(home.path().join("photos/2019/one.jpg").exists() && home.path().join("scratch/1-draft").exists());
    Ok(())
}

#[test]
fn a_store_removes_what_it_made_and_nothing_else() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    // By another process, which has ended.
    ensure(&Store::at(dir.path()), &mut Vec::new())?;
    // Made by another: another kind, no manifest, a name that is not a key, a link out of the store.
    let outside = tempfile::tempdir()?;
    fs::create_dir_all(outside.path().join("kept"))?;
    for other in ["photos/2019", "kernel/00000000000000000000000000000000", "program/mine", "tmp/letters"] {
        fs::create_dir_all(dir.path().join(other))?;
    }
    std::os::unix::fs::symlink(outside.path(), dir.path().join("program/11111111111111111111111111111111"))?;
    let items = store.items()?;
    assert_eq!(items.len(), 1, "{items:?}");
    for (kind, name) in [
        ("photos", "2019"),
        ("kernel", "00000000000000000000000000000000"),
        ("program", "mine"),
        ("program", "11111111111111111111111111111111"),
        ("program", "../photos"),
        ("..", "photos"),
    ] {
        let item = Item { kind: kind.into(), name: name.into(), ..items[0].clone() };
        assert!(store.discard(&item).is_err(), "{item:?}");
    }
    assert_eq!(store.discard(&items[0])?, Gone::Removed);
    for other in ["photos/2019", "kernel/00000000000000000000000000000000", "program/mine", "tmp/letters"] {
        assert!(dir.path().join(other).exists(), "{other}");
    }
    assert!(outside.path().join("kept").exists());
    Ok(())
}

#[test]
fn a_store_of_an_earlier_version_is_taken_over() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let entry = ensure(&store, &mut Vec::new())?;
    fs::remove_file(dir.path().join(root::MARKER))?;
    assert_eq!(store.find(&inputs())?.as_ref(), Some(&entry));
    assert_eq!(store.items()?.len(), 1);
    store.scratch()?;
    assert!(dir.path().join(root::MARKER).exists());
    Ok(())
}

#[test]
fn a_store_that_others_can_write_to_is_refused() -> Result<(), Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    ensure(&store, &mut Vec::new())?;
    for mode in [0o777, 0o775, 0o757] {
        fs::set_permissions(dir.path(), fs::Permissions::from_mode(mode))?;
        assert!(matches!(store.find(&inputs()), Err(StoreError::Untrusted { .. })), "{mode:o}");
        assert!(matches!(ensure(&store, &mut Vec::new()), Err(StoreError::Untrusted { .. })), "{mode:o}");
    }
    fs::set_permissions(dir.path(), fs::Permissions::from_mode(0o755))?;
    assert!(store.find(&inputs())?.is_some());
    Ok(())
}
