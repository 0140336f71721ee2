//! Lines that wait until several of them agree on a prefix.

/// The prefix of the lines.
#[derive(Debug, Default)]
pub(super) struct Prefix {
    /// The shape that several lines agreed on.
    pub(super) shape: Option<Vec<u8>>,
    /// Lines that are held back, with their numbers.
    pub(super) held: Vec<(u64, Box<[u8]>)>,
    /// The shapes of the held lines, with the names behind them.
    pub(super) seen: Vec<(Vec<u8>, Box<[u8]>)>,
}
