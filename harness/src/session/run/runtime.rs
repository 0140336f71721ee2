//! The parts of a run that its image and its scenario give.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use kernsnap_image::module_file::ModuleFile;
use kernsnap_machine::capabilities::TraceCapabilities;
use kernsnap_machine::{Lockstep, Machine};
use kernsnap_trace::Symbols;

/// All that runs on one image are made of. Read once, used by many runs.
#[derive(Clone, Debug)]
pub struct ImageRuntime {
    /// The image's name.
    pub image: String,
    /// The content hash of everything the image is built from.
    pub image_key: String,
    /// The board's name, that of a file in `images/boards/`.
    pub board: String,
    /// The board.
    pub machine: Machine,
    /// The kernel's command line, without the console.
    pub command_line: String,
    /// The kernel's `Image`.
    pub kernel: PathBuf,
    /// The device tree blob.
    pub device_tree: PathBuf,
    /// blake3 of both files' bytes, hexadecimal.
    pub content: String,
    /// The kernel's symbols.
    pub symbols: Symbols,
    /// The tracing capabilities of the kernel.
    pub facts: TraceCapabilities,
    /// The guest's init.
    pub init: Vec<u8>,
    /// True if the kernel switches the board off by itself.
    pub powers_off: bool,
    /// True if `set_ftrace_filter` takes the numbers of functions as well as their names.
    pub finds_functions_by_number: bool,
    /// The library that orders QEMU's threads.
    pub lockstep: Lockstep,
}

/// The additions of one scenario to the [`ImageRuntime`].
#[derive(Clone, Debug, Default)]
pub struct GuestPayload {
    /// The root file system besides init, as a tar archive.
    pub root: Option<Arc<Vec<u8>>>,
    /// Guest programs by name.
    pub programs: BTreeMap<String, Vec<u8>>,
    /// Guest modules by name: the file, and what it says.
    pub modules: BTreeMap<String, (Vec<u8>, ModuleFile)>,
    /// The dependencies of those modules that the scenario does not load itself, in load order.
    pub dependencies: Vec<(String, Vec<u8>)>,
    /// The kernel parameters after the image's own.
    pub boot_parameters: String,
    /// Kernel parameters after those, which other scenarios are run with as well.
    pub common_parameters: String,
    /// True if a panic is the end that is expected, and not the loss of the machine.
    pub may_panic: bool,
}
