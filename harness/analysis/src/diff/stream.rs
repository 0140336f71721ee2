//! Compares what two recordings of any length say, line by line as they are read. What is the same on both sides is forgotten
//! at once; of what differs, a window is held in which the sequences may find together again.

use std::collections::{BTreeMap, VecDeque};

use similar::{Algorithm, DiffOp, capture_diff_slices};

use super::{Alignment, Diff, Difference, Divergence, Moment, OTHERS, compare};
use crate::view::Line;

/// Lines of one task that are compared at a time. A task whose sequences find together again within as many lines is
/// compared exactly.
const WINDOW: usize = 8192;
/// Lines of all tasks that are held.
const HELD: usize = 1 << 17;
/// Lines in front of the first difference of a task that are told with it.
const CONTEXT: usize = 3;
/// Differences that are told; the others are counted.
const TOLD: usize = 20_000;

/// Two recordings, as far as they were read.
#[derive(Debug)]
pub struct Comparison {
    tasks: BTreeMap<String, Pair>,
    held: usize,
    told: usize,
    window: usize,
    most: usize,
}

/// One task's lines that are not yet compared, and what differed before them.
#[derive(Debug, Default)]
struct Pair {
    before: Side,
    after: Side,
    differences: Vec<Difference>,
    more: u64,
    /// The last lines that both sides have before the first difference.
    context: VecDeque<Line>,
    /// The place where both sides began to differ.
    divergence: Option<Divergence>,
}

/// The lines of one side.
#[derive(Debug, Default)]
struct Side {
    /// Lines that are compared already.
    done: usize,
    lines: Vec<Line>,
    /// The events that the lines are of, by their numbers; `None` for a line that is of no event.
    events: Vec<Option<usize>>,
    /// How many of `lines` are compared, too; they are dropped together, which is cheaper.
    same: usize,
}

impl Default for Comparison {
    fn default() -> Self {
        Self { tasks: BTreeMap::new(), held: 0, told: 0, window: WINDOW, most: HELD }
    }
}

impl Comparison {
    /// A comparison of recordings whose tasks are aligned: a task that was renamed differs in its name.
    #[must_use]
    pub fn new(alignment: &Alignment) -> Self {
        let mut comparison = Self::default();
        for (role, before, after) in &alignment.renamed {
            let line = |name: &str| Line { role: role.clone(), text: format!("named comm={name}"), ..Line::default() };
            comparison.push(None, line(before), |pair| &mut pair.before);
            comparison.push(None, line(after), |pair| &mut pair.after);
        }
        comparison
    }

    /// Takes the next line of the recording before, with the number of its event.
    pub fn before(&mut self, event: usize, line: Line) {
        self.push(Some(event), line, |pair| &mut pair.before);
    }

    /// Takes the next line of the recording after, with the number of its event.
    pub fn after(&mut self, event: usize, line: Line) {
        self.push(Some(event), line, |pair| &mut pair.after);
    }

    /// Ends both.
    #[must_use]
    pub fn finish(mut self) -> Diff {
        let mut diff = Diff::default();
        for (name, mut pair) in self.tasks {
            pair.settle_all(&mut self.told);
            if pair.more > 0 {
                diff.more.insert(name.clone(), pair.more);
            }
            if !pair.differences.is_empty() || pair.more > 0 {
                if !pair.context.is_empty() {
                    diff.context.insert(name.clone(), pair.context.into());
                }
                diff.divergences.extend(pair.divergence.map(|divergence| (name.clone(), divergence)));
                diff.tasks.insert(name, pair.differences);
            }
        }
        diff
    }

    fn push(&mut self, event: Option<usize>, line: Line, side: impl Fn(&mut Pair) -> &mut Side) {
        if line.role == OTHERS {
            return;
        }
        if !self.tasks.contains_key(&line.role) {
            self.tasks.insert(line.role.clone(), Pair::default());
        }
        let Some(pair) = self.tasks.get_mut(&line.role) else { return };
        let held = pair.held();
        side(pair).push(event, line);
        pair.pass();
        if pair.before.waiting().len() >= self.window && pair.after.waiting().len() >= self.window {
            pair.settle(&mut self.told);
        }
        self.held = self.held + pair.held() - held;
        if self.held > self.most {
            self.settle_the_long_ones();
        }
    }

    /// Makes room: half of what each task holds that holds more than most.
    fn settle_the_long_ones(&mut self) {
        let least = self.held / (2 * self.tasks.len().max(1));
        self.held = 0;
        for pair in self.tasks.values_mut() {
            if pair.held() > least {
                pair.settle(&mut self.told);
            }
            self.held += pair.held();
        }
    }
}

impl Side {
    fn push(&mut self, event: Option<usize>, line: Line) {
        self.lines.push(line);
        self.events.push(event);
    }

    /// The event of the first line that is not compared.
    fn moment(&self) -> Option<Moment> {
        let event = self.events.get(self.same).copied().flatten()?;
        Some(Moment { event, ..Moment::default() })
    }

    fn waiting(&self) -> &[Line] {
        self.lines.get(self.same..).unwrap_or_default()
    }

    /// The next `count` lines are compared.
    fn pass(&mut self, count: usize) {
        self.same += count;
        self.done += count;
        if self.same * 2 >= self.lines.len() {
            self.lines.drain(..self.same);
            self.events.drain(..self.same);
            self.same = 0;
        }
    }
}

impl Pair {
    fn held(&self) -> usize {
        self.before.waiting().len() + self.after.waiting().len()
    }

    /// Forgets what is the same on both sides.
    fn pass(&mut self) {
        let same = self.before.waiting().iter().zip(self.after.waiting()).take_while(|(before, after)| before == after);
        let same = same.count();
        if same > 0 {
            if self.divergence.is_none() {
                let last = self.before.waiting().get(same.saturating_sub(CONTEXT)..same).unwrap_or_default();
                self.context.extend(last.iter().cloned());
                self.context.drain(..self.context.len().saturating_sub(CONTEXT));
            }
            self.before.pass(same);
            self.after.pass(same);
        }
        if !self.before.waiting().is_empty() && !self.after.waiting().is_empty() {
            self.diverge();
        }
    }

    /// Notes that the first lines that wait differ, where none did before.
    fn diverge(&mut self) {
        let (before, after) = (&self.before, &self.after);
        self.divergence.get_or_insert_with(|| Divergence {
            place: before.done,
            before: before.moment(),
            after: after.moment(),
        });
    }

    /// Compares up to where the sequences last found together, if that is far enough; else the first half, so that there is
    /// room in any case.
    fn settle(&mut self, told: &mut usize) {
        let (before, after) = (self.before.waiting(), self.after.waiting());
        let (from, to) = last_meeting(before, after)
            .filter(|(from, to)| (from + to) * 2 >= before.len() + after.len())
            .unwrap_or((before.len().div_ceil(2), after.len().div_ceil(2)));
        self.settle_up_to(from, to, told);
        self.pass();
    }

    fn settle_all(&mut self, told: &mut usize) {
        self.settle_up_to(self.before.waiting().len(), self.after.waiting().len(), told);
    }

    fn settle_up_to(&mut self, from: usize, to: usize, told: &mut usize) {
        if from + to > 0 {
            self.diverge();
        }
        let (before, after) = (self.before.waiting(), self.after.waiting());
        let found = compare(before.get(..from).unwrap_or(before), after.get(..to).unwrap_or(after));
        let found = found.into_iter().map(|difference| difference.shifted(self.before.done, self.after.done));
        for difference in found {
            if *told < TOLD {
                *told += 1;
                self.differences.push(difference);
            } else {
                self.more += 1;
            }
        }
        self.before.pass(from);
        self.after.pass(to);
    }
}

/// Where the last lines end that both have in common. The same place whichever side comes first.
fn last_meeting(before: &[Line], after: &[Line]) -> Option<(usize, usize)> {
    let meeting = |a: &[Line], b: &[Line]| {
        capture_diff_slices(Algorithm::Patience, a, b).into_iter().rev().find_map(|op| match op {
            DiffOp::Equal { old_index, new_index, len } => Some((old_index + len, new_index + len)),
            _ => None,
        })
    };
    if before <= after { meeting(before, after) } else { meeting(after, before).map(|(to, from)| (from, to)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::TaskLines as Whole;
    use super::*;
    use crate::view::Events;

    fn line(text: &str) -> Line {
        let (role, text) = text.split_at(1);
        Line { role: role.into(), text: text.into(), ..Line::default() }
    }

    /// Reads both sides, now from one and now from the other.
    fn streamed(before: &[Line], after: &[Line], turns: &[bool], window: usize, most: usize) -> Diff {
        let mut comparison = Comparison { window, most, ..Comparison::default() };
        let (mut before, mut after) = (before.iter().cloned(), after.iter().cloned());
        for turn in turns {
            if *turn {
                before.next().into_iter().for_each(|line| comparison.before(0, line));
            } else {
                after.next().into_iter().for_each(|line| comparison.after(0, line));
            }
        }
        before.for_each(|line| comparison.before(0, line));
        after.for_each(|line| comparison.after(0, line));
        comparison.finish()
    }

    fn whole(lines: &[Line]) -> Whole {
        Whole::from_events(&Events { lines: lines.to_vec() })
    }

    fn lines() -> impl Strategy<Value = Vec<Line>> {
        prop::collection::vec("[ab](f|g|h|s pid=x|s pid=y)".prop_map(|text| line(&text)), 0..30)
    }

    proptest! {
        #[test]
        fn within_the_window_it_is_the_comparison_of_the_whole(
            before in lines(), after in lines(), turns in prop::collection::vec(any::<bool>(), 0..60),
        ) {
            let found = streamed(&before, &after, &turns, WINDOW, HELD);
            for (task, divergence) in &found.divergences {
                let lines = |all: &[Line]| all.iter().filter(|line| line.role == *task).cloned().collect::<Vec<_>>();
                let (before, after) = (lines(&before), lines(&after));
                let same = before.iter().zip(&after).take_while(|(before, after)| before == after).count();
                prop_assert_eq!(divergence.place, same);
            }
            prop_assert_eq!(found.divergences.keys().collect::<Vec<_>>(), found.tasks.keys().collect::<Vec<_>>());
            let diff = Diff { context: BTreeMap::new(), divergences: BTreeMap::new(), ..found };
            prop_assert_eq!(diff, Diff::new(&whole(&before), &whole(&after)));
        }

        #[test]
        fn beyond_the_window_it_still_leads_from_one_side_to_the_other(
            before in lines(), after in lines(), turns in prop::collection::vec(any::<bool>(), 0..60),
            window in 1usize..6, most in 2usize..20,
        ) {
            let diff = streamed(&before, &after, &turns, window, most);
            prop_assert_eq!(diff.apply(&whole(&before)), whole(&after));
            let same = streamed(&before, &before, &turns, window, most);
            prop_assert_eq!(same.apply(&whole(&before)), whole(&before));
        }
    }

    #[test]
    fn what_differs_without_end_is_counted_and_not_kept() {
        let many: Vec<Line> = (0..TOLD + 500).map(|number| line(&format!("a{number}"))).collect();
        let mut comparison = Comparison { window: 100, most: 1000, ..Comparison::default() };
        for line in &many {
            comparison.before(0, line.clone());
            assert!(comparison.held <= 1001);
        }
        let diff = comparison.finish();
        assert_eq!((diff.tasks["a"].len(), diff.more["a"]), (TOLD, 500));
        assert!(!diff.is_empty());
    }

    #[test]
    fn a_long_recording_is_no_different_from_itself_and_one_line_is_found() {
        let mut comparison = Comparison { window: 64, most: 512, ..Comparison::default() };
        for number in 0..20_000_usize {
            let lines = [line(&format!("a{}", number % 7)), line(&format!("b{}", number % 11))];
            for line in lines {
                comparison.before(number, line.clone());
                if number != 9999 || line.role == "a" {
                    comparison.after(number, line);
                }
            }
            assert!(comparison.held < 512, "{number}");
        }
        let diff = comparison.finish();
        assert_eq!(diff.tasks.keys().collect::<Vec<_>>(), ["b"]);
        assert!(matches!(&diff.tasks["b"][..], [Difference::Missing { .. }]), "{diff:?}");
        let context: Vec<_> = diff.context["b"].iter().map(|line| &*line.text).collect();
        assert_eq!(context, [9996, 9997, 9998].map(|number: u32| (number % 11).to_string()));
        let Divergence { place, before: Some(before), after: Some(after) } = &diff.divergences["b"] else {
            panic!("both sides go on: {diff:?}")
        };
        assert_eq!((*place, before.event, after.event), (9999, 9999, 10_000));
    }
}
