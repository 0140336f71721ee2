//! kernsnap: Raspberry Pi kernels in QEMU, traced deterministically.

pub mod cli;
pub mod diff;
pub mod exec;
pub mod facts;
pub mod image;
pub mod initramfs;
pub mod interrupt;
pub mod kit;
pub mod model;
pub mod module_file;
pub mod plan;
pub mod record;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shell;
pub mod trace;
pub mod verdict;
pub mod view;
pub mod vm;
pub mod workspace;
