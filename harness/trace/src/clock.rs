//! The clock of a recording, and how its times become those that `trace-cmd report` shows (`timestamp_calc()` of
//! `lib/trace-cmd/trace-input.c`).

use super::{Cpu, Timestamp};

/// Clocks that count nanoseconds (`kernel/trace/trace.c`); any other counts something else.
const NANOSECONDS: [&str; 8] = ["local", "global", "uptime", "perf", "mono", "mono_raw", "boot", "tai"];

/// CPUs and samples of a guest's clock. There is one sample in some seconds.
const MOST: u32 = 1 << 16;

/// The clock of a recording (`trace_clock`).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Clock<'a> {
    /// Its name, where the recording tells it: `local`.
    pub name: Option<&'a str>,
    /// Nanoseconds that are added to each time (`trace-cmd record --date`, `--ts-offset`).
    pub offset: i64,
    /// A multiplier and a shift by which counts of a processor's counter become nanoseconds (`-C tsc2nsec`).
    pub scale: Option<(u32, u32)>,
    /// Of a guest, the difference from its host's clock at some times, as the option `TIME_SHIFT` of trace-cmd.dat(5) has it.
    pub time_shift: Option<&'a [u8]>,
}

impl Clock<'_> {
    /// True if times are counts without a unit, and not nanoseconds.
    #[must_use]
    pub fn is_counter(&self) -> bool {
        self.scale.is_none() && self.name.is_some_and(|name| !NANOSECONDS.contains(&name))
    }

    /// The conversion of its times; `None` where they are taken as they are.
    pub(super) fn conversion(&self) -> Option<Conversion> {
        let shifts = self.time_shift.and_then(Shifts::read);
        let is_plain = self.offset == 0 && self.scale.is_none() && shifts.is_none();
        (!is_plain).then_some(Conversion { offset: self.offset, scale: self.scale, shifts })
    }
}

/// The conversion of times.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Conversion {
    offset: i64,
    scale: Option<(u32, u32)>,
    shifts: Option<Shifts>,
}

impl Conversion {
    /// The time of an event of a CPU.
    pub(super) fn convert(&self, Timestamp(time): Timestamp, cpu: Cpu) -> Timestamp {
        let time = self.shifts.as_ref().map_or(time, |shifts| shifts.convert(time, cpu));
        let time = match self.scale {
            Some((multiplier, shift)) => {
                u64::try_from((u128::from(time) * u128::from(multiplier)) >> shift.min(127)).unwrap_or(u64::MAX)
            }
            None => time,
        };
        Timestamp(time.saturating_add_signed(self.offset))
    }
}

/// The differences of a guest's clock from its host's, by CPU.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Shifts {
    /// True if a difference changes gradually from one sample to the next.
    interpolates: bool,
    cpus: Vec<Vec<Sample>>,
}

/// The difference at one time of the guest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Sample {
    time: u64,
    offset: i64,
    scaling: u64,
    fraction: u32,
}

impl Shifts {
    /// Reads the option: an id of the session, flags, the number of CPUs, and of each the number of samples, their times, offsets and
    /// scales; behind them the fraction bits of the scales, which old files do not have. `None` where it is damaged or empty.
    fn read(option: &[u8]) -> Option<Self> {
        let mut words = Words(option.get(8..)?);
        let interpolates = words.u32()? & 1 != 0;
        let cpus = words.u32().filter(|cpus| *cpus <= MOST)?;
        let mut found = Vec::new();
        for _ in 0..cpus {
            let count = words.u32().filter(|count| *count <= MOST)?;
            let (times, offsets, scales) = (words.many(count)?, words.many(count)?, words.many(count)?);
            let samples = times.into_iter().zip(offsets).zip(scales);
            let sample = |((time, offset), scaling): ((u64, u64), u64)| Sample {
                time,
                offset: offset.cast_signed(),
                scaling,
                fraction: 0,
            };
            found.push(samples.map(sample).collect::<Vec<_>>());
        }
        for samples in &mut found {
            let count = u32::try_from(samples.len()).ok()?;
            let Some(fractions) = words.many(count) else { break };
            for (sample, fraction) in samples.iter_mut().zip(fractions) {
                sample.fraction = u32::try_from(fraction).unwrap_or(u32::MAX);
            }
        }
        for samples in &mut found {
            samples.sort_by_key(|sample| sample.time);
            samples.dedup_by_key(|sample| sample.time);
        }
        found.iter().any(|samples| !samples.is_empty()).then_some(Self { interpolates, cpus: found })
    }

    fn convert(&self, time: u64, cpu: Cpu) -> u64 {
        match self.cpus.get(usize::from(cpu.0)).map(Vec::as_slice) {
            None | Some([]) => time,
            Some([only]) => time.wrapping_add_signed(only.offset),
            Some(samples) => {
                let behind = samples.partition_point(|sample| sample.time <= time);
                let first = behind.saturating_sub(1).min(samples.len() - 2);
                match samples.get(first..) {
                    Some([from, to, ..]) => self.between(time, from, to),
                    _ => time,
                }
            }
        }
    }

    /// By two samples, between which the time mostly lies.
    fn between(&self, time: u64, from: &Sample, to: &Sample) -> u64 {
        let offset = if self.interpolates {
            let delta = i128::from(to.time) - i128::from(from.time);
            let change = i128::from(to.offset) - i128::from(from.offset);
            let part = (i128::from(time) - i128::from(from.time)).saturating_mul(change).saturating_add(delta / 2);
            i64::try_from(i128::from(from.offset) + part / delta.max(1)).unwrap_or(from.offset)
        } else {
            from.offset
        };
        let scaled = (u128::from(time) * u128::from(from.scaling)) >> from.fraction.min(127);
        u64::try_from(scaled).unwrap_or(u64::MAX).wrapping_add_signed(offset)
    }
}

/// Little-endian numbers.
struct Words<'a>(&'a [u8]);

impl Words<'_> {
    fn u32(&mut self) -> Option<u32> {
        let (word, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(u32::from_le_bytes(*word))
    }

    fn many(&mut self, count: u32) -> Option<Vec<u64>> {
        let (words, rest) = self.0.split_at_checked(usize::try_from(count).ok()?.checked_mul(8)?)?;
        self.0 = rest;
        Some(words.as_chunks().0.iter().copied().map(u64::from_le_bytes).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn convert(clock: &Clock<'_>, time: u64, cpu: u16) -> u64 {
        clock.conversion().map_or(time, |conversion| conversion.convert(Timestamp(time), Cpu(cpu)).0)
    }

    #[test]
    fn a_clock_that_is_not_changed_needs_no_conversion() {
        let clock = Clock { name: Some("local"), ..Clock::default() };
        assert_eq!((clock.conversion(), clock.is_counter()), (None, false));
        assert!(Clock { name: Some("counter"), ..Clock::default() }.is_counter());
        assert!(!Clock { name: Some("x86-tsc"), scale: Some((1, 0)), ..Clock::default() }.is_counter());
        assert!(!Clock::default().is_counter());
    }

    #[test]
    fn times_are_scaled_and_then_moved() {
        let clock = Clock { scale: Some((3 << 10, 11)), offset: -500, ..Clock::default() };
        assert_eq!(convert(&clock, 2_000, 0), 2_500);
        assert_eq!(convert(&Clock { scale: None, ..clock.clone() }, 2_000, 0), 1_500);
        assert_eq!(convert(&Clock { scale: Some((u32::MAX, 0)), ..clock }, u64::MAX, 0), u64::MAX - 500);
    }

    /// An option with the samples of each CPU: time, offset, scaling, fraction.
    fn option(flags: u32, cpus: &[&[(u64, i64, u64, u64)]]) -> Vec<u8> {
        let length = |count: usize| u32::try_from(count).expect("short").to_le_bytes();
        let mut bytes = [&7_u64.to_le_bytes()[..], &flags.to_le_bytes(), &length(cpus.len())].concat();
        for samples in cpus {
            bytes.extend(length(samples.len()));
            bytes.extend(samples.iter().flat_map(|sample| sample.0.to_le_bytes()));
            bytes.extend(samples.iter().flat_map(|sample| sample.1.to_le_bytes()));
            bytes.extend(samples.iter().flat_map(|sample| sample.2.to_le_bytes()));
        }
        bytes.extend(cpus.iter().flat_map(|samples| samples.iter().flat_map(|sample| sample.3.to_le_bytes())));
        bytes
    }

    #[test]
    fn a_guest_is_moved_to_its_hosts_clock() {
        let option = option(1, &[&[(100, 1000, 2, 1)], &[(300, 30, 2, 1), (100, 10, 2, 1), (200, 20, 4, 2)]]);
        let clock = Clock { time_shift: Some(&option), ..Clock::default() };
        assert_eq!(convert(&clock, 50, 0), 1050);
        for (time, expected) in [(50, 56), (100, 110), (150, 165), (200, 220), (250, 275), (400, 440)] {
            assert_eq!(convert(&clock, time, 1), expected, "{time}");
        }
        assert_eq!(convert(&clock, 50, 9), 50, "a CPU without samples");
    }

    #[test]
    fn steps_are_taken_where_nothing_is_between() {
        let option = option(0, &[&[(100, 10, 1, 0), (200, 20, 1, 0), (300, 30, 1, 0)]]);
        let clock = Clock { time_shift: Some(&option), ..Clock::default() };
        assert_eq!([150, 250].map(|time| convert(&clock, time, 0)), [160, 270]);
    }

    #[test]
    fn no_byte_of_an_option_breaks_it() {
        let option = option(1, &[&[(100, 10, 1, 0), (200, 20, 1, 0)]]);
        for at in 0..option.len() {
            let mut bad = option.clone();
            bad[at] ^= 0xff;
            let _ = convert(&Clock { time_shift: Some(&bad), ..Clock::default() }, u64::MAX / 2, 0);
            let _ = convert(&Clock { time_shift: Some(&option[..at]), ..Clock::default() }, 7, 0);
        }
    }
}
