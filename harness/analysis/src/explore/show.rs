//! The exploration as text.

use std::fmt::{self, Write as _};

use super::{Explored, Interleaving, Label, Line};
use crate::view::{Ink, Style};

/// Schedules named of each interleaving.
const NAMED: usize = 4;

impl Explored {
    /// For a terminal: `=` before a line that all schedules show there, `~` before one that depends on the schedule, `+` before
    /// one that only others than the first show.
    #[must_use]
    pub fn show(&self, style: &Style) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(style, &mut text);
        text
    }

    fn write(&self, style: &Style, text: &mut String) -> fmt::Result {
        for Line { text: line, label } in &self.lines {
            let (ink, sign) = match label {
                Label::Invariant => (Ink::Dim, '='),
                Label::ScheduleDependent => (Ink::Changed, '~'),
                Label::Elsewhere => (Ink::Good, '+'),
            };
            writeln!(text, "{}", style.paint(ink, &format!("{sign} {line}")))?;
        }
        writeln!(text)?;
        for Interleaving { schedules, lines_apart, broken } in &self.interleavings {
            let first = schedules.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            let more = if schedules.len() > NAMED { ", …" } else { "" };
            let apart = if *lines_apart == 0 { String::new() } else { format!(", {lines_apart} lines apart") };
            let broken = if *broken { ", broken" } else { "" };
            writeln!(text, "{:>4} × {first}{more}{apart}{broken}", schedules.len())?;
        }
        for (why, schedules) in &self.broken {
            let first = schedules.first().map_or("", String::as_str);
            writeln!(text, "{}", style.paint(Ink::Bad, &format!("✗ {why}")))?;
            writeln!(text, "  in {} schedules; {first} shows it every time", schedules.len())?;
        }
        Ok(())
    }
}
