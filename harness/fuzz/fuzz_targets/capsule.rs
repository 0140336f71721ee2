//! No file can break the reader of capsules: neither an archive, nor a description in a whole one. A capsule that is read is one that
//! is written and read again.
#![no_main]

use std::collections::BTreeMap;

use kernsnap::session::capsule::Capsule;
use kernsnap_host::archive::{Effort, pack};
use libfuzzer_sys::fuzz_target;

/// The parts that a capsule must have.
const PARTS: [&str; 3] = ["Image", "board.dtb", "initramfs.cpio"];

fuzz_target!(|bytes: &[u8]| {
    let _ = Capsule::unpack(bytes);
    let parts = PARTS.map(|name| (name, [].as_slice())).into_iter().chain([("capsule.json", bytes)]);
    let Ok(packed) = pack(&parts.collect::<BTreeMap<_, _>>(), Effort::Quick) else { return };
    if let Ok(capsule) = Capsule::unpack(&packed) {
        let text = format!("{} {}", capsule.about.scenario, capsule.about.image);
        assert!(!text.chars().any(char::is_control), "{text:?}");
        let again = capsule.pack().and_then(|bytes| Capsule::unpack(&bytes));
        assert_eq!(again.ok(), Some(capsule));
    }
});
