//! A schedule fixes one interleaving of the guest's CPUs.

use std::fmt;
use std::str::FromStr;

/// How fast guest time passes, and how many CPUs take part: everything that decides who runs when.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Schedule {
    /// One instruction takes 2^shift nanoseconds (`-icount shift=`), 0 to 10.
    pub shift: u8,
    /// CPUs that the kernel brings up (`maxcpus=`), from 1.
    pub cpus: u16,
}

/// QEMU's limit (`MAX_ICOUNT_SHIFT`).
const MAX_SHIFT: u8 = 10;

/// Why a text is no schedule.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no schedule; write SHIFT:CPUS with a shift of 0 to {MAX_SHIFT} and at least one CPU, such as 1:4")]
pub struct ScheduleError(String);

impl FromStr for Schedule {
    type Err = ScheduleError;

    fn from_str(text: &str) -> Result<Self, ScheduleError> {
        let parsed = text.split_once(':').and_then(|(shift, cpus)| Some((shift.parse().ok()?, cpus.parse().ok()?)));
        match parsed {
            Some((shift, cpus)) if shift <= MAX_SHIFT && cpus > 0 => Ok(Self { shift, cpus }),
            _ => Err(ScheduleError(text.into())),
        }
    }
}

impl fmt::Display for Schedule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.shift, self.cpus)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schedules_are_read_and_written_alike() {
        let check = |text: &str| assert_eq!(text.parse::<Schedule>().map(|s| s.to_string()), Ok(text.to_owned()));
        check("1:4");
        check("0:1");
    }

    #[test]
    fn what_no_cpu_can_run_is_refused() {
        for text in ["", "1", "1:0", "11:4", "x:4", "1:4:2", "-1:4"] {
            assert_eq!(text.parse::<Schedule>(), Err(ScheduleError(text.into())));
        }
    }
}
