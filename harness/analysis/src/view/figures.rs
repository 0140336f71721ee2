//! The view `summary`: what the tasks did, how often, and how long it took.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write};

use serde::{Serialize, Serializer};

use super::RoleMap;
use super::style::{Ink, Style};
use crate::model::{Distribution, Measure, Summary, TaskId};
use crate::phrase::{self, Phrase};

/// Counts and durations of the tasks of a whole trace. Times are nanoseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Figures {
    /// From the first event to the last; `None` of a recording without times.
    pub nanoseconds: Option<u64>,
    /// True if the times are those of a guest of this harness.
    #[serde(skip)]
    pub of_guest: bool,
    /// The number of times that each task did something.
    pub counts: Vec<Counts>,
    /// The durations by task.
    pub times: Vec<Times>,
}

/// The behaviour of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Counts {
    /// Its role; `other` for all without a role.
    pub who: String,
    /// Events by name.
    pub events: BTreeMap<String, u64>,
}

/// One duration of one task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Times {
    /// Its role.
    pub who: String,
    /// The measured interval.
    #[serde(serialize_with = "words")]
    pub what: Measure,
    /// The number of times.
    pub count: u64,
    /// Those that did not end within the recording. They are not among the times, and their durations are not known.
    #[serde(skip_serializing_if = "is_zero")]
    pub unfinished: u64,
    /// The shortest; `None` where none has ended, as for the other durations.
    pub min: Option<u64>,
    /// The median, less than one part in 128 below the true one.
    pub median: Option<u64>,
    /// The longest.
    pub max: Option<u64>,
    /// All together.
    pub total: Option<u64>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn words<S: Serializer>(measure: &Measure, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(measure.words())
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &u64) -> bool {
    *count == 0
}

impl Figures {
    /// The figures of a whole trace, by the roles of its tasks.
    #[must_use]
    pub fn from_summary(summary: &Summary, role_map: &RoleMap) -> Self {
        let who = |task: usize| summary.tasks.get(task).and_then(|task| role_map.role(task.pid));
        let mut counts: Vec<Counts> = Vec::new();
        for (task, events) in &summary.counts {
            let who = who(task.0).unwrap_or("other");
            let at = counts.iter().position(|counts| counts.who == who).unwrap_or_else(|| {
                counts.push(Counts { who: who.to_owned(), events: BTreeMap::new() });
                counts.len() - 1
            });
            for (event, count) in events {
                *counts[at].events.entry(event.to_string()).or_default() += count;
            }
        }
        let measured: BTreeSet<_> = summary.times.keys().chain(summary.unfinished.keys()).copied().collect();
        let none = Distribution::default();
        let known = Measure::ALL.into_iter().flat_map(|measure| {
            let (from, to) = ((measure, TaskId(0)), (measure, TaskId(usize::MAX)));
            measured.range(from..=to)
        });
        let times = known.filter_map(|measured| {
            let (measure, task) = measured;
            let who = who(task.0).filter(|who| *who != "idle")?.to_owned();
            let times = summary.times.get(measured).unwrap_or(&none);
            let unfinished = summary.unfinished.get(measured).copied().unwrap_or(0);
            let figure = |ns: u64| (times.count() > 0).then_some(ns);
            let (min, median) = (figure(times.min()), figure(times.median()));
            let (max, total) = (figure(times.max()), figure(times.total()));
            Some(Times { who, what: *measure, count: times.count(), unfinished, min, median, max, total })
        });
        let nanoseconds = Some(summary.range.map_or(0, |(first, last)| last.0.saturating_sub(first.0)));
        let times = times.collect();
        Self { nanoseconds, of_guest: false, counts, times }
    }

    /// The same of a recording that does not have times: no duration is known.
    #[must_use]
    pub fn without_times(self) -> Self {
        Self { nanoseconds: None, times: Vec::new(), ..self }
    }

    pub(super) fn show(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        let unknown = if style.ascii { "-" } else { "–" };
        let time = |ns: Option<u64>| ns.map_or(unknown.to_owned(), |ns| duration(ns, style.ascii));
        let names = self.counts.iter().map(|counts| &counts.who).chain(self.times.iter().map(|times| &times.who));
        let width = names.map(|name| name.chars().count()).max().unwrap_or(0);
        let say = |id| phrase::say(style.language, id);
        let range = Phrase::new(if self.of_guest { "summary-range-guest" } else { "summary-range" });
        writeln!(text, "{}\n", range.with("time", time(self.nanoseconds)).say(style.language))?;
        for (number, Counts { who, events }) in self.counts.iter().enumerate() {
            let mut events: Vec<_> = events.iter().collect();
            events.sort_by_key(|(name, count)| (std::cmp::Reverse(**count), *name));
            let all: u64 = events.iter().map(|(_, count)| **count).sum();
            let times = |count: u64| if count == 1 { String::new() } else { format!(" ×{count}") };
            let told: Vec<String> = events.iter().map(|(name, count)| format!("{name}{}", times(**count))).collect();
            let who = style.padded(Ink::Task(number), who, width);
            writeln!(
                text,
                "{who}  {} {}",
                style.paint(Ink::Strong, &format!("{all:>5} {} ", say("summary-events"))),
                told.join(", ")
            )?;
        }
        let (mut what, mut unfinished) = (None, 0);
        for times in &self.times {
            if what != Some(times.what) {
                what = Some(times.what);
                let heading = say(times.what.sentence());
                let heading = if style.ascii { heading.replace('→', "->") } else { heading };
                let mut head =
                    format!("\n{}  {}", Style::left(&heading, width.max(19)), Style::right(&say("summary-times"), 6));
                for column in ["summary-min", "summary-median", "summary-max", "summary-total"] {
                    head = head + " " + &Style::right(&say(column), 9);
                }
                writeln!(text, "{}", style.paint(Ink::Strong, &head))?;
            }
            writeln!(
                text,
                "{:over$}  {:>6} {:>9} {:>9} {:>9} {:>9}",
                times.who,
                times.count,
                time(times.min),
                time(times.median),
                time(times.max),
                time(times.total),
                over = width.max(19)
            )?;
            unfinished += times.unfinished;
        }
        if unfinished > 0 {
            let id = if unfinished == 1 { "summary-unfinished-one" } else { "summary-unfinished" };
            let unfinished = Phrase::new(id).with_text("count", unfinished);
            writeln!(text, "\n{}", unfinished.say(style.language))?;
        }
        Ok(())
    }
}

/// Three digits and a unit.
#[must_use]
pub(super) fn duration(ns: u64, ascii: bool) -> String {
    let micro = if ascii { "us" } else { "µs" };
    let (unit, word) = match ns {
        0..1_000 => return format!("{ns} ns"),
        1_000..1_000_000 => (1_000, micro),
        1_000_000..1_000_000_000 => (1_000_000, "ms"),
        _ => (1_000_000_000, "s"),
    };
    let (whole, thousandth) = (ns / unit, ns % unit * 1000 / unit);
    match whole {
        0..10 => format!("{whole}.{:02} {word}", thousandth / 10),
        10..100 => format!("{whole}.{} {word}", thousandth / 100),
        _ => format!("{whole} {word}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_three_digits() {
        for (ns, expected) in [
            (0, "0 ns"),
            (999, "999 ns"),
            (1_000, "1.00 µs"),
            (12_345, "12.3 µs"),
            (999_999, "999 µs"),
            (3_000_000_000, "3.00 s"),
            (u64::MAX, "18446744073 s"),
        ] {
            assert_eq!(duration(ns, false), expected);
        }
        assert_eq!(duration(1_500, true), "1.50 us");
    }
}
