//! The library that makes the threads of QEMU take turns, so that the host's scheduler cannot affect a guest. See `lockstep.c`.

use std::path::{Path, PathBuf};

use kernsnap_host::exec::ToolCall;

/// The source of a library for QEMU's own process.
pub const SOURCE: &str = include_str!("lockstep.c");

/// The line that the library writes to QEMU's log as soon as a thread has waited for the other.
pub const IN_EFFECT: &str = "lockstep: the main loop and the CPUs take turns";

/// The arguments with which QEMU filters its own system calls (seccomp(2)): it starts no program, gains no privilege and changes no
/// priority. The guest cannot tell, so they are not among the inputs of a result.
pub const CONFINEMENT: [&str; 2] =
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"];

/// How a boot's QEMU is kept in order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lockstep {
    /// The library, compiled for this host.
    pub library: PathBuf,
    /// Whether it also delays threads so that each is late when that would do most harm. A test of the order itself: the
    /// guest must not notice.
    pub adverse: bool,
    /// Whether this QEMU can confine itself (see [`CONFINEMENT`]).
    pub confined: bool,
}

impl Lockstep {
    /// The call of QEMU with the library in it.
    #[must_use]
    pub fn applied(&self, call: ToolCall) -> ToolCall {
        let call = if self.confined { call.args(CONFINEMENT) } else { call };
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
    log.replace(&format!("{IN_EFFECT}\n"), "")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_harness_knows_the_librarys_word() {
        assert!(SOURCE.contains(&format!("\"{IN_EFFECT}\\n\"")));
        assert_eq!(without(&format!("{IN_EFFECT}\nqemu: no such board\n")), "qemu: no such board\n");
    }
}
