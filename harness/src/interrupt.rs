//! Ctrl-C and its kin, as one flag.
//!
//! A first SIGINT, SIGTERM or SIGHUP asks: whoever waits (a tool, a lock, a machine) looks at [`requested`], stops its own
//! children, keeps its evidence, and returns [`Interrupted`]. A second one does not ask: the process ends at once, and its
//! children end with it, because [`crate::exec`] ties them to their parent's life.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::flag;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// The exit status of a process ended by SIGINT, as shells count it.
const EXIT_INTERRUPTED: i32 = 130;

/// Somebody asked the harness to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Installs the handlers. Called once, by `cli::main`; a second call adds nothing that shows.
///
/// # Errors
///
/// The system's error when a handler cannot be installed.
pub fn install() -> io::Result<()> {
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        // The order matters: the first signal finds the flag down and raises it, the second finds it up and ends.
        flag::register_conditional_shutdown(signal, EXIT_INTERRUPTED, Arc::clone(shared()))?;
        flag::register(signal, Arc::clone(shared()))?;
    }
    Ok(())
}

/// Whether a signal has asked the harness to stop.
#[must_use]
pub fn requested() -> bool {
    shared().load(Ordering::Relaxed)
}

/// `Err(Interrupted)` once a signal has asked the harness to stop: for `?` between two steps.
///
/// # Errors
///
/// [`Interrupted`], and nothing else.
pub fn check() -> Result<(), Interrupted> {
    if requested() { Err(Interrupted) } else { Ok(()) }
}

fn shared() -> &'static Arc<AtomicBool> {
    FLAG.get_or_init(Arc::default)
}
