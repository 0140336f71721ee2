//! The image that a scenario is for.

use std::collections::{BTreeMap, BTreeSet};

use super::Names;
use crate::layouts::Layouts;

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
    /// True if a probe must name the registers of arguments: 32-bit Arm.
    pub registers: bool,
}
