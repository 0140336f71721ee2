//! The host that the harness runs on: other processes, interrupts, parallel jobs, git repositories, archives, the paths of a
//! checkout, and the content-addressed store.

pub mod archive;
pub mod exec;
pub mod files;
pub mod git;
pub mod interrupt;
pub mod key;
pub mod name;
pub mod parallel;
pub mod progress;
pub mod remote;
pub mod stamp;
pub mod store;
pub mod tree;
pub mod workspace;
