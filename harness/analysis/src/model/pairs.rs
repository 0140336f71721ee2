//! How often each pair comes: who woke whom.

use std::cmp::Reverse;
use std::collections::BTreeMap;

/// The distinct pairs with their counts, the most frequent first; those that are as frequent in their own order.
#[must_use]
pub fn count_pairs<P: Ord>(pairs: impl IntoIterator<Item = P>) -> Vec<(P, u64)> {
    let mut counts: BTreeMap<P, u64> = BTreeMap::new();
    for pair in pairs {
        *counts.entry(pair).or_default() += 1;
    }
    let mut counted: Vec<(P, u64)> = counts.into_iter().collect();
    // The sort is stable.
    counted.sort_by_key(|(_, count)| Reverse(*count));
    counted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_most_frequent_pair_comes_first() {
        assert_eq!(count_pairs([(1, 2), (3, 4), (0, 9), (3, 4)]), [((3, 4), 2), ((0, 9), 1), ((1, 2), 1)]);
    }
}
