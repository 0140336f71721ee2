//! Choices that a printed seed repeats.
#![expect(clippy::disallowed_methods, reason = "the seed and the size of a run come from the environment")]

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A generator of numbers: `SplitMix64` (Steele, Lea, Flood 2014).
pub(crate) struct Chance(u64);

impl Chance {
    /// One whose seed is printed, with the name of the test mixed in.
    pub(crate) fn new(test: &str) -> Self {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
        let given = std::env::var("KERNSNAP_FAULTS_SEED").ok().and_then(|text| text.parse().ok());
        let seed = given.unwrap_or(now);
        tell(&format!("{test}: KERNSNAP_FAULTS_SEED={seed}"));
        Self(test.bytes().fold(seed, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into())))
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut number = self.0;
        number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        number ^ (number >> 31)
    }

    /// A number below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        usize::try_from(self.next() % (end.max(1) as u64)).unwrap_or(0)
    }

    pub(crate) fn pick<'a, T>(&mut self, from: &'a [T]) -> Option<&'a T> {
        from.get(self.below(from.len()))
    }

    /// A number from 0 to 1.
    pub(crate) fn fraction(&mut self) -> f64 {
        f64::from(u32::try_from(self.next() >> 32).unwrap_or(0)) / f64::from(u32::MAX)
    }

    pub(crate) fn time(&mut self, most: Duration) -> Duration {
        most.mul_f64(self.fraction())
    }
}

/// How many of `usual` faults are tried.
pub(crate) fn count(usual: usize) -> usize {
    let percent = std::env::var("KERNSNAP_FAULTS_PERCENT").ok().and_then(|text| text.parse().ok()).unwrap_or(100);
    (usual * percent / 100).max(1)
}

/// A word for whoever reads the output of a test that passed.
#[expect(clippy::print_stdout, reason = "nextest shows what a test of faults prints")]
pub(crate) fn tell(text: &str) {
    println!("{text}");
}
