//! What `kernsnap new` writes runs, passes, and can fail; and nothing is ever overwritten.

use std::error::Error;
use std::fs;
use std::io;
use std::os::unix::fs::symlink;
use std::path::Path;

use kernsnap::cli::Exit;
use tempfile::TempDir;

use crate::support::{Ended, Kernsnap, Outcome, OwnStore, root};

/// A checkout to write in: images are the real ones, guest programs are copies, and there are no scenarios.
fn checkout() -> io::Result<TempDir> {
    let checkout = tempfile::tempdir()?;
    symlink(root().join("images"), checkout.path().join("images"))?;
    fs::create_dir(checkout.path().join("scenarios"))?;
    for directory in ["lib", "init", "user"] {
        let (from, to) = (root().join("guest-programs").join(directory), checkout.path().join("guest-programs"));
        fs::create_dir_all(to.join(directory))?;
        for file in fs::read_dir(from)? {
            let file = file?;
            fs::copy(file.path(), to.join(directory).join(file.file_name()))?;
        }
    }
    Ok(checkout)
}

fn new(checkout: &Path, arguments: &[&str]) -> Result<Ended, Box<dyn Error>> {
    Kernsnap::new(checkout, ["new"].into_iter().chain(arguments.iter().copied())).run()
}

/// The new scenario runs as it is, passes, and each of its expectations can fail.
fn check(arguments: &[&str], files: &[&str]) -> Outcome {
    let (checkout, store) = (checkout()?, OwnStore::lending(&["kernel", "facts"])?);
    let written = new(checkout.path(), arguments)?;
    assert_eq!(written.stdout.lines().collect::<Vec<_>>(), files, "{written:?}");
    let ended =
        Kernsnap::new(checkout.path(), ["run", arguments[0], "--mutate", "--json"]).store(store.path()).run()?;
    assert_eq!(
        (ended.code, ended.record()?["verdict"].as_str()),
        (Some(Exit::Passed as i32), Some("passed")),
        "{ended:?}"
    );

    let before = fs::read(checkout.path().join(files[1]))?;
    let again = new(checkout.path(), arguments)?;
    assert_eq!((again.code, again.stdout.as_str()), (Some(Exit::BadInput as i32), ""), "{again:?}");
    assert!(again.stderr.contains("is there already, and nothing is overwritten"), "{again:?}");
    assert_eq!(fs::read(checkout.path().join(files[1]))?, before);
    Ok(())
}

#[test]
fn a_new_scenario_with_a_program_passes_as_it_is() -> Outcome {
    check(&["first-try"], &["scenarios/user/first-try.yaml", "guest-programs/user/first-try.c"])
}

#[test]
fn a_new_scenario_with_a_module_passes_as_it_is() -> Outcome {
    check(
        &["two-step", "--module", "--group", "kthread"],
        &[
            "scenarios/kthread/two-step.yaml",
            "guest-programs/modules/two-step/two-step.c",
            "guest-programs/modules/two-step/Kbuild",
        ],
    )
}

#[test]
fn names_that_cannot_be_are_refused_before_anything_is_written() -> Outcome {
    let checkout = checkout()?;
    for (arguments, said) in [
        (["Upper", "--group", "user"].as_slice(), "`Upper` is not a name for a scenario"),
        (&["two--dashes"], "`two--dashes` is not a name"),
        (&["-dash"], "unexpected argument"),
        (&["../up"], "`../up` is not a name"),
        (&["9lives"], "`9lives` is not a name"),
        (&[""], "`` is not a name"),
        (&["fine", "--group", "../up"], "`../up` is not a name for a group"),
        (&["fine", "--group", "snapshots"], "`snapshots` is not a group"),
        (&["a-name-that-is-much-too-long-for-a-module", "--module"], "is not a name for a scenario"),
        (&["fork-one"], "`guest-programs/user/fork-one.c` is there already"),
    ] {
        let ended = new(checkout.path(), arguments)?;
        assert_eq!((ended.code, ended.stdout.as_str()), (Some(Exit::BadInput as i32), ""), "{arguments:?}: {ended:?}");
        assert!(ended.stderr.contains(said), "{arguments:?}: {ended:?}");
    }
    assert_eq!(fs::read_dir(checkout.path().join("scenarios"))?.count(), 0);
    Ok(())
}
