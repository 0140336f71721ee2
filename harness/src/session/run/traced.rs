//! The recording of a run between the marks of its guest's init. Pure.

use std::collections::BTreeMap;
use std::ops::Range;

use kernsnap_machine::plan;
use kernsnap_machine::report::{Guarded, GuestReport};
use kernsnap_trace::Timestamp;
use kernsnap_trace::marks::{Mark, marks, within};

/// The process id of the guest's init.
const INIT: i32 = 1;
/// The begin of its marks; the secret and the guest time in nanoseconds follow.
const MARK: &str = "kernsnap ";

/// A mark of init, as it wrote it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct InitMark {
    /// The secret in it.
    pub(super) secret: u64,
    /// Guest nanoseconds since power-on, read just before it was written.
    written: u64,
    /// The same on the trace's clock.
    time: Timestamp,
}

impl InitMark {
    fn read(Mark { time, text }: &Mark) -> Option<Self> {
        let (secret, written) = text.strip_prefix(MARK)?.split_once(' ')?;
        Some(Self { secret: u64::from_str_radix(secret, 16).ok()?, written: written.parse().ok()?, time: *time })
    }
}

/// The marks of init in the pages of a CPU.
pub(super) fn init_marks(header_page: &str, pages: &[u8]) -> Vec<InitMark> {
    marks(header_page, pages, INIT).iter().filter_map(InitMark::read).collect()
}

/// The sections of a channel, without what init recorded for its marks.
#[derive(Clone, Debug, Default)]
pub struct Traced<'a> {
    sections: BTreeMap<&'a str, &'a [u8]>,
    /// The sections that are another text than the channel's.
    trimmed: BTreeMap<String, Vec<u8>>,
}

impl<'a> Traced<'a> {
    /// All that was recorded, marks included.
    #[must_use]
    pub fn whole(sections: BTreeMap<&'a str, &'a [u8]>) -> Self {
        Self { sections, trimmed: BTreeMap::new() }
    }

    /// The recording of the scenario alone, of the CPUs 0 to `cpus` − 1. `header_page` is the text of `events/header_page`.
    #[must_use]
    pub fn new(sections: BTreeMap<&'a str, &'a [u8]>, header_page: &str, cpus: u16) -> Self {
        let mut traced = Self::whole(sections);
        let pages = (0..cpus).map(|cpu| traced.get(&plan::pages(cpu)));
        let marks: Vec<InitMark> = pages.flat_map(|pages| init_marks(header_page, pages)).collect();
        let Some(span) = traced.span(&marks) else { return traced };
        for cpu in 0..cpus {
            let (pages, left_out) = within(header_page, traced.get(&plan::pages(cpu)), &span);
            if left_out > 0 {
                let stats = without(&traced.text(&plan::stats(cpu)), left_out);
                traced.trimmed.insert(plan::stats(cpu), stats.into_bytes());
                traced.trimmed.insert(plan::pages(cpu), pages);
            }
        }
        traced
    }

    /// When programs ran, on the clock of the trace.
    fn span(&self, marks: &[InitMark]) -> Option<Range<Timestamp>> {
        let guarded = GuestReport::read(&self.text("report")).guarded;
        // The two clocks have one rate and begin at different times.
        let ahead = marks.iter().map(|mark| i128::from(mark.time.0) - i128::from(mark.written)).min()?;
        let on_trace = |ns: u64| Timestamp(u64::try_from(i128::from(ns) + ahead).unwrap_or_default());
        match guarded {
            Guarded { begin: None, end: None } => None,
            Guarded { begin, end } => {
                Some(begin.map_or(Timestamp(0), on_trace)..end.map_or(Timestamp(u64::MAX), on_trace))
            }
        }
    }

    /// A section; empty where there is none.
    #[must_use]
    pub fn get(&self, name: &str) -> &[u8] {
        let own = self.trimmed.get(name).map(Vec::as_slice);
        own.or_else(|| self.sections.get(name).copied()).unwrap_or_default()
    }

    /// A section as text; bytes that are not text are replaced.
    fn text(&self, name: &str) -> String {
        String::from_utf8_lossy(self.get(name)).into_owned()
    }

    /// The names of all sections.
    pub fn names(&self) -> impl Iterator<Item = &'a str> {
        self.sections.keys().copied()
    }
}

/// The counters of a CPU with `left_out` events fewer that a reader took out.
fn without(stats: &str, left_out: u64) -> String {
    const READ: &str = "read events: ";
    let line = |line: &str| match line.strip_prefix(READ).and_then(|count| count.trim().parse::<u64>().ok()) {
        Some(count) => format!("{READ}{}\n", count.saturating_sub(left_out)),
        None => format!("{line}\n"),
    };
    stats.lines().map(line).collect()
}
