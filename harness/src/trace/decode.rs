//! From the raw ring buffers of all CPUs to one typed trace.

use std::collections::BTreeMap;

use super::cpu::Reader;
use super::format::HeaderPage;
use super::merge::{merge, pair_entries};
use super::plan::Plans;
use super::stats::Stats;
use super::symbols::Symbols;
use super::tally::Tally;
use super::{Cpu, ParseIssue, Trace};

/// What the guest saved of one tracing instance.
#[derive(Clone, Debug, Default)]
pub struct Recording<'a> {
    /// `events/header_page`.
    pub header_page: &'a str,
    /// `events/GROUP/NAME/format` of every event that may occur, in any order.
    pub formats: Vec<&'a str>,
    /// One per CPU, in any order.
    pub cpus: Vec<CpuRecording<'a>>,
    /// `saved_cmdlines`.
    pub saved_cmdlines: &'a str,
}

/// What the guest saved of one CPU's ring buffer.
#[derive(Clone, Debug, Default)]
pub struct CpuRecording<'a> {
    /// Which CPU.
    pub cpu: Cpu,
    /// All that `per_cpu/cpuN/trace_pipe_raw` gave, page by page.
    pub pages: &'a [u8],
    /// `per_cpu/cpuN/stats`, read after the pages.
    pub stats: &'a str,
}

/// Decodes a recording. Whatever cannot be understood becomes an issue; whatever makes the trace as a whole unfit to be
/// judged becomes one of its defects.
#[must_use]
pub fn decode(recording: &Recording<'_>, symbols: &Symbols) -> (Trace, Vec<ParseIssue>) {
    let mut issues = Vec::new();
    let head = HeaderPage::parse(recording.header_page).unwrap_or_else(|message| {
        issues.push(ParseIssue { place: "header_page".into(), message });
        HeaderPage::BITS_64
    });
    let (plans, wrong) = Plans::new(&recording.formats, head.long);
    issues.extend(wrong);

    let reader = Reader { head: &head, plans: &plans, symbols };
    let mut tally = Tally::default();
    let mut trace = Trace { names: names(recording.saved_cmdlines, &mut issues), ..Trace::default() };
    let mut streams = Vec::with_capacity(recording.cpus.len());
    for CpuRecording { cpu, pages, stats } in &recording.cpus {
        let stream = reader.read(*cpu, pages, &mut tally, &mut issues);
        trace.defects.extend(stream.defects);
        match Stats::parse(stats) {
            Some(stats) => trace.defects.extend(stats.defects(*cpu, stream.found)),
            None => issues.push(ParseIssue {
                place: format!("cpu {}, stats", cpu.0),
                message: "no counters: whether events were lost is unknown".into(),
            }),
        }
        streams.push(stream.events);
    }
    issues.extend(tally.issues());
    trace.events = merge(streams);
    if !plans.say_when_entered() {
        pair_entries(&mut trace.events);
    }
    (trace, issues)
}

/// Reads `saved_cmdlines`: lines `PID NAME`.
fn names(text: &str, issues: &mut Vec<ParseIssue>) -> BTreeMap<i32, String> {
    let mut names = BTreeMap::new();
    for (number, line) in text.lines().enumerate() {
        let entry =
            line.trim_start().split_once(' ').and_then(|(pid, name)| Some((pid.parse().ok()?, name.to_owned())));
        match entry {
            Some((pid, name)) => {
                names.insert(pid, name);
            }
            None => issues.push(ParseIssue {
                place: format!("saved_cmdlines, line {}", number + 1),
                message: format!("expected `PID NAME`, found `{line}`"),
            }),
        }
    }
    names
}
