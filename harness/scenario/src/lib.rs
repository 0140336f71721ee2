//! The scenario language: the steps in a guest, the recording, and the expectations.
//!
//! A scenario file is read in two steps: [`Draft::read`] checks its shape and needs nothing else; [`Draft::resolve`] gives
//! its names the meaning they have on one image, and yields the [`Scenario`] that the rest of the program works with.

mod anchors;
mod check;
pub mod claims;
mod end;
mod expectation;
pub mod fetch;
mod filter;
pub mod layouts;
pub mod names;
mod needs;
pub mod pattern;
mod raw;
mod resolve;
mod short;
mod target;
mod vocabulary;

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use kernsnap_yaml::{Diagnostic, Step as At, from_yaml};
use serde::Deserialize;

pub use anchors::Anchors;
pub use end::End;
pub use expectation::{Expectation, Rule};
pub use names::Names;
pub use pattern::{Comparison, FieldRef, Pattern, What};
pub use resolve::kernel_module_name;
pub use target::{Registers, Target};
pub use vocabulary::UnknownName;

/// A scenario file whose shape is right.
#[derive(Debug)]
pub struct Draft {
    /// The file's stem: `user-fork`.
    pub id: String,
    /// The file.
    pub path: PathBuf,
    text: String,
    raw: raw::RawScenario,
}

impl Draft {
    /// Reads the scenario `text` that stands in the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first mistake in the file's shape.
    pub fn read(path: &Path, text: String) -> Result<Self, Diagnostic> {
        let raw = from_yaml(path, &text)?;
        let id = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Ok(Self { id, path: path.into(), text, raw })
    }

    /// The scenario's title.
    #[must_use]
    pub fn title(&self) -> &str {
        &self.raw.title
    }

    /// The paragraph that describes it; empty where there is none.
    #[must_use]
    pub fn about(&self) -> &str {
        &self.raw.about
    }

    /// The sentences of its expectations.
    pub fn statements(&self) -> impl Iterator<Item = &str> {
        self.raw.expect.iter().map(|expectation| expectation.that.as_str())
    }

    /// The claims of the notes that it shows.
    #[must_use]
    pub fn claims(&self) -> &[String] {
        &self.raw.claims
    }

    /// The statements of the notes that it corrects.
    #[must_use]
    pub fn corrects(&self) -> &[String] {
        &self.raw.corrects
    }

    /// The guest programs it runs, as `guest-programs/user/` names them.
    pub fn programs(&self) -> impl Iterator<Item = &str> {
        let named = self.raw.run.iter().filter_map(|step| match step {
            raw::RawStep::Start { program, .. } | raw::RawStep::Become { program, .. } => Some(program.as_str()),
            _ => None,
        });
        // A program with a path is one of the root file system.
        named.filter(|program| !program.starts_with('/'))
    }

    /// The modules it loads, as `guest-programs/modules/` names them.
    pub fn modules(&self) -> impl Iterator<Item = &str> {
        self.raw.run.iter().filter_map(|step| match step {
            raw::RawStep::Load { module, .. } => Some(module.as_str()),
            _ => None,
        })
    }

    /// The features that the kernel of `target` lacks, where the scenario does not apply to it; empty where it does.
    #[must_use]
    pub fn lacking(&self, target: &Target<'_>) -> Vec<String> {
        needs::lacking(self, target)
    }

    /// The events that it records, as the file names them: an event, or `system:event`.
    pub fn events(&self) -> impl Iterator<Item = &str> {
        self.raw.trace.events.iter().map(|event| event.name.as_str())
    }

    /// True if it names fields of the kernel's structures, in a probe or among its needs.
    #[must_use]
    pub fn names_fields(&self) -> bool {
        let raw = &self.raw;
        let needs = raw.needs.iter().chain(raw.expect.iter().flat_map(|expectation| &expectation.needs));
        needs.into_iter().any(raw::RawNeed::is_of_a_field)
            || self.raw.trace.kprobes.iter().any(|probe| fetch::names_fields(&probe.fetch))
    }

    /// Gives every name its meaning on `target`.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first name that means nothing there.
    pub fn resolve(&self, target: &Target<'_>) -> Result<Scenario, Diagnostic> {
        resolve::resolve(self, target)
    }

    /// A mistake in the value at `at`.
    pub(crate) fn mistake(&self, at: &[At], message: impl Into<String>, hint: Option<String>) -> Diagnostic {
        Diagnostic::at(&self.path, &self.text, at, message).with_hint(hint)
    }
}

/// The root file system of a guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RootFileSystem {
    /// The harness's init, and the programs and modules of the scenario.
    #[default]
    Init,
    /// Debian's bash, coreutils and procps with the C library besides. Their programs are named by their path, `/bin/bash`.
    Debian,
}

/// A scenario, with every name resolved for one image.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// The file's stem.
    pub id: String,
    /// One line: what it shows.
    pub title: String,
    /// The description.
    pub about: String,
    /// Claims of the notes that it shows.
    pub claims: Vec<String>,
    /// Statements of the notes that it corrects.
    pub corrects: Vec<String>,
    /// The root file system.
    pub root: RootFileSystem,
    /// The steps in the guest, in order.
    pub steps: Vec<Step>,
    /// How the machine ends.
    pub end: MachineEnd,
    /// Guest milliseconds for all steps together.
    pub deadline_ms: u32,
    /// True if programs have all capabilities of root: they can then read and write physical memory, and change init.
    pub unconfined: bool,
    /// Texts of the complaints that the kernel may have about itself.
    pub allow_complaints: Vec<String>,
    /// The recording by ftrace.
    pub trace: TraceSetup,
    /// Who is who, in the order in which names are given.
    pub roles: Vec<Role>,
    /// The lines of the view.
    pub view: ViewRules,
    /// The expectations.
    pub expectations: Vec<Expectation>,
    /// The intervals whose instructions are counted.
    pub cost: Vec<Anchors>,
    /// Logical names to the names this image's kernel may use.
    pub names: Names,
    /// The tracepoints that it traces, `group:name` to the names of their fields.
    event_fields: BTreeMap<String, Vec<String>>,
    path: PathBuf,
    text: String,
}

impl Scenario {
    /// A mistake in the file that only showed in the guest, in the value at `at`.
    #[must_use]
    pub fn mistake(&self, at: &[At], message: impl Into<String>) -> Diagnostic {
        Diagnostic::at(&self.path, &self.text, at, message)
    }

    /// How many CPUs the steps need: one more than the last that a task is put on. Programs may need more than they say.
    #[must_use]
    pub fn least_cpus(&self) -> u16 {
        let cpus = self.steps.iter().filter_map(|step| match step {
            Step::Start { cpu, .. } | Step::Load { cpu, .. } | Step::Unload { cpu, .. } | Step::Become { cpu, .. } => {
                *cpu
            }
            Step::Wait(_) | Step::SleepMs(_) | Step::Write { .. } => None,
        });
        cpus.max().unwrap_or(0) + 1
    }

    /// How each started program is expected to end.
    pub fn ends(&self) -> impl Iterator<Item = (&str, End)> {
        self.steps.iter().filter_map(|step| match step {
            Step::Start { task, ends, .. } => Some((task.as_str(), *ends)),
            _ => None,
        })
    }
}

/// One thing that happens in the guest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// A program is started.
    Start {
        /// Its role.
        task: String,
        /// Its name in `guest-programs/user/`.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// The CPU it is pinned to; `None` for every CPU.
        cpu: Option<u16>,
        /// How it must end.
        ends: End,
    },
    /// The program with this role has ended.
    Wait(String),
    /// A module is loaded.
    Load {
        /// The role of the task that loads it.
        task: String,
        /// Its name in `guest-programs/modules/`.
        module: String,
        /// Module parameters.
        params: Vec<String>,
        /// The CPU of the loading task.
        cpu: Option<u16>,
    },
    /// A module is removed.
    Unload {
        /// The role of the task that removes it.
        task: String,
        /// Its name in `guest-programs/modules/`.
        module: String,
        /// The CPU of the removing task.
        cpu: Option<u16>,
    },
    /// Guest time passes.
    SleepMs(u32),
    /// The first process becomes a program. Nothing comes after it.
    Become {
        /// Its name in `guest-programs/user/`.
        program: String,
        /// Its arguments.
        args: Vec<String>,
        /// The CPU it is pinned to; `None` for every CPU.
        cpu: Option<u16>,
    },
    /// A line is written to a file.
    Write {
        /// The file: a switch of the kernel in `/proc`, `/sys` or tracefs.
        file: String,
        /// The line.
        text: String,
    },
}

/// How a machine ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MachineEnd {
    /// The guest's init switches it off.
    PowerOff,
    /// The kernel panics, and prints the trace on its console.
    Panic,
}

/// The ftrace settings of a run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TraceSetup {
    /// The tracer.
    pub tracer: Tracer,
    /// True if the kernel's command line sets it up, so that it records from the first moments on.
    pub at_boot: bool,
    /// Functions to trace, as the kernel spells them (`finish_task_switch.isra.0`).
    pub functions: Vec<TracedFunction>,
    /// True if the function tracer records a stack with each function.
    pub stacks: bool,
    /// Roots and depth of the function-graph tracer; the roots as the kernel spells them.
    pub graph: Option<(Vec<String>, u32)>,
    /// Tracepoints.
    pub events: Vec<TracedEvent>,
    /// Probes.
    pub kprobes: Vec<Kprobe>,
    /// Functions and probes that this kernel does not have, and need not have. Patterns may name them: they do not happen.
    pub absent: BTreeSet<String>,
    /// Size of each CPU's buffer.
    pub buffer_kib: u32,
}

/// `current_tracer`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Tracer {
    /// No tracer: events only.
    Nop,
    /// `function`
    Function,
    /// `function_graph`
    FunctionGraph,
}

/// A function for `set_ftrace_filter`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedFunction {
    /// The symbol's whole name.
    pub symbol: String,
    /// The module it is in, as the kernel names it; `None` for the kernel image.
    pub module: Option<String>,
}

/// A tracepoint to enable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TracedEvent {
    /// Its group.
    pub group: String,
    /// Its name.
    pub name: String,
    /// A filter in the kernel's own language.
    pub filter: Option<String>,
}

/// A kprobe event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kprobe {
    /// The event's name.
    pub name: String,
    /// The symbol's whole name.
    pub symbol: String,
    /// Fetch arguments in the kernel's own language.
    pub fetch: String,
    /// True if it probes the return (`r:`) instead of the entry (`p:`).
    pub returns: bool,
    /// Its place in the scenario's list, from 0: probes for other kernels are left out of this one.
    pub index: usize,
}

/// A task's name in the view, and how to find the task.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// The name.
    pub name: String,
    /// How to find it.
    pub rule: RoleRule,
    /// True if the view follows the task. Names that every kernel's first tasks have are known without that.
    pub followed: bool,
}

/// How the task of a role is found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleRule {
    /// The guest's init started it under this name.
    Started,
    /// The task that the role forks (`sched_process_fork` or `task_newtask`) as its first, second, … from 1.
    ForkedBy(String, usize),
    /// The task that does the first matching event.
    Does(Pattern),
    /// The task whose pid a field holds.
    Is(FieldRef),
    /// The task that the role's CPU switches to when the role leaves it for the last time.
    RunsAfter(String),
    /// The task with this pid.
    Pid(i32),
    /// The task with this pid, as far as it works for a role: from being woken by it until it goes back to sleep.
    Serves {
        /// The task that works for many.
        pid: i32,
        /// The role it works for here.
        client: String,
    },
}

/// The views that a snapshot can freeze. None of them contains times, which differ between kernels that behave alike.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewKind {
    /// The events, in order.
    #[default]
    Events,
    /// Who created whom, and what became of them.
    Tree,
    /// The calls of each task.
    Calls,
    /// On which ways the kernel came to a place.
    Stacks,
}

impl ViewKind {
    /// Its name in a scenario.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Events => "events",
            Self::Tree => "tree",
            Self::Calls => "calls",
            Self::Stacks => "stacks",
        }
    }
}

/// The lines that a view shows of a followed trace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ViewRules {
    /// How it is looked at.
    pub kind: ViewKind,
    /// The events to show; everything where empty.
    pub only: Vec<Pattern>,
    /// The events not to show of those.
    pub hide: Vec<Pattern>,
    /// Base names of functions whose stacks are shown.
    pub stacks: Vec<String>,
    /// Fields to show of an event, instead of the usual ones.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Fields of probes that are shown in hexadecimal, as the probe asks for: event and field.
    pub hexadecimal: BTreeSet<(String, String)>,
    /// True if each line tells its CPU.
    pub cpus: bool,
}
