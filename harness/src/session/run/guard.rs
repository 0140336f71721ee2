//! Whether the evidence of a run is that of its guest's init. Pure. docs/security.md says against whom that holds.

use std::collections::BTreeMap;

use super::traced::init_marks;
use super::{RunInput, Traced};
use crate::session::compile::{is_guarded, is_marked};
use kernsnap_analysis::complaints::messages;
use kernsnap_machine::plan;
use kernsnap_machine::report::GuestReport;
use kernsnap_scenario::Scenario;
use kernsnap_trace::Trace;

/// The begin of the first message of a kernel for arm and arm64 (`setup_arch()`, `smp_setup_processor_id()`).
const FIRST_MESSAGE: &str = "Booting Linux";

/// Why the report is not init's own; `None` where it is.
pub(crate) fn forged(report: &GuestReport, input: &RunInput<'_>) -> Option<String> {
    let is_own = report.seal == Some(input.secrets.seal);
    (!is_own).then(|| "the guest's report does not have the seal of its init".to_owned())
}

/// Why the evidence cannot be judged, one sentence each. A trace that is known to have lost events may have lost marks with them.
pub(super) fn faults(
    scenario: &Scenario,
    input: &RunInput<'_>,
    sections: &BTreeMap<&str, &[u8]>,
    report: &GuestReport,
    trace: &Trace,
) -> Vec<String> {
    let mut found: Vec<String> = forged(report, input).into_iter().collect();
    found.extend(report.changed.iter().map(|name| format!("`{name}` of the trace was changed while programs ran")));
    let kmsg = Traced::whole(sections.clone());
    let kmsg = String::from_utf8_lossy(kmsg.get(plan::KMSG)).into_owned();
    if !messages(&kmsg).next().is_some_and(|message| message.text.starts_with(FIRST_MESSAGE)) {
        found.push("the kernel's log does not begin with the boot: a program took messages out of it".to_owned());
    }
    if is_marked(scenario) && trace.defects.is_empty() {
        found.extend(missing_marks(input, sections));
    } else if is_guarded(scenario) && trace.defects.is_empty() && trace.events.is_empty() {
        found.push("nothing was recorded".to_owned());
    }
    found
}

/// The marks that init wrote and the trace does not have: the buffer was emptied, or its pages are others.
fn missing_marks(input: &RunInput<'_>, sections: &BTreeMap<&str, &[u8]>) -> Vec<String> {
    let mut missing = Vec::new();
    let begin = input.secrets.begin;
    for cpu in 0..input.schedule.cpus {
        let pages = sections.get(plan::pages(cpu).as_str()).copied().unwrap_or_default();
        let marks = init_marks(&input.runtime.facts.header_page, pages);
        if marks.first().is_none_or(|mark| mark.secret != begin) {
            missing.push(format!("CPU {cpu}: the trace does not have the mark at its begin: the buffer was emptied"));
        }
        if cpu == 0 && marks.last().is_none_or(|mark| mark.secret != input.secrets.end) {
            missing.push("the trace does not have the mark at its end".to_owned());
        }
    }
    missing
}
