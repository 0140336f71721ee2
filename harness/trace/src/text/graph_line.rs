//! Lines of the function-graph tracer as events.

use super::bytes::split_once;
use super::graph::{self, Columns, Said};
use super::head::Head;
use super::line::Parser;
use super::lines::Class;
use super::point::has_key;
use super::system_call::system_call;
use crate::{Context, Event, EventDetails, EventKind, IssueKind, Pid, Timestamp};

impl Parser {
    /// `funcgraph_entry: 0.5 us | name();` of `trace-cmd`, whose columns stand in front.
    pub(super) fn graph_event(&mut self, text: &[u8], head: &Head<'_>) -> Option<(Timestamp, EventKind)> {
        let mut columns = Columns::read(text)?;
        (columns.time, columns.cpu) = (Some(head.time), Some(head.cpu));
        self.graph_body(&columns, head.pid, head.time, head.context)
    }

    /// A line of the function-graph tracer.
    pub(super) fn graph_line(&mut self, line: &[u8]) -> Option<Class> {
        if let Some((cpu, name, pid)) = graph::banner(line) {
            self.task(pid, name);
            self.graph.runs(cpu, pid);
            return Some(Class::Part);
        }
        if graph::is_overrun(line) {
            return Some(Class::Part);
        }
        let columns = Columns::read(line)?;
        let (pid, at) = self.graph.who_and_when(&columns);
        if let Some((name, pid)) = columns.task {
            self.task(pid, name);
        }
        if columns.time.is_none() && !std::mem::replace(&mut self.said.timeless, true) {
            self.issues.add(self.number, IssueKind::NoTimes);
        }
        if pid == Pid::UNKNOWN && !std::mem::replace(&mut self.said.taskless, true) {
            self.issues.add(self.number, IssueKind::NoTasks);
        }
        let has_duration = columns.duration.is_some() || !columns.body.ends_with(b";");
        if !has_duration && !std::mem::replace(&mut self.said.without_durations, true) {
            self.issues.add(self.number, IssueKind::NoDurations);
        }
        self.graph_lines = true;
        if columns.body.is_empty() || graph::said(columns.body) == Some(Said::Mark) {
            return Some(Class::Part);
        }
        let context = columns.context;
        let cpu = columns.cpu.unwrap_or_default();
        let Some((time, body)) = self.graph_body(&columns, pid, at, context) else {
            self.details = None;
            self.window.close(cpu, context.level());
            self.issues.add_quoted(self.number, IssueKind::BrokenGraphLine, columns.body);
            return Some(Class::NotRead);
        };
        let details = self.details.take();
        let line = if columns.time.is_some() { at } else { time };
        self.event_of_line(line, Event { time, cpu, pid, context, kind: body, stack: None, details });
        Some(Class::Event)
    }

    fn graph_body(
        &mut self,
        columns: &Columns<'_>,
        pid: Pid,
        at: Timestamp,
        context: Context,
    ) -> Option<(Timestamp, EventKind)> {
        match graph::said(columns.body)? {
            Said::Enter(call, comment) => {
                comment.and_then(|comment| self.named_by(comment));
                let name = self.without_arguments(call);
                let function = self.names.symbol(name);
                Some((at, self.graph.enter(columns, pid, at, &function)))
            }
            Said::Leaf(call, comment) => {
                comment.and_then(|comment| self.named_by(comment));
                let name = self.without_arguments(call);
                let function = self.names.symbol(name);
                let cpu = columns.cpu.unwrap_or_default();
                let body = EventKind::GraphEntry { function: function.clone(), depth: columns.depth };
                // The value belongs to the return, everything else to the call.
                let returned = self.details.as_mut().and_then(|details| details.return_value.take());
                let details = self.details.take().filter(|details| **details != EventDetails::default());
                self.event(Event { time: at, cpu, pid, context, kind: body, stack: None, details });
                if returned.is_some() {
                    self.details_mut().return_value = returned;
                }
                let left = Timestamp(at.0.saturating_add(columns.duration.unwrap_or(0)));
                self.graph.pass(columns, left);
                // Times are cut to microseconds, durations are not: the return must not come behind the next line.
                let time = if columns.time.is_some() { Timestamp(left.0 / 1000 * 1000).max(at) } else { left };
                Some((time, EventKind::GraphExit { function, depth: columns.depth, entered: at, left }))
            }
            Said::Leave(comment) => {
                let named = comment.and_then(|comment| self.named_by(comment));
                let function = named.map(|name| self.names.symbol(name));
                Some(self.graph.leave(columns, pid, at, function))
            }
            Said::Comment(text) => Some((at, self.comment(text))),
            Said::Mark => None,
        }
    }

    /// `/* name: key=value … */` is an event, any other comment what user space wrote.
    fn comment(&mut self, text: &[u8]) -> EventKind {
        if let Some(point) = system_call(&mut self.names, text) {
            return EventKind::Tracepoint(point);
        }
        match split_once(text, b": ") {
            Some((name, rest)) if !name.contains(&b' ') && (has_key(rest) || rest.starts_with(b"NR ")) => {
                self.point(name, rest)
            }
            _ => self.marker(text),
        }
    }
}
