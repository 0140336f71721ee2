//! Faults of the host at random moments: processes that are killed, disks that are full, entries of a store that are damaged, and
//! many processes on one cold store. `cargo nextest run --profile faults` runs them.
//!
//! `KERNSNAP_FAULTS_SEED` repeats the choices of a run, whose seed is printed; the moments of a busy host never repeat exactly.
//! `KERNSNAP_FAULTS_PERCENT` makes it shorter or longer.

#[path = "../support/mod.rs"]
#[expect(dead_code, reason = "other tests use the rest")]
mod support;

mod chance;
mod crowd;
mod damage;
mod disk;
mod host;
mod kills;
