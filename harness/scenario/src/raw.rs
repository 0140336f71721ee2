//! The scenario file as it is written. Shapes and types only: what the names mean is resolved in `resolve`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::anchors::Anchors;
use super::pattern::{FieldRef, Pattern};
use super::{RootFileSystem, ViewKind};

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawScenario {
    pub title: String,
    #[serde(default)]
    pub about: String,
    #[serde(default)]
    pub claims: Vec<String>,
    #[serde(default)]
    pub corrects: Vec<String>,
    /// The features that a kernel must have for this to apply.
    #[serde(default)]
    pub needs: Vec<RawNeed>,
    #[serde(default)]
    pub root: RootFileSystem,
    pub run: Vec<RawStep>,
    pub trace: RawTrace,
    #[serde(default)]
    pub roles: BTreeMap<String, RawRole>,
    #[serde(default)]
    pub view: RawView,
    pub expect: Vec<RawExpectation>,
    /// The intervals whose instructions are counted.
    #[serde(default)]
    pub cost: Vec<Anchors>,
    /// Texts of the complaints that the kernel may have about itself.
    #[serde(default, rename = "allow-complaints")]
    pub allow_complaints: Vec<String>,
    /// True if programs keep what init takes from them (docs/security.md).
    #[serde(default)]
    pub unconfined: bool,
    #[serde(default)]
    pub end: RawMachineEnd,
    /// Guest time for everything in `run`, in milliseconds.
    #[serde(default = "default_deadline", rename = "deadline-ms")]
    pub deadline_ms: u32,
}

/// Something that not every kernel has.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RawNeed {
    /// A traceable function.
    Function(String),
    /// A tracepoint.
    Event(String),
    /// A field of a structure, `task.rcu_users`.
    Field(String),
    /// An option that is set, `CONFIG_VHOST_NET`.
    Config(String),
    /// At least this version, for behaviour that has no name of its own.
    Kernel(Version),
    /// That it has not.
    Not(Box<RawNeed>),
}

impl RawNeed {
    /// True if a field of a structure is asked for.
    pub(super) fn is_of_a_field(&self) -> bool {
        match self {
            Self::Field(_) => true,
            Self::Not(need) => need.is_of_a_field(),
            Self::Function(_) | Self::Event(_) | Self::Config(_) | Self::Kernel(_) => false,
        }
    }
}

/// A kernel's version as far as features come with it: `6.1`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Version {
    pub major: u32,
    pub minor: u32,
}

impl Version {
    /// The version that a text begins with: `uname -r` has more after it.
    pub(super) fn leading(text: &str) -> Option<Self> {
        let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
        Some(Self { major: numbers.next()?.ok()?, minor: numbers.next()?.ok()? })
    }
}

impl std::fmt::Display for Version {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct VersionVisitor;
        impl serde::de::Visitor<'_> for VersionVisitor {
            type Value = Version;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("a version in quotes (`\"5.10\"`, which is another number than `5.10`)")
            }
            fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Version, E> {
                let version = Version::leading(text).filter(|version| version.to_string() == text);
                version.ok_or_else(|| E::invalid_value(serde::de::Unexpected::Str(text), &self))
            }
        }
        deserializer.deserialize_any(VersionVisitor)
    }
}

/// How the machine is expected to end.
#[derive(Debug, Clone, Copy, Default, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RawMachineEnd {
    #[default]
    PowerOff,
    Panic,
}

fn default_deadline() -> u32 {
    10_000
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RawStep {
    Start {
        task: String,
        program: String,
        #[serde(default)]
        args: Vec<String>,
        cpu: Option<u16>,
        /// The `wait` status the scenario expects, as a shell would put it: `exit 0` or `signal 9`.
        #[serde(default)]
        ends: RawEnd,
    },
    Wait(String),
    Load {
        task: String,
        module: String,
        #[serde(default)]
        params: Vec<String>,
        cpu: Option<u16>,
    },
    Unload {
        task: String,
        module: String,
        cpu: Option<u16>,
    },
    SleepMs(u32),
    Write {
        file: String,
        text: String,
    },
    Become {
        program: String,
        #[serde(default)]
        args: Vec<String>,
        cpu: Option<u16>,
    },
}

/// How a program is expected to end.
#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RawEnd {
    Exit(u8),
    Signal(u8),
}

impl Default for RawEnd {
    fn default() -> Self {
        RawEnd::Exit(0)
    }
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawTrace {
    pub tracer: RawTracer,
    /// True if the kernel itself sets this up, before it starts anything.
    #[serde(default)]
    pub at_boot: bool,
    #[serde(default)]
    pub functions: Vec<RawFunction>,
    /// True if a tracer without functions is meant: it records all of the kernel's.
    #[serde(default)]
    pub all_functions: bool,
    #[serde(default)]
    pub stacks: bool,
    pub graph: Option<RawGraph>,
    #[serde(default)]
    pub events: Vec<RawEvent>,
    #[serde(default)]
    pub kprobes: Vec<RawKprobe>,
    #[serde(default = "default_buffer")]
    pub buffer_kib: u32,
}

fn default_buffer() -> u32 {
    1024
}

#[derive(Debug, Clone, Copy, Deserialize, PartialEq, Eq)]
#[serde(rename_all = "snake_case")]
pub(super) enum RawTracer {
    Nop,
    Function,
    FunctionGraph,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGraph {
    pub roots: Vec<String>,
    pub depth: u32,
}

/// `do_exit`, or `{ name: do_exit, if-present: true }`.
#[derive(Debug)]
pub(super) struct RawFunction {
    pub name: String,
    /// True if a kernel without it is all right.
    pub if_present: bool,
}

/// `sched_switch`, or `{ name: sched_switch, filter: … }`; the group may be given as `sched:sched_switch`.
#[derive(Debug)]
pub(super) struct RawEvent {
    pub name: String,
    pub filter: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawKprobe {
    pub name: String,
    pub at: String,
    #[serde(default)]
    pub fetch: String,
    #[serde(default)]
    pub returns: bool,
    /// True if a kernel without the function is all right.
    #[serde(default)]
    pub if_present: bool,
    /// The kernels that the probe is for.
    #[serde(default)]
    pub needs: Vec<RawNeed>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RawRole {
    /// The task that the named role forks: its first, or the one with this number.
    ForkedBy(RawForkedBy),
    /// The task that does the first event matching the pattern.
    Does(Pattern),
    /// The task whose pid stands in a field of the first matching event.
    Is(FieldRef),
    /// The task that the CPU switches to when the named role leaves it for the last time.
    RunsAfter(String),
    /// A task with a pid that every kernel gives it: 0, 1 or 2.
    Pid(i32),
    /// Such a task, as far as it works for the named role: from being woken by it until it goes back to sleep.
    Serves {
        pid: i32,
        #[serde(rename = "for")]
        client: String,
    },
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawView {
    /// How the trace is looked at.
    #[serde(default)]
    pub kind: ViewKind,
    /// The events to show; all recorded events where it is empty.
    #[serde(default)]
    pub only: Vec<Pattern>,
    /// The events to leave out.
    #[serde(default)]
    pub hide: Vec<Pattern>,
    /// Functions whose stacks are shown.
    #[serde(default)]
    pub stacks: Vec<String>,
    /// Fields to show of an event, instead of the usual ones.
    #[serde(default)]
    pub fields: BTreeMap<String, Vec<String>>,
    /// True if the CPU is part of the behaviour (tasks are pinned).
    #[serde(default)]
    pub cpus: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawExpectation {
    /// The claim, as a sentence.
    pub that: String,
    /// The features that a kernel must have for this to apply.
    #[serde(default)]
    pub needs: Vec<RawNeed>,
    /// Only what happens from the one event to the other counts.
    pub between: Option<[Pattern; 2]>,
    pub order: Option<Vec<Pattern>>,
    pub in_turn: Option<Vec<Pattern>>,
    pub present: Option<Pattern>,
    pub absent: Option<Pattern>,
    pub count: Option<RawCount>,
    pub first: Option<Pattern>,
    pub last: Option<Pattern>,
    pub stack: Option<RawStack>,
    pub same: Option<Vec<FieldRef>>,
    pub different: Option<Vec<FieldRef>>,
    pub distinct: Option<RawDistinct>,
    pub apart: Option<RawApart>,
    /// A line of the console has this text in it.
    pub console: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDistinct {
    pub of: FieldRef,
    pub are: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct RawApart {
    pub from: Pattern,
    pub to: Pattern,
    pub at_least_ms: u32,
    pub at_most_ms: u32,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawCount {
    pub of: Pattern,
    pub is: usize,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawStack {
    pub of: Pattern,
    /// Frames from the innermost outwards; others may lie between them.
    pub has: Vec<String>,
}

/// `parent`, or `{ role: parent, nth: 2 }`.
#[derive(Debug)]
pub(super) struct RawForkedBy {
    pub role: String,
    pub nth: usize,
}
