//! A board that QEMU models: data, from `images/boards/<name>.yaml`.

use std::fmt;
use std::path::Path;

use serde::{Deserialize, Serialize};

use super::schedule::Schedule;
use kernsnap_host::exec::doctor::version_number;
use kernsnap_yaml::{Diagnostic, from_yaml};

/// The description of a board.
#[derive(Clone, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Machine {
    /// One line for people.
    pub description: String,
    /// QEMU's name of it (`-M`).
    pub qemu_machine: String,
    /// The CPU's model (`-cpu`), on boards that can have several.
    pub cpu: Option<String>,
    /// Guest memory in MiB. The Pi models accept one size only.
    pub memory_mib: u32,
    /// Where its memory begins, as the guest's CPUs address it.
    #[serde(default)]
    pub memory_address: u64,
    /// Number of CPUs the board has, or gets (`-smp`) where it can have several numbers of them.
    pub cpus: u16,
    /// How many of them are used where nothing else is asked for, if not all.
    pub usual_cpus: Option<u16>,
    /// True if the number of CPUs is QEMU's to choose.
    #[serde(default)]
    pub any_cpus: bool,
    /// QEMU's property for the number of CPUs that are switched on, where fewer than all are wanted. One that is on and that
    /// the kernel does not use spins, so that idle time is executed instead of skipped.
    pub cpus_property: Option<String>,
    /// The kernel's name of the console (`console=`).
    pub console: String,
    /// The console before its driver is there (`earlycon=`), to see why a kernel does not boot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub early_console: Option<String>,
    /// The kernel parameters that this board needs (`clk_ignore_unused`).
    #[serde(default)]
    pub kernel_parameters: String,
    /// True if the kernel can switch the board off, which ends QEMU. Where it cannot, the guest's last word does.
    #[serde(default)]
    pub power_off: PowerOff,
    /// The kernel's option for the driver that switches the board off (`CONFIG_BCM2835_WDT`); none where every kernel can. Without the
    /// driver, the guest's last word ends QEMU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub power_off_driver: Option<String>,
    /// The oldest QEMU, major and minor version, that models the board well enough.
    #[serde(default)]
    pub needs_qemu: QemuVersion,
    /// Nodes of the device tree that are switched off, by path.
    #[serde(default)]
    pub disable: Vec<String>,
    /// The reserved region through which evidence leaves the guest.
    pub channel: Region,
    /// The region where the files of a run go in. The kernel must not use it as ordinary memory (`mem=`).
    pub payload: Region,
}

/// The effect of a guest switching its board off.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq)]
#[serde(rename_all = "kebab-case")]
pub enum PowerOff {
    /// QEMU ends.
    #[default]
    EndsQemu,
    /// Nothing: whoever waits for the guest ends QEMU.
    DoesNothing,
}

/// A version of QEMU: `"9.0"`.
#[derive(Clone, Copy, Debug, Default, Deserialize, Serialize, PartialEq, Eq, PartialOrd, Ord)]
#[serde(try_from = "String", into = "String")]
pub struct QemuVersion(pub u32, pub u32);

impl TryFrom<String> for QemuVersion {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        let parsed =
            text.split_once('.').and_then(|(major, minor)| Some(Self(major.parse().ok()?, minor.parse().ok()?)));
        parsed.ok_or_else(|| format!("`{text}` is not a version of QEMU such as \"9.0\""))
    }
}

impl From<QemuVersion> for String {
    fn from(version: QemuVersion) -> Self {
        version.to_string()
    }
}

impl fmt::Display for QemuVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

/// A range of guest physical memory.
#[derive(Clone, Copy, Debug, Deserialize, Serialize, PartialEq, Eq)]
#[serde(deny_unknown_fields)]
pub struct Region {
    /// First byte, as the guest's CPUs address it.
    pub address: u64,
    /// Bytes.
    pub size: u64,
}

impl Machine {
    /// A board for tests.
    #[cfg(test)]
    pub(crate) fn example() -> Self {
        Self {
            description: "a board".into(),
            qemu_machine: "raspi3b".into(),
            cpu: None,
            memory_mib: 1024,
            memory_address: 0,
            cpus: 4,
            usual_cpus: None,
            any_cpus: false,
            cpus_property: Some("bcm2837.enabled-cpus".into()),
            console: "ttyAMA0,115200".into(),
            early_console: None,
            kernel_parameters: String::new(),
            power_off: PowerOff::EndsQemu,
            power_off_driver: None,
            needs_qemu: QemuVersion(7, 2),
            disable: Vec::new(),
            channel: Region { address: 0, size: 0 },
            payload: Region { address: 0, size: 0 },
        }
    }

    /// The board and what it consists of, in QEMU's words: `-M NAME …`.
    #[must_use]
    pub fn board(&self) -> Vec<String> {
        let mut words = vec!["-M".to_owned(), self.qemu_machine.clone()];
        if let Some(cpu) = &self.cpu {
            words.extend(["-cpu".to_owned(), cpu.clone()]);
        }
        if self.any_cpus {
            words.extend(["-smp".to_owned(), self.cpus.to_string()]);
        }
        words.extend(["-m".to_owned(), format!("{}M", self.memory_mib)]);
        words
    }

    /// True if a QEMU that says this of its version models the board well enough. One that says nothing that can be
    /// understood is believed to.
    #[must_use]
    pub fn runs_on(&self, version: &str) -> bool {
        version_number(version).is_none_or(|(major, minor)| QemuVersion(major, minor) >= self.needs_qemu)
    }

    /// The place of the channel in the machine's memory.
    #[must_use]
    pub fn channel_in_memory(&self) -> Region {
        self.in_memory(self.channel)
    }

    /// The place of the payload in the machine's memory.
    #[must_use]
    pub fn payload_in_memory(&self) -> Region {
        self.in_memory(self.payload)
    }

    fn in_memory(&self, region: Region) -> Region {
        Region { address: region.address.saturating_sub(self.memory_address), ..region }
    }

    /// The schedule of a run that names none: 2 ns an instruction, all CPUs.
    #[must_use]
    pub fn usual_schedule(&self) -> Schedule {
        Schedule::new(1, self.usual_cpus.unwrap_or(self.cpus))
    }

    /// Reads the description `text` of the file at `path`.
    ///
    /// # Errors
    /// A [`Diagnostic`] at the first mistake.
    pub fn read(path: &Path, text: &str) -> Result<Self, Diagnostic> {
        from_yaml(path, text)
    }
}
