//! Two events whose distance is a cost.

use serde::Deserialize;

use super::pattern::Pattern;

/// Where a cost begins and ends: the first event that the one pattern means, and the first after it that the other means.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Anchors {
    /// The name of the cost.
    pub name: String,
    /// The beginning.
    pub from: Pattern,
    /// The end.
    pub to: Pattern,
}
