//! The steps that make a kernel, as values. Nothing here runs anything or reads a file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::arch::Arch;
use super::spec::KernelSpec;
use kernsnap_host::exec::{Tool, ToolCall, ToolError};
use kernsnap_host::progress::Phase;

/// Counts up whenever a change here changes what comes out: it is part of every kernel's key.
pub(super) const RECIPE: u32 = 3;

/// The tools a kernel is built with, apart from its compiler, which kbuild finds by its prefix.
#[derive(Debug, Clone)]
pub(super) struct Tools {
    make: Tool,
    /// A compiler cache, where the host has one.
    ccache: Option<Tool>,
}

impl Tools {
    pub(super) fn resolve() -> Result<Tools, ToolError> {
        // kbuild would complain of these four in the middle of the build, in its own words.
        for name in ["gcc", "flex", "bison", "bc"] {
            Tool::resolve(name)?;
        }
        Ok(Tools { make: Tool::resolve("make")?, ccache: Tool::resolve("ccache").ok() })
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
    /// Where the tools' words are kept.
    pub(super) log: PathBuf,
}

/// One step of a build.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// Its owner.
    pub(super) phase: Phase,
    /// Handles the tool's output.
    pub(super) listen: Listen,
    /// The call.
    pub(super) call: ToolCall,
}

/// Handles a tool's output.
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
    /// Make the kernel and its modules.
    pub(super) rest: Vec<Step>,
}

/// The plan for a kernel. `has_base` where a whole configuration is given, and `again` where its output directory holds the last build: then only what changed is compiled, and
/// the size is not known beforehand.
pub(super) fn plan(
    spec: &KernelSpec,
    has_base: bool,
    tools: &Tools,
    paths: &Paths,
    jobs: usize,
    again: bool,
) -> BuildPlan {
    let step = |phase: Phase, listen, call: ToolCall| Step { phase, listen, call: call.log(&paths.log) };
    let kbuild = || make(spec, tools, paths).arg(format!("-j{jobs}"));
    let targets = || [spec.arch.kernel_target().to_owned(), "modules".to_owned()];
    let mut rest = vec![step(Phase::Prepare, Listen::Quietly, kbuild().arg("modules_prepare"))];
    if !again {
        let count = kbuild().args(["--dry-run", "--keep-going"]).args(targets());
        rest.push(step(Phase::Prepare, Listen::Counting, count));
    }
    rest.push(step(Phase::Compile, Listen::Compiling, kbuild().args(targets())));
    // Options that are not requested are off, or as the kernel's own configuration leaves them.
    let target = if has_base { "alldefconfig" } else { "allnoconfig" };
    let configure = make(spec, tools, paths).arg(assignment("KCONFIG_ALLCONFIG=", &paths.config)).arg(target);
    BuildPlan { configure: step(Phase::Configure, Listen::Quietly, configure), rest }
}

/// The step that makes the `.config` of a configuration target.
pub(super) fn target(spec: &KernelSpec, tools: &Tools, paths: &Paths, name: &str) -> Step {
    let call = make(spec, tools, paths).arg(name).log(&paths.log);
    Step { phase: Phase::Configure, listen: Listen::Quietly, call }
}

/// The words of the compiler for a kernel and its modules.
pub(super) fn cross_compiler(arch: Arch, cross: &str) -> Vec<String> {
    let soft = match arch {
        // Old kernels ask a compiler that is made for hard floats whether it knows an architecture without an FPU, before they
        // tell it to use soft floats (arch/arm/Makefile, `arch-y`).
        Arch::Arm => Some("-mfloat-abi=soft".to_owned()),
        Arch::Arm64 => None,
    };
    [format!("{cross}gcc")].into_iter().chain(soft).collect()
}

/// A call of kbuild for this kernel, with nothing in its environment that differs between hosts, users or days.
fn make(spec: &KernelSpec, tools: &Tools, paths: &Paths) -> ToolCall {
    let call = reproducible(ToolCall::new(tools.make.clone()), &[(&paths.tree, "linux"), (&paths.out, "build")]);
    let mut compiler: Vec<String> = Vec::new();
    let call = match &tools.ccache {
        None => call,
        // Two build directories differ only in the prefixes of paths.
        Some(ccache) => {
            compiler.push(ccache.path().display().to_string());
            call.env("CCACHE_NOHASHDIR", "1").env("CCACHE_BASEDIR", paths.out.parent().unwrap_or(&paths.out))
        }
    };
    compiler.extend(cross_compiler(spec.arch, &spec.cross));
    let call = if compiler.len() > 1 { call.arg(format!("CC={}", compiler.join(" "))) } else { call };
    call.arg("-C")
        .arg(&paths.tree)
        .arg(assignment("O=", &paths.out))
        .arg(format!("ARCH={}", spec.arch.as_str()))
        .arg(format!("CROSS_COMPILE={}", spec.cross))
        // Trees before 4.19.114 define `yylloc` twice in a program of the host's; compilers from gcc 10 on mind.
        .arg("HOSTCFLAGS=-fcommon")
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

pub(super) fn assignment(name: &str, path: &Path) -> OsString {
    let mut text = OsString::from(name);
    text.push(path);
    text
}
