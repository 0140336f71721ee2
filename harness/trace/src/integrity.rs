//! The reasons that a trace as a whole cannot be judged.

use std::fmt;

use super::{Cpu, Timestamp};

/// A reason not to trust a trace as a whole.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum IntegrityError {
    /// The ring buffer of a CPU wrapped and overwrote events.
    Overrun {
        /// The CPU.
        cpu: Cpu,
        /// The number of events that were overwritten.
        events: u64,
    },
    /// Events could not be written at all.
    Dropped {
        /// The CPU.
        cpu: Cpu,
        /// The number of events that were dropped.
        events: u64,
    },
    /// A page says that events are missing before it.
    MissedBefore {
        /// The CPU.
        cpu: Cpu,
        /// The page's number in the CPU's buffer, from 0.
        page: usize,
    },
    /// A CPU's clock went backwards.
    ClockBackwards {
        /// The CPU.
        cpu: Cpu,
        /// The time stamp that came too late.
        at: Timestamp,
    },
    /// The number of events found is not the number the kernel says it wrote.
    CountMismatch {
        /// The CPU.
        cpu: Cpu,
        /// Events decoded.
        found: u64,
        /// Events the kernel reports.
        written: u64,
    },
    /// A text says that events are missing in it: `[LOST n EVENTS]`, or a head that counts more than the text has.
    Lost {
        /// The CPU, where the text says it.
        cpu: Option<Cpu>,
        /// How many events, where the text says it.
        events: Option<u64>,
    },
    /// One of these in the buffer of an instance.
    OfInstance {
        /// The name of the instance.
        name: String,
        /// The error in its buffer.
        error: Box<IntegrityError>,
    },
}

impl IntegrityError {
    /// True if a larger buffer would have kept what is missing.
    #[must_use]
    pub fn is_loss(&self) -> bool {
        match self {
            Self::Overrun { .. } | Self::Dropped { .. } | Self::MissedBefore { .. } | Self::Lost { .. } => true,
            Self::ClockBackwards { .. } | Self::CountMismatch { .. } => false,
            Self::OfInstance { error, .. } => error.is_loss(),
        }
    }
}

impl fmt::Display for IntegrityError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overrun { cpu, events } => {
                write!(f, "CPU {}: the buffer wrapped and {events} events were overwritten", cpu.0)
            }
            Self::Dropped { cpu, events } => write!(f, "CPU {}: {events} events were dropped", cpu.0),
            Self::MissedBefore { cpu, page } => {
                write!(f, "CPU {}: events are missing before page {page} of its buffer", cpu.0)
            }
            Self::ClockBackwards { cpu, at } => {
                write!(f, "CPU {}: the trace clock went backwards at {} ns", cpu.0, at.0)
            }
            Self::CountMismatch { cpu, found, written } => {
                write!(f, "CPU {}: the kernel wrote {written} events, {found} were read", cpu.0)
            }
            Self::OfInstance { name, error } => write!(f, "instance `{name}`: {error}"),
            Self::Lost { cpu, events } => {
                if let Some(cpu) = cpu {
                    write!(f, "CPU {}: ", cpu.0)?;
                }
                match events {
                    Some(events) => write!(f, "{events} events are not in the text"),
                    None => f.write_str("events are not in the text"),
                }
            }
        }
    }
}
