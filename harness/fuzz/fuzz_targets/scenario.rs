//! No YAML file can break the readers of scenarios, names and claims, and their complaints are lines without control characters.
#![no_main]

use std::path::Path;

use kernsnap_analysis::report::Sources;
use kernsnap_machine::Machine;
use kernsnap_scenario::claims::Claims;
use kernsnap_scenario::{Draft, Names};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|text: &str| {
    let path = Path::new("a.yaml");
    let complaints = [
        Draft::read(path, text.to_owned()).map(|draft| draft.names_fields() && draft.claims().is_empty()).err(),
        Names::read(path, text).map(|names| drop(names.table())).err(),
        Claims::read(path, text).map(drop).err(),
        Sources::read(path, text).map(drop).err(),
        Machine::read(path, text).map(drop).err(),
    ];
    for complaint in complaints.into_iter().flatten() {
        assert!(!complaint.to_string().is_empty());
    }
});
