//! Recordings in Perfetto itself: its trace processor, in its user interface, in a real browser, finds the events, calls, markers
//! and tasks that the recording has, and no fault. `cargo nextest run --profile perfetto` fetches that interface.
#![expect(clippy::disallowed_methods, reason = "the test runner says where the interface is")]

#[expect(dead_code, reason = "nothing is typed or clicked here")]
mod browser;
mod server;

use std::collections::BTreeMap;
use std::error::Error;
use std::path::PathBuf;

use kernsnap_analysis::model::{Call, Calls};
use kernsnap_trace::perfetto::perfetto;
use kernsnap_trace::text::parse;
use kernsnap_trace::{EventKind, Trace};
use serde_json::Value;
use tempfile::TempDir;

use self::browser::Browser;
use self::server::serve;

type Outcome = Result<(), Box<dyn Error>>;

/// Waits until the trace is loaded, and for at most a minute.
const LOADED: &str = "new Promise((done) => {
    const end = Date.now() + 60000;
    const look = () => {
        const trace = window.app?.trace;
        if (trace || Date.now() > end) done(Boolean(trace)); else setTimeout(look, 50);
    };
    look();
})";

/// The result of a query: a line for each row, columns separated by spaces.
fn query(browser: &mut Browser, sql: &str) -> Result<Vec<String>, Box<dyn Error>> {
    let sql = Value::from(sql);
    let rows = browser.ask(&format!(
        "(async () => {{
            const result = await window.app.trace.engine.query({sql});
            const rows = [];
            for (const row = result.iter({{}}); row.valid(); row.next())
                rows.push(result.columns().map((column) => String(row.get(column))).join(' '));
            return rows;
        }})()"
    ))?;
    Ok(serde_json::from_value(rows)?)
}

/// Loads the trace into Perfetto: what it reads there is what the trace has, and `tasks` are the tasks it knows, each
/// `TID PROCESS NAME`.
fn check(text: &str, tasks: &[&str]) -> Outcome {
    let interface = std::env::var_os("KERNSNAP_PERFETTO_UI")
        .map(PathBuf::from)
        .ok_or("Perfetto's user interface is not here: `cargo nextest run --profile perfetto` fetches it")?;
    let (trace, _) = parse(text.as_bytes());
    let address = serve(interface, perfetto(&trace))?;
    let directory = TempDir::new()?;
    let mut browser = Browser::start(directory.path())?;
    browser.open(&format!("http://{address}/#!/?url=http://{address}/trace"))?;
    assert_eq!(browser.ask(LOADED)?, Value::Bool(true), "{:#?}", browser.errors);
    assert_eq!(query(&mut browser, "select name, value from stats where severity != 'info' and value != 0")?, [""; 0]);
    let events = "select ts, cpu, tid, f.name from ftrace_event f join thread using (utid) order by f.id";
    let mut found = query(&mut browser, events)?;
    found.sort();
    assert_eq!(found, points(&trace));
    // Whole microseconds, as the texts have them.
    let slices = "select s.ts, case s.dur when -1 then -1 else s.dur / 1000 end, s.depth, tid, s.name from slice s
                  join thread_track t on s.track_id = t.id join thread using (utid)";
    let mut found = query(&mut browser, slices)?;
    found.sort();
    assert_eq!(found, on_tracks(&trace));
    let known = "select tid, pid, thread.name from thread join process using (upid) where tid > 0 order by tid";
    assert_eq!(query(&mut browser, known)?, tasks);
    browser.close()
}

/// The events that are neither calls of a tree nor markers: `TIME CPU TID NAME`.
fn points(trace: &Trace) -> Vec<String> {
    let mut lines: Vec<_> = trace
        .events
        .iter()
        .filter_map(|event| {
            let name = match &event.kind {
                EventKind::Function { .. } => "function",
                EventKind::Tracepoint(point) => point.name(),
                EventKind::GraphEntry { .. } | EventKind::GraphExit { .. } | EventKind::Marker { .. } => return None,
            };
            Some(format!("{} {} {} {name}", event.time.0, event.cpu.0, event.pid.0))
        })
        .collect();
    lines.sort();
    lines
}

/// The calls and the markers: `TIME MICROSECONDS DEPTH TID NAME`. What does not return lasts -1, a marker 0.
fn on_tracks(trace: &Trace) -> Vec<String> {
    let mut lines = Vec::new();
    let mut open: BTreeMap<i32, usize> = BTreeMap::new();
    for event in &trace.events {
        let depth = open.entry(event.pid.0).or_default();
        match &event.kind {
            EventKind::GraphEntry { .. } => *depth += 1,
            EventKind::GraphExit { .. } => *depth = depth.saturating_sub(1),
            EventKind::Marker { text } => lines.push(format!("{} 0 {depth} {} {text}", event.time.0, event.pid.0)),
            _ => {}
        }
    }
    for (pid, calls) in Calls::from_events(trace.events.iter().enumerate()).roots {
        tell(&calls, 0, pid.0, &mut lines);
    }
    lines.sort();
    lines
}

fn tell(calls: &[Call], depth: usize, tid: i32, lines: &mut Vec<String>) {
    for call in calls {
        let lasts = call.left.map_or(-1, |left| i128::from((left.0 - call.entered.0) / 1000));
        lines.push(format!("{} {lasts} {depth} {tid} {}", call.entered.0, call.function));
        tell(&call.calls, depth + 1, tid, lines);
    }
}

#[test]
fn functions_probes_and_scheduling() -> Outcome {
    check(
        include_str!("../trace/tests/data/recordings/function/trace.txt"),
        &["1 1 init", "12 12 rcu_sched", "53 53 child"],
    )
}

#[test]
fn call_trees() -> Outcome {
    check(include_str!("../trace/tests/data/recordings/graph/trace.txt"), &["1 1 init", "12 12 rcu_sch", "54 54 child"])
}

#[test]
fn threads_belong_to_the_process_that_makes_them() -> Outcome {
    check(
        "  main-50 [001] ..... 1.000001: task_newtask: pid=51 comm=main clone_flags=3d0f00 oom_score_adj=0\n\
         \x20 main-50 [001] ..... 1.000002: task_newtask: pid=52 comm=main clone_flags=1200000 oom_score_adj=0\n\
         \x20 work-51 [002] ..... 1.000003: tracing_mark_write: in a thread\n\
         \x20 main-52 [003] ..... 1.000004: tracing_mark_write: in a process\n",
        &["50 50 main", "51 50 work", "52 52 main"],
    )
}
