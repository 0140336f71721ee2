//! `kernsnap gdb`.

use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use super::args::GdbArguments;
use super::{Context, Exit, Failure, answer, options, schedule};
use crate::session::load;
use crate::session::run::{RunError, RunInput, evidence};
use kernsnap_analysis::debug::{address, symbol_file};
use kernsnap_host::exec::{Ended, Outputs, Process, Tool, ToolCall, ToolError, in_foreground, quoted};
use kernsnap_host::interrupt;
use kernsnap_image::ImageError;
use kernsnap_machine::BootError;

/// The debugger, which is also the package it comes in.
const DEBUGGER: &str = "gdb-multiarch";

/// Files beside those of a run.
const SYMBOLS: &str = "kernel.elf";
const SOCKET: &str = "gdb.sock";

/// How long QEMU may take until it listens.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) fn gdb(context: &Context, arguments: &GdbArguments) -> Result<Exit, Failure> {
    let options = options(&arguments.source)?;
    let file = load::scenario_file(&context.workspace, &arguments.scenario)?;
    let debugger = if arguments.print { None } else { Some(debugger()?) };
    let prepared_image = context.prepared_image(&options, &arguments.image)?;
    let runtime = &prepared_image.runtime;
    let symbols = symbol_file(&runtime.symbols)
        .ok_or_else(|| Failure::input(format!("the kernel of {} is not one of 64 bits", runtime.image)))?;
    let is_event =
        |name: &str| prepared_image.events().any(|event| event.split_once(':').is_some_and(|(_, own)| own == name));
    let stop = match &arguments.at {
        None => None,
        Some(what) => Some(address(&runtime.symbols, what, is_event).ok_or_else(|| {
            Failure::input(format!("the kernel of {} has no function and no event `{what}`", runtime.image))
        })?),
    };
    let (scenario, payload) = prepared_image.scenario(&file, &mut |_| ())?.ready()?;
    let input = RunInput::from_scenario(&scenario, runtime, &payload, schedule(&prepared_image, arguments.schedule)?)?;

    let directory = context.store.debug_dir(&scenario.id).map_err(ImageError::from)?;
    input.leave(&directory)?;
    let elf = directory.join(SYMBOLS);
    fs::write(&elf, symbols).map_err(|source| RunError::Write { path: elf.clone(), source })?;

    let mut words: Vec<String> =
        ["-q", "-nx", "-ex", "set confirm off", "-ex", "set architecture aarch64"].map(str::to_owned).to_vec();
    let mut say = |command: String| words.extend(["-ex".to_owned(), command]);
    say(format!("symbol-file {}", elf.display()));
    say(format!("target remote {}", directory.join(SOCKET).display()));
    if let Some((address, _)) = stop {
        // One that QEMU keeps: before the kernel has set up its memory, nothing can be written at its addresses.
        say(format!("hbreak *{address:#x}"));
        say("continue".to_owned());
    }
    words.extend(arguments.gdb.iter().cloned());
    match debugger {
        None => {
            let memory = directory.join("guest-memory");
            input.leave_memory(&memory)?;
            answer(&machine(&input, &directory, &memory)?.to_string());
            let gdb = words.iter().map(|word| quoted(word.as_ref())).collect::<Vec<_>>().join(" ");
            answer(&format!("{DEBUGGER} {gdb}"));
            Ok(Exit::Passed)
        }
        Some(debugger) => attached(&input, &directory, &ToolCall::new(debugger).args(words)),
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

fn machine(input: &RunInput<'_>, directory: &Path, memory: &Path) -> Result<ToolCall, Failure> {
    let call = input.command(directory, memory).map_err(|error| RunError::Boot(BootError::Tool(error)))?;
    let socket = directory.join(SOCKET);
    Ok(call.args(["-S".to_owned(), "-gdb".to_owned(), format!("unix:{},server=on,wait=off", socket.display())]))
}

/// Starts the machine, and gives the terminal to the debugger until that ends.
fn attached(input: &RunInput<'_>, directory: &Path, gdb: &ToolCall) -> Result<Exit, Failure> {
    let memory =
        input.memory().map_err(|source| RunError::Boot(BootError::File { path: "guest memory".into(), source }))?;
    let call = machine(input, directory, &memory.path())?;
    let log = directory.join(evidence::QEMU_LOG);
    let qemu = Process::start(&call, Outputs { stdout: &log, stderr: &log })
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
