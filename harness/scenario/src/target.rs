//! The image that a scenario is for.

use std::collections::{BTreeMap, BTreeSet};

use super::Names;
use crate::layouts::Layouts;

/// The registers that hold the arguments of a function, for a kernel without `CONFIG_HAVE_FUNCTION_ARG_ACCESS_API`, whose probes
/// do not know `$arg1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Registers {
    /// `r0` to `r3` (Procedure Call Standard for the Arm Architecture, AAPCS32, 6.1.1).
    Arm,
    /// `x0` to `x7` (AAPCS64, 6.1.1).
    Arm64,
}

/// The image that a scenario's names are resolved for.
#[derive(Clone, Copy, Debug)]
pub struct Target<'a> {
    /// The image's name, for messages.
    pub image: &'a str,
    /// `uname -r` of its kernel.
    pub release: &'a str,
    /// Functions the kernel can trace, as it spells them, with their numbers in `available_filter_functions`.
    pub functions: &'a BTreeMap<String, Vec<usize>>,
    /// Tracepoints, `group:name` to the names of their fields.
    pub events: &'a BTreeMap<String, Vec<String>>,
    /// Programs in `guest-programs/user/`.
    pub programs: &'a BTreeSet<String>,
    /// Modules in `guest-programs/modules/`, with the functions of those that the scenario loads.
    pub modules: &'a BTreeMap<String, Vec<String>>,
    /// Logical names.
    pub names: &'a Names,
    /// Options of the kernel's configuration that are set, as built in or as modules.
    pub config: &'a BTreeSet<String>,
    /// Where the kernel's structures keep their fields; none for a scenario that names none.
    pub layouts: &'a Layouts,
    /// Number of CPUs.
    pub cpus: u16,
    /// The registers of arguments, where a probe must name them.
    pub registers: Option<Registers>,
}
