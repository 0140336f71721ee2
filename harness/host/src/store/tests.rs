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
            None => files::remove(&entry.file("program"))?,
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
    let path = dir.path().join("records/numbers.json");
    let whole = fs::read(&path)?;
    // Whatever bit flips: what is still JSON has another hash.
    for bit in 0..whole.len() * 8 {
        let mut bytes = whole.clone();
        bytes[bit / 8] ^= 1 << (bit % 8);
        fs::write(&path, bytes)?;
        let read = store.record::<Vec<u32>>("numbers");
        assert!(read.is_none() || read == Some(vec![1, 2]), "bit {bit}: {read:?}");
    }
    fs::write(&path, &whole)?;
    fs::rename(&path, dir.path().join("records/others.json"))?;
    assert_eq!(store.record::<Vec<u32>>("others"), None, "it is the record of another name");
    fs::write(&path, "[1, 2]")?;
    assert_eq!(store.record::<Vec<u32>>("numbers"), Some(vec![1, 2]), "as an earlier version wrote it");
    fs::write(&path, "[1,")?;
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
    files::remove(&dir.path().join(root::MARKER))?;
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

/// Things that do not belong there, each in the place of a part of an entry.
fn odd_things(path: &Path) -> Result<(), Box<dyn Error>> {
    use rustix::fs::{CWD, FileType, Mode, mknodat};
    let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    files::remove(path)?;
    match name.rsplit('-').next().unwrap_or_default() {
        "directory" => fs::create_dir(path)?,
        "file" => fs::write(path, "text")?,
        "link" => std::os::unix::fs::symlink("/nowhere", path)?,
        "loop" => std::os::unix::fs::symlink(path, path)?,
        "pipe" => mknodat(CWD, path, FileType::Fifo, Mode::RUSR, 0)?,
        other => return Err(other.into()),
    }
    Ok(())
}

#[test]
fn odd_things_in_the_place_of_an_entry_are_set_aside() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let kinds = ["directory", "file", "link", "loop", "pipe"];
    for odd in kinds {
        for part in ["", "manifest.json", "program"] {
            let entry = ensure(&store, &mut Vec::new())?;
            // The thing is made beside and moved there, so that its name can say what it is.
            let (made, place) = (
                dir.path().join("tmp").join(format!("odd-{odd}")),
                if part.is_empty() { entry.dir().to_owned() } else { entry.file(part) },
            );
            odd_things(&made)?;
            files::remove(&place)?;
            fs::rename(&made, &place)?;
            if odd == "loop" {
                files::remove(&place)?;
                std::os::unix::fs::symlink(place.file_name().unwrap_or_default(), &place)?;
            }
            assert_eq!(store.find(&inputs())?, None, "{odd} for `{part}`");
            let rebuilt = ensure(&store, &mut Vec::new()).map_err(|error| format!("{odd} for `{part}`: {error}"))?;
            assert_eq!(fs::read_to_string(rebuilt.file("program"))?, "content", "{odd} for `{part}`");
        }
    }
    Ok(())
}

#[test]
fn odd_things_among_what_is_built_or_damaged_are_not_in_the_way() -> Result<(), Box<dyn Error>> {
    for odd in ["directory", "file", "link", "pipe"] {
        for place in ["tmp", "damaged"] {
            let dir = tempfile::tempdir()?;
            let store = Store::at(dir.path());
            store.sub(place)?;
            let made = dir.path().join(format!("odd-{odd}"));
            odd_things(&made)?;
            fs::rename(&made, dir.path().join(place).join(entry_name(&inputs())))?;
            let entry = ensure(&store, &mut Vec::new()).map_err(|error| format!("{odd} in {place}: {error}"))?;
            fs::write(entry.file("program"), "damage")?;
            ensure(&store, &mut Vec::new()).map_err(|error| format!("{odd} in {place}: {error}"))?;
        }
    }
    Ok(())
}

#[test]
fn a_record_that_is_a_pipe_or_without_end_is_none() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    store.set_record("answer", &1)?;
    odd_things(&dir.path().join("records/x-pipe"))?;
    fs::rename(dir.path().join("records/x-pipe"), dir.path().join("records/answer.json"))?;
    assert_eq!(store.record::<u32>("answer"), None);
    files::remove(&dir.path().join("records/answer.json"))?;
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("records/answer.json"))?;
    assert_eq!(store.record::<u32>("answer"), None);
    store.set_record("answer", &2)?;
    assert_eq!(store.record::<u32>("answer"), Some(2));
    Ok(())
}

#[test]
fn nothing_is_written_or_removed_through_a_link() -> Result<(), Box<dyn Error>> {
    let outside = tempfile::tempdir()?;
    fs::create_dir_all(outside.path().join("rpi3/user-fork"))?;
    fs::write(outside.path().join("rpi3/user-fork/kept"), "mine")?;
    let names = ["program", "tmp", "lock", "records", "log", "gdb", "scratch", "damaged", "evidence", "work"];
    for name in names {
        let dir = tempfile::tempdir()?;
        let store = Store::at(dir.path());
        store.sub("log")?;
        files::remove(&dir.path().join("log"))?;
        std::os::unix::fs::symlink(outside.path(), dir.path().join(name))?;
        let error = store.sub(name).expect_err(name);
        assert!(matches!(&error, StoreError::InTheWay { what: "a link", .. }) && error.hint().is_some(), "{error}");
        let from = tempfile::tempdir_in(dir.path())?;
        let _ = ensure(&store, &mut Vec::new());
        let _ = store.set_record("answer", &1);
        let _ = store.log_for(&inputs());
        let _ = store.debug_dir("rpi3");
        let _ = store.scratch();
        let _ = store.keep_evidence(from.path(), &["rpi3", "user-fork"]);
        let _ = store.build_dir(&inputs(), &mut |_| (), |dir, _| write_thing(dir));
    }
    // Below its own directory of evidence too, whatever the image is called.
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    std::os::unix::fs::symlink(outside.path(), store.sub("evidence")?.join("rpi3"))?;
    let from = tempfile::tempdir()?;
    assert!(store.keep_evidence(from.path(), &["rpi3", "user-fork"]).is_err());
    assert!(store.keep_evidence(from.path(), &["..", "user-fork"]).is_err());
    let left: Vec<_> = fs::read_dir(outside.path())?.filter_map(|entry| Some(entry.ok()?.file_name())).collect();
    assert_eq!(left, ["rpi3"]);
    assert_eq!(fs::read_to_string(outside.path().join("rpi3/user-fork/kept"))?, "mine");
    Ok(())
}

#[test]
fn an_entry_under_another_name_is_not_used() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let (entry, other) = (ensure(&store, &mut Vec::new())?, inputs().with("another", "input"));
    fs::rename(entry.dir(), store.entry_dir(&other))?;
    assert_eq!(store.find(&other)?, None);
    let mut events = Vec::new();
    store.ensure(&other, &mut |event| events.push(event), |dir, _| write_thing(dir))?;
    assert!(
        matches!(&events[..], [ImageEvent::Damaged { why, .. }] if why.contains("is that of program/")),
        "{events:?}"
    );
    Ok(())
}

#[test]
fn the_files_below_a_directory_are_checked_when_they_are_used() -> Result<(), Box<dyn Error>> {
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let build = |dir: &Path, _: Events<'_>| -> Result<Vec<String>, StoreError> {
        fs::create_dir_all(dir.join("modules/deep")).map_err(StoreError::write(dir))?;
        for name in ["modules/one.ko", "modules/deep/two.ko"] {
            fs::write(dir.join(name), name).map_err(StoreError::write(dir))?;
        }
        std::os::unix::fs::symlink("one.ko", dir.join("modules/link")).map_err(StoreError::write(dir))?;
        Ok(vec!["modules".to_owned()])
    };
    let ensured = || store.ensure(&inputs(), &mut |_| (), build);
    let entry = ensured()?;
    assert_eq!(entry.checked("modules")?, entry.file("modules"));
    assert_eq!(entry.checked("modules/deep/two.ko")?, entry.file("modules/deep/two.ko"));
    fs::write(entry.file("modules/one.ko"), "modules/two.ko")?;
    let damaged = |entry: &Entry, name: &str| matches!(entry.checked(name), Err(StoreError::Damaged { .. }));
    // Unused files are not looked at.
    let entry = ensured()?;
    assert!(entry.checked("modules/deep/two.ko").is_ok());
    assert!(damaged(&entry, "modules/one.ko") && damaged(&entry, "modules"));
    let again = store.ensure_checked(&inputs(), "modules", &mut |_| (), build)?;
    assert_eq!(fs::read_to_string(again.join("one.ko"))?, "modules/one.ko");
    files::remove(&again.join("link"))?;
    assert!(damaged(&ensured()?, "modules"));
    let again = store.ensure_checked(&inputs(), "modules", &mut |_| (), build)?;
    fs::write(again.join("added.ko"), "")?;
    assert!(damaged(&ensured()?, "modules"));
    Ok(())
}

#[test]
fn a_part_that_others_could_have_written_is_refused_where_others_can_enter() -> Result<(), Box<dyn Error>> {
    use std::os::unix::fs::PermissionsExt as _;
    let dir = tempfile::tempdir()?;
    let store = Store::at(dir.path());
    let entry = ensure(&store, &mut Vec::new())?;
    let set = |path: &Path, mode| fs::set_permissions(path, fs::Permissions::from_mode(mode));
    let parts =
        [dir.path().join("program"), entry.dir().to_owned(), entry.file("manifest.json"), entry.file("program")];
    for part in &parts {
        let before = fs::metadata(part)?.permissions();
        set(part, 0o775)?;
        set(dir.path(), 0o700)?;
        assert!(store.find(&inputs())?.is_some(), "others cannot enter: {}", part.display());
        set(dir.path(), 0o755)?;
        assert!(matches!(store.find(&inputs()), Err(StoreError::Untrusted { .. })), "{}", part.display());
        assert!(matches!(ensure(&store, &mut Vec::new()), Err(StoreError::Untrusted { .. })), "{}", part.display());
        fs::set_permissions(part, before)?;
    }
    assert!(store.find(&inputs())?.is_some());
    Ok(())
}
