//! Kernels that never come to their init.

use std::error::Error;
use std::fs;
use std::time::Duration;

use kernsnap::cli::args::DEFAULT_IMAGE;
use kernsnap::cli::default_store;
use kernsnap::session::prepare::PreparedImage;
use kernsnap_host::store::Store;
use kernsnap_host::workspace::Workspace;
use kernsnap_image::{Images, Options};
use kernsnap_machine::BootError;
use kernsnap_machine::boot::{BootRequest, boot};
use kernsnap_machine::schedule::Schedule;

use crate::support::{Outcome, root};

/// The backstop in host time, which these guests do not reach: what ends them is given by their instructions.
const LIMIT: Duration = Duration::from_secs(240);

/// `wfi`, and back to it: all CPUs sleep, and no timer is set.
const SLEEPS: [u32; 2] = [0xd503_207f, 0x17ff_ffff];

/// Sets the timer of CPU 0 to a second from now, sleeps, and begins again:
///
/// ```text
///     mov  x0, #0x40000000        // the local interrupt controller
///     mov  w1, #0x0a
///     str  w1, [x0, #0x40]        // the timer's interrupts go to CPU 0
///     mrs  x2, cntfrq_el0
///     mov  x1, #1
/// 1:  msr  cntp_tval_el0, x2
///     msr  cntp_ctl_el0, x1
///     isb
///     wfi
///     b    1b
/// ```
const WAITS: [u32; 10] = [
    0xd2a8_0000,
    0x5280_0141,
    0xb900_4001,
    0xd53b_e002,
    0xd280_0021,
    0xd51b_e202,
    0xd51b_e221,
    0xd503_3fdf,
    0xd503_207f,
    0x17ff_fffc,
];

/// Boots the Raspberry Pi 3 with these instructions for a kernel.
fn boot_with(instructions: &[u32]) -> Result<BootError, Box<dyn Error>> {
    let workspace = Workspace::at(root());
    let store = Store::at(default_store().ok_or("there is no home directory for the image store")?);
    let options = Options::default();
    let images = Images { workspace: &workspace, store: &store, options: &options };
    let runtime = PreparedImage::open(images, DEFAULT_IMAGE, &mut |_| ())?.runtime;
    let directory = tempfile::tempdir()?;
    let (kernel, initramfs) = (directory.path().join("kernel"), directory.path().join("initramfs"));
    fs::write(&kernel, instructions.iter().flat_map(|one| one.to_le_bytes()).collect::<Vec<u8>>())?;
    fs::write(&initramfs, [0; 512])?;
    let request = BootRequest {
        machine: &runtime.machine,
        lockstep: &runtime.lockstep,
        // The firmware's loop keeps other CPUs awake until the kernel takes them.
        schedule: Schedule::new(1, 1),
        command_line: "",
        kernel: &kernel,
        device_tree: &runtime.device_tree,
        initramfs: &initramfs,
        payload: b"files of a run",
        directory: directory.path(),
        limit: LIMIT,
        may_panic: false,
        powers_off: true,
        card: None,
    };
    boot(&request).err().ok_or_else(|| "this kernel has no init".into())
}

#[test]
fn a_kernel_that_sleeps_for_ever_is_told_as_such() -> Outcome {
    let error = boot_with(&SLEEPS)?;
    assert!(matches!(error, BootError::Sleeps { .. }), "{error:?}");
    assert_eq!(
        error.to_string(),
        "the guest sleeps for ever, before its init was ready: all its CPUs wait for an interrupt, and no timer is set"
    );
    Ok(())
}

#[test]
fn a_kernel_that_waits_for_something_ends_after_a_minute_of_its_own_time() -> Outcome {
    let error = boot_with(&WAITS)?;
    assert!(matches!(error, BootError::NotReady { limit_s: 60 }), "{error:?}");
    assert_eq!(error.to_string(), "the guest's init was not ready after 60 s of guest time");
    Ok(())
}
