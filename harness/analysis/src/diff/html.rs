//! The differences of two recordings, runs or snapshots as a page that needs nothing beside itself: both sides side by side.

use std::fmt::Write as _;

use super::rows::{Cell, Row, rows};
use super::show::{count, when};
use super::{Diff, Difference, Divergence, FieldChange, Moment};
use crate::language::Language;
use crate::report::escape::escape;
use crate::report::html::{STYLE, fill};
use crate::view::Line;

const PAGE: &str = include_str!("page.html");

impl Diff {
    /// One section for each task that differs, the first in time in front. `names` are those of both sides, and `notes` say what was
    /// not compared. What comes from a recording is text.
    #[must_use]
    pub fn html(&self, names: [&str; 2], notes: &[String]) -> String {
        let head = self.head(names, notes);
        let tasks: String = self.in_time().into_iter().map(|(task, all)| self.section(task, all, names)).collect();
        let title = escape(&format!("{} and {}", names[0], names[1]));
        fill(PAGE, |name| match name {
            "title" => &title,
            "style" => STYLE,
            "head" => &head,
            "tasks" => &tasks,
            _ => "",
        })
    }

    fn head(&self, names: [&str; 2], notes: &[String]) -> String {
        let [before, after] = names.map(escape);
        let mut text =
            format!("<p class=eyebrow>kernsnap diff</p>\n<h1><code>{before}</code> and <code>{after}</code></h1>\n");
        // Writing to a String cannot fail.
        let _ = match self.tasks.len() {
            0 => writeln!(text, "<p class=facts>No task differs.</p>"),
            1 => writeln!(text, "<p class=facts>One task differs.</p>"),
            tasks => writeln!(text, "<p class=facts>{tasks} tasks differ.</p>"),
        };
        if let Some((before, after)) = &self.verdict {
            let _ = writeln!(
                text,
                "<p class=facts>The verdict is {} before and {} after.</p>",
                escape(before),
                escape(after)
            );
        }
        for note in notes {
            let _ = writeln!(text, "<p class=found>{}</p>", escape(note));
        }
        let links = self.in_time().into_iter().enumerate().map(|(number, (task, differences))| {
            format!(
                "<li><a href=\"#task-{number}\">{}</a>: {}</li>\n",
                escape(title_of(task)),
                count(differences, Language::En)
            )
        });
        let links: String = links.collect();
        let _ = if links.is_empty() { Ok(()) } else { writeln!(text, "<ul>{links}</ul>") };
        text
    }

    fn section(&self, task: &str, differences: &[Difference], names: [&str; 2]) -> String {
        let number = self.in_time().iter().position(|(name, _)| *name == task).unwrap_or(0);
        let [before, after] = names.map(escape);
        let mut text = format!(
            "<section id=\"task-{number}\" aria-labelledby=\"head-{number}\">\n<h2 id=\"head-{number}\">{} <small>{}</small></h2>\n",
            escape(title_of(task)),
            count(differences, Language::En)
        );
        let divergence = self.divergences.get(task);
        if let Some(when) = divergence.and_then(|divergence| when(divergence, Language::En)) {
            let _ = writeln!(text, "<p class=facts>{}</p>", escape(&when));
        }
        let _ = writeln!(
            text,
            "<table class=sides>\n<colgroup><col class=number><col><col class=number><col></colgroup>\n\
             <thead><tr><th class=number>Line</th><th scope=col>{before}</th><th class=number>Line</th><th scope=col>{after}</th></tr></thead>\n<tbody>"
        );
        let mut context = self.context.get(task).map(Vec::as_slice).unwrap_or_default();
        let mut divergence = divergence;
        for row in rows(differences) {
            if let Row::Same(lines) = row {
                let shown = context.len().min(lines);
                same(&mut text, lines - shown);
                // They stand right in front of the first difference.
                let (mut place, first) = (lines - shown, context.len() - shown);
                for line in context.get(first..).unwrap_or_default() {
                    let cell = cell("same", place, line, &[], None);
                    let _ = writeln!(text, "<tr>{cell}{cell}</tr>");
                    place += 1;
                }
                context = &[];
                continue;
            }
            context = &[];
            difference(&mut text, &row);
            if let Some(divergence) = divergence.take() {
                ways(&mut text, divergence);
            }
        }
        text += "</tbody></table>\n";
        if let Some(more) = self.more.get(task) {
            let _ = writeln!(text, "<p>… and {more} more differences</p>");
        }
        text + "</section>\n"
    }
}

fn title_of(task: &str) -> &str {
    if task.is_empty() { "view" } else { task }
}

fn same(text: &mut String, lines: usize) {
    let noun = if lines == 1 { "line is" } else { "lines are" };
    if lines > 0 {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "<tr class=gap><td class=number>⋮</td><td colspan=3>{lines} {noun} the same</td></tr>");
    }
}

const NONE: &str = "<td class=number></td><td></td>";

fn difference(text: &mut String, row: &Row<'_>) {
    let of = |class, Cell { place, line, moved, .. }: &Cell<'_>, fields| cell(class, *place, line, fields, *moved);
    // Writing to a String cannot fail.
    let _ = match row {
        Row::Same(_) => Ok(()),
        Row::Before(old) => writeln!(text, "<tr>{}{NONE}</tr>", of("bad", old, &[])),
        Row::After(new) => writeln!(text, "<tr>{NONE}{}</tr>", of("good", new, &[])),
        Row::Changed(old, new, fields) => {
            writeln!(text, "<tr>{}{}</tr>", of("changed", old, *fields), of("changed", new, *fields))
        }
    };
}

/// A line with its number from 1. The words of fields that changed are marked.
fn cell(class: &str, place: usize, line: &Line, fields: &[FieldChange], moved: Option<usize>) -> String {
    let is_changed = |word: &str| match word.split_once('=') {
        Some((name, _)) => fields.iter().any(|change| change.field == name),
        None => word.starts_with("<-") && fields.iter().any(|change| change.field == "caller"),
    };
    let word = |word: &str| {
        let shown = escape(word);
        if is_changed(word) { format!("<mark>{shown}</mark>") } else { shown }
    };
    let words: Vec<String> = line.text.split(' ').map(word).collect();
    let moved = moved.map(|to| format!(" <small>line {} on the other side</small>", to + 1)).unwrap_or_default();
    let frames: Vec<String> = line.stack.iter().map(|frame| format!("\n => {}", escape(frame))).collect();
    let indent = " ".repeat(2 * line.depth.min(64));
    format!(
        "<td class=number>{}</td><td class={class}>{indent}{}{moved}{}</td>",
        place + 1,
        words.join(" "),
        frames.concat()
    )
}

/// The ways to the first difference.
fn ways(text: &mut String, Divergence { before, after, .. }: &Divergence) {
    let shows = |moment: &Option<Moment>| {
        let Some(Moment { calls, stack, user_stack, .. }) = moment else { return String::new() };
        let list = |title: &str, frames: &[String]| {
            let items: Vec<String> = frames.iter().map(|frame| format!("<li>{}</li>", escape(frame))).collect();
            if items.is_empty() { String::new() } else { format!("<p>{title}</p><ol>{}</ol>", items.concat()) }
        };
        let inner_first: Vec<String> = calls.iter().rev().cloned().collect();
        [list("Open calls", &inner_first), list("Stack", stack), list("Stack of the program", user_stack)].concat()
    };
    let [before, after] = [before, after].map(shows);
    if !before.is_empty() || !after.is_empty() {
        let side = |way: &str| format!("<td class=number></td><td class=way>{way}</td>");
        // Writing to a String cannot fail.
        let _ = writeln!(text, "<tr>{}{}</tr>", side(&before), side(&after));
    }
}

#[cfg(test)]
mod tests {
    use super::super::TaskLines;
    use super::*;

    fn diff(before: &str, after: &str) -> Diff {
        Diff::new(&TaskLines::read(before), &TaskLines::read(after))
    }

    #[test]
    fn both_sides_stand_side_by_side_and_changed_fields_are_marked() {
        let page = diff("a  f()\na  s pid=<x> b=1\n", "a  f()\na  s pid=y b=1\n").html(["one", "two"], &[]);
        assert!(page.contains("1 line is the same"), "{page}");
        assert!(page.contains("<td class=changed>s <mark>pid=&lt;x&gt;</mark> b=1</td>"), "{page}");
        assert!(page.contains("<td class=changed>s <mark>pid=y</mark> b=1</td>"), "{page}");
        assert!(page.contains("One task differs.") && !page.contains("{{"), "{page}");
    }

    #[test]
    fn what_does_not_differ_is_not_on_the_page() {
        let page = diff("a  f()\n", "a  f()\n").html(["one", "<two>"], &["3 lines of `x` were not read".into()]);
        assert!(page.contains("No task differs.") && !page.contains("<section"), "{page}");
        assert!(page.contains("&lt;two&gt;") && page.contains("3 lines of `x` were not read"), "{page}");
    }

    #[test]
    fn the_way_to_the_first_difference_is_on_the_page() {
        let mut diff = diff("a  f()\na  g()\n", "a  f()\n");
        let moment =
            Moment { calls: vec!["outer".into(), "inner".into()], stack: vec!["s<1>".into()], ..Moment::default() };
        let divergence = Divergence { place: 1, before: Some(moment), after: None };
        diff.divergences.insert("a".into(), divergence);
        diff.context.insert("a".into(), vec![Line { role: "a".into(), text: "f()".into(), ..Line::default() }]);
        let page = diff.html(["one", "two"], &[]);
        assert!(
            page.contains("<ol><li>inner</li><li>outer</li></ol>") && page.contains("<li>s&lt;1&gt;</li>"),
            "{page}"
        );
        assert!(page.contains("<td class=same>f()</td>") && !page.contains("is the same"), "{page}");
        assert!(page.contains("it does nothing more after"), "{page}");
    }
}
