//! A busybox from the distribution's source package, for hosts whose mirror has no packages of the guest's architecture
//! (Ubuntu keeps Arm's on another one).

use std::fs;
use std::path::Path;

use crate::apt::{Apt, Look};
use crate::{BuiltImage, ImageError};
use kernsnap_host::exec::{Tool, ToolCall, capture};
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::Store;
use kernsnap_host::store::StoreError;

/// The source package, which is also the program and the make target.
const SOURCE: &str = "busybox";

/// The deviations from busybox's own `defconfig`: the guest has no libraries, `tc` needs older kernel headers, and 1.37 means
/// x86 by hardware that hashes, and does not compile with it elsewhere.
const CHANGES: [(&str, &str); 4] = [
    ("# CONFIG_STATIC is not set\n", "CONFIG_STATIC=y\n"),
    ("CONFIG_TC=y\n", "# CONFIG_TC is not set\n"),
    ("CONFIG_SHA1_HWACCEL=y\n", "# CONFIG_SHA1_HWACCEL is not set\n"),
    ("CONFIG_SHA256_HWACCEL=y\n", "# CONFIG_SHA256_HWACCEL is not set\n"),
];

/// Fetches and compiles it: two minutes on two processors, once a store.
pub(super) fn compile(
    store: &Store,
    image: &BuiltImage,
    jobs: usize,
    events: Events<'_>,
) -> Result<Vec<u8>, ImageError> {
    events(ImageEvent::Phase(Phase::Fetch(format!("the source of {SOURCE}"))));
    let scratch = store.scratch()?;
    let nothing = || ImageError::Busybox {
        architecture: image.arch.debian(),
        why: "the source package holds no upstream source".to_owned(),
    };
    let apt = Apt::new(scratch.path().to_owned(), Look::Sources)?.ok_or_else(nothing)?;
    apt.fetch(&["source", "--download-only", SOURCE]).map_err(ImageError::step("fetch the source of busybox"))?;
    let tarball = apt.left(".orig.tar").ok_or_else(nothing)?;

    events(ImageEvent::Phase(Phase::Program(SOURCE.to_owned())));
    let step = || ImageError::step("compile busybox");
    let tree = scratch.path().join("tree");
    fs::create_dir(&tree).map_err(StoreError::write(&tree))?;
    let tar = ToolCall::new(Tool::resolve("tar").map_err(step())?);
    let unpack = tar.args(["--extract", "--strip-components=1", "--no-same-owner", "--file"]).arg(tarball);
    capture(&unpack.arg("--directory").arg(&tree)).map_err(step())?;
    let make = ToolCall::new(Tool::resolve("make").map_err(step())?)
        .arg(format!("CROSS_COMPILE={}", image.cross))
        // No date in the banner: the same source makes the same program.
        .env("KCONFIG_NOTIMESTAMP", "1")
        .dir(&tree);
    capture(&make.clone().arg("defconfig")).map_err(step())?;
    configure(&tree.join(".config"))?;
    capture(&make.arg(format!("-j{jobs}")).arg(SOURCE)).map_err(step())?;
    let program = tree.join(SOURCE);
    Ok(fs::read(&program).map_err(StoreError::read(&program))?)
}

fn configure(path: &Path) -> Result<(), StoreError> {
    let text = fs::read_to_string(path).map_err(StoreError::read(path))?;
    let text = CHANGES.iter().fold(text, |text, (from, to)| text.replace(from, to));
    fs::write(path, text).map_err(StoreError::write(path))
}
