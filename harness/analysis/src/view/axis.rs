//! Guest time on a line of characters. Long times in which nothing changes are cut out: a guest sleeps for seconds and acts
//! for microseconds.

/// No more cuts than a reader can follow.
const MOST_CUTS: usize = 6;
/// A gap is cut that is so many times longer than what is left to show.
const LONG: u64 = 2;
/// And so many times longer than the longest one that is not cut.
const JUMP: u64 = 8;

/// A line of characters, each of which means a time.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Axis {
    columns: Vec<Column>,
    cuts: Vec<u64>,
}

/// The meaning of one character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Column {
    /// The nanoseconds from `from` to `to`, without the latter.
    Time { from: u64, to: u64 },
    /// A time that is left out.
    Cut,
}

impl Axis {
    /// Puts the time from `from` to `to` on about `width` characters. `moments` are those at which something changes, sorted.
    pub(super) fn new(from: u64, to: u64, moments: &[u64], width: usize) -> Self {
        let gaps = cuts(moments, to.saturating_sub(from));
        let mut parts = Vec::new();
        let mut start = from;
        for (before, after) in &gaps {
            parts.push((start, *before));
            start = *after;
        }
        // The last moment belongs to the picture.
        parts.push((start, to.saturating_add(1)));
        let shown: u64 = parts.iter().map(|(from, to)| to - from).sum::<u64>().max(1);
        let room = u64::try_from(width.saturating_sub(gaps.len())).unwrap_or(u64::MAX).max(1);
        let mut columns = Vec::new();
        for (number, (from, to)) in parts.into_iter().enumerate() {
            if number > 0 {
                columns.push(Column::Cut);
            }
            let length = to - from;
            let share = u64::try_from(u128::from(length) * u128::from(room) / u128::from(shown)).unwrap_or(1);
            let count = share.clamp(1, room).min(length.max(1));
            let at = |column: u64| {
                let part = u128::from(length) * u128::from(column) / u128::from(count);
                from + u64::try_from(part).unwrap_or(length)
            };
            columns.extend((0..count).map(|column| Column::Time { from: at(column), to: at(column + 1) }));
        }
        Self { columns, cuts: gaps.into_iter().map(|(from, to)| to - from).collect() }
    }

    pub(super) fn columns(&self) -> &[Column] {
        &self.columns
    }

    /// The nanoseconds that each cut leaves out.
    pub(super) fn cuts(&self) -> &[u64] {
        &self.cuts
    }
}

/// The long times in which nothing changes, where there is anything to see beside them; `moments` are those at which something changes,
/// sorted.
pub(crate) fn idle_times(moments: &[u64]) -> Vec<(u64, u64)> {
    match moments {
        [first, .., last] => cuts(moments, last - first),
        _ => Vec::new(),
    }
}

/// As many of the longest gaps as are each far longer than the next one, and than all that is left when they are gone; in
/// order. Something is left on both sides of a cut, so that what lasts through it is seen.
fn cuts(moments: &[u64], whole: u64) -> Vec<(u64, u64)> {
    let mut gaps: Vec<(u64, u64)> = moments.windows(2).map(|pair| (pair[0], pair[1])).collect();
    gaps.sort_by_key(|(from, to)| std::cmp::Reverse(to - from));
    let (mut left, mut cut, mut rest) = (whole, 0, whole);
    for (number, pair) in (1..=MOST_CUTS).zip(gaps.windows(2)) {
        let (gap, next) = (pair[0].1 - pair[0].0, pair[1].1 - pair[1].0);
        left -= gap;
        if gap > LONG * left && gap > JUMP * next {
            (cut, rest) = (number, left);
        }
    }
    gaps.truncate(cut);
    let shortened = gaps.into_iter().map(|(from, to)| {
        let margin = (rest / 20).min((to - from) / 3);
        (from + margin, to - margin)
    });
    let mut cuts: Vec<(u64, u64)> = shortened.collect();
    cuts.sort_unstable();
    cuts
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_long_sleep_is_cut_out() {
        let axis = Axis::new(0, 1_000_000, &[0, 10, 20, 999_980, 1_000_000], 40);
        assert_eq!(axis.cuts().len(), 1);
        assert!(axis.columns().len() <= 41, "{axis:?}");
        assert!(axis.columns().contains(&Column::Cut));
    }

    proptest! {
        #[test]
        fn all_time_is_shown_or_cut(mut moments in prop::collection::vec(0u64..1_000_000, 2..40), width in 1usize..200) {
            moments.sort_unstable();
            moments.dedup();
            let (from, to) = (moments[0], moments[moments.len() - 1]);
            let axis = Axis::new(from, to, &moments, width);
            let shown: u64 = axis.columns().iter().map(|column| match column {
                Column::Time { from, to } => to - from,
                Column::Cut => 0,
            }).sum();
            prop_assert_eq!(shown + axis.cuts().iter().sum::<u64>(), to - from + 1);
            prop_assert!(axis.columns().len() <= width + MOST_CUTS * 2 + 1);
        }
    }
}
