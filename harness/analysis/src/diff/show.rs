//! Differences for people: on a terminal, and as Markdown.

use std::fmt::{self, Write};

use similar::{Algorithm, ChangeTag, TextDiff};

use super::{Diff, Difference, FieldChange};
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
            writeln!(text, "verdict: {} → {}", style.paint(Ink::Bad, before), style.paint(Ink::Good, after))?;
        }
        for (name, differences) in &self.tasks {
            if !name.is_empty() {
                writeln!(text, "{}  {}", style.paint(Ink::Strong, name), count(differences))?;
            }
            for line in self.context.get(name).into_iter().flatten() {
                writeln!(text, "{}", style.paint(Ink::Dim, &format!("       {}", line.text)))?;
            }
            for difference in differences {
                one(difference, style, text)?;
            }
            if let Some(more) = self.more.get(name) {
                writeln!(text, "… and {more} more differences")?;
            }
        }
        Ok(())
    }

    /// As Markdown, for a comment on a change.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        if let Some((before, after)) = &self.verdict {
            let _ = writeln!(text, "**verdict**: `{before}` → `{after}`\n");
        }
        for (name, differences) in &self.tasks {
            let title = if name.is_empty() { "view" } else { name };
            let _ = writeln!(text, "#### `{title}`: {}\n\n```diff", count(differences));
            for line in self.context.get(name).into_iter().flatten() {
                let _ = writeln!(text, "       {}", line.text);
            }
            for difference in differences {
                let _ = one(difference, &Style::PLAIN, &mut text);
            }
            if let Some(more) = self.more.get(name) {
                let _ = writeln!(text, "… and {more} more differences");
            }
            let _ = writeln!(text, "```\n");
        }
        if self.is_empty() { "No differences.\n".into() } else { text }
    }
}

/// `2 missing, 1 changed`.
fn count(differences: &[Difference]) -> String {
    let mut counts = [("missing", 0), ("added", 0), ("moved", 0), ("changed", 0)];
    for difference in differences {
        let kind = match difference {
            Difference::Missing { .. } => 0,
            Difference::Added { .. } => 1,
            Difference::Moved { .. } => 2,
            Difference::Changed { .. } => 3,
        };
        counts[kind].1 += 1;
    }
    let told = counts.iter().filter(|(_, count)| *count > 0).map(|(kind, count)| format!("{count} {kind}"));
    told.collect::<Vec<_>>().join(", ")
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
            if before.stack == after.stack { Ok(()) } else { stack(before, after, style, text) }
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

fn field(FieldChange { field, before, after }: &FieldChange, style: &Style) -> String {
    let shown = |value: &Option<String>| value.clone().unwrap_or_else(|| "(none)".into());
    let (before, after) = (style.paint(Ink::Bad, &shown(before)), style.paint(Ink::Good, &shown(after)));
    format!("{field}: {before} → {after}")
}

fn stack(before: &Line, after: &Line, style: &Style, text: &mut String) -> fmt::Result {
    let before: Vec<&str> = before.stack.iter().map(String::as_str).collect();
    let after: Vec<&str> = after.stack.iter().map(String::as_str).collect();
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&before, &after);
    for change in diff.iter_all_changes() {
        let (sign, ink) = match change.tag() {
            ChangeTag::Equal => (' ', Ink::Dim),
            ChangeTag::Delete => ('-', Ink::Bad),
            ChangeTag::Insert => ('+', Ink::Good),
        };
        writeln!(text, "{}", style.paint(ink, &format!("{sign}       => {}", change.value())))?;
    }
    Ok(())
}
