//! The results of several runs: their sum, and the formats of other tools.

use std::fs;

use kernsnap::cli::Exit;

use crate::support::{Checkout, Kernsnap, Outcome, data, root};

#[test]
fn results_are_summed_up_and_written_for_other_tools() -> Outcome {
    let directory = tempfile::tempdir()?;
    let junit = directory.path().join("junit.xml");
    let file = junit.display().to_string();
    let scenarios = ["run", "exit-recursive-sleep", "hello"];
    let ended = Kernsnap::new(&root(), [&scenarios[..], &["--junit", &file]].concat()).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert_eq!(ended.stdout.lines().last(), Some("2 runs: 1 passed, 1 does not apply"), "{ended:?}");
    let xml = fs::read_to_string(&junit)?;
    assert!(xml.contains(r#"tests="2" skipped="1" failures="0" errors="0""#), "{xml}");
    let ended = Kernsnap::new(&root(), [&scenarios[..], &["--format", "ktap"]].concat()).run()?;
    let lines: Vec<&str> = ended.stdout.lines().filter(|line| !line.starts_with('#')).collect();
    assert_eq!(lines[..2], ["KTAP version 1", "1..2"], "{ended:?}");
    assert!(lines[2].starts_with("ok 1 exit-recursive-sleep # SKIP the kernel has no "), "{ended:?}");
    assert_eq!(lines[3..], ["ok 2 hello"], "{ended:?}");
    let ended = Kernsnap::new(&root(), [&scenarios[..], &["--shard", "2/2", "--format", "ktap"]].concat()).run()?;
    assert_eq!(ended.stdout, "KTAP version 1\n1..1\nok 1 hello\n", "{ended:?}");
    Ok(())
}

#[test]
fn results_of_several_machines_become_one_table() -> Outcome {
    let directory = tempfile::tempdir()?;
    let mut files = Vec::new();
    for shard in ["1/2", "2/2"] {
        let words = ["run", "exit-recursive-sleep", "hello", "--shard", shard, "--json"];
        let ended = Kernsnap::new(&root(), words).run()?;
        assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
        let file = directory.path().join(shard.replace('/', "-"));
        fs::write(&file, &ended.stdout)?;
        files.push(file.display().to_string());
    }
    let merge = |more: &[&str]| {
        let words =
            ["matrix", "--from"].into_iter().chain(files.iter().map(String::as_str)).chain(more.iter().copied());
        Kernsnap::new(&root(), words.collect::<Vec<_>>()).run()
    };
    let ended = merge(&[])?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert!(ended.stdout.contains("rpi3-6.1: 1 does-not-apply, 1 passed"), "{ended:?}");
    let ended = merge(&["--format", "kcidb", "--origin", "lab"])?;
    let report: serde_json::Value = serde_json::from_str(&ended.stdout)?;
    let status = |number: usize| report["tests"][number]["status"].as_str().unwrap_or_default().to_owned();
    assert_eq!([status(0), status(1)], ["SKIP", "PASS"], "{report}");
    assert_eq!(report["builds"][0]["architecture"], "arm64");
    fs::write(&files[0], "{\"scenario\":\"../up\"}\n")?;
    assert_eq!(merge(&[])?.code, Some(Exit::BadInput as i32));
    Ok(())
}

#[test]
fn a_run_that_fails_is_annotated_and_the_first_one_ends_the_others() -> Outcome {
    let checkout = Checkout::with(&[data("fault-scenarios/crash.yaml"), root().join("scenarios/user/hello.yaml")])?;
    let call = |words: &[&str]| Kernsnap::new(checkout.path(), words.iter().copied()).run();
    let ended = call(&["run", "--format", "github", "--fail-fast", "--parallel", "1"])?;
    assert_eq!(ended.code, Some(Exit::Different as i32), "{ended:?}");
    let line = "::error file=scenarios/test/crash.yaml,title=crash on rpi3-6.1%3A failed::";
    assert!(ended.stdout.starts_with(line), "{ended:?}");
    // `hello` was not begun, and `crash` is what failed last.
    let ended = call(&["run", "--failed", "--format", "ktap"])?;
    assert!(ended.stdout.starts_with("KTAP version 1\n1..1\n") && ended.stdout.contains("not ok 1 crash"), "{ended:?}");
    Ok(())
}
