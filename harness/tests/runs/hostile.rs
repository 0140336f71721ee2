//! Guests that do their best to pass although they must not: each does what its scenario says does not happen, and then tries to hide
//! it. Every single way is tried, and mixtures of them by a generator. No guest passes, none is waited for beyond its limit, and
//! none writes anything into a result that could be taken for the harness's own.

use std::collections::BTreeMap;
use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::support::{Checkout, Ended, Kernsnap, Outcome, OwnStore, machines, schema_mistakes};

/// What `guest-programs/faults/hostile.c` can do and a run survives: it comes to a verdict.
const ACTS: [&str; 39] = [
    "empty",
    "empty-cpu",
    "empty-and-mark",
    "consume",
    "mount-over",
    "mount-over-pages",
    "bind-pages",
    "mount-over-all",
    "unmount",
    "clock",
    "off",
    "tracer",
    "events",
    "shrink",
    "free-buffer",
    "mask",
    "options",
    "channel",
    "use-helper",
    "write-init",
    "ptrace-init",
    "starve-init",
    "marks",
    "end",
    "panic",
    "results",
    "colour",
    "rename",
    "write-log",
    "eat-log",
    "kill-init",
    "kill-all",
    "power-off",
    "restart",
    "sysrq",
    "sleep",
    "remove-all",
    "hide",
    "stop-all",
];

/// Acts that take all of the guest's time or memory, or stop it, and so take more of ours.
const HEAVY: [&str; 7] = ["fork-bomb", "memory", "flood", "fill-disk", "spin", "hog", "halt"];

/// The parameters of `guest-programs/modules/hostile`.
const MODULE_ACTS: [&str; 8] = ["channel", "power-off", "restart", "off", "oops", "print", "rename", "spin"];

/// Mixtures.
const MIXED: usize = 40;

/// Host seconds of a run.
const LIMIT: u64 = 10;

/// A run's own work on a busy host, beside its machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// The seed of the mixtures, where this variable does not say another.
const SEED: (&str, u64) = ("KERNSNAP_TEST_SEED", 21);

/// Numbers that a seed decides (Marsaglia's xorshift).
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % limit as u64).unwrap_or(0)
    }
}

fn seed() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "a person can try other mixtures")]
    let given = std::env::var(SEED.0).ok();
    given.and_then(|text| text.parse().ok()).filter(|seed| *seed != 0).unwrap_or(SEED.1)
}

/// A scenario whose program does `acts`. What it says is not so.
fn of_program(number: usize, acts: &[&str]) -> String {
    let (trace, absent) = if number.is_multiple_of(2) {
        ("{ tracer: nop, events: [sched_process_fork, sched_process_exit] }", "hostile: sched_process_fork")
    } else {
        ("{ tracer: function_graph, functions: [fork_core, do_exit] }", "hostile: fork_core()")
    };
    format!(
        "title: A program that hides what it does\ndeadline-ms: 500\nrun:\n  - start: {{ task: hostile, program: hostile, \
         args: [{}], cpu: 1 }}\n  - wait: hostile\ntrace: {trace}\nexpect:\n  - that: it does not fork\n    absent: \
         \"{absent}\"\n",
        acts.join(", ")
    )
}

/// The same of a module.
fn of_module(act: &str) -> String {
    format!(
        "title: A module that hides what it does\ndeadline-ms: 500\nrun:\n  - load: {{ task: loader, module: hostile, params: \
         [act={act}], cpu: 1 }}\ntrace: {{ tracer: nop, events: [sched_switch] }}\nexpect:\n  - that: it does not sleep\n    \
         absent: \"loader: sched_switch\"\n"
    )
}

/// All scenarios, by their names.
fn scenarios(seed: u64) -> BTreeMap<String, String> {
    let mut numbers = Numbers(seed);
    let mut lists: Vec<Vec<&str>> = Vec::new();
    for act in ACTS {
        lists.push(vec![act]);
        lists.push(vec!["daemon", act]);
    }
    lists.extend(HEAVY.map(|act| vec![act]));
    for _ in 0..MIXED {
        let mut acts = Vec::new();
        for _ in 0..2 + numbers.below(3) {
            match numbers.below(5) {
                0 => acts.push("daemon"),
                1 => acts.push("late"),
                _ => {}
            }
            acts.push(ACTS[numbers.below(ACTS.len())]);
        }
        lists.push(acts);
    }
    let programs = lists.iter().enumerate().map(|(number, acts)| {
        // The name says what it does, to find it in the results.
        (format!("h{number:03}-{}", acts.join("-")), of_program(number, acts))
    });
    programs.chain(MODULE_ACTS.map(|act| (format!("module-{act}"), of_module(act)))).collect()
}

/// Nothing in what was printed can control a terminal.
fn assert_plain(ended: &Ended) {
    let is_plain = |character: char| !character.is_control() || matches!(character, '\n' | '\t');
    for text in [&ended.stdout, &ended.stderr] {
        let strange: Vec<char> = text.chars().filter(|character| !is_plain(*character)).collect();
        assert!(strange.is_empty(), "{strange:?} in {text}");
        assert!(!text.contains('\u{202e}'), "{text}");
    }
}

fn check_records(ended: &Ended, expected: usize) -> Result<BTreeMap<String, usize>, Box<dyn Error>> {
    let records = ended.records()?;
    assert_eq!(records.len(), expected, "{ended:?}");
    let mut verdicts = BTreeMap::new();
    for record in &records {
        let (scenario, verdict) = (record["scenario"].as_str(), record["verdict"].as_str().unwrap_or_default());
        assert!(matches!(verdict, "failed" | "lost" | "unusable"), "{scenario:?}: {record:#}");
        assert_eq!(schema_mistakes("run", record)?, Vec::<String>::new(), "{record:#}");
        let seconds = record["seconds"]["total"].as_f64().unwrap_or_default();
        assert!(
            seconds < Duration::from_secs(LIMIT).as_secs_f64() + PATIENCE.as_secs_f64(),
            "{scenario:?}: {seconds} s"
        );
        *verdicts.entry(verdict.to_owned()).or_default() += 1;
    }
    Ok(verdicts)
}

/// A store of its own, into which the programs are compiled: two tests that do that at once share nothing.
fn store() -> Result<OwnStore, Box<dyn Error>> {
    OwnStore::lending(&["kernel", "facts"])
}

fn run(checkout: &Path, store: &OwnStore, words: &[&str]) -> Result<Ended, Box<dyn Error>> {
    let limit = LIMIT.to_string();
    let options = ["run", "--limit", &limit, "--parallel", "2"];
    Kernsnap::new(checkout, options.iter().chain(words).copied()).store(store.path()).run()
}

#[test]
#[expect(clippy::print_stderr, reason = "the seed repeats a failure")]
fn no_hostile_guest_passes_is_waited_for_or_confuses_the_results() -> Outcome {
    let seed = seed();
    eprintln!("{}={seed}", SEED.0);
    let scenarios = scenarios(seed);
    let ((checkout, _files), store) = (checkout(&scenarios)?, store()?);
    let begun = Instant::now();
    let json = run(checkout.path(), &store, &["--json"])?;
    assert_plain(&json);
    let verdicts = check_records(&json, scenarios.len())?;
    eprintln!("{} guests in {:.0} s: {verdicts:?}", scenarios.len(), begun.elapsed().as_secs_f64());
    // The same evidence for people: nothing of it acts on a terminal.
    let shown = run(checkout.path(), &store, &["*-colour", "*-rename", "*-results", "*-write-log"])?;
    assert_plain(&shown);
    assert!(!shown.stdout.lines().any(|line| line.starts_with("passed: ") || line.starts_with("ok ")), "{shown:?}");
    // The processes that are left are booted machines that wait for further runs.
    Kernsnap::new(checkout.path(), ["store", "templates", "--stop"]).store(store.path()).run()?;
    assert_eq!(machines(store.path()), []);
    Ok(())
}

fn checkout(scenarios: &BTreeMap<String, String>) -> Result<(Checkout, tempfile::TempDir), Box<dyn Error>> {
    let files = tempfile::tempdir()?;
    let mut paths = Vec::new();
    for (name, text) in scenarios {
        let path = files.path().join(format!("{name}.yaml"));
        fs::write(&path, text)?;
        paths.push(path);
    }
    Ok((Checkout::with(&paths)?, files))
}

/// Acts, the verdict, and a part of its reasons.
const REASONS: [(&[&str], &str, &str); 18] = [
    (&["empty"], "unusable", "CPU 1: the trace does not have the mark at its begin"),
    (&["empty-cpu"], "unusable", "CPU 1: the trace does not have the mark at its begin"),
    (&["empty-and-mark"], "unusable", "CPU 1: the trace does not have the mark at its begin"),
    (&["consume"], "unusable", "CPU 1: the kernel wrote 4 events, 1 were read"),
    (&["clock"], "unusable", "`trace_clock` of the trace was changed while programs ran"),
    (&["tracer", "events"], "unusable", "`set_event` of the trace was changed while programs ran"),
    (&["mask"], "unusable", "`tracing_cpumask` of the trace was changed while programs ran"),
    (&["eat-log"], "unusable", "the kernel's log does not begin with the boot"),
    (&["mount-over"], "failed", "it does not fork"),
    (&["mount-over-pages"], "failed", "it does not fork"),
    (&["bind-pages"], "failed", "it does not fork"),
    (&["mount-over-all"], "failed", "it does not fork"),
    (&["unmount"], "failed", "it does not fork"),
    (&["channel"], "failed", "it does not fork"),
    (&["use-helper"], "failed", "it does not fork"),
    (&["write-init", "ptrace-init"], "failed", "it does not fork"),
    (&["end"], "failed", "it does not fork"),
    (&["end", "power-off"], "lost", "the guest did not complete its report"),
];

#[test]
fn each_way_to_hide_something_has_its_reason() -> Outcome {
    let number = |number: usize| format!("a{number:02}");
    let texts = REASONS.iter().zip(0..).map(|((acts, ..), at)| (number(at), of_program(0, acts))).collect();
    let ((checkout, _files), store) = (checkout(&texts)?, store()?);
    let records = run(checkout.path(), &store, &["--json"])?.records()?;
    assert_eq!(records.len(), REASONS.len());
    for ((acts, verdict, reason), at) in REASONS.iter().zip(0..) {
        let record = records.iter().find(|record| record["scenario"] == number(at)).ok_or("a run is missing")?;
        let reasons = record["reasons"].as_array().into_iter().flatten().filter_map(Value::as_str);
        let is_told = reasons.clone().any(|told| told.contains(reason));
        assert!(record["verdict"] == *verdict && is_told, "{acts:?}: {record:#}");
    }
    Ok(())
}
