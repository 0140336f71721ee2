//! The view `tree`: who created whom, and what became of them.

use std::fmt::{self, Write};

use serde::Serialize;

use super::input::ViewInput;
use super::one_line::one_line;
use super::style::{Ink, Style};
use crate::model::{Task, TaskId};
use kernsnap_scenario::End;

/// The families of a trace. Without times and pids.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Tree {
    /// Tasks whose creator is not shown.
    pub roots: Vec<Node>,
}

/// A task and its children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Node {
    /// Its role.
    pub who: String,
    /// The events of its life, in their order.
    pub notes: Vec<String>,
    /// The tasks it created, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub children: Vec<Node>,
}

impl Tree {
    /// The families of the tasks that a subject follows.
    #[must_use]
    pub fn new(input: &ViewInput<'_>) -> Self {
        let mut shown = vec![false; input.model.tasks.len()];
        for id in input.tasks() {
            shown[id.0] = true;
            // A child is shown beside its creator, also where all it does lies outside of the recording.
            for (child, _) in input.model.children(id).filter(|(child, _)| input.role(*child).is_some()) {
                shown[child.0] = true;
            }
        }
        let creator = |id: TaskId| input.model.task(id).and_then(|task| task.created).map(|act| act.by);
        let all = (0..shown.len()).map(TaskId).filter(|id| shown[id.0]);
        let roots = all.filter(|id| creator(*id).is_none_or(|by| !shown[by.0]));
        Self { roots: roots.filter_map(|id| node(id, input, &shown)).collect() }
    }

    pub(super) fn show(&self, style: &Style, text: &mut dyn Write) -> fmt::Result {
        let mut rows = Vec::new();
        for root in &self.roots {
            rows.push((String::new(), root));
            below(root, "", style.ascii, &mut rows);
        }
        let wide = |(branch, node): &(String, &Node)| branch.chars().count() + node.who.chars().count();
        let width = rows.iter().map(wide).max().unwrap_or(0);
        for (number, (branch, node)) in rows.iter().enumerate() {
            let left = style.padded(Ink::Task(number), &node.who, width - branch.chars().count());
            let line = format!("{}{left}  {}", style.paint(Ink::Dim, branch), node.notes.join(" · "));
            writeln!(text, "{}", line.trim_end())?;
        }
        Ok(())
    }
}

fn node(id: TaskId, input: &ViewInput<'_>, shown: &[bool]) -> Option<Node> {
    let task = input.model.task(id)?;
    // Who is created has a later place than its creator, so this comes to an end.
    let children = input.model.children(id).filter(|(child, _)| shown[child.0] && child.0 > id.0);
    Some(Node {
        who: input.role(id)?.to_owned(),
        notes: notes(task, input),
        children: children.filter_map(|(child, _)| node(child, input, shown)).collect(),
    })
}

fn notes(task: &Task, input: &ViewInput<'_>) -> Vec<String> {
    let mut notes = Vec::new();
    match (task.thread_of, task.kernel) {
        (Some(_), _) => notes.push("thread".to_owned()),
        (None, true) if task.created.is_some() => notes.push("kernel thread".to_owned()),
        (None, _) => {}
    }
    if let Some((first, renamed)) = task.names.split_first().filter(|(_, renamed)| !renamed.is_empty()) {
        let names: Vec<&str> = [first].into_iter().chain(renamed).map(|(_, name)| &**name).collect();
        notes.push(format!("named {}", one_line(&names.join(" → "))));
    }
    notes.extend(task.programs.iter().map(|(_, file)| format!("exec {}", one_line(file))));
    match (task.exit_code.and_then(End::from_wait_status), task.exited) {
        (Some(end), _) => notes.push(end.to_string()),
        (None, Some(_)) => notes.push("exits".to_owned()),
        (None, None) => {}
    }
    if let Some(by) = task.stack_put.and_then(|act| input.role(act.by)) {
        notes.push(format!("stack put by {by}"));
    }
    if let Some(act) = task.reaped {
        notes.push(match input.role(act.by) {
            _ if input.model.task(act.by) == Some(task) => "reaped by itself".to_owned(),
            Some(by) => format!("reaped by {by}"),
            None => "reaped".to_owned(),
        });
    }
    if let Some(freed) = task.freed {
        // Who frees it is whoever runs when RCU is done.
        let by = input.role(freed.by).filter(|by| *by != "idle");
        notes.push(by.map_or("freed".to_owned(), |by| format!("freed by {by}")));
    }
    notes
}

/// The rows below a node, with the branches that lead to them.
fn below<'a>(node: &'a Node, margin: &str, ascii: bool, rows: &mut Vec<(String, &'a Node)>) {
    let (tee, corner, bar) = if ascii { ("|- ", "`- ", "|  ") } else { ("├─ ", "└─ ", "│  ") };
    let last = node.children.len().saturating_sub(1);
    for (at, child) in node.children.iter().enumerate() {
        let (branch, beside) = if at == last { (corner, "   ") } else { (tee, bar) };
        rows.push((format!("{margin}{branch}"), child));
        below(child, &format!("{margin}{beside}"), ascii, rows);
    }
}
