//! The meaning of a recording: tasks and their states, views, verdicts, differences, costs, reports and lessons.
//!
//! Everything here is a function of its arguments: there are no files, processes, environment variables or clocks.

pub mod bisect;
pub mod complaints;
pub mod cost;
pub mod debug;
pub mod diff;
pub mod explain;
pub mod explore;
pub mod ktap;
pub mod language;
pub mod lesson;
pub mod model;
pub mod phrase;
pub mod regress;
pub mod report;
pub mod verdict;
pub mod view;
