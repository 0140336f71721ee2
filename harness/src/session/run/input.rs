//! All that reaches a guest: a run is a function of this, of its image's files and of the QEMU build.

use std::collections::BTreeMap;
use std::io;
use std::path::Path;
use std::time::Duration;

use super::evidence::write;
use super::{GuestPayload, ImageRuntime, RunError, evidence};
use crate::session::compile::{self, PlanContext};
use kernsnap_host::exec::{ToolCall, ToolError};
use kernsnap_host::key::{CacheInputs, Key};
use kernsnap_image::module_file::ModuleFile;
use kernsnap_machine::boot::command;
use kernsnap_machine::initramfs::Root;
use kernsnap_machine::machine::PowerOff;
use kernsnap_machine::memory::GuestMemory;
use kernsnap_machine::plan;
use kernsnap_machine::plan::{Plan, WarmUp};
use kernsnap_machine::qemu::{RunFiles, arguments};
use kernsnap_machine::template::Template;
use kernsnap_machine::{Boot, BootError, BootRequest, Schedule, Secrets, boot};
use kernsnap_scenario::Scenario;

/// Raised when what the harness takes from a machine changes.
const RECIPE: u32 = 2;

/// The inputs of one boot.
#[derive(Clone, Debug)]
pub struct RunInput<'a> {
    /// The image's part.
    pub runtime: &'a ImageRuntime,
    /// The steps of the guest's init.
    pub plan: Plan,
    /// The root file system that the machine boots with: init alone.
    pub initramfs: Vec<u8>,
    /// The files that init adds to it: the plan, programs and modules.
    pub files: Vec<u8>,
    /// Words that init gets with the files, and that none of them holds.
    pub secrets: Secrets,
    /// The kernel's command line, without the console.
    pub command_line: String,
    /// CPUs and their pace.
    pub schedule: Schedule,
    /// True if a panic is an end to judge.
    pub may_panic: bool,
    /// True if other runs have the same machine up to the fork point, so that a template of it is worth its boot.
    pub shares_boot: bool,
    /// The modules that are loaded, to read the trace with.
    pub(super) modules: BTreeMap<String, ModuleFile>,
}

impl<'a> RunInput<'a> {
    /// The modules of the scenario, by name.
    #[must_use]
    pub fn modules(&self) -> &BTreeMap<String, ModuleFile> {
        &self.modules
    }

    /// The input of a run of `scenario`.
    ///
    /// # Errors
    /// [`RunError::Write`] where the root file system becomes too large for its format.
    pub fn from_scenario(
        scenario: &Scenario,
        runtime: &'a ImageRuntime,
        payload: &GuestPayload,
        schedule: Schedule,
    ) -> Result<Self, RunError> {
        Self::new(runtime, payload, compile(scenario, runtime, payload, schedule, None), schedule)
    }

    /// The input of a guest that carries out `plan`.
    ///
    /// # Errors
    /// As [`RunInput::from_scenario`].
    pub fn new(
        runtime: &'a ImageRuntime,
        payload: &GuestPayload,
        plan: Plan,
        schedule: Schedule,
    ) -> Result<Self, RunError> {
        let initramfs = base(runtime, payload, schedule)
            .and_then(|root| root.to_cpio())
            .map_err(|source| RunError::Write { path: evidence::INITRAMFS.into(), source })?;
        let mut added = Root::default();
        add(&mut added, payload, &plan.text);
        let parameters = [&*runtime.command_line, &payload.boot_parameters, &payload.common_parameters];
        let command_line = parameters.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join(" ");
        let secrets = secrets(runtime, &added, &command_line, schedule)?;
        let files =
            added.to_payload(secrets).map_err(|source| RunError::Write { path: evidence::PAYLOAD.into(), source })?;
        Ok(Self {
            runtime,
            plan,
            initramfs,
            files,
            command_line,
            secrets,
            schedule,
            may_panic: payload.may_panic,
            shares_boot: payload.boot_parameters.is_empty(),
            modules: modules(payload),
        })
    }

    /// QEMU's arguments, with short names in place of the host's paths.
    #[must_use]
    pub fn arguments(&self) -> Vec<String> {
        let files = RunFiles {
            kernel: "Image".into(),
            device_tree: "board.dtb".into(),
            initramfs: evidence::INITRAMFS.into(),
            console: evidence::CONSOLE_LOG.into(),
            memory: "guest-memory".into(),
            card: None,
        };
        arguments(&self.runtime.machine, self.schedule, &self.command_line, &files)
    }

    /// Everything that decides the evidence of a run, with the hash of the QEMU that runs it.
    #[must_use]
    pub fn inputs(&self, qemu: &str) -> CacheInputs {
        let channel = self.runtime.machine.channel;
        CacheInputs::new("result", RECIPE)
            .with("kernel and device tree", &self.runtime.content)
            .with("initramfs", &self.initramfs)
            .with("payload", &self.files)
            .with("qemu", qemu)
            .with("arguments", self.arguments().join("\n"))
            .with("channel", format!("{:#x} {:#x}", channel.address, channel.size))
            .with("may panic", self.may_panic.to_string())
            .with("powers off", self.powers_off().to_string())
    }

    /// The name of the result in the cache of the QEMU with the hash `qemu`.
    #[must_use]
    pub fn key(&self, qemu: &str) -> Key {
        self.inputs(qemu).key()
    }

    /// Boots the machine up to the point where it takes the payload. Every input with the same [`RunInput::template_key`] can be
    /// run from there.
    ///
    /// # Errors
    /// [`BootError::Template`] where this machine cannot be forked; it can boot instead.
    pub fn template(&self, limit: Duration) -> Result<Template, BootError> {
        let directory = Path::new("");
        Template::boot(&self.request(directory, directory, limit), &self.initramfs)
    }

    /// All of the input that a template depends on, with the hash of the QEMU that runs it.
    #[must_use]
    pub fn template_key(&self, qemu: &str) -> Key {
        CacheInputs::new("template", RECIPE)
            .with("kernel and device tree", &self.runtime.content)
            .with("initramfs", &self.initramfs)
            .with("arguments", self.arguments().join("\n"))
            .with("qemu", qemu)
            .with("confined", self.runtime.lockstep.confined.to_string())
            .with("adverse", self.runtime.lockstep.adverse.to_string())
            .key()
    }

    /// Runs the machine from `template` on. It leaves what [`RunInput::boot`] leaves, with the same bytes, where the machine does not
    /// come to its end; else it leaves the logs alone, because QEMU reads no other file and writing them takes a tenth of the run.
    ///
    /// # Errors
    /// As [`RunInput::boot`], and [`BootError::Template`] where the template is gone.
    pub fn fork(&self, template: &Template, directory: &Path, limit: Duration) -> Result<Boot, RunError> {
        let initramfs = directory.join(evidence::INITRAMFS);
        match template.run(&self.request(directory, &initramfs, limit)) {
            Ok(boot) => Ok(boot),
            Err(error) => {
                self.leave(directory)?;
                Err(error.into())
            }
        }
    }

    /// Boots the machine. The inputs, the command line, logs and raw trace are left in `directory`, which exists.
    ///
    /// # Errors
    /// [`RunError::Boot`] where the machine does not come to its end.
    pub fn boot(&self, directory: &Path, limit: Duration) -> Result<Boot, RunError> {
        self.leave(directory)?;
        let initramfs = directory.join(evidence::INITRAMFS);
        let boot = boot(&self.request(directory, &initramfs, limit))?;
        write(directory, evidence::RAW, &boot.evidence.body)?;
        Ok(boot)
    }

    /// The memory of the machine at power-on.
    ///
    /// # Errors
    /// If the system refuses, or the files are too large for the board.
    pub fn memory(&self) -> io::Result<GuestMemory> {
        let machine = &self.runtime.machine;
        GuestMemory::with_payload(machine.memory_mib, machine.payload_in_memory(), &self.files)
    }

    /// Leaves that memory as a file at `path`, for a QEMU that another program starts.
    ///
    /// # Errors
    /// [`RunError::Write`].
    pub fn leave_memory(&self, path: &Path) -> Result<(), RunError> {
        let machine = &self.runtime.machine;
        GuestMemory::write(path, machine.memory_mib, machine.payload_in_memory(), &self.files)
            .map_err(|source| RunError::Write { path: path.to_owned(), source })
    }

    /// Leaves the plan, the root file system, the payload and QEMU's command line in `directory`.
    ///
    /// # Errors
    /// [`RunError::Write`], and where QEMU is not on this host.
    pub fn leave(&self, directory: &Path) -> Result<(), RunError> {
        write(directory, evidence::PLAN, self.plan.text.as_bytes())?;
        write(directory, evidence::INITRAMFS, &self.initramfs)?;
        write(directory, evidence::PAYLOAD, &self.files)?;
        let call = self.command(directory, Path::new("guest-memory")).map_err(BootError::Tool)?;
        write(directory, evidence::COMMAND, format!("{call}\n").as_bytes())
    }

    /// QEMU's command line for the files that [`RunInput::leave`] left in `directory`, with the guest's memory in `memory`.
    ///
    /// # Errors
    /// If QEMU is not on this host.
    pub fn command(&self, directory: &Path, memory: &Path) -> Result<ToolCall, ToolError> {
        let initramfs = directory.join(evidence::INITRAMFS);
        command(&self.request(directory, &initramfs, Duration::ZERO), memory.to_owned())
    }

    fn request<'b>(&'b self, directory: &'b Path, initramfs: &'b Path, limit: Duration) -> BootRequest<'b> {
        BootRequest {
            machine: &self.runtime.machine,
            lockstep: &self.runtime.lockstep,
            schedule: self.schedule,
            command_line: &self.command_line,
            kernel: &self.runtime.kernel,
            device_tree: &self.runtime.device_tree,
            initramfs,
            payload: &self.files,
            directory,
            limit,
            may_panic: self.may_panic,
            powers_off: self.powers_off(),
            card: None,
        }
    }

    /// True if QEMU ends when the guest has switched off.
    #[must_use]
    pub fn powers_off(&self) -> bool {
        self.runtime.powers_off && self.runtime.machine.power_off == PowerOff::EndsQemu
    }
}

/// The secrets of a run: a function of what else makes it up.
fn secrets(runtime: &ImageRuntime, added: &Root, command_line: &str, schedule: Schedule) -> Result<Secrets, RunError> {
    let files = added.to_payload(Secrets::default());
    let files = files.map_err(|source| RunError::Write { path: evidence::PAYLOAD.into(), source })?;
    let inputs = CacheInputs::new("secrets", 1)
        .with("kernel and device tree", &runtime.content)
        .with("files", &files)
        .with("command line", command_line)
        .with("schedule", schedule.to_string());
    Ok(Secrets::from_hash(inputs.key().as_str()))
}

/// The root file system of a guest that runs `scenario` on a real board and writes what it leaves to `device`.
///
/// # Errors
/// If the root file system of the scenario cannot be read.
pub fn for_card(
    scenario: &Scenario,
    runtime: &ImageRuntime,
    payload: &GuestPayload,
    schedule: Schedule,
    device: &str,
) -> io::Result<Root> {
    let mut root = Root::new();
    if let Some(archive) = &payload.root {
        root.archive(archive)?;
    }
    root.program("init", runtime.init.clone());
    add(&mut root, payload, &compile(scenario, runtime, payload, schedule, Some(device)).text);
    Ok(root)
}

/// The root file system that is the same for all runs on an image. Runs with kernel parameters of their own may trace the boot, and
/// are not forked: their machine is not warmed up.
fn base(runtime: &ImageRuntime, payload: &GuestPayload, schedule: Schedule) -> io::Result<Root> {
    let mut root = Root::new();
    if let Some(archive) = &payload.root {
        root.archive(archive)?;
    }
    root.program("init", runtime.init.clone());
    let shares_boot = payload.boot_parameters.is_empty();
    let functions = warm_up_functions(runtime);
    let warm = WarmUp { channel: runtime.machine.channel, cpus: schedule.cpus, functions: &functions };
    root.file("plan", Plan::base(runtime.machine.payload, shares_boot.then_some(&warm)).into());
    Ok(root)
}

/// Functions that each program goes through, by number; one of them where the kernel takes names, which takes it long. A kernel that is
/// asked for its functions has a first one, whichever it is.
fn warm_up_functions(runtime: &ImageRuntime) -> Vec<String> {
    if !runtime.finds_functions_by_number {
        return vec!["do_exit".into()];
    }
    let numbers = ["do_exit", "schedule_tail"].into_iter().filter_map(|name| runtime.facts.functions.get(name));
    let numbers: Vec<String> = numbers.flatten().map(ToString::to_string).collect();
    if numbers.is_empty() { vec!["1".into()] } else { numbers }
}

/// Adds what differs from run to run: the plan, programs and modules.
fn add(root: &mut Root, payload: &GuestPayload, plan: &str) {
    root.file("plan", plan.into());
    for (name, content) in &payload.programs {
        root.program(&plan::program_path(name), content.clone());
    }
    let modules = payload.modules.iter().map(|(name, (content, _))| (name, content));
    for (name, content) in modules.chain(payload.dependencies.iter().map(|(name, content)| (name, content))) {
        root.file(&plan::module_path(name), content.clone());
    }
}

/// For a kernel that takes functions by name only.
static NO_NUMBERS: BTreeMap<String, Vec<usize>> = BTreeMap::new();

fn compile(
    scenario: &Scenario,
    runtime: &ImageRuntime,
    payload: &GuestPayload,
    schedule: Schedule,
    keep: Option<&str>,
) -> Plan {
    let dependencies: Vec<String> = payload.dependencies.iter().map(|(name, _)| name.clone()).collect();
    compile::compile(
        scenario,
        &PlanContext {
            channel: runtime.machine.channel,
            schedule,
            functions: if runtime.finds_functions_by_number { &runtime.facts.functions } else { &NO_NUMBERS },
            modules: &modules(payload),
            dependencies: &dependencies,
            keep,
        },
    )
}

fn modules(payload: &GuestPayload) -> BTreeMap<String, ModuleFile> {
    payload.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use kernsnap_machine::Machine;

    use super::*;

    fn raspi3b() -> Machine {
        let text = include_str!("../../../../images/boards/raspi3b.yaml");
        Machine::read(Path::new("raspi3b.yaml"), text).expect("the board's description is valid")
    }

    fn runtime() -> ImageRuntime {
        ImageRuntime {
            image: "rpi3-6.1".into(),
            image_key: String::new(),
            board: "raspi3b".into(),
            machine: raspi3b(),
            command_line: "quiet".into(),
            kernel: "Image".into(),
            device_tree: "board.dtb".into(),
            content: "0123".into(),
            symbols: kernsnap_trace::Symbols::default(),
            facts: kernsnap_machine::capabilities::TraceCapabilities::default(),
            init: vec![1],
            powers_off: true,
            finds_functions_by_number: true,
            lockstep: kernsnap_machine::Lockstep::default(),
        }
    }

    const SCHEDULE: Schedule = Schedule::new(1, 4);

    fn key(
        runtime: &ImageRuntime,
        payload: &GuestPayload,
        plan: &str,
        schedule: Schedule,
        qemu: &str,
    ) -> Result<String, RunError> {
        let input = RunInput::new(runtime, payload, Plan::from_text(plan.to_owned()), schedule)?;
        Ok(input.key(qemu).to_string())
    }

    #[test]
    fn whatever_reaches_a_guest_makes_another_result() -> Result<(), RunError> {
        let changed = |change: fn(&mut ImageRuntime, &mut GuestPayload)| {
            let (mut runtime, mut payload) = (runtime(), GuestPayload::default());
            change(&mut runtime, &mut payload);
            key(&runtime, &payload, "end\n", SCHEDULE, "build")
        };
        let keys = [
            changed(|_, _| ())?,
            changed(|runtime, _| runtime.content = "4567".into())?,
            changed(|runtime, _| runtime.init = vec![2])?,
            changed(|runtime, _| runtime.command_line = "loud".into())?,
            changed(|runtime, _| runtime.machine.qemu_machine = "raspi4b".into())?,
            changed(|runtime, _| runtime.machine.channel.size = 64)?,
            changed(|runtime, _| runtime.machine.payload.size = 64)?,
            changed(|runtime, _| runtime.powers_off = false)?,
            changed(|_, payload| payload.boot_parameters = "ftrace_dump_on_oops".into())?,
            changed(|_, payload| payload.may_panic = true)?,
            changed(|_, payload| payload.dependencies.push(("one".into(), vec![4])))?,
            changed(|_, payload| drop(payload.programs.insert("one".into(), vec![3])))?,
            key(&runtime(), &GuestPayload::default(), "# another\nend\n", SCHEDULE, "build")?,
            key(&runtime(), &GuestPayload::default(), "end\n", Schedule::new(0, 4), "build")?,
            key(&runtime(), &GuestPayload::default(), "end\n", Schedule::new(1, 2), "build")?,
            key(&runtime(), &GuestPayload::default(), "end\n", SCHEDULE, "another build")?,
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
        // The places of the files and the name of the image do not reach the guest.
        assert_eq!(changed(|runtime, _| runtime.kernel = "/elsewhere/Image".into())?, keys[0]);
        assert_eq!(changed(|runtime, _| runtime.image = "the-same".into())?, keys[0]);
        Ok(())
    }
}
