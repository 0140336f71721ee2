//! Commands that boot guests.

#[path = "../support/mod.rs"]
mod support;

mod action;
mod cache;
mod card;
mod costs_and_capsules;
mod determinism;
mod failures;
mod hostile;
mod kselftest;
mod look;
mod no_boot;
mod planted;
mod record;
mod remote;
mod results;
mod scaffold;
mod schema;
mod shell;
mod snapshots;
mod stuck;
mod templates;
