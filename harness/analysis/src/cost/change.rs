//! Figures of two runs, side by side.

use std::fmt;
use std::str::FromStr;

use serde::Serialize;

use super::{Figure, TICK_NS};

/// A figure before and after.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Change {
    /// Its kind.
    pub name: String,
    /// Instructions before.
    pub before: u64,
    /// Instructions after.
    pub after: u64,
}

/// The figures that both runs have and that differ, in the order of the first.
#[must_use]
pub fn changes(before: &[Figure], after: &[Figure]) -> Vec<Change> {
    let same = |one: &Figure| after.iter().find(|other| other.name == one.name).map(|other| other.instructions);
    before
        .iter()
        .filter_map(|one| Some(Change { name: one.name.clone(), before: one.instructions, after: same(one)? }))
        .filter(|change| change.before != change.after)
        .collect()
}

/// The cost differences that the change causes. `pairs` are figures before and after, measured in several
/// circumstances that both kernels were in.
///
/// A kernel that is only laid out differently finds its free memory otherwise: a fork takes an object from a list, or a whole new
/// page for it. Such a difference is there in one circumstance and not, or the other way round, in another. Instructions that a
/// change adds are executed in all of them. Of several different amounts the middle one is told, the lesser of two.
#[must_use]
pub fn own_changes(pairs: &[(&[Figure], &[Figure])]) -> Vec<Change> {
    let Some((before, after)) = pairs.first() else { return Vec::new() };
    let own = |change: &Change| {
        let mut all: Vec<Change> = Vec::new();
        for (before, after) in pairs {
            let found = measurable(before, after).into_iter().find(|other| other.name == change.name)?;
            all.push(found);
        }
        all.sort_by_key(|change| change.by().unsigned_abs());
        let one_way = all.iter().all(|other| other.by().signum() == change.by().signum());
        one_way.then(|| all.swap_remove((all.len() - 1) / 2))
    };
    measurable(before, after).iter().filter_map(own).collect()
}

/// The changes that are more than the clock's steps: one at each end.
fn measurable(before: &[Figure], after: &[Figure]) -> Vec<Change> {
    let beyond = |change: &Change| {
        let named = |figures: &[Figure]| figures.iter().find(|figure| figure.name == change.name).map(Figure::busy_ns);
        named(before).zip(named(after)).is_some_and(|(one, other)| one.abs_diff(other) > 2 * TICK_NS)
    };
    changes(before, after).into_iter().filter(beyond).collect()
}

impl Change {
    /// The additional instructions; negative for fewer.
    #[must_use]
    pub fn by(&self) -> i128 {
        i128::from(self.after) - i128::from(self.before)
    }

    /// How much more, in hundredths of a percent of what it was; less is negative.
    #[must_use]
    pub fn basis_points(&self) -> i64 {
        let (before, after) = (i128::from(self.before), i128::from(self.after));
        i64::try_from((after - before) * 10_000 / before.max(1)).unwrap_or(i64::MAX)
    }

    /// `+3.20 %`.
    #[must_use]
    pub fn percent(&self) -> String {
        let points = self.basis_points();
        let sign = if points < 0 { '-' } else { '+' };
        let points = points.unsigned_abs();
        format!("{sign}{}.{:02} %", points / 100, points % 100)
    }
}

/// How much more a figure may cost: `NAME>5%`, or `>5%` for all figures.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Threshold {
    /// The figure; all where it is empty.
    pub name: String,
    /// Hundredths of a percent.
    pub basis_points: i64,
}

/// Why a text is not a threshold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not a threshold; write NAME>PERCENT%, such as `child woken → running>5%`, or `>5%` for all figures")]
pub struct ThresholdError(String);

impl FromStr for Threshold {
    type Err = ThresholdError;

    fn from_str(text: &str) -> Result<Self, ThresholdError> {
        let parsed = || {
            let (name, percent) = text.rsplit_once('>')?;
            let (whole, part) = percent.strip_suffix('%')?.split_once('.').unwrap_or((percent.strip_suffix('%')?, "0"));
            let hundredths = format!("{part:0<2}");
            let digits = !whole.is_empty() && hundredths.len() == 2;
            let basis_points = whole.parse::<u32>().ok()?.checked_mul(100)?.checked_add(hundredths.parse().ok()?)?;
            digits.then(|| Self { name: name.trim().to_owned(), basis_points: basis_points.into() })
        };
        parsed().ok_or_else(|| ThresholdError(text.to_owned()))
    }
}

impl fmt::Display for Threshold {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}>{}", self.name, self.basis_points / 100)?;
        match self.basis_points % 100 {
            0 => f.write_str("%"),
            part => write!(f, ".{part:02}%"),
        }
    }
}

impl Threshold {
    /// True if a change goes beyond it.
    #[must_use]
    pub fn is_exceeded(&self, change: &Change) -> bool {
        (self.name.is_empty() || self.name == change.name) && change.basis_points() > self.basis_points
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn change(before: u64, after: u64) -> Change {
        Change { name: "fork".into(), before, after }
    }

    #[test]
    fn changes_are_told_in_percent() {
        let check = |before, after, told: &str| assert_eq!(change(before, after).percent(), told);
        check(1000, 1050, "+5.00 %");
        check(1000, 999, "-0.10 %");
        check(3, 4, "+33.33 %");
        check(0, 1, "+100.00 %");
    }

    #[test]
    fn a_threshold_is_about_one_figure_or_all() {
        let exceeded = |text: &str, after| text.parse::<Threshold>().map(|t| t.is_exceeded(&change(1000, after)));
        assert_eq!(exceeded("fork>5%", 1050), Ok(false));
        assert_eq!(exceeded("fork>5%", 1051), Ok(true));
        assert_eq!(exceeded("exit>5%", 2000), Ok(false));
        assert_eq!(exceeded(">0.5%", 1006), Ok(true));
        assert_eq!(exceeded("a → b>5%", 1006), Ok(false));
        for wrong in ["fork", "fork>5", "fork>%", "fork>-1%", "fork>x%", "fork>1.234%"] {
            assert_eq!(exceeded(wrong, 1), Err(ThresholdError(wrong.into())));
        }
    }

    /// Figures of one name, in pairs; 2 ns an instruction.
    #[track_caller]
    fn check_own(pairs: &[(u64, u64)], expected: &[(u64, u64)]) {
        let figure =
            |instructions| vec![Figure { name: "fork".into(), instructions, ns: 2 * instructions, idle_ns: Some(0) }];
        let pairs: Vec<_> = pairs.iter().map(|(before, after)| (figure(*before), figure(*after))).collect();
        let pairs: Vec<(&[Figure], &[Figure])> = pairs.iter().map(|(one, other)| (&**one, &**other)).collect();
        let found: Vec<_> = own_changes(&pairs).iter().map(|change| (change.before, change.after)).collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_change_is_the_patchs_own_where_it_is_there_in_every_circumstance() {
        check_own(&[], &[]);
        check_own(&[(1000, 1100)], &[(1000, 1100)]);
        check_own(&[(1000, 1100), (5000, 5090), (2000, 4000)], &[(1000, 1100)]);
        check_own(&[(1000, 900), (5000, 4000)], &[(1000, 900)]);
        // Not there, the other way round, not in the trace.
        check_own(&[(1000, 1100), (5000, 5000)], &[]);
        check_own(&[(1000, 1100), (5000, 4000)], &[]);
    }

    #[test]
    fn two_steps_of_the_clock_are_no_change() {
        check_own(&[(1000, 1016)], &[]);
        check_own(&[(1000, 1017)], &[(1000, 1017)]);
        check_own(&[(1000, 1100), (1000, 1016)], &[]);
    }

    #[test]
    fn what_only_one_run_has_is_no_change() {
        let figure = |name: &str, instructions| Figure { name: name.into(), instructions, ns: 0, idle_ns: None };
        let found = changes(&[figure("a", 1), figure("b", 2), figure("c", 3)], &[figure("c", 4), figure("b", 2)]);
        assert_eq!(found, [Change { name: "c".into(), before: 3, after: 4 }]);
    }
}
