//! The firmware that a Raspberry Pi 3 loads from its card before the kernel, from the distribution's package.

use std::fs;

use super::ImageError;
use super::apt::{Apt, Look};
use kernsnap_host::exec::{Tool, ToolCall, ToolError, capture};
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::{Store, StoreError};

/// The package, and where it keeps the files.
const PACKAGE: &str = "raspi-firmware";
const IN_PACKAGE: &str = "usr/lib/raspi-firmware";

/// The files: the first stage, the firmware of the graphics processor, and how they fit the memory.
pub const FIRMWARE: [&str; 3] = ["bootcode.bin", "start.elf", "fixup.dat"];

/// Files by name.
pub type Firmware = Vec<(String, Vec<u8>)>;

/// The files by name; `None` where the host's sources do not have the package, as it is not free.
pub(super) fn firmware(store: &Store, events: Events<'_>) -> Result<Option<Firmware>, ImageError> {
    events(ImageEvent::Phase(Phase::Fetch(PACKAGE.to_owned())));
    let scratch = store.scratch()?;
    let Some(apt) = Apt::new(scratch.path().to_owned(), Look::Packages("arm64"))? else { return Ok(None) };
    match apt.fetch(&["download", PACKAGE]) {
        Ok(()) => {}
        Err(ToolError::Interrupted(interrupted)) => return Err(interrupted.into()),
        Err(_) => return Ok(None),
    }
    let Some(deb) = apt.left(".deb") else { return Ok(None) };
    let root = scratch.path().join("root");
    let step = || ImageError::step("unpack the firmware");
    let dpkg = ToolCall::new(Tool::resolve("dpkg-deb").map_err(step())?);
    capture(&dpkg.arg("--extract").arg(deb).arg(&root)).map_err(step())?;
    let read = |name: &&str| {
        let path = root.join(IN_PACKAGE).join(name);
        Ok(((*name).to_owned(), fs::read(&path).map_err(StoreError::read(&path))?))
    };
    Ok(Some(FIRMWARE.iter().map(read).collect::<Result<_, StoreError>>()?))
}
