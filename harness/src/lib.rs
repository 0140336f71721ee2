//! kernsnap: Raspberry Pi kernels in QEMU, traced deterministically.

pub mod initramfs;
pub mod module_file;
pub mod plan;
pub mod scenario;
pub mod trace;
pub mod verdict;
pub mod view;
pub mod vm;
