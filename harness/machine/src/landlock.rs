//! Whether this host's kernel has Landlock, which keeps files away from a QEMU whose guest runs (`lockstep/confine.c`).

use std::thread;

use landlock::{ABI, Access as _, AccessFs, LandlockStatus, Ruleset, RulesetAttr as _, RulesetError};

/// True if the kernel has Landlock, and it is switched on.
#[must_use]
pub fn is_in_force() -> bool {
    // It is asked by taking it upon oneself: that is for a thread of its own, which ends at once.
    let asked = thread::spawn(|| {
        let rules = Ruleset::default().handle_access(AccessFs::from_all(ABI::V1))?;
        Ok::<_, RulesetError>(rules.create()?.restrict_self()?.landlock)
    });
    matches!(asked.join(), Ok(Ok(LandlockStatus::Available { .. })))
}
