//! A log that the book has printed, beside the lines of the same kernel here. It is read as any text of a recording, so both are told in
//! the same words: roles in place of pids, without times, offsets and compiler suffixes.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::beside::{paired, part};
use super::{BookKernel, Pair, Run, Step, Text};
use crate::diff::lines_of_view;
use crate::language::Language;
use crate::model::Model;
use crate::view::follow::Choice;
use crate::view::{Events, Followed, Line, RoleMap, ViewInput};
use kernsnap_trace::{EventKind, Pid, text};

/// A log of the book, of what a step is about.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// The lines, as the book has them.
    pub lines: String,
    /// The tasks in it that have a role of the scenario: the role, and the pid.
    pub tasks: BTreeMap<String, i32>,
    /// The reasons of the differences between the log and the book's kernel here.
    pub why: Text,
}

/// A log, ready to be read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct ShownLog {
    /// The image of the lines beside it.
    pub image: String,
    /// The lines, as the book has them.
    pub lines: Vec<String>,
    /// The same in the words of a view, beside the lines of the image.
    pub beside: Vec<Pair>,
    /// Paragraphs: the reasons of the differences.
    pub why: Vec<String>,
}

/// The log beside the lines that `image` has of the step.
pub(super) fn shown(log: &Log, step: &Step, run: &Run<'_>, image: BookKernel<'_>, language: Language) -> ShownLog {
    let here: Vec<(Key, Line)> = lines(log, run).into_iter().map(keyed).collect();
    let there = part(step, lines_of_view(image.view).unwrap_or_default(), &run.scenario.names);
    let there = there.into_iter().map(keyed).filter(|(key, _)| here.iter().any(|(own, _)| own == key));
    let mut beside = paired(here.clone(), there.collect());
    // The log is a part of what happened: what comes before and after it here is not missing in it.
    let is_of_log = |pair: &Pair| pair.here.is_some();
    beside.truncate(beside.iter().rposition(is_of_log).map_or(0, |last| last + 1));
    beside.drain(..beside.iter().position(is_of_log).unwrap_or(0));
    ShownLog {
        image: image.image.to_owned(),
        lines: log.lines.lines().map(str::to_owned).collect(),
        beside,
        why: log.why.paragraphs(language),
    }
}

/// The role and the function or event.
type Key = (String, String);

fn keyed(line: Line) -> (Key, Line) {
    let name = line.text.split(' ').next().unwrap_or_default().to_owned();
    ((line.role.clone(), name), line)
}

/// The log in the words of a view.
fn lines(log: &Log, run: &Run<'_>) -> Vec<Line> {
    let (trace, _) = text::parse(log.lines.as_bytes());
    let roles = RoleMap::from_roles(log.tasks.iter().map(|(role, pid)| (role.clone(), Pid(*pid))).collect());
    let mut scenario = run.scenario.clone();
    scenario.view.only.clear();
    scenario.view.hide.clear();
    let functions = trace.events.iter().filter_map(|event| match &event.kind {
        EventKind::Function { function, .. } => function.base().map(str::to_owned),
        _ => None,
    });
    scenario.view.stacks.extend(functions);
    let model = Model::from_events(&trace.events);
    // The book has chosen the lines: all of them count.
    let all = Followed::chosen(&model, &Choice::default());
    Events::new(&ViewInput::select(&scenario.view, &scenario.names, &trace, &model, &roles, &all)).lines
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;
    use crate::lesson::Lesson;
    use crate::lesson::page::columns;
    use crate::report::tests::example;

    const LESSON: &str = "\
scenario: fork
section: A
title: { en: a, ko: 가 }
book: { en: a, ko: 가 }
steps:
  - text: { en: a, ko: 가 }
    log:
      lines: |
        bash-946 [003] .... 676.984916: copy_process.part.5+0x14/0x1acc <-_do_fork+0xc0/0x41c
        bash-946 [003] .... 676.984929: <stack trace>
         => copy_process.part.5+0x18/0x1acc
         => _do_fork+0xc0/0x41c
         => ret_fast_syscall+0x0/0x28
         => 0x7ef11270
        bash-946 [003] .... 676.985385: sched_process_fork: comm=bash pid=946 child_comm=bash child_pid=1360
      tasks: { parent: 946, child: 1360 }
      why: { en: because, ko: 왜냐하면 }
";

    const BOOK: &str = "\
parent  sched_switch prev_pid=parent prev_state=S next_pid=child
parent  copy_process() <-_do_fork
         => copy_process
         => _do_fork
         => sys_clone
         => ret_fast_syscall
parent  sched_process_fork child_pid=child
child   sched_switch prev_pid=child prev_state=Z next_pid=parent
";

    #[test]
    fn a_log_of_the_book_is_beside_the_lines_that_mean_the_same() -> Result<(), Box<dyn std::error::Error>> {
        let lesson = Lesson::read(Path::new("x.yaml"), LESSON.into())?;
        let (scenario, trace, role_map) = example();
        let run = Run { image: "new", scenario: &scenario, trace: &trace, role_map: &role_map, book: None };
        let step = &lesson.content.steps[0];
        let log = step.log.as_ref().ok_or("no log")?;
        let shown = shown(log, step, &run, BookKernel { image: "old", view: BOOK }, Language::En);
        assert_eq!((shown.lines.len(), shown.lines[0].starts_with("bash-946 [003]")), (7, true));
        insta::assert_snapshot!(columns(&shown.beside, "book", "old").join("\n"), @r"
        book                                         old
        parent  copy_process() <-_do_fork            parent  copy_process() <-_do_fork
                 => copy_process                              => copy_process
                 => _do_fork                                  => _do_fork
                                                   >          => sys_clone
                 => ret_fast_syscall                          => ret_fast_syscall
        parent  sched_process_fork child_pid=child   parent  sched_process_fork child_pid=child
        ");
        Ok(())
    }
}
