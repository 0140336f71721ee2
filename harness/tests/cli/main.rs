//! Commands that run nothing: they look at recordings, views and tables.

#[expect(dead_code, reason = "another binary uses the rest")]
#[path = "../support/mod.rs"]
mod support;

mod claims;
mod diff;
mod explain;
mod instances;
mod korean;
mod view;
