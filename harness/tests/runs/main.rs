//! Commands that boot guests.

#[path = "../support/mod.rs"]
mod support;

mod cache;
mod card;
mod costs_and_capsules;
mod determinism;
mod failures;
mod record;
mod results;
mod scaffold;
mod schema;
mod shell;
mod snapshots;
mod templates;
