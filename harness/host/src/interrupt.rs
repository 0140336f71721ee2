//! Ctrl-C and its kin, as one flag.
//!
//! A first SIGINT, SIGTERM or SIGHUP asks: whoever waits (a tool, a lock, a machine) looks at [`requested`], stops its own
//! children, keeps its evidence, and returns [`Interrupted`]. A second one does not ask: the process ends at once, and its
//! children end with it, because [`crate::exec`] ties them to their parent's life.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level;

static REQUESTED: AtomicBool = AtomicBool::new(false);

/// The exit status of a process ended by SIGINT, as shells count it.
const EXIT_INTERRUPTED: i32 = 130;
/// A second signal this soon after the first is the same request: `timeout` signals its child, then the child's group.
const SAME_REQUEST: Duration = Duration::from_millis(300);

/// A user asked the harness to stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("interrupted")]
pub struct Interrupted;

/// Installs the handlers, and a thread that listens to them until the process ends. Called once, by `cli::main`.
///
/// # Errors
///
/// The system's error when a handler cannot be installed.
pub fn install() -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP, SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".to_owned()).spawn(move || {
        let mut first: Option<Instant> = None;
        for _signal in &mut signals {
            REQUESTED.store(true, Ordering::Relaxed);
            if first.get_or_insert_with(Instant::now).elapsed() > SAME_REQUEST {
                low_level::exit(EXIT_INTERRUPTED);
            }
        }
    })?;
    Ok(())
}

/// True if a signal has asked the harness to stop.
#[must_use]
pub fn requested() -> bool {
    REQUESTED.load(Ordering::Relaxed)
}

/// `Err(Interrupted)` once a signal has asked the harness to stop: for `?` between two steps.
///
/// # Errors
///
/// [`Interrupted`], and nothing else.
pub fn check() -> Result<(), Interrupted> {
    if requested() { Err(Interrupted) } else { Ok(()) }
}
