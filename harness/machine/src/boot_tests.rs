//! The end of a QEMU, and the verdict that it gives on its guest.

use std::error::Error;

use std::fs::{self, File};
use std::path::Path;
use std::time::Duration;

use kernsnap_host::exec::Ended;

use super::boot::{BootError, BootRequest, CONSOLE_LOG, QEMU_LOG, Watch};
use super::console::ConsoleFollower;
use super::lockstep::{self, Lockstep};
use super::machine::{Machine, Region};
use super::memory::GuestMemory;

/// A guest that said that it is done, in a QEMU that ended in this way.
fn ended(ended: Ended) -> Result<BootError, Box<dyn Error>> {
    let (directory, machine, library) = (tempfile::tempdir()?, Machine::example(), Lockstep::default());
    let none = Path::new("");
    let request = BootRequest {
        machine: &machine,
        lockstep: &library,
        schedule: machine.usual_schedule(),
        command_line: "",
        kernel: none,
        device_tree: none,
        initramfs: none,
        payload: &[],
        directory: directory.path(),
        limit: Duration::ZERO,
        may_panic: false,
        powers_off: true,
        card: None,
    };
    let (console, log) = (directory.path().join(CONSOLE_LOG), directory.path().join(QEMU_LOG));
    fs::write(&console, "kernsnap: phase collect ns=4\nkernsnap: done ns=5\n")?;
    fs::write(&log, lockstep::IN_EFFECT)?;
    let mut watch = Watch::new(ConsoleFollower::new(File::open(&console)?), log, &request);
    watch.listen()?;
    let region = Region { address: 0, size: 4096 };
    let memory = GuestMemory::with_bytes(region.size)?;
    match watch.finish(&request, Ok(Some(ended)), &memory, region) {
        Ok(boot) => Err(format!("there is something to judge: {boot:?}").into()),
        Err(error) => Ok(error),
    }
}

#[test]
fn the_guest_of_a_qemu_that_was_killed_did_not_switch_off() -> Result<(), Box<dyn Error>> {
    for end in [Ended::Signal(9), Ended::Signal(15), Ended::Exit(1)] {
        let error = ended(end)?;
        assert!(matches!(error, BootError::Died { .. }), "{error:?}");
        assert!(!error.to_string().contains("switched off"), "{error}");
    }
    let error = ended(Ended::Exit(0))?;
    assert!(error.to_string().contains("switched off"), "{error}");
    Ok(())
}
