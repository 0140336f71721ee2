//! The report for people: on a terminal, as Markdown, and as plain text for a mail.

use std::fmt::{self, Write as _};

use super::{Class, Finding, Report};
use crate::cost::Change;
use crate::view::{Ink, Style};

impl Report {
    /// For a terminal.
    #[must_use]
    pub fn show(&self, style: &Style) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.plain(style, &mut text);
        text
    }

    /// As plain text, which is quoted in a reply: no colours, no markup.
    #[must_use]
    pub fn mail(&self) -> String {
        self.show(&Style::PLAIN)
    }

    /// As Markdown, for a comment on a change.
    #[must_use]
    pub fn markdown(&self) -> String {
        let mut text = String::new();
        let _ = self.marked_up(&mut text);
        text
    }

    fn plain(&self, style: &Style, text: &mut String) -> fmt::Result {
        writeln!(text, "{} against {}: {}", self.head, self.base, self.sum())?;
        for finding in self.told() {
            let Finding { scenario, class, broken, difference, unusable, .. } = finding;
            writeln!(text, "\n{}", style.paint(ink(*class), &format!("{scenario}: {}", class.words())))?;
            for why in unusable {
                writeln!(text, "  {why}")?;
            }
            for (that, found) in broken {
                writeln!(text, "  ✗ {that}")?;
                for line in found.lines() {
                    writeln!(text, "    {line}")?;
                }
            }
            if let Some(difference) = difference {
                for line in difference.show(style).lines() {
                    writeln!(text, "  {line}")?;
                }
            }
            for change in &finding.cost {
                writeln!(text, "  {}", cost(finding, change))?;
            }
        }
        Ok(())
    }

    fn marked_up(&self, text: &mut String) -> fmt::Result {
        writeln!(text, "### `{}` against `{}`: {}\n", self.head, self.base, self.sum())?;
        for finding in self.told() {
            let Finding { scenario, class, broken, difference, unusable, .. } = finding;
            writeln!(text, "<details><summary><code>{scenario}</code>: <b>{}</b></summary>\n", class.words())?;
            for why in unusable {
                writeln!(text, "- {why}")?;
            }
            for (that, found) in broken {
                writeln!(text, "- ✗ **{that}**: {}", found.replace('\n', "\n  "))?;
            }
            if !unusable.is_empty() || !broken.is_empty() {
                writeln!(text)?;
            }
            if let Some(difference) = difference {
                text.push_str(&difference.markdown());
            }
            if !finding.cost.is_empty() {
                writeln!(text, "| instructions | before | after | |\n|---|---:|---:|---:|")?;
                for change in &finding.cost {
                    let mark = if finding.too_much.contains(change) { " ✗" } else { "" };
                    let Change { name, before, after } = change;
                    writeln!(text, "| {name} | {before} | {after} | {}{mark} |", change.percent())?;
                }
                writeln!(text)?;
            }
            writeln!(text, "</details>\n")?;
        }
        Ok(())
    }

    /// `57 same, 1 behaviour changed`.
    pub(super) fn sum(&self) -> String {
        if self.identical && self.findings.is_empty() {
            return "the same kernel, byte for byte: nothing can differ".to_owned();
        }
        let same = if self.identical { "the same kernel, byte for byte; its tests: " } else { "" };
        let count = |class: Class| self.findings.iter().filter(|finding| finding.class == class).count();
        let told = Class::ALL.map(|class| (count(class), class.words()));
        let told = told.iter().filter(|(count, _)| *count > 0).map(|(count, words)| format!("{count} {words}"));
        same.to_owned() + &told.collect::<Vec<_>>().join(", ")
    }

    /// The findings to report, the worst first.
    pub(super) fn told(&self) -> Vec<&Finding> {
        let mut told: Vec<&Finding> = self.findings.iter().filter(|finding| finding.class != Class::Same).collect();
        told.sort_by(|one, other| other.class.cmp(&one.class).then_with(|| one.scenario.cmp(&other.scenario)));
        told
    }
}

fn ink(class: Class) -> Ink {
    match class {
        Class::Same | Class::ScheduleOnly => Ink::Dim,
        Class::CostChanged => Ink::Changed,
        Class::BehaviourChanged | Class::ExpectationBroken | Class::Unusable => Ink::Bad,
    }
}

fn cost(finding: &Finding, change: &Change) -> String {
    let mark = if finding.too_much.contains(change) { "  too much" } else { "" };
    let Change { name, before, after } = change;
    format!("{name}: {before} → {after} instructions, {}{mark}", change.percent())
}
