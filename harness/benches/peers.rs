//! kernsnap and `trace-cmd` side by side on the same events: `cargo bench --bench peers`. With `-- memory GIB`, how much memory
//! recordings of that length take.
//!
//! Whole programs in pairs, so that a busy machine slows both; user and system time, which it disturbs less than wall time.
#![expect(clippy::print_stdout, reason = "a benchmark's answer is its output")]
#![expect(clippy::disallowed_methods, reason = "programs are started as anybody would")]

use std::error::Error;
use std::fs::{self, File};
use std::path::Path;
use std::process::{Command, Stdio};

mod recordings;

/// Odd, so that the median is one of them.
const PAIRS: usize = 11;
/// Runs of a program that are measured as one: the system counts hundredths of a second, and a run takes two of them.
const RUNS: usize = 10;
const KERNSNAP: &str = env!("CARGO_BIN_EXE_kernsnap");

fn main() -> Result<(), Box<dyn Error>> {
    let mut words = std::env::args().skip_while(|word| word != "memory").skip(1);
    let directory = tempfile::tempdir()?;
    let dat = recordings::flood(directory.path())?;
    let text = directory.path().join("flood.txt");
    let status = Command::new(KERNSNAP).args(["export", "--to", "text"]).arg(&dat).arg("-o").arg(&text).status()?;
    if !status.success() {
        return Err("the flood cannot be written as text".into());
    }
    match words.next() {
        Some(gib) => memory(&dat, &text, gib.parse()?),
        None => speed(&dat, &text),
    }
}

/// Seconds of user and system time of a run, and the largest memory in KiB, of a program whose output goes nowhere.
fn cost(runs: usize, program: &str, arguments: &[&str]) -> Result<(f64, u64), Box<dyn Error>> {
    let times = format!("for run in $(seq {runs}); do \"$0\" \"$@\"; done");
    let output = Command::new("/usr/bin/time")
        .args(["-f", "cost %U %S %M", "sh", "-c", &times, program])
        .args(arguments)
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .output()?;
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let cost = said.lines().rev().find_map(|line| line.strip_prefix("cost ")).ok_or_else(|| said.clone())?;
    let [user, system, memory] = *cost.split(' ').collect::<Vec<_>>() else { return Err(said.into()) };
    let runs = u32::try_from(runs).map(f64::from)?;
    Ok(((user.parse::<f64>()? + system.parse::<f64>()?) / runs, memory.parse()?))
}

fn speed(dat: &Path, text: &Path) -> Result<(), Box<dyn Error>> {
    let bytes = fs::metadata(text)?.len();
    let (dat, text) = (dat.display().to_string(), text.display().to_string());
    let commands: [(&str, &str, Vec<&str>); 5] = [
        ("`trace-cmd report`", "trace-cmd", vec!["report", "-i", &dat]),
        ("`kernsnap view` of the trace.dat", KERNSNAP, vec!["view", &dat]),
        ("`kernsnap view --view summary` of the trace.dat", KERNSNAP, vec!["view", "--view", "summary", &dat]),
        ("`kernsnap view` of the text", KERNSNAP, vec!["view", &text]),
        ("`kernsnap view --view summary` of the text", KERNSNAP, vec!["view", "--view", "summary", &text]),
    ];
    let mut seconds = vec![Vec::new(); commands.len()];
    for _ in 0..PAIRS {
        for ((_, program, arguments), seconds) in commands.iter().zip(&mut seconds) {
            seconds.push(cost(RUNS, program, arguments)?.0);
        }
    }
    let median = |seconds: &[f64]| {
        let mut sorted = seconds.to_vec();
        sorted.sort_by(f64::total_cmp);
        sorted[sorted.len() / 2]
    };
    println!("The text has {bytes} bytes.\n\n| what | CPU seconds | times `trace-cmd report` |\n|---|---|---|");
    for ((name, ..), own) in commands.iter().zip(&seconds) {
        let ratios: Vec<f64> = seconds[0].iter().zip(own).map(|(peer, own)| peer / own).collect();
        println!("| {name} | {:.3} | {:.1} |", median(own), median(&ratios));
    }
    Ok(())
}

fn memory(dat: &Path, text: &Path, gib: u64) -> Result<(), Box<dyn Error>> {
    let (long_text, long_dat) = (text.with_file_name("long.txt"), dat.with_file_name("long.dat"));
    recordings::repeat(&fs::read_to_string(text)?, gib << 30, File::create(&long_text)?)?;
    recordings::widen(&fs::read(dat)?, gib << 30, &long_dat)?;
    println!("Two recordings of {gib} GiB.\n\n| what | CPU seconds | largest memory, MiB |\n|---|---|---|");
    for (kind, path) in [("a text", long_text), ("a `trace.dat`", long_dat)] {
        let path = path.display().to_string();
        for (name, arguments) in [
            ("`view`", &["view", &path][..]),
            ("`view --view summary`", &["view", "--view", "summary", &path]),
            ("`diff` with itself", &["diff", &path, &path]),
        ] {
            let (seconds, memory) = cost(1, KERNSNAP, arguments)?;
            println!("| {kind}: {name} | {seconds:.1} | {} |", memory >> 10);
        }
    }
    Ok(())
}
