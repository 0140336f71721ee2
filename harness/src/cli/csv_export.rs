//! Events as comma-separated values (RFC 4180), for spreadsheets and data frames. A file is read by any tool that reads CSV; numbers are
//! decimal, and the fields of an event are one JSON object.

use std::collections::BTreeMap;
use std::io::Write;

use kernsnap_trace::{Event, EventKind, Symbol};

use super::events::{fields, instance};

/// The names of the columns.
const COLUMNS: [&str; 11] =
    ["time_ns", "cpu", "pid", "task", "event", "function", "caller", "depth", "duration_ns", "fields", "instance"];

/// Writes events below a line with the names of the columns.
pub(super) fn write<'a>(
    events: impl IntoIterator<Item = &'a Event>,
    names: &BTreeMap<i32, String>,
    out: impl Write,
) -> csv::Result<()> {
    let mut writer = csv::Writer::from_writer(out);
    writer.write_record(COLUMNS)?;
    for event in events {
        writer.write_record(row(event, names))?;
    }
    Ok(writer.flush()?)
}

fn row(event: &Event, names: &BTreeMap<i32, String>) -> [String; COLUMNS.len()] {
    let name = |symbol: &Symbol| symbol.to_string();
    let none = String::new;
    let [event_name, function, caller, depth, duration, rest] = match &event.kind {
        EventKind::Function { function, caller } => {
            ["call".into(), name(function), name(caller), none(), none(), none()]
        }
        EventKind::GraphEntry { function, depth } => {
            ["enter".into(), name(function), none(), depth.to_string(), none(), none()]
        }
        EventKind::GraphExit { function, depth, entered, left } => {
            let duration = left.0.saturating_sub(entered.0).to_string();
            ["leave".into(), name(function), none(), depth.to_string(), duration, none()]
        }
        EventKind::Marker { text } => {
            let text = serde_json::json!({ "text": &**text }).to_string();
            ["marker".into(), none(), none(), none(), none(), text]
        }
        EventKind::Tracepoint(point) => {
            [point.name().to_string(), none(), none(), none(), none(), fields(point).to_string()]
        }
    };
    let task = names.get(&event.pid.0).cloned().unwrap_or_default();
    let [time, cpu, pid] = [event.time.0.to_string(), event.cpu.0.to_string(), event.pid.0.to_string()];
    let instance = instance(event).unwrap_or_default().to_owned();
    [time, cpu, pid, task, event_name, function, caller, depth, duration, rest, instance]
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::text::parse;

    #[test]
    fn each_event_is_a_row_and_marks_are_quoted() -> Result<(), Box<dyn std::error::Error>> {
        let text = "  a,b-7  [001] .....  1.000002: sched_process_exit: comm=a,b pid=7 prio=120\n\
                     a,b-7  [001] .....  1.000003: do_exit <-do_group_exit\n";
        let (trace, issues) = parse(text.as_bytes());
        assert!(issues.is_empty(), "{issues:?}");
        let mut out = Vec::new();
        write(&trace.events, &BTreeMap::from([(7, "a,b".to_owned())]), &mut out)?;
        let text = String::from_utf8(out)?;
        let rows: Vec<&str> = text.lines().collect();
        assert_eq!(rows[0], COLUMNS.join(","));
        assert!(rows[1].starts_with("1000002000,1,7,\"a,b\",sched_process_exit,,,,,\"{"), "{text}");
        assert!(rows[2].starts_with("1000003000,1,7,\"a,b\",call,do_exit,do_group_exit,,,"), "{text}");
        Ok(())
    }
}
