//! The scenario file as it is written. Shapes and types only: what the names mean is resolved in `resolve`.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::ViewKind;
use super::pattern::{FieldRef, Pattern};

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
    pub run: Vec<RawStep>,
    pub trace: RawTrace,
    #[serde(default)]
    pub roles: BTreeMap<String, RawRole>,
    #[serde(default)]
    pub view: RawView,
    pub expect: Vec<RawExpectation>,
    /// Guest time for everything in `run`, in milliseconds.
    #[serde(default = "default_deadline", rename = "deadline-ms")]
    pub deadline_ms: u32,
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
    #[serde(default)]
    pub functions: Vec<String>,
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

/// `sched_switch`, or `{ name: sched_switch, filter: … }`; the group may be given as `sched:sched_switch`.
#[derive(Debug)]
pub(super) struct RawEvent {
    pub name: String,
    pub filter: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawKprobe {
    pub name: String,
    pub at: String,
    #[serde(default)]
    pub fetch: String,
    #[serde(default)]
    pub returns: bool,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) enum RawRole {
    /// The first task that the named role forks.
    ForkedBy(String),
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
    /// What to show; everything recorded where it is empty.
    #[serde(default)]
    pub only: Vec<Pattern>,
    /// What not to show of that.
    #[serde(default)]
    pub hide: Vec<Pattern>,
    /// Functions whose stacks are shown.
    #[serde(default)]
    pub stacks: Vec<String>,
    /// Fields to show of an event, instead of the usual ones.
    #[serde(default)]
    pub fields: BTreeMap<String, Vec<String>>,
    /// Whether the CPU is part of the behaviour (tasks are pinned).
    #[serde(default)]
    pub cpus: bool,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawExpectation {
    /// The claim, as a sentence.
    pub that: String,
    pub order: Option<Vec<Pattern>>,
    pub present: Option<Pattern>,
    pub absent: Option<Pattern>,
    pub count: Option<RawCount>,
    pub first: Option<Pattern>,
    pub last: Option<Pattern>,
    pub stack: Option<RawStack>,
    pub same: Option<Vec<FieldRef>>,
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

impl<'de> Deserialize<'de> for RawEvent {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct EventVisitor;
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Full {
            name: String,
            filter: Option<String>,
        }
        impl<'de> serde::de::Visitor<'de> for EventVisitor {
            type Value = RawEvent;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an event (`sched_switch`) or `{ name: sched_switch, filter: 'prev_prio < 100' }`")
            }
            fn visit_str<E: serde::de::Error>(self, name: &str) -> Result<RawEvent, E> {
                Ok(RawEvent { name: name.into(), filter: None })
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RawEvent, A::Error> {
                let full = Full::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(RawEvent { name: full.name, filter: full.filter })
            }
        }
        deserializer.deserialize_any(EventVisitor)
    }
}
