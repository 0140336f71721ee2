//! `kernsnap shell`: a guest to look around in.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::path::{Path, PathBuf};
use std::time::Duration;

use super::args::ShellArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, chain, options, talk, with_hint};
use crate::session::shell_guest::{Wishes, prepare};
use crate::session::take_out::{TakeOutError, make, take_out};
use kernsnap_host::exec::ToolError;
use kernsnap_image::ImageError;
use kernsnap_machine::emulator::Emulator;
use kernsnap_machine::machine::Region;
use kernsnap_machine::memory::GuestMemory;
use kernsnap_machine::shell::{ShellError, ShellRequest, ask, open};

/// How to leave, and what this is not.
const GREETING: &str =
    "`poweroff` or Ctrl-A X leaves; there is no network, and what is typed makes no run that repeats exactly";

/// How files leave the guest.
const OUT_GREETING: &str = "`out FILE…` sends files to this host, and `poweroff` sends all that are in /out";
/// As many names of files that stayed in the guest are told.
const TOLD_NAMES: usize = 5;

pub(super) fn shell(context: &Context, arguments: &ShellArguments) -> Result<Exit, Failure> {
    if arguments.command.is_none() && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        let text = "a shell needs a terminal\n\nhint: `--command COMMAND` runs one command without";
        return Err(Failure::input(text.into()));
    }
    // First of all: without it nothing that is built or read helps.
    Emulator::find(&context.store).map_err(ShellError::from)?;
    let options = options(&arguments.source)?;
    let busybox = arguments.busybox.as_deref().map(absolute).transpose()?;
    let out = arguments.out.as_deref().map(absolute).transpose()?;
    out.as_deref().map(make).transpose()?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(event);
    let wishes = Wishes {
        busybox: busybox.as_deref(),
        with: &arguments.with,
        out: out.is_some(),
        debian: arguments.debian,
        scenarios: &arguments.scenarios,
    };
    let guest = prepare(context.images(&options), &arguments.image, wishes, &mut show)?;
    drop(progress);

    let scratch = context.store.scratch().map_err(ImageError::from)?;
    let initramfs = scratch.path().join("initramfs.cpio");
    guest
        .root
        .to_cpio()
        .and_then(|archive| fs::write(&initramfs, archive))
        .map_err(|error| Failure::internal("write the root file system", &error))?;
    let memory = out.is_some().then(|| GuestMemory::new(guest.machine.memory_mib)).transpose();
    let memory = memory.map_err(|error| Failure::internal("make the guest's memory", &error))?;
    let request = ShellRequest {
        machine: &guest.machine,
        command_line: &guest.command_line,
        kernel: &guest.kernel,
        device_tree: &guest.device_tree,
        initramfs: &initramfs,
        memory: memory.as_ref(),
    };
    let take = || match (&memory, &out) {
        (Some(memory), Some(out)) => take(memory, guest.machine.channel_in_memory(), out),
        _ => Ok(Exit::Passed),
    };
    let Some(command) = &arguments.command else {
        talk(GREETING);
        if out.is_some() {
            talk(OUT_GREETING);
        }
        let ended = open(&request, terminal_size());
        let taken = take()?;
        return ended.map(|()| taken).map_err(Failure::from);
    };
    let said = ask(&request, command, Duration::from_secs(arguments.limit))?;
    let taken = take()?;
    // Not a line of ours, and not always text.
    let mut stdout = std::io::stdout();
    stdout
        .write_all(&said.output)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::internal("print what the guest said", &error))?;
    if said.status == 0 {
        return Ok(taken);
    }
    talk(&format!("the command ended with status {} in the guest", said.status));
    Ok(taken.worst(Exit::Different))
}

/// Takes files out of a guest that has ended, and tells which.
fn take(memory: &GuestMemory, channel: Region, directory: &Path) -> Result<Exit, Failure> {
    let Some(taken) = take_out(memory, channel, directory)? else {
        talk("the guest sent no files: `out`, or switching it off with `poweroff`, sends those in /out");
        return Ok(Exit::Passed);
    };
    let told = |path: &PathBuf| path.display().to_string();
    match taken.files.iter().map(told).collect::<Vec<_>>() {
        files if files.is_empty() => talk("there was no file in /out"),
        files => talk(&format!("from the guest: {}", files.join(", "))),
    }
    if !taken.refused.is_empty() {
        let names: Vec<String> = taken.refused.iter().take(TOLD_NAMES).map(|name| format!("{name:?}")).collect();
        let text = format!("{} of the guest's files stayed in it, such as {}", taken.refused.len(), names.join(", "));
        let hint = "a name has letters, digits, `.`, `_` and `-`, and begins with a letter or a digit; there are at most 1000 files";
        return Err(Failure { exit: Exit::Different, text: with_hint(text, Some(hint.into())) });
    }
    if !taken.complete {
        talk("not all files of the guest came out whole: the last one may be truncated");
        return Ok(Exit::MachineLost);
    }
    Ok(Exit::Passed)
}

/// Rows and columns of the terminal; one that tells none has 0 of each.
fn terminal_size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

impl From<TakeOutError> for Failure {
    fn from(error: TakeOutError) -> Self {
        let exit = match error {
            TakeOutError::Write { .. } => Exit::BadInput,
            TakeOutError::Channel(_) => Exit::Different,
            TakeOutError::Memory(_) => Exit::Internal,
        };
        Self { exit, text: chain(&error) }
    }
}

impl From<ShellError> for Failure {
    fn from(error: ShellError) -> Self {
        let exit = match error {
            ShellError::Interrupted(_) | ShellError::Tool(ToolError::Interrupted(_)) => Exit::Interrupted,
            ShellError::TooLong { .. } => Exit::BadInput,
            _ => Exit::MachineLost,
        };
        let hint = match &error {
            ShellError::Tool(error) => error.hint(),
            _ => None,
        };
        Self { exit, text: with_hint(chain(&error), hint.map(str::to_owned)) }
    }
}
