//! The part of the page that says who woke whom: a graph, and the same as a table. It needs no script.

use std::fmt::Write as _;

use super::Report;
use super::escape::escape;
use crate::language::Language;
use crate::model::count_pairs;
use crate::phrase::say;

/// A graph of more tasks on a side is not a picture any more; the table has all.
const MOST_NODES: usize = 14;
/// As many colours for tasks are in the style sheet.
const COLOURS: usize = 8;
/// The letters of a name that fit into a node.
const NAME: usize = 20;
/// Pixels of the graph: from one node to the next, the width of a node, and of the whole.
const ROW: usize = 30;
const NODE: usize = 170;
const WIDTH: usize = 600;

/// A waker: a task by its place, or an interrupt.
type Waker = Option<usize>;

/// The section; empty where no task that the scenario is about woke another one or was woken.
pub(super) fn section(report: &Report, language: Language) -> String {
    let is_followed = |task: usize| report.tasks.get(task).is_some_and(|task| task.followed);
    let pairs = report.wakes.iter().filter_map(|(_, _, by, task)| {
        let by = usize::try_from(*by).ok();
        (is_followed(*task) || by.is_some_and(is_followed)).then_some((by, *task))
    });
    let counted = count_pairs(pairs);
    if counted.is_empty() {
        return String::new();
    }
    let name = |task: Waker| match task {
        Some(task) => report.tasks.get(task).map_or_else(String::new, |task| task.name.clone()),
        None => say(language, "frames-interrupt"),
    };
    let mut rows = String::new();
    for ((by, task), count) in &counted {
        // Writing to a String cannot fail.
        let _ = writeln!(
            rows,
            "<tr><th scope=row>{}</th><td>{}</td><td>{count}</td></tr>",
            escape(&name(*by)),
            escape(&name(Some(*task)))
        );
    }
    let [heading, waker, woken, times] =
        ["page-wakers", "page-waker", "page-woken-task", "summary-times"].map(|id| escape(&say(language, id)));
    format!(
        "<section id=wakers aria-labelledby=wakers-head><h2 id=wakers-head>{heading}</h2>\n{}\
         <div class=wide tabindex=0 role=region aria-label=\"{heading}\"><table>\n\
         <thead><tr><th scope=col>{waker}</th><th scope=col>{woken}</th><th scope=col>{times}</th></tr></thead>\n\
         <tbody>\n{rows}</tbody></table></div></section>",
        graph(report, &counted, &name, &heading)
    )
}

/// Wakers on the left, the woken on the right, and an arrow for each pair, the wider the more often.
fn graph(report: &Report, counted: &[((Waker, usize), u64)], name: &dyn Fn(Waker) -> String, heading: &str) -> String {
    let (mut left, mut right): (Vec<Waker>, Vec<Waker>) = (Vec::new(), Vec::new());
    for ((by, task), _) in counted {
        for (side, node) in [(&mut left, *by), (&mut right, Some(*task))] {
            if !side.contains(&node) && side.len() < MOST_NODES {
                side.push(node);
            }
        }
    }
    let followed: Vec<usize> =
        report.tasks.iter().enumerate().filter(|(_, task)| task.followed).map(|(place, _)| place).collect();
    let colour = |node: Waker| {
        let place = node.and_then(|task| followed.iter().position(|one| *one == task)).filter(|place| *place < COLOURS);
        place.map_or_else(|| "--other".to_owned(), |place| format!("--t{place}"))
    };
    let height = left.len().max(right.len()) * ROW + 8;
    let mut text = format!("<svg class=wakers viewBox=\"0 0 {WIDTH} {height}\" role=img aria-label=\"{heading}\">\n");
    let middle = |place: usize| place * ROW + ROW / 2 + 4;
    let mut labels = String::new();
    for ((by, task), count) in counted {
        let from = left.iter().position(|node| node == by);
        let to = right.iter().position(|node| *node == Some(*task));
        let (Some(from), Some(to)) = (from, to) else { continue };
        let (x1, x2, y1, y2) = (NODE, WIDTH - NODE, middle(from), middle(to));
        let bend = x1 + (x2 - x1) / 2;
        let width = 1 + count.ilog2().min(5);
        let (back, top, bottom) = (x2 - 9, y2 - 5, y2 + 5);
        let _ = writeln!(
            text,
            "<path class=arrow stroke-width={width} d=\"M{x1} {y1}C{bend} {y1} {bend} {y2} {back} {y2}\"/>\
             <path class=head d=\"M{back} {top}L{x2} {y2}L{back} {bottom}z\"/>"
        );
        // The number is on the arrow, at another place for each waker: arrows cross.
        let along = (2 * from + 1) * 100 / (2 * left.len());
        let at = 25 + along / 2;
        let (x, y) = (x1 + (x2 - x1) * at / 100, eased(y1, y2, at));
        let _ = writeln!(labels, "<text class=count x={x} y={y}>{count}</text>");
    }
    text += &labels;
    for (x, side) in [(0, &left), (WIDTH - NODE, &right)] {
        for (place, node) in side.iter().enumerate() {
            let (top, whole) = (middle(place) - 12, name(*node));
            let short: String = whole.chars().take(NAME).collect();
            let dots = if short.len() < whole.len() { "…" } else { "" };
            let _ = writeln!(
                text,
                "<g><title>{}</title><rect x={} y={top} width={} height=24 rx=5 /><rect x={} y={top} width=6 height=24 \
                 style=\"fill:var({})\"/><text x={} y={}>{}{dots}</text></g>",
                escape(&whole),
                x + 1,
                NODE - 2,
                x + 1,
                colour(*node),
                x + 14,
                middle(place),
                escape(&short)
            );
        }
    }
    text + "</svg>\n"
}

/// The height of the arrow from `y1` to `y2` at a part of its way in percent: about that of its curve.
fn eased(y1: usize, y2: usize, percent: usize) -> usize {
    let part = percent * percent * (300 - 2 * percent);
    (y1 * (1_000_000 - part) + y2 * part) / 1_000_000
}

#[cfg(test)]
mod tests {
    use super::super::Task;
    use super::*;

    fn report(names: &[&str], wakes: &[(i64, usize)]) -> Report {
        let task = |name: &&str| Task { name: (*name).to_owned(), followed: *name != "other", ..Task::default() };
        let wakes = wakes.iter().map(|(by, task)| (0, 0, *by, *task)).collect();
        Report { tasks: names.iter().map(task).collect(), wakes, ..Report::default() }
    }

    #[test]
    fn each_pair_is_an_arrow_and_a_row_with_its_count() {
        let page = section(&report(&["a", "b", "other"], &[(0, 1), (0, 1), (-1, 0), (2, 2)]), Language::En);
        assert!(page.contains("<tr><th scope=row>a</th><td>b</td><td>2</td></tr>"), "{page}");
        assert!(page.contains("<tr><th scope=row>interrupt</th><td>a</td><td>1</td></tr>"), "{page}");
        assert_eq!((page.matches("class=arrow").count(), page.matches("<tr><th scope=row>").count()), (2, 2));
        assert!(!page.contains("other<"), "{page}");
    }

    #[test]
    fn a_name_is_text_and_a_place_that_is_not_there_has_none() {
        let page = section(&report(&["<b>", "x"], &[(0, 1), (7, 0), (0, 9)]), Language::Ko);
        assert!(page.contains("&lt;b&gt;") && !page.contains("<b>"), "{page}");
        assert_eq!(section(&report(&["a"], &[]), Language::En), "");
    }

    #[test]
    fn an_arrow_begins_and_ends_at_its_nodes() {
        assert_eq!((eased(10, 90, 0), eased(10, 90, 50), eased(10, 90, 100), eased(90, 10, 100)), (10, 50, 90, 10));
    }
}
