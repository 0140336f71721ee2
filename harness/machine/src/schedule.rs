//! A schedule fixes one interleaving of the guest's CPUs.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// How fast guest time passes, how many CPUs take part, and when its steps begin: everything that decides who runs when.
///
/// As text `SHIFT:CPUS`, or `SHIFT:CPUS:OFFSET`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub struct Schedule {
    /// One instruction takes 2^shift nanoseconds (`-icount shift=`), 0 to 10.
    pub shift: u8,
    /// CPUs that the kernel brings up (`maxcpus=`), from 1.
    pub cpus: u16,
    /// Nanoseconds of guest time that the guest's init spins before each step of the scenario. Timers do not wait for it, so
    /// that they interrupt the step elsewhere.
    pub offset_ns: u32,
}

/// QEMU's limit (`MAX_ICOUNT_SHIFT`).
const MAX_SHIFT: u8 = 10;

/// The guest's limit.
const MAX_OFFSET_NS: u32 = 1_000_000_000;

/// A tick of the kernels here (`CONFIG_HZ=250`), in nanoseconds: what comes again after it is no other schedule.
const TICK_NS: u32 = 4_000_000;

/// The paces that are tried: from two instructions in the usual time of one to a quarter of one.
const SHIFTS: [u8; 4] = [1, 0, 2, 3];

/// Why a text is not a schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is not a schedule; write SHIFT:CPUS or SHIFT:CPUS:OFFSET with a shift of 0 to {MAX_SHIFT}, at least one CPU, and at \
     most {MAX_OFFSET_NS} ns, such as 1:4 or 1:4:250000"
)]
pub struct ScheduleError(String);

impl Schedule {
    /// A schedule in which steps begin at once.
    #[must_use]
    pub const fn new(shift: u8, cpus: u16) -> Self {
        Self { shift, cpus, offset_ns: 0 }
    }

    /// The first `count` of a fixed series of schedules, each of them another one. `cpus` says which numbers of CPUs there
    /// may be, the usual one first.
    ///
    /// The paces and numbers of CPUs come first, all of them beginning at once; then the same with steps that begin in the middle of a
    /// tick, at its quarters, at its eighths, and so on: each series has all of the shorter ones in it.
    #[must_use]
    pub fn series(cpus: &[u16], count: usize) -> Vec<Self> {
        let of_offset =
            |offset_ns| cpus.iter().flat_map(move |cpus| SHIFTS.map(|shift| Self { shift, cpus: *cpus, offset_ns }));
        if cpus.is_empty() {
            return Vec::new();
        }
        (0..=u32::MAX).map(|number| part_of(TICK_NS, number)).flat_map(of_offset).take(count).collect()
    }

    /// Nanoseconds of guest time that one instruction takes.
    #[must_use]
    pub fn ns_per_instruction(self) -> u64 {
        1 << self.shift
    }
}

/// 0, 1/2, 1/4, 3/4, 1/8, 5/8, … of the whole: `number` in binary, read from behind the point (van der Corput).
fn part_of(whole: u32, number: u32) -> u32 {
    let part = (u64::from(whole) * u64::from(number.reverse_bits())) >> 32;
    u32::try_from(part).unwrap_or(whole)
}

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let parsed = || {
            let mut parts = text.split(':');
            let (shift, cpus) = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
            let offset_ns = parts.next().map_or(Ok(0), str::parse).ok()?;
            parts.next().is_none().then_some(Self { shift, cpus, offset_ns })
        };
        let possible = |s: &Self| s.shift <= MAX_SHIFT && s.cpus > 0 && s.offset_ns <= MAX_OFFSET_NS;
        parsed().filter(possible).ok_or_else(|| ScheduleError(text.into()))
    }
}

impl TryFrom<String> for Schedule {
    type Error = ScheduleError;

    fn try_from(text: String) -> Result<Self, ScheduleError> {
        text.parse()
    }
}

impl From<Schedule> for String {
    fn from(schedule: Schedule) -> Self {
        schedule.to_string()
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { shift, cpus, offset_ns } = self;
        match offset_ns {
            0 => write!(f, "{shift}:{cpus}"),
            _ => write!(f, "{shift}:{cpus}:{offset_ns}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn schedules_are_read_and_written_alike() {
        let check = |text: &str| assert_eq!(text.parse::<Schedule>().map(|s| s.to_string()), Ok(text.to_owned()));
        check("1:4");
        check("0:1");
        check("3:2:250000");
        assert_eq!("1:4:0".parse(), Ok(Schedule::new(1, 4)));
    }

    #[test]
    fn what_no_cpu_can_run_is_refused() {
        for text in ["", "1", "1:0", "11:4", "x:4", "1:4:2:3", "-1:4", "1:4:", "1:4:-1", "1:4:1000000001"] {
            assert_eq!(text.parse::<Schedule>(), Err(ScheduleError(text.into())));
        }
    }

    #[test]
    fn a_longer_series_begins_with_the_shorter_one_and_has_none_twice() {
        let long = Schedule::series(&[4, 2], 64);
        assert_eq!(long[0], Schedule::new(1, 4));
        assert_eq!(long[..8], Schedule::series(&[4, 2], 8));
        assert_eq!(long.iter().collect::<BTreeSet<_>>().len(), 64);
        let told: Vec<String> = long.iter().step_by(8).map(ToString::to_string).collect();
        assert_eq!(told[..5], ["1:4", "1:4:2000000", "1:4:1000000", "1:4:3000000", "1:4:500000"]);
        assert_eq!(Schedule::series(&[], 3), []);
    }
}
