//! kernsnap: Raspberry Pi kernels in QEMU, traced deterministically.

pub mod claims;
pub mod cli;
pub mod diff;
pub mod exec;
pub mod export;
pub mod facts;
pub mod image;
pub mod initramfs;
pub mod interrupt;
pub mod kit;
pub mod layouts;
pub mod lesson;
pub mod model;
pub mod module_file;
pub mod plan;
pub mod record;
pub mod recording;
pub mod report;
pub mod run;
pub mod scenario;
pub mod shell;
pub mod trace;
pub mod verdict;
pub mod view;
pub mod vm;
pub mod workspace;
