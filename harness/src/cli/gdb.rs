//! `kernsnap gdb`.

use std::fs;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant};

use super::args::GdbArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, answer, options, schedule};
use crate::session::capsule::Capsule;
use crate::session::debug::{self, DebugOrder, DebugSymbols};
use crate::session::load;
use crate::session::prepare::PreparedImage;
use crate::session::recording::is_capsule;
use crate::session::run::{RunError, evidence};
use kernsnap_host::exec::{Ended, Outputs, Process, Tool, ToolCall, ToolError, in_foreground, quoted};
use kernsnap_host::interrupt;
use kernsnap_image::ImageError;
use kernsnap_machine::memory::GuestMemory;
use kernsnap_machine::{BootError, emulator};

/// The debugger, which is also the package it comes in.
const DEBUGGER: &str = "gdb-multiarch";

/// The socket that QEMU listens on, beside the files of a run.
const SOCKET: &str = "gdb.sock";

/// The guest's memory at power-on, for a machine that another program starts.
const MEMORY: &str = "guest-memory";

/// The configuration fragment that adds debugging information to a kernel.
const DEBUG_INFO: &str = "debug-info";

/// How long QEMU may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn gdb(context: &Context, arguments: &GdbArguments) -> Result<Exit, Failure> {
    if let Some(file) = arguments.scenario.as_deref().map(Path::new).filter(|file| is_capsule(file)) {
        return of_capsule(context, file, arguments);
    }
    let mut options = options(&arguments.source)?;
    if arguments.debug_info {
        // In front of the user's own fragments, which have the last word.
        options.fragments.insert(0, context.workspace.fragment(DEBUG_INFO));
    }
    let scenario = arguments.scenario.as_deref();
    let file = scenario.map(|scenario| load::chosen(&context.workspace, scenario)).transpose()?;
    let debugger = if arguments.print { None } else { Some(debugger()?) };
    let session = context.session()?;
    // A kernel that does not boot cannot be asked what it can trace, and a boot does not need to know.
    let prepared_image = if file.is_some() {
        context.prepared_image(&options, &arguments.image)?
    } else {
        let mut progress = Progress::new();
        PreparedImage::open_unasked(context.images(&options), &arguments.image, &mut |event| progress.show(event))?
    };
    let order = DebugOrder {
        file: file.as_deref(),
        at: arguments.at.as_deref(),
        role: arguments.role.as_deref(),
        schedule: Some(schedule(&prepared_image, arguments.schedule)?),
    };
    let run = debug::prepare(&session, &prepared_image, &order)?;
    let directory = context.store.debug_dir(&run.name).map_err(ImageError::from)?;
    run.input.leave(&directory)?;
    let file = directory.join(MEMORY);
    let memory = match debugger {
        None => run.input.leave_memory(&file).map(|()| None)?,
        Some(_) => Some(run.input.memory().map_err(of_memory)?),
    };
    let path = memory.as_ref().map_or(file, GuestMemory::path);
    let call = run.input.command(&directory, &path).map_err(BootError::Tool).map_err(RunError::Boot)?;
    carry_out(&call, &run.symbols, &directory, debugger, &arguments.gdb)
}

/// Debugs the machine of a capsule.
fn of_capsule(context: &Context, file: &Path, arguments: &GdbArguments) -> Result<Exit, Failure> {
    let shown = file.display();
    if arguments.role.is_some() || arguments.debug_info {
        let options = "`--role` and `--debug-info` need a scenario: a capsule has no structures and no source";
        return Err(Failure::input(options.into()));
    }
    let bytes = fs::read(file).map_err(|error| Failure::input(format!("cannot read `{shown}`: {error}")))?;
    let capsule =
        Capsule::unpack(&bytes).map_err(|error| Failure::input(format!("`{shown}` is not a capsule: {error}")))?;
    let debugger = if arguments.print { None } else { Some(debugger()?) };
    let symbols = debug::of_capsule(&capsule, arguments.at.as_deref())?;
    let lockstep = emulator::lockstep(&context.store, &mut |_| ())?;
    let directory = context.store.debug_dir(&capsule.about.scenario).map_err(ImageError::from)?;
    capsule.leave(&directory).map_err(RunError::Boot)?;
    let memory = capsule.memory().map_err(of_memory)?;
    let file = directory.join(MEMORY);
    let path = if debugger.is_some() {
        memory.path()
    } else {
        fs::copy(memory.path(), &file).map_err(of_memory)?;
        file
    };
    let call = capsule.command(&lockstep, &directory, &path).map_err(RunError::Boot)?;
    carry_out(&call, &symbols, &directory, debugger, &arguments.gdb)
}

fn of_memory(source: io::Error) -> Failure {
    RunError::Boot(BootError::File { path: MEMORY.into(), source }).into()
}

/// Runs the machine and the debugger, or prints the two commands where there is no debugger.
fn carry_out(
    machine: &ToolCall,
    symbols: &DebugSymbols,
    directory: &Path,
    debugger: Option<Tool>,
    further: &[String],
) -> Result<Exit, Failure> {
    for (name, content) in &symbols.files {
        let path = directory.join(name);
        fs::write(&path, content).map_err(|source| RunError::Write { path, source })?;
    }
    let socket = directory.join(SOCKET);
    let waits = ["-S".to_owned(), "-gdb".to_owned(), format!("unix:{},server=on,wait=off", socket.display())];
    let machine = machine.clone().args(waits);
    let words = ["-q", "-nx"].map(str::to_owned).into_iter();
    let commands = symbols.commands(directory, &socket).into_iter();
    let words = words.chain(commands.flat_map(|command| ["-ex".to_owned(), command]));
    let words: Vec<String> = words.chain(further.iter().cloned()).collect();
    match debugger {
        None => {
            answer(&machine.to_string());
            let gdb = words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ");
            answer(&format!("{DEBUGGER} {gdb}"));
            Ok(Exit::Passed)
        }
        Some(debugger) => attached(&machine, directory, &ToolCall::new(debugger).args(words)),
    }
}

fn debugger() -> Result<Tool, Failure> {
    Tool::resolve(DEBUGGER).map_err(|error| match error {
        ToolError::Missing { .. } => {
            Failure::input(format!("{error}\n\nhint: `--print` shows the commands, for another debugger"))
        }
        error => RunError::Boot(error.into()).into(),
    })
}

/// Starts the machine, and gives the terminal to the debugger until that ends.
fn attached(machine: &ToolCall, directory: &Path, gdb: &ToolCall) -> Result<Exit, Failure> {
    let log = directory.join(evidence::QEMU_LOG);
    let qemu = Process::start(machine, Outputs { stdout: &log, stderr: &log })
        .map_err(|error| RunError::Boot(BootError::Tool(error)))?;
    let begun = Instant::now();
    while !directory.join(SOCKET).exists() {
        let look = qemu.wait_timeout(Duration::from_millis(10));
        let ended = look.map_err(|error| RunError::Boot(BootError::Tool(error)))?;
        interrupt::check().map_err(|error| RunError::Boot(BootError::Interrupted(error)))?;
        if ended.is_some() || begun.elapsed() > PATIENCE {
            let said = fs::read_to_string(&log).unwrap_or_default();
            return Err(Failure { exit: Exit::MachineLost, text: format!("QEMU does not listen for gdb: {said}") });
        }
    }
    let ended = in_foreground(gdb).map_err(|error| RunError::Boot(BootError::Tool(error)))?;
    qemu.kill();
    match ended {
        Ended::Exit(0) => Ok(Exit::Passed),
        ended => Err(Failure { exit: Exit::MachineLost, text: format!("{DEBUGGER} failed: {ended}") }),
    }
}
