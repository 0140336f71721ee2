//! The busybox that a guest's shell is made of: the distribution's own static one, for the guest's architecture.
//!
//! The host's apt gets it from the host's own sources, checked with the host's own keys. No address of a mirror stands here.

mod compile;

use std::fs;
use std::path::Path;

use object::elf::{EM_AARCH64, EM_ARM, FileHeader32, FileHeader64, PT_INTERP};
use object::read::elf::{FileHeader, ProgramHeader as _};
use object::{Endianness, FileKind};
use serde::{Deserialize, Serialize};

use self::compile::compile;
use super::apt::{Apt, Look};
use super::arch::Arch;
use super::{Artifact, BuiltImage, ImageError, Images};
use kernsnap_host::exec::{Tool, ToolCall, capture};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::{Entry, Store, StoreError};

const RECIPE: u32 = 1;
/// The package, the file in it (from Debian 13 on, and before), and the file in the store.
const PACKAGE: &str = "busybox-static";
const IN_PACKAGE: [&str; 2] = ["usr/bin/busybox", "bin/busybox"];
const BUSYBOX: &str = "busybox";

/// Which busybox was taken, so that it is not looked for again.
#[derive(Debug, Serialize, Deserialize)]
struct Known {
    digest: String,
}

/// A busybox in the store: the supplied one, the one taken before, or the distribution's.
pub(super) fn busybox(
    images: &Images<'_>,
    image: &BuiltImage,
    supplied: Option<&Path>,
    events: Events<'_>,
) -> Result<Artifact, ImageError> {
    let store = images.store;
    let record = format!("busybox-{}", image.arch.as_str());
    let known = || {
        let known = store.record::<Known>(&record)?;
        store.find(&inputs(&known.digest)).transpose()
    };
    let content = match supplied {
        Some(path) => read_supplied(path, image.arch)?,
        None => match known().transpose()? {
            Some(entry) => return Ok(artifact(&entry)),
            None => fetch(images, image, events)?,
        },
    };
    let digest = blake3::hash(&content).to_string();
    let entry = store.ensure(&inputs(&digest), events, |dir, _| {
        let path = dir.join(BUSYBOX);
        fs::write(&path, &content).map_err(StoreError::write(&path))?;
        Ok::<_, ImageError>(vec![BUSYBOX.to_owned()])
    })?;
    // Only the next look-up suffers from a record that cannot be written.
    let _slower_next_time = store.set_record(&record, &Known { digest });
    Ok(artifact(&entry))
}

fn inputs(digest: &str) -> CacheInputs {
    CacheInputs::new("busybox", RECIPE).with("blake3", digest)
}

fn artifact(entry: &Entry) -> Artifact {
    Artifact { path: entry.file(BUSYBOX), hash: entry.hash(BUSYBOX).unwrap_or_default().to_owned() }
}

/// The file that `--busybox` names.
fn read_supplied(path: &Path, arch: Arch) -> Result<Vec<u8>, ImageError> {
    let hint = format!("give a busybox for {}, statically linked", arch.debian());
    let error = |why: String| ImageError::input(format!("`{}` {why}", path.display()), hint.clone());
    let content = fs::read(path).map_err(|source| error(format!("cannot be read: {source}")))?;
    unfit(&content, arch).map_or(Ok(content), |why| Err(error(why)))
}

/// The distribution's package, or else its source.
fn fetch(images: &Images<'_>, image: &BuiltImage, events: Events<'_>) -> Result<Vec<u8>, ImageError> {
    let architecture = image.arch.debian();
    events(ImageEvent::Phase(Phase::Fetch(format!("{PACKAGE} for {architecture}"))));
    let missing = |why: String| ImageError::Busybox { architecture, why };
    let content = match package(images.store, architecture) {
        Ok(content) => content,
        Err(interrupted @ ImageError::Interrupted(_)) => return Err(interrupted),
        Err(no_package) => {
            events(ImageEvent::Note(format!("there is no {PACKAGE} for {architecture} here; looking for its source")));
            compile(images.store, image, images.options.jobs.get(), events).map_err(|error| match error {
                interrupted @ ImageError::Interrupted(_) => interrupted,
                error => missing(format!("{no_package}\n\nand it cannot be built from source: {error}")),
            })?
        }
    };
    unfit(&content, image.arch).map_or(Ok(content), |why| Err(missing(format!("the one of the distribution {why}"))))
}

fn package(store: &Store, architecture: &'static str) -> Result<Vec<u8>, ImageError> {
    let step = || ImageError::step(format!("fetch {PACKAGE}"));
    let scratch = store.scratch()?;
    let nothing = || ImageError::Busybox { architecture, why: "apt-get left no package behind".to_owned() };
    let apt = Apt::new(scratch.path().to_owned(), Look::Packages(architecture))?.ok_or_else(nothing)?;
    apt.fetch(&["download", PACKAGE]).map_err(step())?;
    let deb = apt.left(".deb").ok_or_else(nothing)?;
    let root = scratch.path().join("root");
    let dpkg = ToolCall::new(Tool::resolve("dpkg-deb").map_err(step())?);
    capture(&dpkg.arg("--extract").arg(deb).arg(&root)).map_err(step())?;
    let [path, older] = IN_PACKAGE.map(|path| root.join(path));
    Ok(fs::read(&path).or_else(|_| fs::read(older)).map_err(StoreError::read(&path))?)
}

/// Why a file cannot be the only program of a guest, if it cannot.
fn unfit(content: &[u8], arch: Arch) -> Option<String> {
    let needs_libraries = match (FileKind::parse(content), arch) {
        (Ok(FileKind::Elf64), Arch::Arm64) => needs_libraries::<FileHeader64<Endianness>>(content, EM_AARCH64),
        (Ok(FileKind::Elf32), Arch::Arm) => needs_libraries::<FileHeader32<Endianness>>(content, EM_ARM),
        _ => None,
    };
    match needs_libraries {
        None => Some(format!("is not a program for {}", arch.debian())),
        Some(needs) => needs.then(|| "needs shared libraries".to_owned()),
    }
}

/// True if a program for `machine` needs a dynamic linker; `None` for what is not such a program.
fn needs_libraries<Header: FileHeader<Endian = Endianness>>(content: &[u8], machine: u16) -> Option<bool> {
    let header = Header::parse(content).ok()?;
    let endian = header.endian().ok()?;
    let segments = header.program_headers(endian, content).ok()?;
    let dynamic = segments.iter().any(|segment| segment.p_type(endian) == PT_INTERP);
    (header.e_machine(endian) == machine).then_some(dynamic)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_run_alone_in_a_guest_is_refused() -> Result<(), Box<dyn std::error::Error>> {
        let check = |content: &[u8], why: &str| {
            assert_eq!(unfit(content, Arch::Arm64).as_deref(), Some(why));
        };
        check(b"#!/bin/sh\n", "is not a program for arm64");
        // This test itself is a dynamic program of the host.
        let mut own = fs::read("/proc/self/exe")?;
        let machine = u16::from_le_bytes([own[18], own[19]]);
        if machine != EM_AARCH64 {
            check(&own, "is not a program for arm64");
        }
        own[18..20].copy_from_slice(&EM_AARCH64.to_le_bytes());
        check(&own, "needs shared libraries");
        Ok(())
    }
}
