//! A root file system of Debian: bash, coreutils and procps with the libraries that they need.
//!
//! `mmdebstrap` unpacks the packages of the guest's architecture from the host's own sources, checked with the host's own keys. Packages
//! are not configured: that would run the guest's programs here. The versions that were current at the first build stay, since
//! the entry stays; its content is part of every result's key.

use kernsnap_host::exec::{Tool, ToolCall, capture};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::Store;

use super::arch::Arch;
use super::{Artifact, ImageError};

/// Raised when the archive changes.
const RECIPE: u32 = 1;

/// The release: one that every kernel here can run.
const SUITE: &str = "bookworm";

/// The packages; others come as their dependencies.
const PACKAGES: &str = "bash,coreutils,dash,procps";

/// The file in the store.
const ARCHIVE: &str = "root.tar";

/// Left out: documents, translations, and what only packages themselves use. It would take more guest memory than the rest.
const LEFT_OUT: [&str; 12] = [
    "/usr/share/doc/*",
    "/usr/share/info/*",
    "/usr/share/locale/*",
    "/usr/share/man/*",
    "/usr/share/perl*",
    "/usr/lib/*/perl*",
    "/usr/lib/*/libperl*",
    "/usr/bin/perl*",
    "/usr/lib/*/gconv/*",
    "/usr/share/zoneinfo/*",
    "/usr/lib/systemd/*",
    "/lib/systemd/*",
];

/// The seconds since 1970 of all files: 2020-01-01, the guest's date.
const DATE: &str = "1577836800";

/// The root file system for an architecture, as a tar archive; made where the store does not have it.
pub(super) fn debian_root(store: &Store, arch: Arch, events: Events<'_>) -> Result<Artifact, ImageError> {
    let inputs = CacheInputs::new("root", RECIPE)
        .with("architecture", arch.debian())
        .with("suite", SUITE)
        .with("packages", PACKAGES)
        .with("left out", LEFT_OUT.join(" "));
    let entry = store.ensure(&inputs, events, |directory, events| {
        events(ImageEvent::Phase(Phase::Fetch(format!("Debian's {PACKAGES} for {}", arch.debian()))));
        let step = || ImageError::step("make a root file system of Debian");
        let archive = directory.join(ARCHIVE);
        // Programs of another architecture cannot run here, and need not.
        let call = ToolCall::new(Tool::resolve("mmdebstrap").map_err(step())?)
            .env("SOURCE_DATE_EPOCH", DATE)
            .args(["--quiet", "--skip=check/qemu", "--variant=extract", "--aptopt=APT::Install-Recommends \"false\""])
            .arg(format!("--architectures={}", arch.debian()))
            .arg(format!("--include={PACKAGES}"))
            .args(LEFT_OUT.map(|path| format!("--dpkgopt=path-exclude={path}")))
            .arg(SUITE)
            .arg(&archive);
        capture(&call).map_err(step())?;
        Ok::<_, ImageError>(vec![ARCHIVE.to_owned()])
    })?;
    Ok(Artifact { path: entry.file(ARCHIVE), hash: entry.hash(ARCHIVE).unwrap_or_default().to_owned() })
}
