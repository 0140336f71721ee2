//! A machine: its description, its QEMU command, one boot of it, and what the guest left behind.

pub mod boot;
#[cfg(test)]
mod boot_tests;
pub mod capabilities;
pub mod card;
pub mod channel;
mod console;
pub mod emulator;
pub mod evidence;
pub mod initramfs;
pub mod landlock;
pub mod lockstep;
pub mod machine;
pub mod memory;
pub mod plan;
pub mod qemu;
pub mod report;
pub mod schedule;
pub mod secrets;
pub mod shell;
pub mod template;

pub use boot::{Boot, BootError, BootRequest, Times, boot};
pub use evidence::Evidence;
pub use lockstep::Lockstep;
pub use machine::Machine;
pub use schedule::Schedule;
pub use secrets::Secrets;
