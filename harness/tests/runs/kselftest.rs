//! The kernel's own tests: programs and scripts, each in a guest of its own, with the same results every time.

use kernsnap::cli::Exit;

use crate::support::{Kernsnap, Outcome, root, schema_mistakes};

#[test]
fn programs_of_the_kernel_are_built_and_run_and_repeat() -> Outcome {
    let words = ["kselftest", "pidfd", "--test", "pidfd_wait", "--repeat", "2"];
    let ended = Kernsnap::new(&root(), words).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert!(ended.stdout.starts_with("pidfd pidfd_wait: 3 passed\n"), "{ended:?}");
    assert!(ended.stderr.contains("each of 1 tests: 2 runs, one console"), "{ended:?}");
    Ok(())
}

#[test]
fn scripts_of_ftracetest_run_without_a_compiler() -> Outcome {
    let ended =
        Kernsnap::new(&root(), ["kselftest", "ftrace", "--test", "00basic/basic1", "--format", "ktap"]).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    let told = "KTAP version 1\n1..1\nok 1 ftrace:test.d/00basic/basic1.tc: Basic trace file check\n";
    assert_eq!(ended.stdout, told, "{ended:?}");
    let ended = Kernsnap::new(&root(), ["kselftest", "ftrace", "--test", "00basic", "--json"]).run()?;
    for document in ended.records()? {
        assert_eq!(schema_mistakes("kselftest", &document)?, Vec::<String>::new(), "{document}");
    }
    Ok(())
}

#[test]
fn a_target_or_a_source_that_is_not_there_is_told() -> Outcome {
    let ended = Kernsnap::new(&root(), ["kselftest", "pidf"]).run()?;
    assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
    assert!(ended.stderr.contains("the kernel has no tests `pidf`") && ended.stderr.contains("`pidfd`"), "{ended:?}");
    let ended = Kernsnap::new(&root(), ["kselftest", "pidfd", "--image", "rpi3-6.1-debian"]).run()?;
    assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
    assert!(ended.stderr.contains("comes built"), "{ended:?}");
    Ok(())
}

/// A test of the kernel that asks for what the kernel does not do.
const WRONG_TEST: &str = "\
pidfd: expect what never happens
---
--- a/tools/testing/selftests/pidfd/pidfd_wait.c
+++ b/tools/testing/selftests/pidfd/pidfd_wait.c
@@ -81,7 +81,7 @@ TEST(wait_simple)
 	EXPECT_EQ(close(pidfd), 0);
 
 	ASSERT_EQ(info.si_signo, SIGCHLD);
-	ASSERT_EQ(info.si_code, CLD_EXITED);
+	ASSERT_EQ(info.si_code, CLD_DUMPED);
 	ASSERT_EQ(info.si_pid, parent_tid);
 }
 
";

#[test]
fn a_change_to_a_test_alone_is_compared_on_the_same_kernel() -> Outcome {
    let directory = tempfile::tempdir()?;
    let patch = directory.path().join("wrong-test.patch");
    std::fs::write(&patch, WRONG_TEST)?;
    let file = patch.display().to_string();
    let words = ["regress", "hello", "--patch", &file, "--kselftest", "pidfd", "--json"];
    let ended = Kernsnap::new(&root(), words).run()?;
    assert_eq!(ended.code, Some(Exit::Different as i32), "{ended:?}");
    let report = ended.record()?;
    assert_eq!(schema_mistakes("regress", &report)?, Vec::<String>::new(), "{report:#}");
    assert_eq!(report["identical"], true, "{report:#}");
    let findings = report["findings"].as_array().ok_or("no findings")?;
    let (changed, same): (Vec<_>, Vec<_>) = findings.iter().partition(|finding| finding["class"] != "same");
    assert_eq!((changed.len(), same.len()), (1, 6), "{report:#}");
    assert_eq!(changed[0]["scenario"], "pidfd/pidfd_wait");
    assert_eq!(changed[0]["broken"][0][0], "the case `global.wait_simple` passes", "{report:#}");
    let ended = Kernsnap::new(&root(), ["regress", "hello", "--patch", &file, "--kselftest", "pidf"]).run()?;
    assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
    Ok(())
}
