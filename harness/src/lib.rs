//! kernsnap: Raspberry Pi kernels in QEMU, traced deterministically.

pub mod cli;
pub mod session;
pub mod testing;

pub use kernsnap_trace as trace;
