//! Differences for people: on a terminal, and as Markdown.

use std::fmt::{self, Write};

use similar::{Algorithm, ChangeTag, TextDiff};

use super::{Diff, Difference, Divergence, FieldChange, Moment};
use crate::language::Language;
use crate::phrase::{Phrase, say};
use crate::view::{Ink, Line, Style};

impl Diff {
    /// For a terminal: `-` for what is missing, `+` for what is new, `>` for what moved, `~` for what changed.
    #[must_use]
    pub fn show(&self, style: &Style) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(style, &mut text);
        text
    }

    fn write(&self, style: &Style, text: &mut String) -> fmt::Result {
        if let Some((before, after)) = &self.verdict {
            let verdict = say(style.language, "diff-verdict");
            writeln!(text, "{verdict}: {} → {}", style.paint(Ink::Bad, before), style.paint(Ink::Good, after))?;
        }
        for (name, differences) in self.in_time() {
            if !name.is_empty() {
                writeln!(text, "{}  {}", style.paint(Ink::Strong, name), count(differences, style.language))?;
            }
            self.differences_of(name, differences, style, text)?;
        }
        Ok(())
    }

    /// The differences of a task, the first one with what is known of the way there.
    fn differences_of(&self, name: &str, differences: &[Difference], style: &Style, text: &mut String) -> fmt::Result {
        let divergence = self.divergences.get(name);
        if let Some(when) = divergence.and_then(|divergence| when(divergence, style.language)) {
            writeln!(text, "{}", style.paint(Ink::Dim, &format!("       {when}")))?;
        }
        for line in self.context.get(name).into_iter().flatten() {
            writeln!(text, "{}", style.paint(Ink::Dim, &format!("       {}", line.text)))?;
        }
        for (number, difference) in differences.iter().enumerate() {
            one(difference, style, text)?;
            if let Some(divergence) = divergence.filter(|_| number == 0) {
                way(divergence, style, text)?;
            }
        }
        if let Some(more) = self.more.get(name) {
            writeln!(text, "{}", Phrase::new("diff-more").with_text("count", more).say(style.language))?;
        }
        Ok(())
    }

    /// The tasks with their differences, that which differs first in front where times are known.
    pub(super) fn in_time(&self) -> Vec<(&str, &[Difference])> {
        let mut tasks: Vec<(&str, &[Difference])> =
            self.tasks.iter().map(|(name, differences)| (&**name, &**differences)).collect();
        let time = |name: &str| {
            let divergence = self.divergences.get(name)?;
            divergence.before.as_ref().or(divergence.after.as_ref()).map(|moment| moment.time)
        };
        tasks.sort_by_key(|(name, _)| time(name));
        tasks
    }

    /// As Markdown, for a comment on a change.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        if let Some((before, after)) = &self.verdict {
            let _ = writeln!(text, "**verdict**: `{before}` → `{after}`\n");
        }
        for (name, differences) in self.in_time() {
            let title = if name.is_empty() { "view" } else { name };
            let _ = writeln!(text, "#### `{title}`: {}\n\n```diff", count(differences, Language::En));
            let _ = self.differences_of(name, differences, &Style::PLAIN, &mut text);
            let _ = writeln!(text, "```\n");
        }
        if self.is_empty() { "No differences.\n".into() } else { text }
    }
}

/// `2 missing, 1 changed`.
pub(super) fn count(differences: &[Difference], language: Language) -> String {
    let mut counts = [("diff-missing", 0), ("diff-added", 0), ("diff-moved", 0), ("diff-changed", 0)];
    for difference in differences {
        let kind = match difference {
            Difference::Missing { .. } => 0,
            Difference::Added { .. } => 1,
            Difference::Moved { .. } => 2,
            Difference::Changed { .. } => 3,
        };
        counts[kind].1 += 1;
    }
    let some = counts.into_iter().filter(|(_, count)| *count > 0);
    let told = some.map(|(kind, count)| Phrase::new(kind).with_text("count", count));
    Phrase::Several(told.collect()).say(language)
}

/// One difference, with the number of its line from 1.
fn one(difference: &Difference, style: &Style, text: &mut String) -> fmt::Result {
    match difference {
        Difference::Missing { from, line } => whole(Ink::Bad, '-', &(from + 1).to_string(), line, style, text),
        Difference::Added { to, line } => whole(Ink::Good, '+', &(to + 1).to_string(), line, style, text),
        Difference::Moved { from, to, line } => {
            let place = format!("{} → {}", from + 1, to + 1);
            writeln!(text, "{}", style.paint(Ink::Changed, &format!("> {place:<4} {}", line.text)))
        }
        Difference::Changed { from, to, before, after, fields } => {
            let place = if from == to { (from + 1).to_string() } else { format!("{} → {}", from + 1, to + 1) };
            let name = super::read::name(before);
            let plain = fields.iter().filter(|change| change.field != "stack").map(|change| field(change, style));
            let told: Vec<String> = plain.collect();
            let head = style.paint(Ink::Changed, &format!("~ {place:<4} {name}"));
            writeln!(text, "{}", format!("{head}  {}", told.join("  ")).trim_end())?;
            if before.stack == after.stack { Ok(()) } else { frames("=> ", &before.stack, &after.stack, style, text) }
        }
    }
}

fn whole(ink: Ink, sign: char, place: &str, line: &Line, style: &Style, text: &mut String) -> fmt::Result {
    writeln!(text, "{}", style.paint(ink, &format!("{sign} {place:<4} {}", line.text)))?;
    for frame in &line.stack {
        writeln!(text, "{}", style.paint(ink, &format!("{sign}       => {frame}")))?;
    }
    Ok(())
}

/// `from line 13: 4.424035123 s on CPU 1 before, 5.000123000 s on CPU 0 after`.
pub(super) fn when(divergence: &Divergence, language: Language) -> Option<String> {
    let moment = |moment: &Moment| {
        let (seconds, nanos) = (moment.time / 1_000_000_000, moment.time % 1_000_000_000);
        let phrase = Phrase::new("diff-moment").with_text("seconds", format!("{seconds}.{nanos:09}"));
        phrase.with_text("cpu", moment.cpu).say(language)
    };
    let (name, moments) = match (&divergence.before, &divergence.after) {
        (Some(before), Some(after)) => ("diff-from-both", [Some(before), Some(after)]),
        (Some(before), None) => ("diff-from-before", [Some(before), None]),
        (None, Some(after)) => ("diff-from-after", [None, Some(after)]),
        (None, None) => return None,
    };
    let mut phrase = Phrase::new(name).with_text("line", divergence.place + 1);
    for (part, found) in ["before", "after"].into_iter().zip(moments) {
        phrase = found.into_iter().fold(phrase, |phrase, found| phrase.with_text(part, moment(found)));
    }
    Some(phrase.say(language))
}

/// The open calls and the stacks at the first difference, compared frame by frame.
fn way(divergence: &Divergence, style: &Style, text: &mut String) -> fmt::Result {
    let none = Moment::default();
    let [before, after] = [&divergence.before, &divergence.after].map(|moment| moment.as_ref().unwrap_or(&none));
    let inner_first = |calls: &[String]| calls.iter().rev().cloned().collect::<Vec<_>>();
    frames("in ", &inner_first(&before.calls), &inner_first(&after.calls), style, text)?;
    frames("=> ", &before.stack, &after.stack, style, text)?;
    frames("=> user: ", &before.user_stack, &after.user_stack, style, text)
}

fn field(FieldChange { field, before, after }: &FieldChange, style: &Style) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| say(style.language, "diff-none"));
    let (before, after) = (style.paint(Ink::Bad, &shown(before)), style.paint(Ink::Good, &shown(after)));
    format!("{field}: {before} → {after}")
}

/// Frames of both sides, each behind `sign`.
fn frames(sign: &str, before: &[String], after: &[String], style: &Style, text: &mut String) -> fmt::Result {
    let before: Vec<&str> = before.iter().map(String::as_str).collect();
    let after: Vec<&str> = after.iter().map(String::as_str).collect();
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&before, &after);
    for change in diff.iter_all_changes() {
        let (mark, ink) = match change.tag() {
            ChangeTag::Equal => (' ', Ink::Dim),
            ChangeTag::Delete => ('-', Ink::Bad),
            ChangeTag::Insert => ('+', Ink::Good),
        };
        writeln!(text, "{}", style.paint(ink, &format!("{mark}       {sign}{}", change.value())))?;
    }
    Ok(())
}
