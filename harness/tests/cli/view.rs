//! `kernsnap view` and `kernsnap export`, as they are called.

use std::fs;
use std::path::PathBuf;

use kernsnap::cli::Exit;

use crate::support::{Ended, Kernsnap, Outcome, OwnStore, program, root};

fn view(arguments: &[&str]) -> Result<Ended, Box<dyn std::error::Error>> {
    Kernsnap::new(&root(), [&["view"], arguments].concat()).run()
}

/// A recording of the trace crate's tests.
fn trace_data(name: &str) -> PathBuf {
    root().join("harness/trace/tests/data").join(name)
}

#[test]
fn the_events_of_a_text_are_lines_or_objects() -> Outcome {
    let file = trace_data("recordings/function/trace.txt").display().to_string();
    let ended = view(&[&file])?;
    assert_eq!((ended.code, ended.stderr.as_str()), (Some(Exit::Passed as i32), ""));
    assert!(
        ended.stdout.contains("sched_switch prev_comm=swapper/2 prev_pid=0 prev_prio=120 prev_state=R "),
        "{ended:?}"
    );
    let objects = view(&[&file, "--json"])?.records()?;
    assert_eq!(objects.len(), 28);
    assert_eq!(objects[2]["function"], "copy_process+0x4");
    let followed = view(&[&file, "--json", "--follow", "child"])?.records()?;
    let about_child = |event: &serde_json::Value| event.to_string().contains("53");
    assert!(!followed.is_empty() && followed.len() < 28 && followed.iter().all(about_child), "{followed:?}");
    Ok(())
}

#[test]
fn a_trace_dat_comes_through_a_pipe_too() -> Outcome {
    let file = root().join("harness/trace/fuzz/corpus/dat/function").display().to_string();
    let direct = view(&[&file])?;
    assert!(direct.stdout.contains("sched_switch"), "{direct:?}");
    for name in ["-", "/dev/stdin"] {
        let through_a_pipe = ["sh", "-c", "cat \"$FILE\" | \"$@\"", "sh"];
        let piped = Kernsnap::through(&through_a_pipe, &root(), ["view", name]).env("FILE", &file).run()?;
        assert_eq!((piped.stdout, piped.code), (direct.stdout.clone(), direct.code), "{name}");
    }
    Ok(())
}

#[test]
fn events_of_a_trace_dat_are_shown_and_exported_as_their_print_formats_say() -> Outcome {
    let file = root().join("harness/trace/fuzz/corpus/dat/function").display().to_string();
    let said = "prev_state=R ==> next_comm=init next_pid=53 next_prio=120";
    let shown = view(&[&file])?;
    assert!(shown.stdout.contains(said), "{shown:?}");
    let directory = tempfile::tempdir()?;
    let out = directory.path().join("trace.txt").display().to_string();
    Kernsnap::new(&root(), ["export", "--to", "text", &file, "-o", &out]).run()?;
    assert!(fs::read_to_string(&out)?.contains(said));
    let switch = view(&[&file, "--json"])?.records()?.into_iter().find(|event| event["event"] == "sched_switch");
    let fields = &switch.ok_or("a switch")?["fields"];
    assert_eq!((&fields["prev_state"], &fields["next_prio"]), (&0.into(), &120.into()), "{fields}");
    Ok(())
}

#[test]
fn a_recording_without_events_and_a_task_that_is_not_there_are_told() -> Outcome {
    let directory = tempfile::tempdir()?;
    let empty = directory.path().join("trace.txt").display().to_string();
    fs::write(&empty, "# tracer: nop\n#\n# entries-in-buffer/entries-written: 0/0   #P:4\n#\n")?;
    let ended = view(&[&empty])?;
    assert!(ended.stderr.contains("is a recording without events"), "{ended:?}");
    let full = root().join("harness/trace/fuzz/corpus/dat/function").display().to_string();
    let ended = view(&[&full, "--follow", "nosuch"])?;
    assert!(ended.stderr.contains("events is about `nosuch`"), "{ended:?}");
    let ended = Kernsnap::new(&root(), ["diff", &empty, &full]).run()?;
    assert_eq!(ended.code, Some(Exit::TraceUnusable as i32), "{ended:?}");
    assert!(ended.stderr.contains("is a recording without events: it shows nothing to compare"), "{ended:?}");
    Ok(())
}

#[test]
fn what_is_missing_in_a_text_makes_it_unusable_and_damage_is_told() -> Outcome {
    let ended = view(&[&trace_data("texts/lines.txt").display().to_string()])?;
    assert_eq!(ended.code, Some(Exit::TraceUnusable as i32), "{ended:?}");
    for told in ["unusable: CPU 2: 45 events are not in the text", "line 16: not understood: `raspberrypi login:`"] {
        assert!(ended.stderr.contains(told), "{ended:?}");
    }
    Ok(())
}

#[test]
fn what_is_no_recording_is_refused_in_words() -> Outcome {
    let here = root();
    for (file, why) in [
        ("README.md".into(), "has no line that is an event of ftrace"),
        (
            program().display().to_string(),
            "is neither text, nor a trace.dat, nor a capsule, nor the raw trace of a run",
        ),
        (here.join("no-such-file").display().to_string(), "cannot read"),
    ] {
        let ended = view(&[&here.join(file).display().to_string()])?;
        assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
        assert!(ended.stderr.contains(why), "{ended:?}");
    }
    Ok(())
}

#[test]
fn the_way_to_a_compressed_recording_is_told() -> Outcome {
    let directory = tempfile::tempdir()?;
    for (name, head, program) in [
        ("trace.gz", &b"\x1f\x8b\x08\0\0"[..], "zcat"),
        ("trace.xz", b"\xfd7zXZ\0\0\x04", "xzcat"),
        ("trace.bz2", b"BZh91AY&SY\0\0", "bzcat"),
        ("trace.zst", b"\x28\xb5\x2f\xfd\0\0\0", "zstdcat"),
    ] {
        let file = directory.path().join(name);
        fs::write(&file, head)?;
        let file = file.display().to_string();
        let ended = view(&[&file])?;
        assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
        assert!(ended.stderr.contains(&format!("`{program} {file} | kernsnap view -` shows it")), "{ended:?}");
    }
    Ok(())
}

#[test]
fn a_text_is_exported_for_perfetto_but_has_no_pages_for_a_trace_dat() -> Outcome {
    let directory = tempfile::tempdir()?;
    let (file, out) = (trace_data("recordings/graph/trace.txt").display().to_string(), directory.path().join("out"));
    let export = |format: &str| {
        let out = out.display().to_string();
        Kernsnap::new(&root(), ["export", "--to", format, &file, "-o", &out]).run()
    };
    assert_eq!(export("perfetto")?.code, Some(Exit::Passed as i32));
    assert!(fs::metadata(&out)?.len() > 1000);
    assert_eq!(export("text")?.code, Some(Exit::Passed as i32));
    assert_eq!(view(&[&out.display().to_string(), "--json"])?.records()?.len(), 92);
    let refused = export("trace-dat")?;
    assert_eq!(refused.code, Some(Exit::BadInput as i32), "{refused:?}");
    assert!(refused.stderr.contains("it is a text, which has no raw pages"), "{refused:?}");
    Ok(())
}

#[test]
fn a_recording_without_a_scenario_has_every_view_by_the_names_of_its_tasks() -> Outcome {
    let file = trace_data("recordings/function/trace.txt").display().to_string();
    let ended = view(&[&file, "--view", "tree", "--view", "summary", "--follow", "child"])?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    assert!(ended.stdout.contains("child"), "{ended:?}");
    assert!(ended.stderr.contains("events of other tasks are not shown"), "{ended:?}");
    let views = view(&[&file, "--view", "tree", "--view", "timeline", "--json"])?.records()?;
    assert_eq!(views.len(), 2, "{views:?}");
    Ok(())
}

#[test]
fn recordings_are_compared_like_views() -> Outcome {
    let file = trace_data("recordings/function/trace.txt");
    let compare = |other: &std::path::Path| {
        let [before, after] = [&*file, other].map(|path| path.display().to_string());
        Kernsnap::new(&root(), ["diff", &before, &after]).run()
    };
    let same = compare(&file)?;
    assert_eq!((same.code, same.stdout.as_str()), (Some(Exit::Passed as i32), "no differences\n"), "{same:?}");
    let directory = tempfile::tempdir()?;
    let other = directory.path().join("other.txt");
    let text = fs::read_to_string(&file)?;
    let kept: Vec<&str> = text.lines().filter(|line| !line.contains("sched_wakeup_new")).collect();
    assert!(kept.len() < text.lines().count());
    fs::write(&other, kept.join("\n"))?;
    let differs = compare(&other)?;
    assert_eq!(differs.code, Some(Exit::Different as i32), "{differs:?}");
    assert!(differs.stdout.contains("sched_wakeup_new"), "{differs:?}");
    Ok(())
}

/// A run's directory as a stranger could send it: its result names what the stranger likes.
fn foreign_run(result: &str) -> Result<tempfile::TempDir, Box<dyn std::error::Error>> {
    let directory = tempfile::tempdir()?;
    let store = OwnStore::whole()?;
    let out = tempfile::tempdir()?;
    let ended = Kernsnap::new(&root(), ["run", "user-exit", "--out", &out.path().display().to_string()]);
    assert_eq!(ended.store(store.path()).run()?.code, Some(Exit::Passed as i32));
    fs::copy(out.path().join("user-exit/trace.raw"), directory.path().join("trace.raw"))?;
    fs::write(directory.path().join("result.json"), result)?;
    Ok(directory)
}

#[test]
fn looking_at_a_strangers_run_builds_and_fetches_nothing() -> Outcome {
    let stranger = tempfile::tempdir()?;
    let evil = stranger.path().join("evil");
    // An image file outside of the checkout, whose source would run a command.
    fs::write(evil.with_extension("yaml"), "description: x\n")?;
    let path = evil.display().to_string();
    for (image, told) in [
        ("rpi3-6.12", "is a run on the image `rpi3-6.12`, which is not built"),
        (&*path, "is not a name"),
        ("../../tmp/evil", "is not a name"),
        ("--image", "is not a name"),
    ] {
        let result = serde_json::json!({
            "scenario": "user-exit", "image": image, "image_key": "", "schedule": "1:4",
        });
        let directory = foreign_run(&result.to_string())?;
        // A store that has no kernel: whatever is built would appear in it.
        let store = tempfile::tempdir()?;
        let name = directory.path().display().to_string();
        let out = stranger.path().join("out.dat").display().to_string();
        for words in [vec!["view", &name], vec!["export", "--to", "trace-dat", &name, "-o", &out]] {
            let words = words.iter().map(|word| &**word);
            let ended = Kernsnap::new(&root(), words).store(store.path()).run()?;
            assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
            assert!(ended.stderr.contains(told), "{ended:?}");
            for kind in ["kernel", "source", "program", "facts", "work", "scratch"] {
                assert!(!store.path().join(kind).exists(), "{kind} in the store after {ended:?}");
            }
        }
    }
    Ok(())
}

#[test]
fn an_export_has_the_events_that_a_view_has_and_is_whole_or_not_there() -> Outcome {
    let directory = tempfile::tempdir()?;
    let (file, out) = (directory.path().join("trace.txt"), directory.path().join("out.txt"));
    // Two CPUs' lines, behind one another: a view has them in the order of time.
    let line = |cpu: u8, time: u8| {
        format!("  a-7     [00{cpu}] d....     {time}.000000: sched_process_exit: comm=a pid=7 prio=120\n")
    };
    fs::write(&file, format!("# tracer: nop\n{}{}{}", line(1, 2), line(0, 1), line(0, 3)))?;
    let (name, to) = (file.display().to_string(), out.display().to_string());
    let ended = Kernsnap::new(&root(), ["export", "--to", "text", &name, "-o", &to]).run()?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    let text = fs::read_to_string(&out)?;
    let times: Vec<&str> =
        text.lines().filter_map(|line| line.split_once(".000000")?.0.split_whitespace().last()).collect();
    assert_eq!(times, ["1", "2", "3"], "{text}");

    // A file that is not a recording, or cannot be read, is bad input, and leaves the output as it was.
    fs::write(&file, "nothing that a kernel prints\n")?;
    for name in [&*name, "/proc/self/mem"] {
        let ended = Kernsnap::new(&root(), ["export", "--to", "text", name, "-o", &to]).run()?;
        assert_eq!(ended.code, Some(Exit::BadInput as i32), "{ended:?}");
        assert_eq!(fs::read_to_string(&out)?, text);
    }
    Ok(())
}
