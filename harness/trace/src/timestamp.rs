//! The time of an event.

/// Guest time in nanoseconds, from the ring buffer's clock (`trace_clock` local: the scheduler clock).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub u64);
