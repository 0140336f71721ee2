//! A scenario composed for `record`: one program or module, with the trace that was asked for. Pure.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use globset::GlobBuilder;

use kernsnap_scenario::{End, RootFileSystem};
use kernsnap_trace::{Event, EventKind, Pid};

/// The subject of a recording.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A guest program, by its name in the workspace, with its arguments.
    Program(Vec<String>),
    /// A module, loaded and unloaded.
    Module {
        /// Its name in the workspace, which is the kernel's.
        module: String,
        /// The parameters that it is loaded with.
        parameters: Vec<String>,
    },
}

/// The trace of a recording.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tracing {
    /// `nop`, `function` or `function_graph`.
    pub tracer: String,
    /// The functions; all of the kernel's where there is a tracer and none is named.
    pub functions: Vec<String>,
    /// The functions whose calls a graph shows, and how deep.
    pub graph: Option<(Vec<String>, u32)>,
    /// True if each function is recorded with its stack.
    pub stacks: bool,
    /// The events, `group:name`.
    pub events: Vec<String>,
    /// True if only the program and its descendants are traced.
    pub follow: bool,
    /// The buffer of each CPU.
    pub buffer_kib: u32,
}

/// A scenario to be.
#[derive(Clone, Debug)]
pub struct Composition {
    /// The name of the scenario, of its program, and of the started task: a task's name.
    pub name: String,
    /// One sentence.
    pub title: String,
    /// The subject.
    pub subject: Subject,
    /// The root file system.
    pub root: RootFileSystem,
    /// The trace.
    pub tracing: Tracing,
}

/// The events that tell which task is which; the last one tells for whom kthreadd works.
const FAMILY: [&str; 3] = ["sched:sched_process_fork", "sched:sched_process_exit", "sched:sched_waking"];

impl Subject {
    /// The events that are recorded besides those that were asked for.
    fn family(&self) -> &'static [&'static str] {
        match self {
            Self::Program(_) => &FAMILY[..2],
            Self::Module { .. } => &FAMILY,
        }
    }
}

/// A task that the program or the module made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Descendant {
    /// Its role.
    pub role: String,
    /// The role of the task that forked it.
    pub parent: String,
    /// The number of its fork among its parent's, from 1.
    pub nth: usize,
    /// True if it ended within the trace.
    pub ends: bool,
}

impl Composition {
    /// The scenario's file, with these descendants of the started task as roles, and the end that the program comes to.
    #[must_use]
    pub fn yaml(&self, descendants: &[Descendant], end: End, expectations: &[String]) -> String {
        let mut text = String::new();
        // Writing to a String cannot fail.
        let _ = self.write(descendants, end, expectations, &mut text);
        text
    }

    fn write(
        &self,
        descendants: &[Descendant],
        end: End,
        expectations: &[String],
        text: &mut String,
    ) -> std::fmt::Result {
        let Self { name, title, subject, root, tracing } = self;
        writeln!(text, "title: {}", quoted(title))?;
        if *root == RootFileSystem::Debian {
            writeln!(text, "root: debian")?;
        }
        writeln!(text, "\nrun:")?;
        if tracing.follow {
            // The descendants of init are added as they are forked (Documentation/trace/ftrace.rst, set_event_pid).
            for (file, value) in [
                ("options/event-fork", "1"),
                ("options/function-fork", "1"),
                ("set_event_pid", "1"),
                ("set_ftrace_pid", "1"),
            ] {
                writeln!(text, "  - write: {{ file: /sys/kernel/tracing/{file}, text: \"{value}\" }}")?;
            }
        }
        match subject {
            Subject::Program(arguments) => {
                writeln!(text, "  - write: {{ file: /sys/kernel/tracing/tracing_on, text: \"1\" }}")?;
                let ends = match end {
                    End::Exit(0) => String::new(),
                    End::Exit(code) => format!(", ends: {{ exit: {code} }}"),
                    End::Signal(signal) => format!(", ends: {{ signal: {signal} }}"),
                };
                writeln!(text, "  - start: {{ task: {name}, program: {name}, args: {}{ends} }}", list(arguments))?;
                writeln!(text, "  - wait: {name}")?;
            }
            Subject::Module { module, parameters } => {
                writeln!(text, "  - load: {{ task: {name}, module: {module}, params: {} }}", list(parameters))?;
                writeln!(text, "  - sleep-ms: 20")?;
                writeln!(text, "  - unload: {{ task: unload, module: {module} }}")?;
            }
        }
        writeln!(text, "\ntrace:\n  tracer: {}\n  buffer-kib: {}", tracing.tracer, tracing.buffer_kib)?;
        if tracing.tracer != "nop" {
            match tracing.functions.as_slice() {
                [] => writeln!(text, "  all-functions: true")?,
                functions => writeln!(text, "  functions: {}", list(functions))?,
            }
        }
        if let Some((roots, depth)) = &tracing.graph {
            writeln!(text, "  graph: {{ roots: {}, depth: {depth} }}", list(roots))?;
        }
        if tracing.stacks {
            writeln!(text, "  stacks: true")?;
        }
        let family = subject.family().iter().copied();
        let hidden: Vec<&str> = family.filter(|name| !tracing.events.iter().any(|event| event == name)).collect();
        writeln!(text, "  events:")?;
        for event in tracing.events.iter().map(String::as_str).chain(hidden.iter().copied()) {
            writeln!(text, "    - {event}")?;
        }
        if !descendants.is_empty() {
            writeln!(text, "\nroles:")?;
            if descendants.iter().any(|one| one.parent == KTHREADD.1) {
                writeln!(text, "  {}: {{ serves: {{ pid: {}, for: {name} }} }}", KTHREADD.1, KTHREADD.0)?;
            }
            for Descendant { role, parent, nth, .. } in descendants {
                writeln!(text, "  {role}: {{ forked-by: {{ role: {parent}, nth: {nth} }} }}")?;
            }
        }
        let mut hides: Vec<String> =
            hidden.iter().filter_map(|name| Some(name.split_once(':')?.1.to_owned())).collect();
        if tracing.events.is_empty() && tracing.tracer == "nop" {
            // Nothing was asked for: the family is what there is to see.
            hides.clear();
        }
        if !hides.is_empty() {
            writeln!(text, "\nview:\n  hide: {}", list(&hides))?;
        }
        writeln!(text, "\nexpect:")?;
        expectations.iter().try_for_each(|expectation| writeln!(text, "{expectation}"))?;
        if expectations.is_empty() {
            writeln!(text, "  []")?;
        }
        Ok(())
    }

    /// Expectations that hold of what was recorded; whether they can fail is tried elsewhere.
    #[must_use]
    pub fn candidates(&self, descendants: &[Descendant]) -> Vec<String> {
        let mut forks: BTreeMap<&str, usize> = BTreeMap::from([(self.name.as_str(), 0)]);
        for one in descendants {
            *forks.entry(&one.parent).or_default() += 1;
        }
        let count = |(role, count): (&&str, &usize)| {
            let forks = if *count == 1 { "forks one task".to_owned() } else { format!("forks {count} tasks") };
            format!("  - that: {role} {forks}\n    count: {{ of: \"{role}: sched_process_fork\", is: {count} }}")
        };
        let life = |one: &Descendant| {
            let Descendant { role, parent, ends, .. } = one;
            let forked = format!("{parent}: sched_process_fork child_pid={role}");
            if *ends {
                format!(
                    "  - that: {role} is forked and ends\n    order: [\"{forked}\", \"{role}: sched_process_exit\"]"
                )
            } else {
                format!("  - that: {role} is forked\n    present: \"{forked}\"")
            }
        };
        let end = format!("  - that: {0} ends\n    present: \"{0}: sched_process_exit\"", self.name);
        // kthreadd makes threads for others as well.
        let counts = forks.iter().filter(|(role, count)| **count > 0 && **role != KTHREADD.1).map(count);
        counts.chain(descendants.iter().map(life)).chain([end]).collect()
    }
}

/// Descendants that get roles at most; what others do is that of `other`. A program may fork without end.
const DESCENDANTS: usize = 64;
/// Bytes of a descendant's role, which has a number for each generation.
const LONGEST_ROLE: usize = 32;

/// The task that makes all kernel threads, and its role.
const KTHREADD: (i64, &str) = (2, "kthreadd");

/// The descendants of the task `pid`, whose role is `role`, in the order in which they were forked: so many that each can have a role.
/// A module has its kernel threads made by kthreadd, which makes them for others as well: a thread is the module's if one of its tasks
/// woke kthreadd last.
#[must_use]
pub fn descendants(events: &[Event], pid: Pid, role: &str, subject: &Subject) -> Vec<Descendant> {
    let mut roles: BTreeMap<i64, String> = BTreeMap::from([(i64::from(pid.0), role.to_owned())]);
    if let Subject::Module { .. } = subject {
        roles.insert(KTHREADD.0, KTHREADD.1.to_owned());
    }
    let exits =
        |event: &Event| matches!(&event.kind, EventKind::Tracepoint(point) if &**point.name() == "sched_process_exit");
    let ended: BTreeSet<i64> = events.iter().filter(|event| exits(event)).map(|event| event.pid.0.into()).collect();
    let mut forks: BTreeMap<String, usize> = BTreeMap::new();
    let mut found: Vec<Descendant> = Vec::new();
    let mut client = None;
    for event in events {
        let EventKind::Tracepoint(point) = &event.kind else { continue };
        if &**point.name() == "sched_waking" && point.int("pid") == Some(KTHREADD.0) {
            client = Some(i64::from(event.pid.0));
        }
        if &**point.name() != "sched_process_fork" {
            continue;
        }
        let field = |name: &str| point.int(name);
        let (Some(parent), Some(child)) = (field("parent_pid"), field("child_pid")) else { continue };
        let Some(parent) = roles.get(&parent).cloned() else { continue };
        let nth = forks.entry(parent.clone()).and_modify(|count| *count += 1).or_insert(1);
        let nth = *nth;
        let stem = match &*parent {
            one if one == role => "child",
            one if one == KTHREADD.1 => "thread",
            other => other,
        };
        let name = format!("{stem}-{nth}");
        let is_for_others = parent == KTHREADD.1 && !client.is_some_and(|client| roles.contains_key(&client));
        if is_for_others || found.len() >= DESCENDANTS || name.len() > LONGEST_ROLE {
            continue;
        }
        roles.insert(child, name.clone());
        found.push(Descendant { role: name, parent, nth, ends: ended.contains(&child) });
    }
    found
}

/// The names that a pattern of the shell matches (kernel/trace/ftrace.c, `filter_parse_regex`), or none.
#[must_use]
pub fn matching<'a>(pattern: &str, names: impl Iterator<Item = &'a str>) -> Vec<String> {
    let Ok(glob) = GlobBuilder::new(pattern).literal_separator(false).build() else { return Vec::new() };
    let glob = glob.compile_matcher();
    names.filter(|name| glob.is_match(name)).map(str::to_owned).collect()
}

/// The events that a word of `-e` means: `sched`, `sched:sched_switch`, `sched_switch`, `irq:*`, `all`.
#[must_use]
pub fn events_of<'a>(word: &str, known: impl Iterator<Item = &'a str> + Clone) -> Vec<String> {
    let traced = known.filter(|name| !name.starts_with("ftrace:"));
    match word {
        "all" => traced.map(str::to_owned).collect(),
        _ if word.contains(':') => matching(word, traced),
        _ => {
            let group = matching(&format!("{word}:*"), traced.clone());
            if group.is_empty() { matching(&format!("*:{word}"), traced) } else { group }
        }
    }
}

/// A string as YAML and JSON have it in common.
fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

fn list<T: AsRef<str>>(words: &[T]) -> String {
    format!("[{}]", words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_trace_cmd_name_events_and_functions() {
        let known = [
            "irq:irq_handler_entry",
            "irq:softirq_entry",
            "sched:sched_switch",
            "sched:sched_waking",
            "ftrace:function",
        ];
        let check = |word: &str, expected: &[&str]| assert_eq!(events_of(word, known.into_iter()), expected, "{word}");
        check("sched", &["sched:sched_switch", "sched:sched_waking"]);
        check("sched_switch", &["sched:sched_switch"]);
        check("irq:*_entry", &["irq:irq_handler_entry", "irq:softirq_entry"]);
        check("sched_wak*", &["sched:sched_waking"]);
        check("all", &known[..4]);
        check("shed", &[]);
        assert_eq!(matching("do_*", ["do_exit", "do_fork", "undo_x"].into_iter()), ["do_exit", "do_fork"]);
    }

    #[test]
    fn a_module_has_the_threads_that_it_asked_kthreadd_for() {
        use kernsnap_trace::{Context, Cpu, Point, Timestamp, Value};
        let event = |pid: i32, name: &str, fields: &[(&str, i64)]| Event {
            time: Timestamp(0),
            cpu: Cpu(0),
            pid: Pid(pid),
            context: Context::default(),
            kind: EventKind::Tracepoint(Point::from_fields(
                name,
                fields.iter().map(|(name, value)| ((*name).to_owned(), Value::Signed(*value))),
            )),
            stack: None,
            details: None,
        };
        let fork = |child| event(2, "sched_process_fork", &[("parent_pid", 2), ("child_pid", child)]);
        let wake = |pid| event(pid, "sched_waking", &[("pid", 2)]);
        let events = [wake(7), fork(50), wake(40), fork(51), wake(51), fork(52), event(51, "sched_process_exit", &[])];
        let module = Subject::Module { module: "m".into(), parameters: Vec::new() };
        let thread = |nth, ends| Descendant { role: format!("thread-{nth}"), parent: "kthreadd".into(), nth, ends };
        assert_eq!(descendants(&events, Pid(40), "loader", &module), [thread(2, true), thread(3, false)]);
        assert_eq!(descendants(&events, Pid(40), "program", &Subject::Program(Vec::new())), []);
    }

    #[test]
    fn a_composition_is_a_scenario() -> Result<(), Box<dyn std::error::Error>> {
        let composition = Composition {
            name: "exercise".into(),
            title: "exercise: \"one\"".into(),
            subject: Subject::Program(vec!["a".into(), "\"b\"".into()]),
            root: RootFileSystem::Init,
            tracing: Tracing {
                tracer: "function".into(),
                events: vec!["sched:sched_switch".into()],
                follow: true,
                buffer_kib: 512,
                ..Tracing::default()
            },
        };
        let child = Descendant { role: "child-1".into(), parent: "exercise".into(), nth: 1, ends: true };
        let children = [child];
        let text = composition.yaml(&children, End::Exit(3), &composition.candidates(&children));
        let draft = kernsnap_scenario::Draft::read(std::path::Path::new("exercise.yaml"), text.clone());
        let draft = draft.map_err(|mistake| format!("{mistake}\n{text}"))?;
        assert_eq!(draft.title(), "exercise: \"one\"");
        assert!(text.contains("ends: { exit: 3 }"), "{text}");
        Ok(())
    }
}
