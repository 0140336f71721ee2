//! Arguments of the commands that ask more of a run than to take place.

use std::num::NonZeroUsize;

use clap::Args;

/// Arguments of `verify-cache`.
#[derive(Debug, Args)]
pub struct VerifyCacheArguments {
    /// How many results to try; each call goes on where the last one stopped
    #[arg(long, value_name = "N", default_value = "8")]
    pub sample: NonZeroUsize,

    /// Boots at a time
    #[arg(long, value_name = "N", default_value = "2")]
    pub parallel: NonZeroUsize,

    /// One JSON object a result and line
    #[arg(long)]
    pub json: bool,
}
