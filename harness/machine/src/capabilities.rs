//! The tracing capabilities of an image's kernel: the functions and events that it can trace. Asked once, by booting it; a capability is
//! as much a function of the image as a run is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::machine::Region;
use crate::plan::{PRINTK_FORMATS, inspect, tracefs};
use kernsnap_trace::field_names;

/// The tracing abilities of one image.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct TraceCapabilities {
    /// `uname -r`.
    pub release: String,
    /// `available_filter_functions`: each name with its numbers, from 1. A name has several where static functions share
    /// it, or where a weak function that was overridden has lost its own name and goes by its neighbour's.
    pub functions: BTreeMap<String, Vec<usize>>,
    /// `events/header_page`.
    pub header_page: String,
    /// `printk_formats`: the texts of `trace_printk()` and of tracepoints that the kernel itself has, by their addresses.
    #[serde(default)]
    pub printk_formats: String,
    /// `/proc/kallsyms`, where the kernel came without a `System.map`.
    pub symbols: String,
    /// `events/GROUP/NAME/format`, by `GROUP:NAME`. The group `ftrace` has the tracers' own records.
    pub formats: BTreeMap<String, String>,
}

/// Sections of the answer; those with a colon in their name are formats.
const RELEASE: &str = "release";
const FUNCTIONS: &str = "functions";
const HEADER_PAGE: &str = "header_page";
const SYMBOLS: &str = "kallsyms";

/// The tracers' own records, which `available_events` does not list. A kernel without one of them leaves its section out.
const TRACER_RECORDS: [&str; 7] =
    ["function", "funcgraph_entry", "funcgraph_exit", "kernel_stack", "print", "bprint", "bputs"];

/// The plan that asks for all of it. `symbols` where nothing else tells them.
#[must_use]
pub fn probe_plan(channel: Region, symbols: bool) -> String {
    let mut files = vec![
        (RELEASE.to_owned(), "/proc/sys/kernel/osrelease".to_owned()),
        (FUNCTIONS.to_owned(), tracefs("available_filter_functions")),
        (HEADER_PAGE.to_owned(), tracefs("events/header_page")),
        (PRINTK_FORMATS.to_owned(), tracefs(PRINTK_FORMATS)),
    ];
    let own = TRACER_RECORDS.iter();
    files.extend(own.map(|name| (format!("ftrace:{name}"), tracefs(&format!("events/ftrace/{name}/format")))));
    if symbols {
        files.push((SYMBOLS.to_owned(), "/proc/kallsyms".to_owned()));
    }
    inspect(channel, files.iter().map(|(section, path)| (section.as_str(), path.as_str())))
}

/// True if `set_ftrace_filter` of this release takes the numbers of functions: since 5.1 (`ftrace_match_record` and
/// `match_records` in kernel/trace/ftrace.c). A release that does not begin with a version counts as a new one.
#[must_use]
pub fn finds_functions_by_number(release: &str) -> bool {
    let mut parts = release.split(|byte: char| !byte.is_ascii_digit()).map_while(|part| part.parse::<u32>().ok());
    match (parts.next(), parts.next()) {
        (Some(major), Some(minor)) => (major, minor) >= (5, 1),
        _ => true,
    }
}

impl TraceCapabilities {
    /// Reads the answer: the sections that the guest left.
    #[must_use]
    pub fn from_answer(answer: &BTreeMap<&str, &[u8]>) -> Self {
        // A module's function carries its module's name in brackets; right after boot there are no modules.
        let listed = text(answer, FUNCTIONS);
        let mut functions: BTreeMap<String, Vec<usize>> = BTreeMap::new();
        for (line, number) in listed.lines().zip(1..) {
            functions.entry(line.split_whitespace().next().unwrap_or_default().to_owned()).or_default().push(number);
        }
        let formats = answer.iter().filter(|(name, _)| name.contains(':'));
        Self {
            release: text(answer, RELEASE).trim().to_owned(),
            functions,
            header_page: text(answer, HEADER_PAGE),
            printk_formats: text(answer, PRINTK_FORMATS),
            symbols: text(answer, SYMBOLS),
            formats: formats.map(|(name, bytes)| ((*name).to_owned(), String::from_utf8_lossy(bytes).into())).collect(),
        }
    }

    /// The events a scenario can name, `group:name`, with their fields.
    #[must_use]
    pub fn events(&self) -> BTreeMap<String, Vec<String>> {
        self.formats
            .iter()
            .filter(|(name, _)| !name.starts_with("ftrace:"))
            .map(|(name, format)| (name.clone(), field_names(format)))
            .collect()
    }
}

fn text(sections: &BTreeMap<&str, &[u8]>, name: &str) -> String {
    sections.get(name).map(|bytes| String::from_utf8_lossy(bytes).into_owned()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn old_kernels_find_functions_by_name() {
        for (release, expected) in
            [("4.19.63-v8+", false), ("5.0.1", false), ("5.1.0", true), ("6.1.192", true), ("", true)]
        {
            assert_eq!(finds_functions_by_number(release), expected, "{release}");
        }
    }
}
