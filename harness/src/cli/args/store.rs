//! Arguments of `store`.

use clap::{Args, Subcommand};

/// Arguments of `store`.
#[derive(Debug, Args)]
pub struct StoreArguments {
    /// What to do [default: list what there is]
    #[command(subcommand)]
    pub command: Option<StoreCommand>,

    /// One JSON object a kind and line
    #[arg(long)]
    pub json: bool,
}

/// What to do with the store.
#[derive(Debug, Subcommand)]
pub enum StoreCommand {
    /// Removes what was not used for longest: never what somebody is at, nor entries that were used within a day
    Gc(GcArguments),
}

/// Arguments of `store gc`.
#[derive(Debug, Args)]
pub struct GcArguments {
    /// Removes what was not used for so many days
    #[arg(long, value_name = "N", default_value = "30")]
    pub keep_days: u32,

    /// Removes until no more than this is left, build directories first
    #[arg(long, value_name = "GIB", conflicts_with = "keep_days")]
    pub limit: Option<u32>,

    /// Only tells what would go
    #[arg(long)]
    pub dry_run: bool,
}
