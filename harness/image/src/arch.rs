//! Architectures: what the kernel, the distribution and the toolchain call them.

use serde::Deserialize;

/// An architecture, by the kernel's name for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arch {
    /// 64-bit Arm.
    Arm64,
    /// 32-bit Arm, version 7.
    Arm,
}

impl Arch {
    /// The value of `ARCH=`, which is also the directory below `arch/`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Arch::Arm64 => "arm64",
            Arch::Arm => "arm",
        }
    }

    /// The kernel image that the boot loader of this architecture takes, as a make target and below `arch/*/boot/`.
    #[must_use]
    pub fn kernel_target(self) -> &'static str {
        match self {
            Arch::Arm64 => "Image",
            Arch::Arm => "zImage",
        }
    }

    /// The distribution's name.
    #[must_use]
    pub fn debian(self) -> &'static str {
        match self {
            Arch::Arm64 => "arm64",
            Arch::Arm => "armhf",
        }
    }
}
