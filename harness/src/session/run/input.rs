//! All that reaches a guest: a run is a function of this, of its image's files and of the QEMU build.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use super::{Kit, Load, RunError, evidence, write};
use crate::session::compile::{self, PlanContext};
use kernsnap_host::exec::{ToolCall, ToolError};
use kernsnap_host::key::Inputs;
use kernsnap_image::module_file::ModuleFile;
use kernsnap_machine::boot::command;
use kernsnap_machine::initramfs::Root;
use kernsnap_machine::machine::PowerOff;
use kernsnap_machine::plan;
use kernsnap_machine::plan::Plan;
use kernsnap_machine::qemu::{RunFiles, arguments};
use kernsnap_machine::{Boot, BootError, BootRequest, Schedule, boot};
use kernsnap_scenario::Scenario;

/// Raised when what the harness takes from a machine changes.
const RECIPE: u32 = 1;

/// What one boot is made of.
#[derive(Clone, Debug)]
pub struct Input<'a> {
    /// The image's part.
    pub kit: &'a Kit,
    /// What the guest's init does.
    pub plan: Plan,
    /// The root file system, with the plan in it.
    pub initramfs: Vec<u8>,
    /// The kernel's command line, without the console.
    pub command_line: String,
    /// CPUs and their pace.
    pub schedule: Schedule,
    /// Whether a panic is an end to judge.
    pub may_panic: bool,
    /// The modules that are loaded, to read the trace with.
    pub(super) modules: BTreeMap<String, ModuleFile>,
}

impl<'a> Input<'a> {
    /// The input of a run of `scenario`.
    ///
    /// # Errors
    /// [`RunError::Write`] where the root file system becomes too large for its format.
    pub fn of(scenario: &Scenario, kit: &'a Kit, load: &Load, schedule: Schedule) -> Result<Self, RunError> {
        Self::new(kit, load, compile(scenario, kit, load, schedule, None), schedule)
    }

    /// The input of a guest that carries out `plan`.
    ///
    /// # Errors
    /// As [`Input::of`].
    pub fn new(kit: &'a Kit, load: &Load, plan: Plan, schedule: Schedule) -> Result<Self, RunError> {
        let initramfs = root(kit, load, &plan.text)
            .to_cpio()
            .map_err(|source| RunError::Write { path: evidence::INITRAMFS.into(), source })?;
        let command_line = format!("{} {}", kit.command_line, load.boot_parameters).trim_end().to_owned();
        let may_panic = load.may_panic;
        Ok(Self { kit, plan, initramfs, command_line, schedule, may_panic, modules: modules(load) })
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
        arguments(&self.kit.machine, self.schedule, &self.command_line, &files)
    }

    /// Everything that decides the evidence of a run, with the hash of the QEMU that runs it.
    #[must_use]
    pub fn inputs(&self, qemu: &str) -> Inputs {
        let channel = self.kit.machine.channel;
        Inputs::new("result", RECIPE)
            .with("kernel and device tree", &self.kit.content)
            .with("initramfs", &self.initramfs)
            .with("qemu", qemu)
            .with("arguments", self.arguments().join("\n"))
            .with("channel", format!("{:#x} {:#x}", channel.address, channel.size))
            .with("may panic", self.may_panic.to_string())
            .with("powers off", self.powers_off().to_string())
    }

    /// Boots the machine. Input, command line, logs and raw trace are left in `directory`, which exists.
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

    /// Leaves the plan, the root file system and QEMU's command line in `directory`.
    ///
    /// # Errors
    /// [`RunError::Write`], and where QEMU is not on this host.
    pub fn leave(&self, directory: &Path) -> Result<(), RunError> {
        write(directory, evidence::PLAN, self.plan.text.as_bytes())?;
        write(directory, evidence::INITRAMFS, &self.initramfs)?;
        let call = self.command(directory, Path::new("guest-memory")).map_err(BootError::Tool)?;
        write(directory, evidence::COMMAND, format!("{call}\n").as_bytes())
    }

    /// QEMU's command line for the files that [`Input::leave`] left in `directory`, with the guest's memory in `memory`.
    ///
    /// # Errors
    /// Where QEMU is not on this host.
    pub fn command(&self, directory: &Path, memory: &Path) -> Result<ToolCall, ToolError> {
        let initramfs = directory.join(evidence::INITRAMFS);
        command(&self.request(directory, &initramfs, Duration::ZERO), memory.to_owned())
    }

    fn request<'b>(&'b self, directory: &'b Path, initramfs: &'b Path, limit: Duration) -> BootRequest<'b> {
        BootRequest {
            machine: &self.kit.machine,
            lockstep: &self.kit.lockstep,
            schedule: self.schedule,
            command_line: &self.command_line,
            kernel: &self.kit.kernel,
            device_tree: &self.kit.device_tree,
            initramfs,
            directory,
            limit,
            may_panic: self.may_panic,
            powers_off: self.powers_off(),
            card: None,
        }
    }

    /// Whether QEMU ends when the guest has switched off.
    #[must_use]
    pub fn powers_off(&self) -> bool {
        self.kit.powers_off && self.kit.machine.power_off == PowerOff::EndsQemu
    }
}

/// The root file system of a guest that runs `scenario` on a real board and writes what it leaves to `device`.
#[must_use]
pub fn for_card(scenario: &Scenario, kit: &Kit, load: &Load, schedule: Schedule, device: &str) -> Root {
    root(kit, load, &compile(scenario, kit, load, schedule, Some(device)).text)
}

/// The root file system of a guest that carries out `plan`.
fn root(kit: &Kit, load: &Load, plan: &str) -> Root {
    let mut root = Root::new();
    root.program("init", kit.init.clone());
    root.file("plan", plan.into());
    for (name, content) in &load.programs {
        root.program(&plan::program_path(name), content.clone());
    }
    let modules = load.modules.iter().map(|(name, (content, _))| (name, content));
    for (name, content) in modules.chain(load.dependencies.iter().map(|(name, content)| (name, content))) {
        root.file(&plan::module_path(name), content.clone());
    }
    root
}

fn compile(scenario: &Scenario, kit: &Kit, load: &Load, schedule: Schedule, keep: Option<&str>) -> Plan {
    let dependencies: Vec<String> = load.dependencies.iter().map(|(name, _)| name.clone()).collect();
    compile::compile(
        scenario,
        &PlanContext {
            channel: kit.machine.channel,
            schedule,
            functions: &kit.facts.functions,
            modules: &modules(load),
            dependencies: &dependencies,
            keep,
        },
    )
}

fn modules(load: &Load) -> BTreeMap<String, ModuleFile> {
    load.modules.iter().map(|(name, (_, file))| (name.clone(), file.clone())).collect()
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

    fn kit() -> Kit {
        Kit {
            image: "rpi3-6.1".into(),
            image_key: String::new(),
            machine: raspi3b(),
            command_line: "quiet".into(),
            kernel: "Image".into(),
            device_tree: "board.dtb".into(),
            content: "0123".into(),
            symbols: kernsnap_trace::Symbols::default(),
            facts: kernsnap_machine::facts::Facts::default(),
            init: vec![1],
            powers_off: true,
            lockstep: kernsnap_machine::Lockstep::default(),
        }
    }

    const SCHEDULE: Schedule = Schedule::new(1, 4);

    fn key(kit: &Kit, load: &Load, plan: &str, schedule: Schedule, qemu: &str) -> Result<String, RunError> {
        let input = Input::new(kit, load, Plan::from_text(plan.to_owned()), schedule)?;
        Ok(input.inputs(qemu).key().to_string())
    }

    #[test]
    fn whatever_reaches_a_guest_makes_another_result() -> Result<(), RunError> {
        let changed = |change: fn(&mut Kit, &mut Load)| {
            let (mut kit, mut load) = (kit(), Load::default());
            change(&mut kit, &mut load);
            key(&kit, &load, "end\n", SCHEDULE, "build")
        };
        let keys = [
            changed(|_, _| ())?,
            changed(|kit, _| kit.content = "4567".into())?,
            changed(|kit, _| kit.init = vec![2])?,
            changed(|kit, _| kit.command_line = "loud".into())?,
            changed(|kit, _| kit.machine.qemu_machine = "raspi4b".into())?,
            changed(|kit, _| kit.machine.channel.size = 64)?,
            changed(|kit, _| kit.powers_off = false)?,
            changed(|_, load| load.boot_parameters = "ftrace_dump_on_oops".into())?,
            changed(|_, load| load.may_panic = true)?,
            changed(|_, load| load.dependencies.push(("one".into(), vec![4])))?,
            changed(|_, load| drop(load.programs.insert("one".into(), vec![3])))?,
            key(&kit(), &Load::default(), "# another\nend\n", SCHEDULE, "build")?,
            key(&kit(), &Load::default(), "end\n", Schedule::new(0, 4), "build")?,
            key(&kit(), &Load::default(), "end\n", Schedule::new(1, 2), "build")?,
            key(&kit(), &Load::default(), "end\n", SCHEDULE, "another build")?,
        ];
        for (at, key) in keys.iter().enumerate() {
            assert!(!keys[..at].contains(key), "{at}");
        }
        // Where the files stand, and what the image is called, reaches nobody.
        assert_eq!(changed(|kit, _| kit.kernel = "/elsewhere/Image".into())?, keys[0]);
        assert_eq!(changed(|kit, _| kit.image = "the-same".into())?, keys[0]);
        Ok(())
    }
}
