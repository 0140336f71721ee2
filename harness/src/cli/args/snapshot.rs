//! Arguments that concern reviewed snapshots.

use clap::{Args, Subcommand, ValueEnum};

/// Whether `run` compares views with reviewed snapshots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Snapshots {
    /// Compare where there is one; a difference fails the run and is left as `.snap.new`
    Check,
    /// The same, and leave a `.snap.new` where there is none
    New,
    /// Compare nothing
    Off,
}

/// The commands on snapshots that wait for a review. `cargo insta` works on the same files.
#[derive(Debug, Subcommand)]
pub enum SnapshotCommand {
    /// Show each difference and ask what to do; where nobody can be asked, only show them
    Review(SnapshotArguments),
    /// Make them the reviewed snapshots
    Accept(SnapshotArguments),
    /// Remove them
    Reject(SnapshotArguments),
}

/// The snapshots that a command is about.
#[derive(Debug, Args)]
pub struct SnapshotArguments {
    /// The scenarios [default: all]
    #[arg(value_name = "SCENARIO")]
    pub scenarios: Vec<String>,

    /// The images [default: all]
    #[arg(long, value_name = "IMAGE,IMAGE", value_delimiter = ',')]
    pub images: Vec<String>,
}
