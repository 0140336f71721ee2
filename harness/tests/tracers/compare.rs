//! The raw pages of a recording, and the parts of their events that a text has.

use std::collections::BTreeMap;
use std::sync::Arc;

use kernsnap::session::run::ImageRuntime;
use kernsnap_trace::dat::TraceDat;
use kernsnap_trace::text::{Style, as_printed};
use kernsnap_trace::{CodeLocation, Context, Cpu, Event, EventKind, ParseIssue, Pid, Symbol, Timestamp, Trace, decode};

use crate::options::Part;
use crate::plan::{RECORDS, section};

/// The events that were read from the pages.
pub(crate) struct Raw {
    pub(crate) trace: Trace,
    pub(crate) issues: Vec<ParseIssue>,
}

impl Raw {
    pub(crate) fn new(sections: &BTreeMap<&str, &[u8]>, runtime: &ImageRuntime, name: &str, cpus: u16) -> Self {
        let bytes = |part: &str| sections.get(part).copied().unwrap_or_default();
        let text = |part: &str| std::str::from_utf8(bytes(part)).unwrap_or_default();
        let own = RECORDS.iter().map(|record| text(&format!("ftrace:{record}"))).filter(|text| !text.is_empty());
        let mut formats: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (event, format) in &runtime.facts.formats {
            if let Some((group, _)) = event.split_once(':').filter(|(group, _)| *group != "ftrace") {
                formats.entry(group).or_default().push(format);
            }
        }
        formats.insert("kernsnap", vec![text("probe:enter"), text("probe:leave")]);
        let part = |cpu: u16, what: &str| section(name, &format!("{what}{cpu}"));
        let dat = TraceDat {
            header_page: &runtime.facts.header_page,
            printk_formats: &runtime.facts.printk_formats,
            saved_cmdlines: bytes(&section(name, "names")),
            own_formats: own.collect(),
            formats: formats.into_iter().collect(),
            cpus: (0..cpus).map(|cpu| (Cpu(cpu), bytes(&part(cpu, "cpu")).into())).collect(),
            stats: (0..cpus).map(|cpu| (Cpu(cpu), text(&part(cpu, "stats")))).collect(),
            ..TraceDat::default()
        };
        let (trace, issues) = decode(&dat.recording(), &runtime.symbols);
        Self { trace, issues }
    }

    /// True if a program wrote this text.
    pub(crate) fn has_marker(&self, written: &str) -> bool {
        self.trace.events.iter().any(|event| matches!(&event.kind, EventKind::Marker { text } if **text == *written))
    }
}

/// The events of a text that lacks `lost`, in an order that both sides have.
pub(crate) fn comparable(events: &[Event], style: Style, lost: &[Part], exact_times: bool) -> Vec<Event> {
    let mut events: Vec<Event> = events.iter().map(|event| without(event, style, lost, exact_times)).collect();
    if lost.contains(&Part::Cpu) || lost.contains(&Part::Time) {
        events.sort_by_cached_key(|event| format!("{event:?}"));
    } else {
        events.sort_by_key(|event| event.cpu);
    }
    events
}

fn without(event: &Event, style: Style, lost: &[Part], exact_times: bool) -> Event {
    let mut left = as_printed(event, style);
    if exact_times && style == Style::Lines {
        (left.time, left.details) = (event.time, event.details.clone());
    }
    for part in lost {
        match part {
            Part::Time => left.time = Timestamp(0),
            Part::Cpu => left.cpu = Cpu(0),
            Part::Task => left.pid = Pid::UNKNOWN,
            Part::Context => left.context = Context::default(),
            Part::Offset => symbols(&mut left, &mut without_offset),
            Part::Caller => {
                if let EventKind::Function { caller, .. } = &mut left.kind {
                    *caller = Symbol::Unknown;
                }
            }
            Part::Duration => {
                if let EventKind::GraphExit { left, .. } = &mut left.kind {
                    *left = Timestamp(0);
                }
            }
            Part::Form => {}
        }
    }
    left
}

fn symbols(event: &mut Event, change: &mut dyn FnMut(&mut Symbol)) {
    match &mut event.kind {
        EventKind::Function { function, caller } => [function, caller].into_iter().for_each(&mut *change),
        EventKind::GraphEntry { function, .. } | EventKind::GraphExit { function, .. } => change(function),
        EventKind::Marker { .. } | EventKind::Tracepoint(_) => {}
    }
    event.stack.iter_mut().flatten().for_each(change);
}

fn without_offset(symbol: &mut Symbol) {
    if let Symbol::Function { place, .. } = symbol {
        *place = Arc::new(CodeLocation { offset: None, ..(**place).clone() });
    }
}
