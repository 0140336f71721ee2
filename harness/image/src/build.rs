//! Carries out a build plan.

use std::fs;
use std::path::{Path, PathBuf};

use super::Base;
use super::build_dir::BuildDir;
use super::kconfig::{self, Fragment};
use super::module_headers;
use super::plan::{self, BuildPlan, Listen, Paths, Step, Tools, plan};
use super::spec::{ImageSpec, KernelSpec};
use crate::ImageError;
use kernsnap_host::exec::{ToolError, run};
use kernsnap_host::files;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::StoreError;

/// The files of a kernel entry that are checked at every opening.
pub(super) const KERNEL: &str = "Image";
pub(super) const SYSTEM_MAP: &str = "System.map";
pub(super) const CONFIG: &str = "config";
pub(super) const RELEASE: &str = "release";
pub(super) const SYMVERS: &str = "build/Module.symvers";
/// The kernel with its debugging information. Only debuggers read it, so it is not checked at every opening.
pub(super) const VMLINUX: &str = "vmlinux";
/// The modules that the kernel's own source makes, `NAME.ko`.
pub(super) const MODULES: &str = "modules";
/// The device trees that came with a kernel.
pub(super) const DEVICE_TREES: &str = "device-trees";
/// The directory that out-of-tree modules are built against.
pub(super) const BUILD_TREE: &str = "build";

/// The source of a kernel build, and its place.
pub(super) struct Job<'a> {
    pub(super) spec: &'a ImageSpec,
    pub(super) base: Option<&'a Base>,
    pub(super) fragments: &'a [Fragment],
    pub(super) workshop: &'a BuildDir,
    pub(super) log: PathBuf,
    pub(super) jobs: usize,
}

/// Builds a kernel, copies what is kept of it into a store entry, and returns the entry's files.
pub(super) fn build(job: &Job<'_>, entry: &Path, events: Events<'_>) -> Result<Vec<String>, ImageError> {
    let (kernel, workshop) = (&job.spec.kernel, job.workshop);
    let again = workshop.is_used();
    let out = &workshop.out;
    let paths = Paths {
        config: entry.join("wanted.config"),
        tree: workshop.tree.clone(),
        log: job.log.clone(),
        out: out.clone(),
    };
    let tools = Tools::resolve().map_err(ImageError::step("build the kernel"))?;
    let mut carry_out = Progress { last_phase: None, total: None, log: &job.log };
    let base = match job.base {
        None => None,
        Some(Base::Text(text)) => Some(text.clone()),
        Some(Base::Target(target)) => Some(carry_out.base(kernel, &tools, &paths, target, events)?),
    };
    let fragments = kconfig::merge(job.fragments);
    let wanted = base.as_ref().map_or(fragments.clone(), |base| kconfig::overridden(base, &fragments));
    fs::write(&paths.config, wanted).map_err(StoreError::write(&paths.config))?;
    let BuildPlan { configure, rest } = plan(kernel, base.is_some(), &tools, &paths, job.jobs, again);

    carry_out.step(&configure, events)?;
    let dot_config = out.join(".config");
    let text = fs::read_to_string(&dot_config).map_err(StoreError::read(&dot_config))?;
    let mut symbols = None;
    let impossible = kconfig::check(job.fragments, &text, &mut |symbol| {
        symbols.get_or_insert_with(|| module_headers::known_symbols(&paths.tree, kernel.arch)).contains(symbol)
    })?;
    for told in impossible {
        events(ImageEvent::Note(told));
    }
    for step in &rest {
        carry_out.step(step, events)?;
    }

    events(ImageEvent::Phase(Phase::Publish));
    let boot = out.join("arch").join(kernel.arch.as_str()).join("boot").join(kernel.arch.kernel_target());
    module_headers::copy(&boot, &entry.join(KERNEL))?;
    module_headers::copy(&out.join("System.map"), &entry.join(SYSTEM_MAP))?;
    module_headers::copy(&dot_config, &entry.join(CONFIG))?;
    module_headers::copy(&out.join("include/config/kernel.release"), &entry.join(RELEASE))?;
    keep_vmlinux(out, &text, entry)?;
    module_headers::module_tree(&paths.tree, out, kernel.arch, &entry.join(BUILD_TREE))?;
    module_headers::modules(out, &entry.join(MODULES))?;
    files::remove_file(&paths.config).map_err(StoreError::write(&paths.config))?;
    Ok([KERNEL, SYSTEM_MAP, CONFIG, RELEASE, SYMVERS, MODULES, BUILD_TREE].map(str::to_owned).to_vec())
}

/// Keeps the kernel with its debugging information, where its configuration says that there is some.
pub(super) fn keep_vmlinux(out: &Path, config: &str, entry: &Path) -> Result<(), ImageError> {
    let file = out.join(VMLINUX);
    if !config.lines().any(|line| line == "CONFIG_DEBUG_INFO=y") || !file.is_file() {
        return Ok(());
    }
    module_headers::copy(&file, &entry.join(VMLINUX))
}

/// How far a build has come.
struct Progress<'a> {
    last_phase: Option<Phase>,
    /// The number of objects that the dry run announced.
    total: Option<usize>,
    /// Where all that the tools said is kept.
    log: &'a Path,
}

impl Progress<'_> {
    /// The whole configuration that a target means: a file of the tree's, or what kbuild makes of it.
    fn base(
        &mut self,
        kernel: &KernelSpec,
        tools: &Tools,
        paths: &Paths,
        target: &str,
        events: Events<'_>,
    ) -> Result<String, ImageError> {
        let file = paths.tree.join(format!("arch/{}/configs/{target}", kernel.arch.as_str()));
        let file = if file.is_file() {
            file
        } else {
            self.step(&plan::target(kernel, tools, paths, target), events)?;
            paths.out.join(".config")
        };
        Ok(fs::read_to_string(&file).map_err(StoreError::read(&file))?)
    }

    fn step(&mut self, step: &Step, events: Events<'_>) -> Result<(), ImageError> {
        if self.last_phase.as_ref() != Some(&step.phase) {
            events(ImageEvent::Phase(step.phase.clone()));
            self.last_phase = Some(step.phase.clone());
        }
        let log = self.log;
        let failed = |error| {
            ImageError::step(format!("{} (everything it said is in `{}`)", step.phase, log.display()))(first_error(
                error, log,
            ))
        };
        match step.listen {
            Listen::Quietly => run(&step.call, &mut |_| ()).map_err(failed).map(drop),
            Listen::Counting => {
                let mut count = 0;
                let outcome = run(&step.call, &mut |line| count += usize::from(announced(line)));
                self.total = (count > 0).then_some(count);
                match outcome {
                    Err(ToolError::Interrupted(interrupted)) => Err(interrupted.into()),
                    // A dry run misses files that only a real one makes; it has counted by then.
                    Ok(_) | Err(_) => Ok(()),
                }
            }
            Listen::Compiling => {
                let mut done = 0;
                let total = self.total;
                let mut listen = |line: &str| {
                    if let Some(object) = compiled(line) {
                        done += 1;
                        // More than announced would be a total that lies.
                        let total = total.map(|total| total.max(done));
                        events(ImageEvent::Progress { done, total, object: object.to_owned() });
                    }
                };
                run(&step.call, &mut listen).map_err(failed).map(drop)
            }
        }
    }
}

/// A failure with the first error of the log in front of the tail: with several compilers at a time, others go on talking
/// after it.
fn first_error(error: ToolError, log: &Path) -> ToolError {
    let ToolError::Failed { call, ended, tail } = error else { return error };
    let text = fs::read(log).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().collect();
    let is_error =
        |line: &&str| [" error: ", "fatal error:", " undefined reference to "].iter().any(|mark| line.contains(mark));
    let Some(at) = lines.iter().position(is_error) else {
        return ToolError::Failed { call, ended, tail };
    };
    let before = at - usize::from(at > 0 && lines[at - 1].contains("In function"));
    let mut shown: Vec<String> = lines[before..lines.len().min(at + 6)].iter().map(|line| (*line).to_owned()).collect();
    if !tail.iter().any(|line| line == lines[at]) {
        shown.push("[…]".to_owned());
        shown.extend(tail.iter().rev().take(5).rev().cloned());
    }
    ToolError::Failed { call, ended, tail: shown }
}

/// The object of kbuild's line about one compilation: `  CC      init/main.o`, `  AS [M]  x.o`.
fn compiled(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("  CC ").or_else(|| line.strip_prefix("  AS "))?;
    Some(rest.trim_start().trim_start_matches("[M]").trim_start())
}

/// True if a dry run's line would print such a line. An object that is made before the real run begins is not counted.
fn announced(line: &str) -> bool {
    line.split("echo '").skip(1).any(|text| compiled(text).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kbuild_is_understood() {
        assert_eq!(compiled("  CC      init/main.o"), Some("init/main.o"));
        assert_eq!(compiled("  AS [M]  x.o"), Some("x.o"));
        assert_eq!(compiled("  AR      init/built-in.a"), None);
        assert_eq!(compiled("  CC"), None);
        assert!(announced("set -e;  echo '  CC      init/main.o'; aarch64-linux-gnu-gcc -c"));
        assert!(!announced("set -e;  echo '  AR      init/built-in.a'; rm -f"));
    }
}
