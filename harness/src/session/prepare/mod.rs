//! From names to the bytes that runs are made of: opens an image, asks its kernel what it can trace, and collects the guest
//! programs of a scenario. Everything comes from the store, and is built where it is missing.

mod error;

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

pub use self::error::{FailedBoot, PrepareError};
use crate::session::compile::boot_parameters;
use crate::session::load::{self, board};
use crate::session::run::{GuestPayload, ImageRuntime, RunError, boot_plan};
use kernsnap_host::key::CacheInputs;
use kernsnap_host::progress::{Events, ImageEvent, Phase};
use kernsnap_host::store::StoreError;
use kernsnap_image::module_file::ModuleFile;
use kernsnap_image::{Arch, BuiltImage, CardSpec, ImageError, ImageSpec, Images, SelfTests};
use kernsnap_machine::capabilities;
use kernsnap_machine::capabilities::TraceCapabilities;
use kernsnap_machine::emulator;
use kernsnap_machine::emulator::Emulator;
use kernsnap_scenario::layouts::Layouts;
use kernsnap_scenario::{Draft, MachineEnd, Names, Registers, RootFileSystem, Scenario, Step, Target};
use kernsnap_trace::Symbols;

/// The recipe of the facts entry: raised when the questions change.
const RECIPE: u32 = 2;

/// Host time for a boot that only asks questions.
const LIMIT: Duration = Duration::from_secs(120);

/// The program that is not ours: a shell and its commands, for what a shell makes of a command line.
const BUSYBOX: &str = "busybox";

/// The first bytes of a script for it: a program that comes built may be one.
const SCRIPT: &[u8] = b"#!/bin/busybox ";

/// The file in a facts entry.
const FACTS: &str = "facts.json";

/// A scenario on an image.
#[derive(Clone, Debug)]
pub enum Prepared {
    /// It can be run, with what it needs in the guest.
    Ready(Box<Scenario>, GuestPayload),
    /// It is not about this image's kernel.
    DoesNotApply(NotApplicable),
}

impl Prepared {
    /// The scenario, where it applies.
    ///
    /// # Errors
    /// If it does not.
    pub fn ready(self) -> Result<(Box<Scenario>, GuestPayload), NotApplicable> {
        match self {
            Self::Ready(scenario, payload) => Ok((scenario, payload)),
            Self::DoesNotApply(not) => Err(not),
        }
    }
}

/// A scenario that is not about an image's kernel, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct NotApplicable {
    /// The scenario's id.
    pub id: String,
    /// Its title.
    pub title: String,
    /// The features that the kernel lacks, one sentence each.
    pub lacking: Vec<String>,
}

impl fmt::Display for NotApplicable {
    /// The text in place of a view.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lacking.iter().try_for_each(|lacking| writeln!(f, "does not apply: {lacking}"))
    }
}

/// The options that a configuration sets.
fn options_set(text: &str) -> BTreeSet<String> {
    text.lines()
        .filter(|line| line.starts_with("CONFIG_"))
        .filter_map(|line| Some(line.split_once('=')?.0.to_owned()))
        .collect()
}

/// One image, ready to run scenarios.
#[derive(Debug)]
pub struct PreparedImage<'a> {
    images: Images<'a>,
    image: BuiltImage,
    names: Names,
    events: BTreeMap<String, Vec<String>>,
    programs: BTreeSet<String>,
    modules: BTreeSet<String>,
    layouts: OnceLock<Layouts>,
    config: BTreeSet<String>,
    /// The part that all runs on the image share.
    pub runtime: ImageRuntime,
}

impl<'a> PreparedImage<'a> {
    /// Opens the image `name`, building what is missing of it.
    ///
    /// # Errors
    /// A [`PrepareError`]; nothing half-built is left.
    pub fn open(images: Images<'a>, name: &str, on: Events<'_>) -> Result<Self, PrepareError> {
        let mut opened = Self::open_unasked(images, name, on)?;
        let asks_for_symbols = opened.image.system_map.is_none();
        opened.runtime.facts = facts(&images, &opened.runtime, asks_for_symbols, on)?;
        opened.events = opened.runtime.facts.events();
        if asks_for_symbols {
            opened.runtime.symbols = Symbols::from_system_map(&opened.runtime.facts.symbols).0;
        }
        Ok(opened)
    }

    /// Opens the image `name` without asking its kernel what it can trace. Scenarios need the answers; a kernel that does not boot
    /// gives none.
    ///
    /// # Errors
    /// A [`PrepareError`]; nothing half-built is left.
    pub fn open_unasked(images: Images<'a>, name: &str, on: Events<'_>) -> Result<Self, PrepareError> {
        let workspace = images.workspace;
        let spec = ImageSpec::load(workspace, name)?;
        let machine = load::machine(workspace, &spec.machine)?;
        let image = images.open_or_build(&spec, &board(&machine), on)?;
        let init = read(&images.program(&image, "init", on)?.path)?;
        if let Some(version) =
            Emulator::find(images.store).ok().map(|found| found.version).filter(|version| !machine.runs_on(version))
        {
            return Err(PrepareError::OldQemu {
                machine: image.machine,
                needs: machine.needs_qemu.to_string(),
                version,
            });
        }
        let system_map = image.system_map.as_deref().map(read).transpose()?.unwrap_or_default();
        let config = read(&image.config)?;
        let config = String::from_utf8_lossy(&config);
        let has_built_in = |option: &String| config.lines().any(|line| line.strip_suffix("=y") == Some(option));
        let powers_off = machine.power_off_driver.as_ref().is_none_or(has_built_in);
        let runtime = ImageRuntime {
            image: image.name.clone(),
            image_key: image.key.to_string(),
            board: image.machine.clone(),
            machine,
            command_line: image.command_line.clone(),
            kernel: image.kernel.clone(),
            device_tree: image.device_tree.clone(),
            content: content(&image)?,
            symbols: Symbols::from_system_map(&String::from_utf8_lossy(&system_map)).0,
            facts: TraceCapabilities::default(),
            init,
            powers_off,
            finds_functions_by_number: capabilities::finds_functions_by_number(&image.release),
            lockstep: emulator::lockstep(images.store, on)?,
        };
        Ok(Self {
            names: load::names_on(workspace, image.arch.as_str())?,
            events: BTreeMap::new(),
            programs: workspace.programs().into_iter().chain([BUSYBOX.to_owned()]).collect(),
            modules: workspace.modules().into_iter().chain(image.modules.keys().cloned()).collect(),
            layouts: OnceLock::new(),
            config: options_set(&config),
            images,
            image,
            runtime,
        })
    }

    /// Reads the scenario in `file`, gives its names their meaning on this image, and collects its programs and modules.
    ///
    /// # Errors
    /// A [`PrepareError`].
    pub fn scenario(&self, file: &Path, on: Events<'_>) -> Result<Prepared, PrepareError> {
        let draft = load::draft(self.images.workspace, file)?;
        let modules = self.modules_of(&draft, on)?;
        let functions = self.modules.iter().map(|name| {
            let own = modules.get(name).map(|(_, file)| file.traceable().map(str::to_owned).collect());
            (name.clone(), own.unwrap_or_default())
        });
        let target = Target {
            layouts: if draft.names_fields() { self.layouts(on)? } else { &Layouts::EMPTY },
            image: &self.runtime.image,
            release: &self.runtime.facts.release,
            functions: &self.runtime.facts.functions,
            events: &self.events,
            programs: &self.programs,
            modules: &functions.collect(),
            names: &self.names,
            config: &self.config,
            cpus: self.runtime.machine.usual_schedule().cpus,
            registers: match self.image.arch {
                _ if self.config.contains("CONFIG_HAVE_FUNCTION_ARG_ACCESS_API") => None,
                Arch::Arm => Some(Registers::Arm),
                Arch::Arm64 => Some(Registers::Arm64),
            },
        };
        let lacking = draft.lacking(&target);
        if !lacking.is_empty() {
            return Ok(Prepared::DoesNotApply(NotApplicable {
                id: draft.id.clone(),
                title: draft.title().to_owned(),
                lacking,
            }));
        }
        let scenario = draft.resolve(&target)?;
        let root = match scenario.root {
            RootFileSystem::Init => None,
            RootFileSystem::Debian => Some(Arc::new(read(&self.images.debian_root(&self.image, on)?.path)?)),
        };
        let mut programs = BTreeMap::new();
        for step in &scenario.steps {
            if let Step::Start { program, .. } | Step::Become { program, .. } = step
                && !program.starts_with('/')
            {
                let built = if program == BUSYBOX {
                    self.images.busybox(&self.image, None, on)?
                } else {
                    self.images.program(&self.image, program, on)?
                };
                let content = read(&built.path)?;
                if content.starts_with(SCRIPT) && scenario.root == RootFileSystem::Init {
                    let shell = self.images.busybox(&self.image, None, on)?;
                    programs.insert(BUSYBOX.to_owned(), read(&shell.path)?);
                }
                programs.insert(program.clone(), content);
            }
        }
        let may_panic = scenario.end == MachineEnd::Panic;
        let dependencies = self.dependencies(&modules, on)?;
        let boot_parameters = boot_parameters(&scenario);
        let common_parameters = String::new();
        let payload =
            GuestPayload { root, programs, modules, dependencies, boot_parameters, common_parameters, may_panic };
        Ok(Prepared::Ready(Box::new(scenario), payload))
    }

    /// A static busybox for the guests of this image.
    ///
    /// # Errors
    /// If there is none and none can be had.
    pub fn busybox(&self, on: Events<'_>) -> Result<std::path::PathBuf, PrepareError> {
        Ok(self.images.busybox(&self.image, None, on)?.path)
    }

    /// The kernel's own tests of a target.
    ///
    /// # Errors
    /// If the kernel's source is not known, or has no such target.
    pub fn kselftests(&self, target: &str, on: Events<'_>) -> Result<SelfTests, PrepareError> {
        let spec = ImageSpec::load(self.images.workspace, &self.image.name)?;
        Ok(self.images.kselftests(&spec, &self.image, target, on)?)
    }

    /// The names that kernels give to functions.
    #[must_use]
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The kernel's architecture.
    #[must_use]
    pub fn arch(&self) -> Arch {
        self.image.arch
    }

    /// The kernel with its debugging information, where it was built with it.
    #[must_use]
    pub fn vmlinux(&self) -> Option<&Path> {
        self.image.vmlinux.as_deref()
    }

    /// The kernel's source, for a debugger, where it is still laid out.
    #[must_use]
    pub fn kernel_source(&self) -> Option<&Path> {
        self.image.source.as_deref()
    }

    /// Where a structure of this kernel keeps a field, in bytes from its start; `None` where it has no such field.
    ///
    /// # Errors
    /// If the structures cannot be learned.
    pub fn offset(&self, of: &str, field: &str, on: Events<'_>) -> Result<Option<u64>, PrepareError> {
        Ok(self.layouts(on)?.field(of, field).map(|field| field.offset))
    }

    /// The events that a scenario can name, `group:name`.
    pub fn events(&self) -> impl Iterator<Item = &str> + Clone {
        self.events.keys().map(String::as_str)
    }

    /// True if another image's kernel runs the same code on the same data, and differs at most in the line numbers that its
    /// warnings would print (`__bug_table`). Only kernels that are not packed can be compared.
    ///
    /// # Errors
    /// If a kernel cannot be read.
    pub fn runs_the_same(&self, other: &Self) -> Result<bool, PrepareError> {
        let (Some(own), Some(others)) = (self.without_lines()?, other.without_lines()?) else { return Ok(false) };
        Ok(own == others && read(&self.runtime.device_tree)? == read(&other.runtime.device_tree)?)
    }

    /// The kernel's bytes with zeros for the table of warnings.
    fn without_lines(&self) -> Result<Option<Vec<u8>>, PrepareError> {
        let Some(path) = &self.image.system_map else { return Ok(None) };
        let map = read(path)?;
        let map = String::from_utf8_lossy(&map);
        let address = |name: &str| {
            let line = map.lines().find(|line| line.split_whitespace().nth(2) == Some(name))?;
            u64::from_str_radix(line.split_whitespace().next()?, 16).ok()
        };
        let mut kernel = read(&self.runtime.kernel)?;
        let place = |name: &str| usize::try_from(address(name)?.checked_sub(address("_text")?)?).ok();
        let range = place("__start___bug_table").zip(place("__stop___bug_table"));
        Ok(range.and_then(|(from, to)| {
            kernel.get_mut(from..to)?.fill(0);
            Some(kernel)
        }))
    }

    /// Builds every program and module of the checkout that the store does not have.
    ///
    /// # Errors
    /// A [`PrepareError`].
    pub fn build_all(&self, on: Events<'_>) -> Result<(), PrepareError> {
        for name in self.programs.iter().filter(|name| *name != BUSYBOX) {
            self.images.program(&self.image, name, on)?;
        }
        // The kernel's own come with it: a distribution's kernel has thousands.
        for name in self.modules.iter().filter(|name| !self.image.modules.contains_key(*name)) {
            self.images.module(&self.image, name, on)?;
        }
        self.layouts(on)?;
        Ok(())
    }

    /// Where this kernel's structures keep their fields. Read only for scenarios that ask.
    fn layouts(&self, on: Events<'_>) -> Result<&Layouts, PrepareError> {
        if let Some(layouts) = self.layouts.get() {
            return Ok(layouts);
        }
        let bytes = read(&self.images.types(&self.image, on)?.path)?;
        let layouts =
            Layouts::read(&bytes).map_err(|source| PrepareError::Layouts { image: self.image.name.clone(), source })?;
        Ok(self.layouts.get_or_init(|| layouts))
    }

    /// The card that a scenario's guest writes its channel to, and the payload with the modules for it.
    ///
    /// # Errors
    /// If the image has no card, or not its modules.
    pub fn with_card(&self, payload: GuestPayload, on: Events<'_>) -> Result<(CardSpec, GuestPayload), PrepareError> {
        let none = || ImageError::Input {
            message: format!("image `{}` has no way to a card", self.runtime.image),
            hint: "`card:` in its file says how; `rpi3-6.1-card` has one".to_owned(),
        };
        let card = self.image.card.clone().ok_or_else(none)?;
        let mut dependencies = Vec::new();
        for name in &card.modules {
            dependencies.push((name.clone(), read(&self.images.module(&self.image, name, on)?.path)?));
        }
        dependencies.extend(payload.dependencies);
        Ok((card, GuestPayload { dependencies, ..payload }))
    }

    /// The dependencies of the modules besides each other, each after its own dependencies.
    fn dependencies(
        &self,
        modules: &BTreeMap<String, (Vec<u8>, ModuleFile)>,
        on: Events<'_>,
    ) -> Result<Vec<(String, Vec<u8>)>, PrepareError> {
        let mut found: Vec<(String, Vec<u8>)> = Vec::new();
        let mut wanted: Vec<String> =
            modules.values().flat_map(|(_, file)| file.depends().iter().rev().cloned()).collect();
        while let Some(name) = wanted.last().cloned() {
            let known = modules.contains_key(&name) || found.iter().any(|(other, _)| *other == name);
            if known || !self.image.modules.contains_key(&name) {
                wanted.pop();
                continue;
            }
            let bytes = read(&self.images.module(&self.image, &name, on)?.path)?;
            let file =
                ModuleFile::read(&bytes).map_err(|source| PrepareError::Module { name: name.clone(), source })?;
            let missing = |other: &&String| {
                self.image.modules.contains_key(*other)
                    && !modules.contains_key(*other)
                    && !found.iter().any(|(known, _)| known == *other)
            };
            let before: Vec<String> = file.depends().iter().filter(missing).cloned().collect();
            if before.is_empty() {
                found.push((name, bytes));
            } else {
                wanted.extend(before);
            }
        }
        Ok(found)
    }

    /// Those that exist: a name that does not is an error of the scenario, which `resolve` reports in its place.
    fn modules_of(
        &self,
        draft: &Draft,
        on: Events<'_>,
    ) -> Result<BTreeMap<String, (Vec<u8>, ModuleFile)>, PrepareError> {
        let mut modules = BTreeMap::new();
        for name in draft.modules().filter(|name| self.modules.contains(*name)) {
            let bytes = read(&self.images.module(&self.image, name, on)?.path)?;
            let file = ModuleFile::read(&bytes).map_err(|source| PrepareError::Module { name: name.into(), source })?;
            modules.insert(name.to_owned(), (bytes, file));
        }
        Ok(modules)
    }
}

/// The facts of an image, from the store; asked for by booting it where they are not there.
fn facts(
    images: &Images<'_>,
    runtime: &ImageRuntime,
    symbols: bool,
    on: Events<'_>,
) -> Result<TraceCapabilities, PrepareError> {
    let inputs = CacheInputs::new("facts", RECIPE)
        .with("image", &runtime.image_key)
        .with("command line", &runtime.command_line)
        .with("machine", &runtime.machine.qemu_machine)
        .with("init", &runtime.init)
        .with("question", capabilities::probe_plan(runtime.machine.channel, symbols))
        .with("device tree", read(&runtime.device_tree)?);
    let entry = images.store.ensure(&inputs, on, |directory, on| {
        on(ImageEvent::Phase(Phase::TraceCapabilities));
        // A boot leaves evidence, not capabilities. Evidence is moved, and the scratch directory goes away with its guard.
        let scratch = images.store.scratch()?;
        let boot = scratch.path().join("boot");
        fs::create_dir(&boot).map_err(StoreError::write(&boot))?;
        let facts = ask(runtime, symbols, &boot).map_err(|source| {
            let is_of_the_kernel = matches!(&source, RunError::Boot(error) if !error.is_of_the_host());
            let console =
                if is_of_the_kernel { FailedBoot::keep(images, runtime, &boot) } else { FailedBoot::default() };
            PrepareError::TraceCapabilities { image: runtime.image.clone(), source, console: Box::new(console) }
        })?;
        let path = directory.join(FACTS);
        let text = serde_json::to_string(&facts).unwrap_or_default();
        fs::write(&path, text).map_err(StoreError::write(&path))?;
        Ok::<_, PrepareError>(vec![FACTS.to_owned()])
    })?;
    let path = entry.file(FACTS);
    let text = read(&path)?;
    serde_json::from_slice(&text).map_err(|error| PrepareError::Read { path, source: error.into() })
}

/// Boots with all messages on the console from the first moment on: a kernel that does not boot is most often a new one.
fn ask(runtime: &ImageRuntime, symbols: bool, directory: &Path) -> Result<TraceCapabilities, RunError> {
    let (plan, schedule) =
        (capabilities::probe_plan(runtime.machine.channel, symbols), runtime.machine.usual_schedule());
    let early = runtime.machine.early_console.as_ref().map(|console| format!("earlycon={console} "));
    let common_parameters = format!("{}ignore_loglevel", early.unwrap_or_default());
    let payload = GuestPayload { common_parameters, ..GuestPayload::default() };
    let answer = boot_plan(runtime, &payload, plan, schedule, directory, LIMIT)?;
    Ok(TraceCapabilities::from_answer(&answer.evidence.sections()))
}

/// The hash of the files that QEMU loads besides the initramfs.
fn content(image: &BuiltImage) -> Result<String, PrepareError> {
    let mut hasher = blake3::Hasher::new();
    for path in [&image.kernel, &image.device_tree] {
        let bytes = read(path)?;
        hasher.update(&(bytes.len() as u64).to_le_bytes());
        hasher.update(&bytes);
    }
    Ok(hasher.finalize().to_hex().to_string())
}

fn read(path: &Path) -> Result<Vec<u8>, PrepareError> {
    fs::read(path).map_err(|source| PrepareError::Read { path: path.into(), source })
}
