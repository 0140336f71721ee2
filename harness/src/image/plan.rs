//! The steps that make a kernel, as values. Nothing here runs anything or reads a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::event::Phase;
use super::spec::KernelSpec;
use crate::exec::{Tool, ToolCall, ToolError};

/// Counts up whenever a change here changes what comes out: it is part of every kernel's key.
pub(super) const RECIPE: u32 = 2;

/// The tools a kernel is built with, apart from its compiler, which kbuild finds by its prefix.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    make: Tool,
    dtc: Tool,
    fdtoverlay: Tool,
}

impl Tools {
    pub(super) fn resolve() -> Result<Tools, ToolError> {
        // kbuild would complain of these four in the middle of the build, in its own words.
        for name in ["gcc", "flex", "bison", "bc"] {
            Tool::resolve(name)?;
        }
        Ok(Tools { make: Tool::resolve("make")?, dtc: Tool::resolve("dtc")?, fdtoverlay: Tool::resolve("fdtoverlay")? })
    }
}

/// Where things are during one build.
#[derive(Debug, Clone)]
pub(super) struct Paths {
    /// The kernel's source.
    pub(super) tree: PathBuf,
    /// kbuild's output directory.
    pub(super) out: PathBuf,
    /// All fragments as one file.
    pub(super) config: PathBuf,
    /// The overlay's source.
    pub(super) overlay: Option<PathBuf>,
    /// The finished device tree.
    pub(super) device_tree: PathBuf,
    /// Where the tools' words are kept.
    pub(super) log: PathBuf,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// What it belongs to.
    pub(super) phase: Phase,
    /// What to make of the tool's words.
    pub(super) listen: Listen,
    /// The call.
    pub(super) call: ToolCall,
}

/// What to make of a tool's words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Listen {
    /// Nothing: they matter when it fails.
    Quietly,
    /// It says what it would compile; its failure is none, it only leaves the number unknown.
    Counting,
    /// It says what it compiles.
    Compiling,
}

/// The steps that build a kernel, in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct BuildPlan {
    /// Makes `.config`. What came out is compared with what was asked for before the rest is run.
    pub(super) configure: Step,
    /// Makes the kernel, its modules and its device tree.
    pub(super) rest: Vec<Step>,
}

/// The plan for a kernel.
pub(super) fn plan(spec: &KernelSpec, tools: &Tools, paths: &Paths, jobs: usize) -> BuildPlan {
    let step = |phase: Phase, listen, call: ToolCall| Step { phase, listen, call: call.log(&paths.log) };
    let kbuild = || make(spec, tools, paths).arg(format!("-j{jobs}"));
    let targets =
        || [spec.arch.kernel_target().to_owned(), format!("{}.dtb", spec.device_tree.from), "modules".to_owned()];
    let configure = make(spec, tools, paths).arg(assignment("KCONFIG_ALLCONFIG=", &paths.config)).arg("allnoconfig");
    let mut rest = vec![
        step(Phase::Prepare, Listen::Quietly, kbuild().arg("modules_prepare")),
        step(Phase::Prepare, Listen::Counting, kbuild().args(["--dry-run", "--keep-going"]).args(targets())),
        step(Phase::Compile, Listen::Compiling, kbuild().args(targets())),
    ];
    rest.extend(device_tree(spec, tools, paths).into_iter().map(|call| step(Phase::DeviceTree, Listen::Quietly, call)));
    BuildPlan { configure: step(Phase::Configure, Listen::Quietly, configure), rest }
}

/// A call of kbuild for this kernel, with nothing in its environment that differs between hosts, users or days.
fn make(spec: &KernelSpec, tools: &Tools, paths: &Paths) -> ToolCall {
    reproducible(ToolCall::new(tools.make.clone()), &[(&paths.tree, "linux"), (&paths.out, "build")])
        .arg("-C")
        .arg(&paths.tree)
        .arg(assignment("O=", &paths.out))
        .arg(format!("ARCH={}", spec.arch.as_str()))
        .arg(format!("CROSS_COMPILE={}", spec.cross))
        // Set, even to nothing, it keeps kbuild from asking git about the directories above.
        .arg("LOCALVERSION=")
}

/// Fixes who builds, where, when and how often, and maps directories to names in what the compiler writes down.
pub(super) fn reproducible(call: ToolCall, maps: &[(&Path, &str)]) -> ToolCall {
    let flags: Vec<String> =
        maps.iter().map(|(dir, name)| format!("-ffile-prefix-map={}={name}", dir.display())).collect();
    call.env("KBUILD_BUILD_USER", "kernsnap")
        .env("KBUILD_BUILD_HOST", "kernsnap")
        .env("KBUILD_BUILD_VERSION", "1")
        .env("KBUILD_BUILD_TIMESTAMP", "Wed Jan  1 00:00:00 UTC 2020")
        .env("SOURCE_DATE_EPOCH", "1577836800")
        .env("KCFLAGS", flags.join(" "))
        .env("KAFLAGS", flags.join(" "))
}

/// The kernel's own device tree with the board's overlay laid over it, or as it is.
fn device_tree(spec: &KernelSpec, tools: &Tools, paths: &Paths) -> Vec<ToolCall> {
    let base = paths.out.join(format!("arch/{}/boot/dts/{}.dtb", spec.arch.as_str(), spec.device_tree.from));
    let Some(overlay) = &paths.overlay else {
        // Recompiling it is a copy that needs no step of another kind.
        let dtc = ToolCall::new(tools.dtc.clone()).args(["-q", "-I", "dtb", "-O", "dtb", "-o"]);
        return vec![dtc.arg(&paths.device_tree).arg(base)];
    };
    let compiled = paths.out.join("overlay.dtbo");
    vec![
        ToolCall::new(tools.dtc.clone()).args(["-@", "-q", "-I", "dts", "-O", "dtb", "-o"]).arg(&compiled).arg(overlay),
        ToolCall::new(tools.fdtoverlay.clone()).arg("-i").arg(base).arg("-o").arg(&paths.device_tree).arg(compiled),
    ]
}

pub(super) fn assignment(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}
