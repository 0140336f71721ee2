//! The decoders by event number: computed once from the formats, so that a record costs a look-up and a few loads.

use std::sync::Arc;

use super::event::Layout;
use super::fields::{FieldDecoder, Slot};
use super::format::{Field, Format, Storage, parse_format};
use super::print::task_states;
use super::printk_formats::TEXT;
use super::task_states::TaskStates;
use super::{Context, IssueKind, IssuePlace, ParseIssue, Pid};

/// The plans of all known events, by event number.
#[derive(Clone, Debug, Default)]
pub(super) struct EventDecoders {
    by_id: Vec<Option<Plan>>,
    any: Option<u16>,
}

/// How to read one event's records.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    pid: Slot,
    flags: Slot,
    preempt_count: Slot,
    /// The content of its records.
    pub(super) shape: RecordKind,
}

/// The kinds of records that are told apart, with the places of what is read from each.
#[derive(Clone, Debug)]
pub(super) enum RecordKind {
    /// `ftrace:function`.
    Call {
        /// The traced function.
        function: Slot,
        /// Its return address.
        caller: Slot,
    },
    /// `ftrace:funcgraph_entry`.
    Enter {
        /// The traced function.
        function: Slot,
        /// Nesting depth.
        depth: Slot,
    },
    /// `ftrace:funcgraph_exit`.
    Leave {
        /// The traced function.
        function: Slot,
        /// Nesting depth.
        depth: Slot,
        /// When it was entered.
        entered: Option<Slot>,
        /// When it returned.
        left: Option<Slot>,
    },
    /// `ftrace:kernel_stack`.
    Stack {
        /// The number of frames.
        size: Slot,
        /// The first frame.
        frame: Slot,
        /// Where the frames begin.
        offset: usize,
    },
    /// `ftrace:user_stack`: the frames up to the first that is 0.
    UserStack {
        /// The first frame.
        frame: Slot,
        /// Where the frames are.
        frames: std::ops::Range<usize>,
    },
    /// `ftrace:func_repeats`: calls that the kernel counted (`func-no-repeats`).
    Repeats {
        /// The traced function.
        function: Slot,
        /// Its return address.
        caller: Slot,
        /// The number of calls.
        count: Slot,
        /// Nanoseconds since the last one: the bits from 32 on, and those below.
        delta: (Slot, Slot),
    },
    /// `ftrace:print`: the text up to the record's end.
    Marker {
        /// Who wrote it: user space, through a function of the kernel, or a function that calls `trace_printk()`.
        ip: Slot,
        /// Where the text begins.
        offset: usize,
        /// The names of a record that a function wrote.
        layout: Arc<Layout>,
    },
    /// `ftrace:bprint` and `ftrace:bputs`: a text whose constant part the kernel keeps elsewhere.
    Printk {
        /// Who wrote it.
        ip: Slot,
        /// Where the kernel keeps the format, or the whole text.
        format: Slot,
        /// Where the arguments begin; `None` of a whole text.
        arguments: Option<usize>,
        /// The names of a record whose text is known.
        layout: Arc<Layout>,
        /// How to read a record whose format is not known.
        fields: Box<RecordKind>,
    },
    /// Any other event.
    Point {
        /// The names.
        layout: Arc<Layout>,
        /// Its own fields, in their order.
        fields: Vec<FieldDecoder>,
        /// The fields that hold the address of a probe, by their place among these.
        probe_places: Vec<usize>,
        /// The fields that hold the address of a string of the kernel.
        string_places: Vec<usize>,
        /// The fields that name a task: the places of its name and of its pid.
        tasks: Vec<(usize, usize)>,
        /// How the states of tasks are numbered, where that is not as in kernels from 4.14 on.
        states: Option<TaskStates>,
    },
}

impl EventDecoders {
    /// Reads the formats, for a guest whose `long` has `long` bytes.
    #[must_use]
    pub(super) fn new(formats: &[&str], long: u32) -> (Self, Vec<ParseIssue>) {
        let mut plans = Self::default();
        let mut issues = Vec::new();
        for (number, text) in formats.iter().enumerate() {
            let planned = parse_format(text).and_then(|format| {
                let plan =
                    Plan::from_format(&format, long).map_err(|message| format!("`{}`: {message}", format.name))?;
                Ok((format.id, plan))
            });
            match planned {
                Ok((id, plan)) => {
                    let at = usize::from(id);
                    if plans.by_id.len() <= at {
                        plans.by_id.resize(at + 1, None);
                    }
                    if let Some(place) = plans.by_id.get_mut(at) {
                        *place = Some(plan);
                    }
                    plans.any = Some(id);
                }
                Err(why) => {
                    issues.push(ParseIssue { place: IssuePlace::Format(number + 1), kind: IssueKind::Unreadable(why) });
                }
            }
        }
        (plans, issues)
    }

    /// The plan for event number `id`.
    #[inline]
    #[must_use]
    pub(super) fn get(&self, id: u16) -> Option<&Plan> {
        self.by_id.get(usize::from(id))?.as_ref()
    }

    /// Some plan, for what all records have in common.
    pub(super) fn any(&self) -> Option<&Plan> {
        self.any.and_then(|id| self.get(id))
    }

    /// True if records of a function's return carry the time of its entry, if there are any such records.
    #[must_use]
    pub(super) fn say_when_entered(&self) -> bool {
        let mut plans = self.by_id.iter().flatten();
        !plans.any(|plan| matches!(plan.shape, RecordKind::Leave { entered: None, .. }))
    }
}

impl Plan {
    fn from_format(format: &Format, long: u32) -> Result<Self, String> {
        let common = |name: &str| {
            format.field(name).and_then(Slot::from_field).ok_or_else(|| format!("no integer field `{name}`"))
        };
        if format.field("common_type").is_none_or(|field| (field.offset, field.size) != (0, 2)) {
            return Err("`common_type` is not the first two bytes".into());
        }
        Ok(Self {
            pid: common("common_pid")?,
            flags: common("common_flags")?,
            preempt_count: common("common_preempt_count")?,
            shape: RecordKind::from_format(format, long),
        })
    }

    /// The task that was running.
    #[inline]
    #[must_use]
    pub(super) fn pid(&self, record: &[u8]) -> Option<Pid> {
        self.pid.low(record).map(|pid| Pid(pid.cast_signed()))
    }

    /// Interrupt and preemption state.
    #[inline]
    #[must_use]
    pub(super) fn context(&self, record: &[u8]) -> Option<Context> {
        Some(Context { flags: self.flags.byte(record)?, preempt_count: self.preempt_count.byte(record)? })
    }
}

/// The fields in which the event of a probe keeps addresses of code (`FIELD_STRING_IP` and others in
/// `kernel/trace/trace_probe.h`).
const PROBE_PLACES: [&str; 3] = ["__probe_ip", "__probe_func", "__probe_ret_ip"];

impl RecordKind {
    /// The typed shape where name and fields are those of ftrace's own event, so that a kprobe which happens to be
    /// called `print` stays a point.
    fn from_format(format: &Format, long: u32) -> Self {
        Self::typed(format, long).unwrap_or_else(|| Self::point(format, long))
    }

    fn point(format: &Format, long: u32) -> Self {
        let places = |is_one: fn(&Field) -> bool| {
            (0..).zip(own_fields(format)).filter(|(_, field)| is_one(field)).map(|(at, _)| at).collect()
        };
        Self::Point {
            probe_places: places(|field| PROBE_PLACES.contains(&&*field.name)),
            string_places: places(|field| {
                field.storage == Storage::Single && matches!(&*field.ctype, "const char *" | "char *")
            }),
            tasks: named_tasks(format),
            states: task_states(format, long),
            layout: Arc::new(Layout {
                name: Arc::clone(&format.name),
                fields: own_fields(format).map(|field| Arc::clone(&field.name)).collect(),
            }),
            fields: own_fields(format).map(|field| FieldDecoder::from_field(field, long)).collect(),
        }
    }

    fn typed(format: &Format, long: u32) -> Option<Self> {
        let slot = |name: &str| format.field(name).and_then(Slot::from_field);
        let offset = |name: &str| format.field(name).and_then(|field| usize::try_from(field.offset).ok());
        match &*format.name {
            "function" => Some(Self::Call { function: slot("ip")?, caller: slot("parent_ip")? }),
            "funcgraph_entry" => Some(Self::Enter { function: slot("func")?, depth: slot("depth")? }),
            "funcgraph_exit" => Some(Self::Leave {
                function: slot("func")?,
                depth: slot("depth")?,
                entered: slot("calltime"),
                left: slot("rettime"),
            }),
            "kernel_stack" => {
                let offset = offset("caller")?;
                Some(Self::Stack { size: slot("size")?, frame: Slot::long(offset, long)?, offset })
            }
            "user_stack" => {
                let field = format.field("caller").filter(|field| matches!(field.storage, Storage::Array(_)))?;
                let (begin, size) = (usize::try_from(field.offset).ok()?, usize::try_from(field.size).ok()?);
                Some(Self::UserStack { frame: Slot::long(begin, long)?, frames: begin..begin.checked_add(size)? })
            }
            "func_repeats" => Some(Self::Repeats {
                function: slot("ip")?,
                caller: slot("parent_ip")?,
                count: slot("count")?,
                delta: (slot("top_delta_ts")?, slot("bottom_delta_ts")?),
            }),
            "print" => {
                Some(Self::Marker { ip: slot("ip")?, offset: offset("buf")?, layout: layout_of_text(&format.name) })
            }
            "bprint" | "bputs" => {
                let fields = Box::new(Self::point(format, long));
                let layout = layout_of_text(&format.name);
                let (format, arguments) = match slot("fmt") {
                    Some(format) => (format, Some(offset("buf")?)),
                    None => (slot("str")?, None),
                };
                Some(Self::Printk { ip: slot("ip")?, format, arguments, layout, fields })
            }
            _ => None,
        }
    }
}

/// The names of a record of `trace_printk()` whose text is known.
fn layout_of_text(name: &Arc<str>) -> Arc<Layout> {
    Arc::new(Layout { name: Arc::clone(name), fields: vec![TEXT.into()] })
}

/// The fields that hold a task's name beside its pid, by their places: `comm` and `pid`, `prev_comm` and `prev_pid`.
fn named_tasks(format: &Format) -> Vec<(usize, usize)> {
    // Other events keep names and pids that do not belong together.
    if !["sched_", "task_", "signal_"].iter().any(|group| format.name.starts_with(group)) {
        return Vec::new();
    }
    let place = |name: &str| own_fields(format).position(|field| *field.name == *name);
    let pid_beside = |field: &Field| match &*field.name {
        "comm" | "newcomm" => Some("pid".to_owned()),
        name => name.strip_suffix("_comm").map(|task| format!("{task}_pid")),
    };
    let named = |(at, field): (usize, &Field)| Some((at, place(&pid_beside(field)?)?));
    own_fields(format).enumerate().filter_map(named).collect()
}

fn own_fields(format: &Format) -> impl Iterator<Item = &Field> {
    format.fields.iter().filter(|field| !field.name.starts_with("common_"))
}
