//! Where the evidence of a run may come from, and where it came from.

use serde::{Deserialize, Serialize};

/// Where the evidence of a run may come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunPolicy {
    /// The cache, if it has the result. Otherwise the machine runs, and the result is kept.
    Cached,
    /// A machine that runs, from a template if there can be one. If the cache has the result, both must have the same bytes.
    Rerun,
    /// A machine that boots for this run. If the cache has the result, both must have the same bytes.
    Boot,
}

/// How a run came by its evidence. It never decides the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Started {
    /// The machine was forked from one that had booted.
    Fork,
    /// The machine booted.
    Boot,
    /// An earlier run with the same inputs left it.
    Cache,
}
