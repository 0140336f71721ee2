//! A machine: its description, its QEMU command, one boot of it, and what the guest left behind.

pub mod channel;
pub mod machine;
pub mod qemu;
pub mod report;
pub mod schedule;
