//! The differences of a task side by side: the lines of both sides in their order, with what is the same left out.

use std::collections::VecDeque;

use super::{Difference, FieldChange};
use crate::view::Line;

/// A row of two sides.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row<'d> {
    /// So many lines that are the same on both sides.
    Same(usize),
    /// A line before, without one after.
    Before(Cell<'d>),
    /// A line after, without one before.
    After(Cell<'d>),
    /// A line that is another one after.
    Changed(Cell<'d>, Cell<'d>, &'d [FieldChange]),
}

/// A line of one side.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Cell<'d> {
    /// Its place, from 0.
    pub(super) place: usize,
    pub(super) line: &'d Line,
    /// Its place on the other side, where it moved.
    pub(super) moved: Option<usize>,
    /// The number of its difference.
    difference: usize,
}

/// The rows of the differences of a task.
pub(super) fn rows(differences: &[Difference]) -> Vec<Row<'_>> {
    let mut befores = sorted(differences.iter().enumerate().filter_map(|(number, difference)| match difference {
        Difference::Missing { from, line } => Some(Cell { place: *from, line, moved: None, difference: number }),
        Difference::Moved { from, to, line } => Some(Cell { place: *from, line, moved: Some(*to), difference: number }),
        Difference::Changed { from, before, .. } => {
            Some(Cell { place: *from, line: before, moved: None, difference: number })
        }
        Difference::Added { .. } => None,
    }));
    let mut afters = sorted(differences.iter().enumerate().filter_map(|(number, difference)| match difference {
        Difference::Added { to, line } => Some(Cell { place: *to, line, moved: None, difference: number }),
        Difference::Moved { from, to, line } => Some(Cell { place: *to, line, moved: Some(*from), difference: number }),
        Difference::Changed { to, after, .. } => {
            Some(Cell { place: *to, line: after, moved: None, difference: number })
        }
        Difference::Missing { .. } => None,
    }));
    let (mut rows, mut before, mut after) = (Vec::new(), 0, 0);
    loop {
        let next = |cells: &VecDeque<Cell<'_>>, at: usize| cells.front().map(|cell| cell.place.saturating_sub(at));
        let (to_before, to_after) = (next(&befores, before), next(&afters, after));
        let Some(same) = to_before.into_iter().chain(to_after).min() else { return rows };
        if same > 0 {
            rows.push(Row::Same(same));
            before += same;
            after += same;
        }
        let (old, new) = (due(&mut befores, before), due(&mut afters, after));
        before += usize::from(old.is_some());
        after += usize::from(new.is_some());
        match (old, new) {
            (Some(old), Some(new)) if old.difference == new.difference => match differences.get(old.difference) {
                Some(Difference::Changed { fields, .. }) => rows.push(Row::Changed(old, new, fields)),
                _ => rows.extend([Row::Before(old), Row::After(new)]),
            },
            (old, new) => {
                rows.extend(old.map(Row::Before));
                rows.extend(new.map(Row::After));
            }
        }
    }
}

/// The first cell, if it stands at this place.
fn due<'d>(cells: &mut VecDeque<Cell<'d>>, place: usize) -> Option<Cell<'d>> {
    cells.front().is_some_and(|cell| cell.place <= place).then(|| cells.pop_front()).flatten()
}

fn sorted<'d>(cells: impl Iterator<Item = Cell<'d>>) -> VecDeque<Cell<'d>> {
    let mut cells: Vec<_> = cells.collect();
    cells.sort_by_key(|cell| cell.place);
    cells.into()
}

#[cfg(test)]
mod tests {
    use super::super::{Diff, TaskLines};
    use super::*;

    /// The rows of two views of a task: `=N`, `-LINE`, `+LINE`, `~LINE|LINE`.
    #[track_caller]
    fn check(before: &[&str], after: &[&str], expected: &str) {
        let side = |lines: &[&str]| {
            let lines: Vec<String> = lines.iter().map(|line| format!("a  {line}\n")).collect();
            TaskLines::read(&lines.concat())
        };
        let diff = Diff::new(&side(before), &side(after));
        let shown = |row: &Row<'_>| match row {
            Row::Same(count) => format!("={count}"),
            Row::Before(cell) => format!("-{}", cell.line.text),
            Row::After(cell) => format!("+{}", cell.line.text),
            Row::Changed(old, new, _) => format!("~{}|{}", old.line.text, new.line.text),
        };
        let found = diff.tasks.values().flat_map(|differences| rows(differences)).map(|row| shown(&row));
        assert_eq!(found.collect::<Vec<_>>().join(" "), expected);
    }

    #[test]
    fn each_line_that_differs_stands_once_on_its_side_in_order() {
        check(&["f()", "g()", "h()"], &["f()", "h()"], "=1 -g()");
        check(&["f()", "g()"], &["f()", "x()", "g()", "y()"], "=1 +x() =1 +y()");
        check(&["f()", "s=1"], &["f()", "s=2"], "=1 -s=1 +s=2");
        check(&["s a=1", "g()"], &["x()", "s a=2", "g()"], "-s a=1 +x() +s a=2");
        check(&["f()", "s a=1", "g()"], &["f()", "s a=2", "g()", "h()"], "=1 ~s a=1|s a=2 =1 +h()");
        check(&["a()", "b()", "c()"], &["b()", "c()", "a()"], "-a() =2 +a()");
        check(&["f()"], &["f()"], "");
    }
}
