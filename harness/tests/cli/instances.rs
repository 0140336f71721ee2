//! Buffers of instances in a `trace.dat`, and several files as one, held against `trace-cmd report`.
#![expect(clippy::disallowed_methods, reason = "trace-cmd is asked as anybody would")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use kernsnap::cli::Exit;
use kernsnap_trace::dat::{Instance, TraceDat};
use kernsnap_trace::{Clock, dat};
use serde_json::Value;
use tempfile::TempDir;

use crate::support::{Ended, Kernsnap, Outcome, root, schema_mistakes};

/// Label, CPU, microseconds and event.
type Line = (String, u64, u64, String);

fn recording() -> Result<Vec<u8>, std::io::Error> {
    fs::read(root().join("harness/trace/fuzz/corpus/dat/function"))
}

/// A file of a recording, changed.
fn saved(
    directory: &TempDir,
    name: &str,
    change: impl for<'a> FnOnce(TraceDat<'a>) -> TraceDat<'a>,
) -> Result<PathBuf, Box<dyn Error>> {
    let bytes = recording()?;
    let file = directory.path().join(name);
    fs::write(&file, dat::write(&change(dat::read(&bytes)?))?)?;
    Ok(file)
}

/// The buffers of all CPUs but the first are those of instances, one each.
fn in_instances(dat: TraceDat<'_>) -> TraceDat<'_> {
    let filled: Vec<_> = dat.cpus.iter().filter(|(_, pages)| pages.size() > 0).copied().collect();
    let stats_of = |cpu| dat.stats.iter().filter(|(of, _)| *of == cpu).copied().collect::<Vec<_>>();
    let instance =
        |(name, (cpu, pages))| Instance { name, cpus: vec![(cpu, pages)], stats: stats_of(cpu), clock: None };
    let instances = ["first", "second-one"].into_iter().zip(filled.iter().skip(1).copied()).map(instance).collect();
    let stats = stats_of(filled[0].0);
    TraceDat { cpus: vec![filled[0]], stats, instances, ..dat }
}

fn view(words: &[&str], files: &[&Path]) -> Result<Ended, Box<dyn Error>> {
    let files: Vec<String> = files.iter().map(|file| file.display().to_string()).collect();
    Kernsnap::new(&root(), ["view"].into_iter().chain(words.iter().copied()).chain(files.iter().map(String::as_str)))
        .run()
}

/// The lines that `trace-cmd report` prints of these files, without its stacks.
fn reported(files: &[&Path]) -> Result<Vec<Line>, Box<dyn Error>> {
    let mut command = Command::new("trace-cmd");
    command.arg("report");
    for file in files {
        command.arg("-i").arg(file);
    }
    let report = String::from_utf8(command.output()?.stdout)?;
    let line = |line: &str| {
        let (head, rest) = line.split_once(" [")?;
        let (cpu, rest) = rest.split_once(']')?;
        let (time, rest) = rest.trim_start().split_once(": ")?;
        let (seconds, micros) = time.rsplit(' ').next()?.split_once('.')?;
        let (event, _) = rest.split_once(':')?;
        let label = head.split_once(": ").map_or("", |(label, _)| label.trim());
        let micros = seconds.parse::<u64>().ok()? * 1_000_000 + micros.parse::<u64>().ok()?;
        Some((label.to_owned(), cpu.parse().ok()?, micros, event.to_owned()))
    };
    Ok(report.lines().filter_map(line).filter(|(.., event)| event != "kernel_stack").collect())
}

/// The same of `kernsnap view`; `label` says what stands in front of a line.
fn viewed(files: &[&Path], label: impl Fn(&Value) -> String) -> Result<Vec<Line>, Box<dyn Error>> {
    let ended = view(&["--json"], files)?;
    assert_eq!(ended.code, Some(Exit::Passed as i32), "{ended:?}");
    let line = |event: &Value| {
        assert_eq!(schema_mistakes("event", event)?, Vec::<String>::new(), "{event}");
        let name = match event["event"].as_str().unwrap_or_default() {
            "call" => "function",
            "marker" => "print",
            name => name,
        };
        let micros = (event["time"].as_u64().unwrap_or(0) + 500) / 1000;
        Ok((label(event), event["cpu"].as_u64().unwrap_or(0), micros, name.to_owned()))
    };
    ended.records()?.iter().map(line).collect()
}

fn text_of(event: &Value, key: &str) -> String {
    event[key].as_str().unwrap_or_default().to_owned()
}

#[test]
fn events_of_every_instance_are_shown_with_its_name() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = saved(&directory, "trace.dat", in_instances)?;
    let theirs = reported(&[&file])?;
    assert!(["", "first", "second-one"].iter().all(|name| theirs.iter().any(|line| line.0 == *name)), "{theirs:?}");
    assert_eq!(viewed(&[&file], |event| text_of(event, "instance"))?, theirs);

    let shown = view(&[], &[&file])?;
    assert!(shown.stdout.lines().any(|line| line.starts_with("     first  ")), "{shown:?}");
    let alone = view(&["--instance", "first"], &[&file])?;
    let count = theirs.iter().filter(|line| line.0 == "first").count();
    assert_eq!(
        alone.stdout.lines().filter(|line| line.contains("  first  ") || line.starts_with("first  ")).count(),
        count
    );
    let unknown = view(&["--instance", "other"], &[&file])?;
    assert_eq!(unknown.code, Some(Exit::BadInput as i32), "{unknown:?}");
    assert!(unknown.stderr.contains("hint: it has `first`, `second-one`"), "{unknown:?}");
    Ok(())
}

#[test]
fn an_instance_with_another_clock_is_named_and_can_be_shown_alone() -> Outcome {
    let directory = tempfile::tempdir()?;
    let file = saved(&directory, "trace.dat", |dat| {
        let mut dat = in_instances(dat);
        dat.clock = Clock { name: Some("local"), ..Clock::default() };
        dat.instances[0].clock = Some("mono");
        dat
    })?;
    let shown = view(&["--json"], &[&file])?;
    assert!(shown.stderr.contains("instance `first`: its events are not shown: its clock is `mono`"), "{shown:?}");
    assert!(shown.records()?.iter().all(|event| event["instance"] != "first"), "{shown:?}");
    let alone = view(&["--json", "--instance", "first"], &[&file])?;
    assert!(!alone.records()?.is_empty(), "{alone:?}");
    Ok(())
}

#[test]
fn several_files_are_one_in_the_order_of_time() -> Outcome {
    let directory = tempfile::tempdir()?;
    let named = |name: &'static str, part: usize| {
        saved(&directory, name, move |dat| {
            let filled: Vec<_> = dat.cpus.iter().filter(|(_, pages)| pages.size() > 0).copied().collect();
            let cpus = vec![filled[part]];
            let stats = dat.stats.iter().filter(|(of, _)| *of == filled[part].0).copied().collect();
            TraceDat { cpus, stats, clock: Clock { name: Some("local"), ..Clock::default() }, ..dat }
        })
    };
    let (one, other) = (named("one.dat", 0)?, named("other.dat", 1)?);
    let theirs = reported(&[&one, &other])?;
    assert!(["one.dat", "other.dat"].iter().all(|name| theirs.iter().any(|line| line.0 == *name)), "{theirs:?}");
    assert_eq!(viewed(&[&one, &other], |event| text_of(event, "file"))?, theirs);

    let later = saved(&directory, "later.dat", |dat| TraceDat {
        clock: Clock { name: Some("local"), offset: 1_000_000_000, ..Clock::default() },
        ..dat
    })?;
    assert_eq!(viewed(&[&one, &later], |event| text_of(event, "file"))?, reported(&[&one, &later])?);
    Ok(())
}

#[test]
fn files_of_different_clocks_are_refused() -> Outcome {
    let directory = tempfile::tempdir()?;
    let named = |name: &'static str, clock: &'static str| {
        saved(&directory, name, |dat| TraceDat { clock: Clock { name: Some(clock), ..Clock::default() }, ..dat })
    };
    let (one, other) = (named("one.dat", "local")?, named("other.dat", "mono")?);
    let ended = view(&[], &[&one, &other])?;
    assert_eq!((ended.code, &*ended.stdout), (Some(Exit::BadInput as i32), ""), "{ended:?}");
    assert!(ended.stderr.contains("has the clock `local`, and") && ended.stderr.contains("has `mono`"), "{ended:?}");
    let ended = view(&["--view", "summary"], &[&one, &one])?;
    assert!(ended.stderr.contains("`--view` shows one recording"), "{ended:?}");
    Ok(())
}
