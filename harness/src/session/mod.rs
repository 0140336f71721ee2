//! The use cases, each once: from names to prepared images, runs, verdicts and what is kept of them.

pub mod bisect;
pub mod boards;
pub mod cache;
pub mod capsule;
pub mod catalogue;
pub mod compile;
pub mod compose;
pub mod debug;
pub mod explore;
pub mod kselftest;
pub mod lesson;
pub mod load;
pub mod matrix;
pub mod measure;
mod module_filter;
pub mod prepare;
pub mod record;
pub mod recording;
pub mod regress;
pub mod run;
pub mod shell_guest;
pub mod snapshot;
pub mod status;
pub mod take_out;
pub mod templates;
pub mod verify;
