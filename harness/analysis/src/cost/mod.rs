//! Costs: the number of instructions between two events of a run. Pure.
//!
//! Under `icount` the guest's clock is a counter of instructions: one takes the same 2^shift nanoseconds, whoever executes it.
//! So a difference of two time stamps is a measurement without noise. What it counts, exactly:
//!
//! - the instructions of *all* CPUs that execute any, one after the other: work beside the task counts, too;
//! - idle time, in which no CPU executes anything and the clock jumps to the next timer, apart from that: where the trace has
//!   all switches, the time in which every CPU is idle is told and left out, with the interrupts that come in it;
//! - in steps of the counter that the kernel reads, [`TICK_NS`]: at 2 ns an instruction, 8 instructions.

mod change;
mod idle;

use std::fmt::Write as _;

use serde::Serialize;

use self::idle::Idle;
use crate::view::{Matcher, RoleMap};
pub use change::{Change, Threshold, ThresholdError, changes, own_changes};
use kernsnap_scenario::{Anchors, RoleRule, Scenario};
use kernsnap_trace::{Event, Trace};

/// Nanoseconds between two readings of the counter that differ: 62.5 MHz (`GTIMER_SCALE` in QEMU's `target/arm/internals.h`).
pub const TICK_NS: u64 = 16;

/// The unit of a run's clock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    /// Nanoseconds that one instruction takes.
    pub ns_per_instruction: u64,
    /// CPUs that take part.
    pub cpus: u16,
}

/// The interval between two events.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Figure {
    /// Its kind.
    pub name: String,
    /// Instructions, idle time left out.
    pub instructions: u64,
    /// Guest time, idle time included.
    pub ns: u64,
    /// Guest time in which every CPU was idle; `None` where the trace does not tell, and none was left out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub idle_ns: Option<u64>,
}

impl Figure {
    /// Guest time without that in which every CPU was idle, as far as the trace tells.
    #[must_use]
    pub fn busy_ns(&self) -> u64 {
        self.ns.saturating_sub(self.idle_ns.unwrap_or(0))
    }
}

/// The figures of a run, in the order of their anchors: those that the scenario names, and behind them those that its roles
/// suggest. Anchors that are not in the trace have none.
#[must_use]
pub fn figures(scenario: &Scenario, trace: &Trace, role_map: &RoleMap, clock: Clock) -> Vec<Figure> {
    let matcher = Matcher { role_map, names: &scenario.names };
    let whole = scenario.trace.events.iter().any(|event| event.name == "sched_switch" && event.filter.is_none());
    let idle = whole.then(|| Idle::from_events(&trace.events, clock.cpus));
    let suggested = suggested(scenario);
    let of = |anchors| measure(anchors, &trace.events, &matcher, idle.as_ref(), clock);
    let mut found: Vec<Figure> = scenario.cost.iter().filter_map(of).collect();
    for figure in suggested.iter().filter_map(of) {
        if !found.iter().any(|known| known.name == figure.name) {
            found.push(figure);
        }
    }
    found
}

/// The names that figures of a scenario can have.
#[must_use]
pub fn figure_names(scenario: &Scenario) -> Vec<String> {
    scenario.cost.iter().chain(&suggested(scenario)).map(|anchors| anchors.name.clone()).collect()
}

fn measure(
    anchors: &Anchors,
    events: &[Event],
    matcher: &Matcher<'_>,
    idle: Option<&Idle>,
    clock: Clock,
) -> Option<Figure> {
    let (from, to) = between(events, matcher, anchors)?;
    let (ns, idle_ns) = (to.saturating_sub(from), idle.map(|idle| idle.within(from..to)));
    let instructions = ns.saturating_sub(idle_ns.unwrap_or(0)) / clock.ns_per_instruction.max(1);
    Some(Figure { name: anchors.name.clone(), instructions, ns, idle_ns })
}

/// When the first event happens that the one pattern means, and the first after it that the other means.
fn between(events: &[Event], matcher: &Matcher<'_>, anchors: &Anchors) -> Option<(u64, u64)> {
    let start = events.iter().position(|event| matcher.matches(&anchors.from, event))?;
    let end = events[start + 1..].iter().find(|event| matcher.matches(&anchors.to, event))?;
    Some((events[start].time.0, end.time.0))
}

/// Anchors that the roles of a scenario suggest, by the kernel's own events.
fn suggested(scenario: &Scenario) -> Vec<Anchors> {
    let mut found = Vec::new();
    let mut add = |name: String, from: String, to: String| {
        if let (Ok(from), Ok(to)) = (from.parse(), to.parse()) {
            found.push(Anchors { name, from, to });
        }
    };
    for role in &scenario.roles {
        let name = &role.name;
        match &role.rule {
            RoleRule::ForkedBy(parent, _) => {
                let announced = format!("{parent}: sched_process_fork child_pid={name}");
                add(format!("{name} announced → running"), announced, format!("sched_switch next_pid={name}"));
                let exit = format!("{name}: sched_process_exit");
                add(format!("{name} exits → {parent} woken"), exit, format!("{name}: sched_waking pid={parent}"));
            }
            RoleRule::Serves { client, .. } => {
                let asked = format!("{client}: sched_waking pid={name}");
                add(format!("{client} asks {name} → it runs"), asked.clone(), format!("sched_switch next_pid={name}"));
                add(format!("{client} asks {name} → it has forked"), asked, format!("{name}: sched_process_fork"));
            }
            _ => {}
        }
        if role.followed {
            let (new, woken) = (format!("sched_wakeup_new pid={name}"), format!("sched_waking pid={name}"));
            let running = format!("sched_switch next_pid={name}");
            add(format!("{name} first woken → running"), new, running.clone());
            add(format!("{name} woken → running"), woken, running);
            let left = format!("{name}: sched_process_exit");
            add(format!("{name} exits → gone from its CPU"), left, format!("{name}: sched_switch prev_pid={name}"));
        }
    }
    found
}

/// A table for people.
#[must_use]
pub fn table(figures: &[Figure]) -> String {
    let width = figures.iter().map(|figure| figure.name.chars().count()).max().unwrap_or(0);
    figures.iter().fold(String::new(), |mut text, Figure { name, instructions, ns, idle_ns }| {
        let idle = match idle_ns {
            Some(0) => String::new(),
            Some(idle) => format!(", {idle} ns of them idle"),
            None => ", idle time unknown".to_owned(),
        };
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{name:width$}  {instructions:>9} instructions  ({ns} ns{idle})");
        text
    })
}

#[cfg(test)]
mod tests;
