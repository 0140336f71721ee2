//! Distributions of durations, in bounded memory.

use std::collections::BTreeMap;

/// Durations in nanoseconds. Count, smallest, largest and total are exact; the median is that of the buckets, which are
/// narrower than one part in 128.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Distribution {
    count: u64,
    min: u64,
    max: u64,
    total: u64,
    /// By the smallest duration that belongs into the bucket.
    buckets: BTreeMap<u64, u64>,
}

/// Bits of a duration that its bucket keeps.
const PRECISION: u32 = 8;

impl Distribution {
    /// Adds a duration.
    pub fn add(&mut self, ns: u64) {
        self.min = if self.count == 0 { ns } else { self.min.min(ns) };
        self.max = self.max.max(ns);
        self.count += 1;
        self.total = self.total.saturating_add(ns);
        let low = (u64::BITS - ns.leading_zeros()).saturating_sub(PRECISION);
        *self.buckets.entry(ns >> low << low).or_default() += 1;
    }

    /// The number of there that are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The shortest; 0 where there is none.
    #[must_use]
    pub fn min(&self) -> u64 {
        self.min
    }

    /// The longest; 0 where there is none.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.max
    }

    /// All together; as much as fits.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.total
    }

    /// The lower median; 0 where there is none.
    #[must_use]
    pub fn median(&self) -> u64 {
        let half = self.count.div_ceil(2);
        let mut seen = 0;
        let bucket = self.buckets.iter().find(|(_, count)| {
            seen += **count;
            seen >= half
        });
        bucket.map_or(0, |(low, _)| (*low).clamp(self.min, self.max))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn nothing_is_no_time() {
        let empty = Distribution::default();
        assert_eq!((empty.min(), empty.median(), empty.max(), empty.total()), (0, 0, 0, 0));
    }

    proptest! {
        #[test]
        fn the_median_is_within_a_bucket(mut all in prop::collection::vec(any::<u64>(), 1..50)) {
            let mut distribution = Distribution::default();
            for ns in &all {
                distribution.add(*ns);
            }
            all.sort_unstable();
            let median = all[(all.len() - 1) / 2];
            prop_assert!(distribution.median() <= median && median - distribution.median() <= median / 128);
            prop_assert_eq!((distribution.min(), distribution.max()), (all[0], all[all.len() - 1]));
        }
    }
}
