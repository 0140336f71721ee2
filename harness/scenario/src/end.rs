//! How programs end.

use std::fmt;

/// How a program ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// It exits with this code.
    Exit(u8),
    /// This signal kills it.
    Signal(u8),
}

impl End {
    /// The end that a `wait` status tells, where it is one (a stopped task has not ended).
    #[must_use]
    pub fn from_wait_status(status: u32) -> Option<Self> {
        let [low, high, ..] = status.to_le_bytes();
        match low & 0x7f {
            0 => Some(End::Exit(high)),
            0x7f => None,
            signal => Some(End::Signal(signal)),
        }
    }
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            End::Exit(code) => write!(f, "exit {code}"),
            End::Signal(signal) => write!(f, "signal {signal}"),
        }
    }
}
