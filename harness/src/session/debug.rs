//! A run for a debugger: the machine, the files with symbols, and gdb's commands. A run is the same every time, so the ids of tasks and
//! the addresses of modules that one run tells are those of the run that is debugged.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use crate::session::capsule::Capsule;
use crate::session::prepare::{NotApplicable, PrepareError, PreparedImage};
use crate::session::run::{GuestPayload, RunError, RunInput, Runner, Session};
use crate::session::status::RunStatus;
use kernsnap_analysis::debug::{address, symbol_file};
use kernsnap_image::Arch;
use kernsnap_image::module_file::without_addresses;
use kernsnap_machine::plan::{Plan, module_section};
use kernsnap_machine::{Schedule, capabilities};
use kernsnap_trace::dat;
use kernsnap_trace::{Pid, Symbols};

/// The file with the kernel's symbols, where the kernel was built without debugging information.
const SYMBOLS: &str = "kernel.elf";

/// The subject of a debugger.
#[derive(Clone, Copy, Debug)]
pub struct DebugOrder<'a> {
    /// The scenario's file. Without one, the kernel boots and says what it can trace.
    pub file: Option<&'a Path>,
    /// Where to stop first: a function of the kernel or of a module, an event, or `FILE:LINE`.
    pub at: Option<&'a str>,
    /// The role of the task that must run there.
    pub role: Option<&'a str>,
    /// The schedule, where it is not the board's usual one.
    pub schedule: Option<Schedule>,
}

/// A run for a debugger.
#[derive(Debug)]
pub struct DebugRun<'a> {
    /// The name of its directory.
    pub name: String,
    /// The inputs of the machine.
    pub input: RunInput<'a>,
    /// The part of the debugger.
    pub symbols: DebugSymbols,
}

/// Everything that a debugger is told of a machine.
#[derive(Debug)]
pub struct DebugSymbols {
    /// Files with symbols that must be written, by name.
    pub files: BTreeMap<String, Vec<u8>>,
    /// gdb's name of the architecture.
    pub architecture: &'static str,
    kernel: Option<KernelSymbols>,
    modules: Vec<LoadedModule>,
    stop: Option<String>,
}

/// The file with the kernel's symbols.
#[derive(Debug)]
enum KernelSymbols {
    /// With debugging information, where the kernel's build left it.
    Vmlinux { file: PathBuf, source: Option<PathBuf> },
    /// Made of its symbols, among [`DebugRun::files`].
    Made,
}

/// A module at its addresses.
#[derive(Debug)]
struct LoadedModule {
    file: String,
    /// Sections and their addresses; `.text` first.
    sections: Vec<(String, u64)>,
}

/// Why nothing can be debugged.
#[derive(Debug, thiserror::Error)]
pub enum DebugError {
    /// An argument does not fit the kernel or the scenario.
    #[error("{0}")]
    Input(String),
    /// The scenario does not apply to the kernel.
    #[error(transparent)]
    NotApplicable(#[from] NotApplicable),
    /// The run that tells the ids of tasks and the addresses of modules did not take place.
    #[error("{scenario}: {status}: {}", reasons.join("; "))]
    NoRun {
        /// The scenario's id.
        scenario: String,
        /// The status of the run.
        status: RunStatus,
        /// The reasons.
        reasons: Vec<String>,
    },
    /// The image or the scenario cannot be prepared.
    #[error(transparent)]
    Prepare(#[from] PrepareError),
}

impl From<RunError> for DebugError {
    fn from(error: RunError) -> Self {
        Self::Prepare(error.into())
    }
}

/// The facts that an earlier run of the same inputs tells.
#[derive(Debug, Default)]
struct Told {
    role: Option<Pid>,
    modules: Vec<LoadedModule>,
    files: BTreeMap<String, Vec<u8>>,
    /// Functions of modules by name; the names fold compiler suffixes as the kernel's do.
    functions: BTreeMap<String, u64>,
}

/// Prepares a run for a debugger.
///
/// # Errors
/// A [`DebugError`].
pub fn prepare<'a>(
    session: &Session,
    prepared_image: &'a PreparedImage<'a>,
    order: &DebugOrder<'_>,
) -> Result<DebugRun<'a>, DebugError> {
    let runtime = &prepared_image.runtime;
    let schedule = order.schedule.unwrap_or_else(|| runtime.machine.usual_schedule());
    let (name, input, told) = match order.file {
        None => {
            let plan = Plan::from_text(capabilities::probe_plan(runtime.machine.channel, false));
            let input = RunInput::new(runtime, &GuestPayload::default(), plan, schedule)?;
            ("boot".to_owned(), input, Told::default())
        }
        Some(file) => {
            let (scenario, payload) = prepared_image.scenario(file, &mut |_| ())?.ready()?;
            let mut told = Told::default();
            if order.role.is_some() || !payload.modules.is_empty() {
                let judged = Runner::new(session, runtime).judge_once(&scenario, &payload, schedule)?;
                let no_run = |(status, reasons)| DebugError::NoRun { scenario: scenario.id.clone(), status, reasons };
                let run = judged.run.ok_or_else(|| no_run((judged.status, judged.reasons)))?;
                told.learn_modules(&payload, &run.evidence.sections());
                told.role = match order.role {
                    None => None,
                    Some(role) => Some(run.outcome.role_map.pid(role).ok_or_else(|| {
                        let roles: Vec<&str> = scenario.roles.iter().map(|role| role.name.as_str()).collect();
                        DebugError::Input(format!(
                            "no task of `{}` has the role `{role}`\n\nhint: its roles are {}",
                            scenario.id,
                            roles.join(", ")
                        ))
                    })?),
                };
            }
            (scenario.id.clone(), RunInput::from_scenario(&scenario, runtime, &payload, schedule)?, told)
        }
    };
    let stop = order.at.map(|at| stop(prepared_image, at, &told)).transpose()?;
    let Told { modules, mut files, .. } = told;
    let kernel = match (prepared_image.vmlinux(), symbol_file(&runtime.symbols)) {
        (Some(vmlinux), _) => {
            let source = prepared_image.kernel_source().map(Path::to_owned);
            Some(KernelSymbols::Vmlinux { file: vmlinux.to_owned(), source })
        }
        (None, Some(made)) => {
            files.insert(SYMBOLS.to_owned(), made);
            Some(KernelSymbols::Made)
        }
        (None, None) => None,
    };
    let architecture = match prepared_image.arch() {
        Arch::Arm => "arm",
        Arch::Arm64 => "aarch64",
    };
    Ok(DebugRun { name, input, symbols: DebugSymbols { files, architecture, kernel, modules, stop } })
}

/// The symbols of a capsule, which come with its recording.
///
/// # Errors
/// [`DebugError::Input`] where the capsule has no recording, or its kernel no function and no event `at`.
pub fn of_capsule(capsule: &Capsule, at: Option<&str>) -> Result<DebugSymbols, DebugError> {
    let input = |why: String| DebugError::Input(why);
    let bytes = capsule.recording().ok_or_else(|| input("the capsule holds no recording, and so no symbols".into()))?;
    let dat = dat::read(bytes).map_err(|error| input(format!("the recording in the capsule: {error}")))?;
    let (symbols, _) = Symbols::from_system_map(dat.kallsyms);
    let is_event = |name: &str| {
        let names = dat.formats.iter().flat_map(|(_, formats)| formats).filter_map(|format| format.lines().next());
        names.filter_map(|line| line.strip_prefix("name: ")).any(|known| known == name)
    };
    let found = at.map(|at| {
        let found = address(&symbols, at, is_event).map(|(address, _)| format!("*{address:#x}"));
        found.ok_or_else(|| input(format!("the kernel of the capsule has no function and no event `{at}`")))
    });
    let made = symbol_file(&symbols);
    let (architecture, kernel) = match made {
        Some(_) => ("aarch64", Some(KernelSymbols::Made)),
        None => ("arm", None),
    };
    let files = made.map(|made| (SYMBOLS.to_owned(), made)).into_iter().collect();
    Ok(DebugSymbols { files, architecture, kernel, modules: Vec::new(), stop: found.transpose()? })
}

/// gdb's words for the place to stop at.
fn stop(prepared_image: &PreparedImage<'_>, at: &str, told: &Told) -> Result<String, DebugError> {
    let image = &prepared_image.runtime.image;
    if at.rsplit_once(':').is_some_and(|(_, line)| line.parse::<u32>().is_ok()) {
        return match prepared_image.vmlinux() {
            Some(_) => Ok(at.to_owned()),
            None => Err(DebugError::Input(format!(
                "the kernel of {image} has no debugging information, so `{at}` is not known\n\nhint: `--debug-info` builds it with"
            ))),
        };
    }
    let is_event =
        |name: &str| prepared_image.events().any(|event| event.split_once(':').is_some_and(|(_, own)| own == name));
    let of_module = told.functions.get(at.strip_suffix("()").unwrap_or(at)).copied();
    let of_kernel = || address(&prepared_image.runtime.symbols, at, is_event);
    let found = match of_module {
        Some(address) => Some(format!("*{address:#x}")),
        // With debugging information, gdb takes the place from it. The symbol stands before the instructions that ftrace patches,
        // and compilers count these to the function in front.
        None => of_kernel().map(|(address, name)| match prepared_image.vmlinux() {
            Some(_) if !name.contains('.') => format!("*{name}"),
            _ => format!("*{address:#x}"),
        }),
    };
    let Some(found) = found else {
        return Err(DebugError::Input(format!("the kernel of {image} has no function and no event `{at}`")));
    };
    let Some(pid) = told.role else { return Ok(found) };
    // A kernel of 64 bits has the running task in this register (arch/arm64/include/asm/current.h).
    let offset = match prepared_image.arch() {
        Arch::Arm64 => prepared_image.offset("task_struct", "pid", &mut |_| ())?,
        Arch::Arm => None,
    };
    let Some(offset) = offset else {
        return Err(DebugError::Input(format!("`--role` needs a kernel of 64 bits, and that of {image} is not one")));
    };
    Ok(format!("{found} if *(int *)($SP_EL0 + {offset}) == {}", pid.0))
}

impl Told {
    /// Takes the addresses of modules from the sections that a run left.
    fn learn_modules(&mut self, payload: &GuestPayload, sections: &BTreeMap<&str, &[u8]>) {
        for (name, (content, module)) in &payload.modules {
            let mut loaded = Vec::new();
            for section in module.sections() {
                let said = sections.get(module_section(name, section).as_str()).copied().unwrap_or_default();
                let said = String::from_utf8_lossy(said);
                let Ok(base) = u64::from_str_radix(said.trim().trim_start_matches("0x"), 16) else { continue };
                for function in module.functions(section) {
                    self.functions.insert(function.name.clone(), base + function.offset);
                }
                loaded.push((section.to_owned(), base));
            }
            // gdb takes the address of `.text` first.
            loaded.sort_by_key(|(section, _)| section != ".text");
            if loaded.first().is_some_and(|(section, _)| section == ".text") {
                let file = format!("{name}.ko");
                self.files.insert(file.clone(), without_addresses(content.clone()));
                self.modules.push(LoadedModule { file, sections: loaded });
            }
        }
    }
}

impl DebugSymbols {
    /// gdb's commands, for the files in `directory` and a machine that listens on `socket`.
    #[must_use]
    pub fn commands(&self, directory: &Path, socket: &Path) -> Vec<String> {
        let mut commands = vec!["set confirm off".to_owned(), format!("set architecture {}", self.architecture)];
        match &self.kernel {
            None => {}
            Some(KernelSymbols::Vmlinux { file, source }) => {
                // The kernel's build names its source so, from its output directory.
                let place = |source: &PathBuf| format!("set substitute-path ../tree {}", source.display());
                commands.extend(source.as_ref().map(place));
                commands.push(format!("symbol-file {}", file.display()));
            }
            Some(KernelSymbols::Made) => commands.push(format!("symbol-file {}", directory.join(SYMBOLS).display())),
        }
        for LoadedModule { file, sections } in &self.modules {
            let mut command = format!("add-symbol-file {}", directory.join(file).display());
            for (section, address) in sections {
                // Writing to a String cannot fail.
                let _ = match section.as_str() {
                    ".text" => write!(command, " {address:#x}"),
                    section => write!(command, " -s {section} {address:#x}"),
                };
            }
            commands.push(command);
        }
        commands.push(format!("target remote {}", socket.display()));
        if let Some(stop) = &self.stop {
            // One that QEMU keeps: before the kernel has set up its memory, nothing can be written at its addresses.
            commands.push(format!("hbreak {stop}"));
            commands.push("continue".to_owned());
        }
        commands
    }
}
