//! What makes the threads of QEMU take turns, so that the host's scheduler decides nothing in a guest. See `lockstep/order.c`;
//! `lockstep/template.c` of the same library forks a machine that has booted.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use super::schedule::Schedule;
use kernsnap_host::exec::ToolCall;
use object::{Object as _, ObjectSymbol};

/// The sources of a library for QEMU's own process: names and texts.
pub const SOURCES: [(&str, &str); 14] = [
    ("boot_limit.c", include_str!("lockstep/boot_limit.c")),
    ("boot_limit.h", include_str!("lockstep/boot_limit.h")),
    ("child.c", include_str!("lockstep/child.c")),
    ("child.h", include_str!("lockstep/child.h")),
    ("confine.c", include_str!("lockstep/confine.c")),
    ("confine.h", include_str!("lockstep/confine.h")),
    ("order.c", include_str!("lockstep/order.c")),
    ("order.h", include_str!("lockstep/order.h")),
    ("protocol.h", include_str!("lockstep/protocol.h")),
    ("qemu.c", include_str!("lockstep/qemu.c")),
    ("qemu.h", include_str!("lockstep/qemu.h")),
    ("template.c", include_str!("lockstep/template.c")),
    ("touched.c", include_str!("lockstep/touched.c")),
    ("touched.h", include_str!("lockstep/touched.h")),
];

/// The texts of all sources.
pub(super) fn source() -> String {
    SOURCES.map(|(name, text)| format!("{name}\n{text}")).concat()
}

/// The line that the library writes to QEMU's log as soon as a thread has waited for the other.
pub const IN_EFFECT: &str = "lockstep: the main loop and the CPUs take turns";

/// The line that the library writes before it ends a QEMU whose guest did not become ready in time.
pub(super) const BOOT_IS_OVER: &str = "lockstep: the time for the guest's boot is over";

/// The words of QEMU's log where all CPUs sleep and no timer is left to wake them (`icount_start_warp_timer()` in
/// accel/tcg/icount-common.c).
pub(super) const SLEEPS: &str = "icount sleep disabled and no active timers";

/// The environment variable with which the library limits a guest's boot, in seconds of guest time.
pub(super) const BOOT_LIMIT: &str = "LOCKSTEP_BOOT_LIMIT";

/// Seconds of guest time until a guest's init is ready, at the usual pace and at quicker ones. The images here take less than one.
const BOOT_LIMIT_S: u64 = 60;

/// The pace at which an instruction takes as long as in the usual schedule.
const USUAL_SHIFT: u8 = 1;

/// The line that the library writes to QEMU's log for each thread that Landlock keeps away from files.
pub const FILES_KEPT_AWAY: &str = "lockstep: this thread opens no file any more";

/// The arguments with which QEMU filters its own system calls (seccomp(2)): it starts no program, gains no privilege and changes no
/// priority. The guest cannot tell, so they are not among the inputs of a result.
pub const CONFINEMENT: [&str; 2] =
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];

/// The same for a QEMU that forks: `spawn` would deny it that. The library denies it to start programs.
const TEMPLATE_CONFINEMENT: [&str; 2] = ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny"];

/// QEMU's own functions that a template needs, each with the name that it had before QEMU 9.0 (`lockstep/qemu.c`).
const FUNCTIONS: [(&str, Option<&str>); 12] = [
    ("rcu_enable_atfork", None),
    ("get_ptr_rcu_reader", None),
    ("rcu_register_thread", None),
    ("bql_lock_impl", Some("qemu_mutex_lock_iothread_impl")),
    ("bql_unlock", Some("qemu_mutex_unlock_iothread")),
    ("qemu_main_loop", None),
    ("qemu_cleanup", None),
    ("qemu_ram_foreach_block", None),
    ("qemu_ram_get_host_addr", None),
    ("qemu_ram_get_used_length", None),
    ("qemu_ram_get_fd", None),
    ("qemu_ram_is_shared", None),
];

/// The function that a template needs and the QEMU at `path` does not export; `None` where it exports all of them.
///
/// # Errors
/// If the program cannot be read.
pub fn missing_function(path: &Path) -> io::Result<Option<&'static str>> {
    let program = fs::read(path)?;
    let file = object::File::parse(&*program).map_err(io::Error::other)?;
    let exported: BTreeSet<&str> =
        file.dynamic_symbols().filter(ObjectSymbol::is_definition).filter_map(|symbol| symbol.name().ok()).collect();
    let is_missing = |(name, before): &&(&str, Option<&str>)| {
        !exported.contains(name) && !before.is_some_and(|name| exported.contains(name))
    };
    Ok(FUNCTIONS.iter().find(is_missing).map(|(name, _)| *name))
}

/// How a boot's QEMU is kept in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockstep {
    /// The library, compiled for this host.
    pub library: PathBuf,
    /// True if it also delays threads so that each is late when that would do most harm. A test of the order itself: the
    /// guest must not notice.
    pub adverse: bool,
    /// True if this QEMU can confine itself (see [`CONFINEMENT`]).
    pub confined: bool,
}

/// The limit for a guest's boot, in seconds of guest time. A slower pace has a longer one.
pub(super) fn boot_limit_s(schedule: Schedule) -> u64 {
    BOOT_LIMIT_S << schedule.shift.saturating_sub(USUAL_SHIFT)
}

impl Lockstep {
    /// The call of QEMU with the library in it.
    #[must_use]
    pub fn applied(&self, call: ToolCall) -> ToolCall {
        self.ordered(if self.confined { call.args(CONFINEMENT) } else { call })
    }

    /// The call of a QEMU that becomes a template.
    pub(super) fn applied_to_template(&self, call: ToolCall) -> ToolCall {
        let call = if self.confined { call.args(TEMPLATE_CONFINEMENT) } else { call };
        self.ordered(call.env("LOCKSTEP_TEMPLATE", "1"))
    }

    fn ordered(&self, call: ToolCall) -> ToolCall {
        let call = match (self.library.parent(), self.library.file_name()) {
            // The loader takes these for the ends of names (ld.so(8)).
            (Some(directory), Some(name)) if self.library.to_string_lossy().contains([' ', ':']) => {
                call.dir(directory).env("LD_PRELOAD", Path::new(".").join(name))
            }
            _ => call.env("LD_PRELOAD", &self.library),
        };
        if self.adverse { call.env("LOCKSTEP_ADVERSE", "1") } else { call }
    }
}

/// What QEMU itself said, of a log that the library writes to as well.
pub(super) fn without(log: &str) -> String {
    log.replace(&format!("{IN_EFFECT}\n"), "").replace(&format!("{FILES_KEPT_AWAY}\n"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_knows_the_functions_that_the_library_looks_for() {
        let source = include_str!("lockstep/qemu.c");
        let named: Vec<&str> = source.split('"').skip(1).step_by(2).filter(|text| !text.contains('.')).collect();
        let known: Vec<&str> = FUNCTIONS.iter().flat_map(|(name, before)| [Some(*name), *before]).flatten().collect();
        assert_eq!(named, known);
    }

    #[test]
    fn the_harness_knows_the_librarys_words() {
        assert!(source().contains(&format!("getenv(\"{BOOT_LIMIT}\")")));
        assert!(source().contains(&format!("\"{BOOT_IS_OVER}\\n\"")));
        for line in [IN_EFFECT, FILES_KEPT_AWAY] {
            assert!(source().contains(&format!("\"{line}\\n\"")));
            assert_eq!(without(&format!("{line}\nqemu: no such board\n")), "qemu: no such board\n");
        }
    }
}
