//! kernsnap: Raspberry Pi kernels in QEMU, traced deterministically.

pub mod exec;
pub mod facts;
pub mod initramfs;
pub mod interrupt;
pub mod module_file;
pub mod plan;
pub mod run;
pub mod scenario;
pub mod trace;
pub mod verdict;
pub mod view;
pub mod vm;
pub mod workspace;
