//! Arguments of `store`.

use super::{OutputArguments, VerifyArguments};
use clap::{Args, Subcommand};

/// Arguments of `store`.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// The action [default: list the content]
    #[command(subcommand)]
    pub command: Option<StoreCommand>,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// The commands on the store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Evict the least recently used entries: never those in use, nor those that were used within a day
    Gc(GcArguments),
    /// Boot some of the cached results again and compare the bytes; a difference ends with exit code 7
    Verify(VerifyArguments),
    /// List the booted machines that runs are forked from, or end them
    Templates(TemplatesArguments),
}

/// Arguments of `store templates`.
#[derive(Debug, Args)]
pub struct TemplatesArguments {
    /// End them, and the process that keeps them. Runs that are forked from them go on to their end
    #[arg(long)]
    pub stop: bool,

    /// The form of the results.
    #[command(flatten)]
    pub output: OutputArguments,
}

/// Arguments of `store gc`.
#[derive(Debug, Args)]
pub struct GcArguments {
    /// Evict what was not used for so many days
    #[arg(long, value_name = "N", default_value = "30")]
    pub keep_days: u32,

    /// Evict until at most this size is left, build directories first
    #[arg(long, value_name = "GIB", conflicts_with = "keep_days")]
    pub max_size: Option<u32>,

    /// Only print what would be evicted
    #[arg(long)]
    pub dry_run: bool,
}
