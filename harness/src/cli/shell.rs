//! `kernsnap shell`: a guest to look around in.

use std::fs;
use std::io::{IsTerminal as _, Write as _};
use std::time::Duration;

use super::args::ShellArguments;
use super::progress::Progress;
use super::{Context, Exit, Failure, absolute, chain, options, talk, with_hint};
use crate::session::shell_guest::prepare;
use kernsnap_host::exec::ToolError;
use kernsnap_image::ImageError;
use kernsnap_machine::emulator::Emulator;
use kernsnap_machine::shell::{ShellError, ShellRequest, ask, open};

/// How to leave, and what this is not.
const GREETING: &str =
    "`poweroff` or Ctrl-A X leaves; there is no network, and what is typed makes no run that repeats exactly";

pub(super) fn shell(context: &Context, arguments: &ShellArguments) -> Result<Exit, Failure> {
    if arguments.command.is_none() && !(std::io::stdin().is_terminal() && std::io::stdout().is_terminal()) {
        let text = "a shell needs a terminal\n\nhint: `--command COMMAND` runs one command without";
        return Err(Failure::input(text.into()));
    }
    // First of all: without it nothing that is built or read helps.
    Emulator::find(&context.store).map_err(ShellError::from)?;
    let options = options(&arguments.source)?;
    let busybox = arguments.busybox.as_deref().map(absolute).transpose()?;
    let mut progress = Progress::new();
    let mut show = |event| progress.show(event);
    let guest = prepare(context.images(&options), &arguments.image, busybox.as_deref(), &mut show)?;
    drop(progress);

    let scratch = context.store.scratch().map_err(ImageError::from)?;
    let initramfs = scratch.path().join("initramfs.cpio");
    guest
        .root
        .to_cpio()
        .and_then(|archive| fs::write(&initramfs, archive))
        .map_err(|error| Failure::internal("write the root file system", &error))?;
    let request = ShellRequest {
        machine: &guest.machine,
        command_line: &guest.command_line,
        kernel: &guest.kernel,
        device_tree: &guest.device_tree,
        initramfs: &initramfs,
    };
    let Some(command) = &arguments.command else {
        talk(GREETING);
        open(&request, terminal_size())?;
        return Ok(Exit::Passed);
    };
    let said = ask(&request, command, Duration::from_secs(arguments.limit))?;
    // Not a line of ours, and not always text.
    let mut stdout = std::io::stdout();
    stdout
        .write_all(&said.output)
        .and_then(|()| stdout.flush())
        .map_err(|error| Failure::internal("print what the guest said", &error))?;
    if said.status == 0 {
        return Ok(Exit::Passed);
    }
    talk(&format!("the command ended with status {} in the guest", said.status));
    Ok(Exit::Different)
}

/// Rows and columns of the terminal; one that tells none has 0 of each.
fn terminal_size() -> Option<(u16, u16)> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
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
