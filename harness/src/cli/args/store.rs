//! Arguments of `store`.

use std::str::FromStr;

use super::{KeyArguments, OutputArguments, SendArguments, VerifyArguments};
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
    /// Evict the least recently used entries, but never those that another command uses
    Gc(GcArguments),
    /// Boot some of the cached results again and compare the bytes; a difference ends with exit code 7
    Verify(VerifyArguments),
    /// Make a pair of keys for the remote store, and print the public one
    Key(KeyArguments),
    /// Sign entries and send them to the remote store
    Send(SendArguments),
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

/// A size in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (number, shift) = match (text.strip_suffix("MiB"), text.strip_suffix("GiB")) {
            (Some(number), _) => (number, 20),
            (None, number) => (number.unwrap_or(text), 30),
        };
        let bytes = number.trim().parse::<u32>().ok().map(|number| u64::from(number) << shift);
        bytes.map(Self).ok_or_else(|| "write a number of GiB, `4GiB` or `500MiB`".to_owned())
    }
}

/// Arguments of `store gc`.
#[derive(Debug, Args)]
pub struct GcArguments {
    /// Evict what was not used for so many days
    #[arg(long, value_name = "N", default_value = "30")]
    pub keep_days: u32,

    /// Evict until the store has at most this size, in GiB or as in `500MiB`; build directories first
    #[arg(long, value_name = "SIZE", conflicts_with = "keep_days")]
    pub max_size: Option<Size>,

    /// Only print what would be evicted
    #[arg(long)]
    pub dry_run: bool,
}
