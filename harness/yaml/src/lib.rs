//! YAML files that people write: read with `serde_yaml`, and every mistake reported with its line, column and a hint.

mod diagnostic;
mod place;
mod read;

pub use diagnostic::{Diagnostic, did_you_mean, nearest};
pub use place::Step;
pub use read::from_yaml;
