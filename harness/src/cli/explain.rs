//! The parts of `--explain` that commands share.

use kernsnap_scenario::Scenario;

/// The probes of a scenario: the name of each, and the function that it is on.
pub(super) fn probes(scenario: &Scenario) -> Vec<(String, String)> {
    let probe = |probe: &kernsnap_scenario::Kprobe| (probe.name.clone(), probe.symbol.clone());
    scenario.trace.kprobes.iter().map(probe).collect()
}
