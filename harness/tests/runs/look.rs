//! A changed program is looked at without being judged, and a run tells its reader what it shows.

use std::fs;
use std::os::unix::fs::symlink;

use kernsnap::cli::Exit;

use crate::support::{Checkout, Kernsnap, Outcome, root};

#[test]
fn a_look_at_a_changed_program_is_no_failure() -> Outcome {
    let changed = tempfile::tempdir()?;
    let file = changed.path().join("user-exit.yaml");
    let text = fs::read_to_string(root().join("scenarios/user/user-exit.yaml"))?;
    fs::write(&file, text.replace("args: [\"3\"]", "args: [\"5\"]"))?;
    let checkout = Checkout::with(&[file])?;

    let judged = Kernsnap::new(checkout.path(), ["run", "user-exit"]).run()?;
    assert_eq!(judged.code, Some(Exit::Different as i32), "{judged:?}");
    assert!(judged.stdout.contains("\n✗ exit(3) passes 3"), "{judged:?}");

    for (language, words) in [("en", ["now ", "looked at: user-exit"]), ("ko", ["지금은 ", "살펴봄: user-exit"])]
    {
        let looked = Kernsnap::new(checkout.path(), ["run", "user-exit", "--look", "--lang", language]).run()?;
        assert_eq!(looked.code, Some(Exit::Passed as i32), "{looked:?}");
        assert!(looked.stdout.contains("\n· exit(3)") && !looked.stdout.contains('✗'), "{looked:?}");
        assert!(words.iter().all(|word| looked.stdout.contains(word)), "{looked:?}");
    }
    Ok(())
}

#[test]
fn a_lesson_of_a_changed_program_shows_what_is_left_of_it() -> Outcome {
    let changed = tempfile::tempdir()?;
    let file = changed.path().join("exit-code-encoding.yaml");
    let text = fs::read_to_string(root().join("scenarios/exit/exit-code-encoding.yaml"))?;
    // SIGKILL has no handler.
    fs::write(&file, text.replace("program: catch-signal, args: [\"2\"]", "program: catch-signal, args: [\"9\"]"))?;
    let checkout = Checkout::with(&[file])?;
    symlink(root().join("docs"), checkout.path().join("docs"))?;
    let lesson =
        |more: &[&str]| Kernsnap::new(checkout.path(), [&["lesson", "exit-code-encoding"], more].concat()).run();
    assert_eq!(lesson(&[])?.code, Some(Exit::Different as i32));
    let looked = lesson(&["--look"])?;
    assert_eq!((looked.code, looked.stderr.as_str()), (Some(Exit::Passed as i32), ""), "{looked:?}");
    assert!(looked.stdout.contains("· In this run: the step shows `of-catcher: signal_generate`"), "{looked:?}");
    assert!(!looked.stdout.contains('✗'), "{looked:?}");
    let korean = lesson(&["--look", "--lang", "ko"])?;
    assert!(korean.stdout.contains("· 이 실행에서는: 이 단계는 `of-catcher: signal_generate`"), "{korean:?}");
    Ok(())
}

#[test]
fn a_run_explains_what_it_shows_in_the_language_of_its_reader() -> Outcome {
    let run = |more: &[&str]| Kernsnap::new(&root(), [&["run", "user-exit"], more].concat()).run();
    let (plain, explained) = (run(&["--lang", "ko"])?, run(&["--lang", "ko", "--explain"])?);
    assert!(plain.stdout.contains("\n통과: user-exit"), "{plain:?}");
    assert!(explained.stdout.contains("\n  exit_code "), "{explained:?}");
    assert!(explained.stdout.contains("시나리오가 do_exit()에 건 프로브입니다."), "{explained:?}");
    // Texts for machines have no language.
    let json = |language| run(&["--lang", language, "--json"])?.record();
    let (english, korean) = (json("en")?, json("ko")?);
    assert_eq!((&english["verdict"], &english["view_sha256"]), (&korean["verdict"], &korean["view_sha256"]));
    Ok(())
}
