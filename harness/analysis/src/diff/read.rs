//! From the text of a view back to its lines, and from a line to its parts.

use std::collections::BTreeMap;

use super::{FieldChange, TaskLines};
use crate::view::{Events, Line};

/// The lines of the view `events` from its text: a `.snap` with or without its head, or `view.txt`. `None` for another view.
#[must_use]
pub fn lines_of_view(text: &str) -> Option<Vec<Line>> {
    events(&lines(text))
}

/// The lines of a view that have something in them.
fn lines(text: &str) -> Vec<&str> {
    let text = match text.strip_prefix("---\n").and_then(|rest| rest.split_once("\n---\n")) {
        Some((_, body)) => body,
        None => text,
    };
    text.lines().map(str::trim_end).filter(|line| !line.is_empty()).collect()
}

impl TaskLines {
    /// Reads a view's text: a `.snap` with or without its head, or `view.txt`.
    ///
    /// The view `events` has a role on each line. Lines of other views are compared as they stand.
    #[must_use]
    pub fn read(text: &str) -> Self {
        let lines = lines(text);
        let lines = events(&lines).unwrap_or_else(|| {
            let line = |line: &&str| Line { text: (*line).to_owned(), ..Line::default() };
            lines.iter().map(line).collect()
        });
        Self::from_events(&Events { lines })
    }
}

/// One line of the view `events`, not yet knowing where the column of roles ends.
struct Row<'a> {
    cpu: Option<u16>,
    role: &'a str,
    /// All behind the role.
    rest: &'a str,
    stack: Vec<String>,
}

/// `None` where a line is none of that view.
fn events(lines: &[&str]) -> Option<Vec<Line>> {
    let mut rows: Vec<Row<'_>> = Vec::new();
    for line in lines {
        if let Some(frame) = line.trim_start().strip_prefix("=> ").filter(|_| line.starts_with(' ')) {
            rows.last_mut()?.stack.push(frame.to_owned());
            continue;
        }
        let numbered = line.strip_prefix('[').and_then(|rest| rest.split_once("] "));
        let (cpu, line) = match numbered {
            Some((cpu, rest)) => (Some(cpu.parse().ok()?), rest),
            None => (None, *line),
        };
        let end = line.find(' ')?;
        let (role, rest) = line.split_at(end);
        if role.is_empty()
            || !role.chars().all(|c| c.is_alphanumeric() || "-_#.:/+".contains(c))
            || !rest.starts_with("  ")
        {
            return None;
        }
        rows.push(Row { cpu, role, rest, stack: Vec::new() });
    }
    let width = rows.iter().map(|row| row.role.chars().count()).max()?;
    let line = |Row { cpu, role, rest, stack }| {
        let text = rest.trim_start();
        let column = str::chars(role).count() + rest.chars().count() - text.chars().count();
        let indent = column.checked_sub(width + 2)?;
        Some(Line { cpu, role: str::to_owned(role), depth: indent / 2, text: text.to_owned(), stack })
    };
    rows.into_iter().map(line).collect()
}

/// The function or the event, without its fields. The whole line where it is a call's end, or of another view.
pub(super) fn name(line: &Line) -> &str {
    if line.role.is_empty() || line.text.starts_with("} ") {
        return &line.text;
    }
    line.text.split(' ').next().unwrap_or_default()
}

/// The difference between two lines of the same name.
pub(super) fn changes(before: &Line, after: &Line) -> Vec<FieldChange> {
    let (before, after) = (fields(before), fields(after));
    let mut names: Vec<&String> = before.keys().chain(after.keys()).collect();
    names.sort_unstable();
    names.dedup();
    let change = |name: &String| {
        let (before, after) = (before.get(name).cloned(), after.get(name).cloned());
        (before != after).then(|| FieldChange { field: name.clone(), before, after })
    };
    names.into_iter().filter_map(change).collect()
}

/// The parts of a line by name.
fn fields(line: &Line) -> BTreeMap<String, String> {
    let mut fields = BTreeMap::new();
    let mut last: Option<String> = None;
    for word in line.text.split(' ').skip(1) {
        if let Some(caller) = word.strip_prefix("<-") {
            fields.insert("caller".into(), caller.to_owned());
        } else if let Some((name, value)) = word.split_once('=').filter(|(name, _)| !name.is_empty()) {
            fields.insert(name.to_owned(), value.to_owned());
            last = Some(name.to_owned());
        } else if let Some(value) = last.as_ref().and_then(|last| fields.get_mut(last)) {
            // A text with a blank in it.
            value.push(' ');
            value.push_str(word);
        } else {
            fields.insert("shape".into(), word.to_owned());
        }
    }
    fields.insert("nesting".into(), line.depth.to_string());
    fields.extend(line.cpu.map(|cpu| ("cpu".into(), cpu.to_string())));
    if !line.stack.is_empty() {
        fields.insert("stack".into(), line.stack.join(" <- "));
    }
    fields
}
