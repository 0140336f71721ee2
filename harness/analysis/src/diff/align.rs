//! Which task of one recording is which of another: by name, by the task that created it, and by what it does. Pids, times
//! and the order in which tasks are heard of differ between two runs of the same workload, and do not count.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::model::{Summary, Task, TaskId};
use crate::view::{RoleMap, one_line};

/// Pairs of tasks that are weighed at most for one name; beyond them, the order in which the tasks are heard of decides.
const WEIGHED: usize = 1 << 16;

/// How alike two tasks of different names must be, in thousandths, to be one that was renamed.
const RENAMED: u64 = 700;

/// Two recordings whose tasks have the same roles.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alignment {
    /// The roles of the tasks before.
    pub before: RoleMap,
    /// The roles of the tasks after.
    pub after: RoleMap,
    /// The tasks whose name is another one after: the role, and both names.
    pub renamed: Vec<(String, String, String)>,
}

/// One task of a recording.
struct Candidate<'a> {
    id: TaskId,
    name: &'a str,
    /// The name that the recording saved. Where no event tells of a later name, `name` is the one of its creator.
    saved: Option<&'a str>,
    /// Of the tasks that its creator made, which it is.
    ordinal: usize,
    task: &'a Task,
    counts: Option<&'a BTreeMap<Arc<str>, u64>>,
}

impl Alignment {
    /// Finds the tasks of two recordings that are the same, with the names that the recordings saved.
    #[must_use]
    pub fn new(before: (&Summary, &BTreeMap<i32, String>), after: (&Summary, &BTreeMap<i32, String>)) -> Self {
        let sides = [candidates(before.0, before.1), candidates(after.0, after.1)];
        let mut pairs = Pairs { sides, of_before: BTreeMap::new(), of_after: BTreeMap::new() };
        // A pair of parents tells which of their children are one.
        for _ in 0..3 {
            pairs.match_names();
        }
        pairs.match_renamed();
        pairs.match_names();
        pairs.roles()
    }
}

fn candidates<'a>(summary: &'a Summary, names: &'a BTreeMap<i32, String>) -> Vec<Candidate<'a>> {
    let all = summary.tasks.iter().enumerate().filter(|(_, task)| task.idle_on.is_none());
    let mut made: BTreeMap<TaskId, usize> = BTreeMap::new();
    let candidate = |(at, task): (usize, &'a Task)| {
        let saved = names.get(&task.pid.0).map(String::as_str).filter(|name| *name != "<...>");
        let name = task.name().or(saved).unwrap_or("task");
        let ordinal = creator(task).map_or(0, |creator| {
            let made = made.entry(creator).or_default();
            *made += 1;
            *made
        });
        Candidate { id: TaskId(at), name, saved, ordinal, task, counts: summary.counts.get(&TaskId(at)) }
    };
    all.map(candidate).collect()
}

/// The task that made one. Where a recording lacks the event that says so, the one that woke it for the first time.
fn creator(task: &Task) -> Option<TaskId> {
    task.created.or(task.first_woken).map(|act| act.by)
}

/// The pairs that are found, by places among the candidates of each side.
struct Pairs<'a> {
    sides: [Vec<Candidate<'a>>; 2],
    of_before: BTreeMap<usize, usize>,
    of_after: BTreeMap<usize, usize>,
}

impl<'a> Pairs<'a> {
    fn pair(&mut self, before: usize, after: usize) {
        self.of_before.insert(before, after);
        self.of_after.insert(after, before);
    }

    /// The candidates without a partner, by a key.
    fn open<K: Ord>(&self, side: usize, key: impl Fn(&Candidate<'a>) -> K) -> BTreeMap<K, Vec<usize>> {
        let paired = if side == 0 { &self.of_before } else { &self.of_after };
        let mut open: BTreeMap<K, Vec<usize>> = BTreeMap::new();
        for (at, candidate) in self.sides[side].iter().enumerate().filter(|(at, _)| !paired.contains_key(at)) {
            open.entry(key(candidate)).or_default().push(at);
        }
        open
    }

    /// Pairs tasks of one name, the most alike first.
    fn match_names(&mut self) {
        let mut others = self.open(1, |candidate| candidate.name);
        for (name, olds) in self.open(0, |candidate| candidate.name) {
            if let Some(news) = others.remove(name) {
                self.match_alike(&olds, &news, 0);
            }
        }
    }

    /// Pairs what is left, where it is so much alike that only the name differs.
    fn match_renamed(&mut self) {
        // Of a task that does nothing, only the name is known.
        let all = |pairs: &Self, side: usize| {
            let open = pairs.open(side, |candidate| candidate.counts.is_some_and(|counts| !counts.is_empty()));
            open.into_iter().filter(|(does_something, _)| *does_something).flat_map(|(_, at)| at).collect::<Vec<_>>()
        };
        let (olds, news) = (all(self, 0), all(self, 1));
        self.match_alike(&olds, &news, RENAMED);
    }

    fn match_alike(&mut self, olds: &[usize], news: &[usize], least: u64) {
        if olds.len().saturating_mul(news.len()) > WEIGHED {
            if least == 0 {
                olds.iter().zip(news).for_each(|(before, after)| self.pair(*before, *after));
            }
            return;
        }
        let mut weighed = Vec::new();
        for (place, before) in olds.iter().enumerate() {
            for (other, after) in news.iter().enumerate() {
                let alike = self.alike(*before, *after);
                if alike.1 >= least {
                    let ordinals = [&self.sides[0][*before], &self.sides[1][*after]].map(|task| task.ordinal);
                    let near = (ordinals[0].abs_diff(ordinals[1]), place.abs_diff(other));
                    weighed.push((alike, std::cmp::Reverse(near), *before, *after));
                }
            }
        }
        weighed.sort_unstable_by_key(|(alike, near, before, after)| {
            (std::cmp::Reverse(*alike), std::cmp::Reverse(*near), *before, *after)
        });
        for (_, _, before, after) in weighed {
            if !self.of_before.contains_key(&before) && !self.of_after.contains_key(&after) {
                self.pair(before, after);
            }
        }
    }

    /// True if their creators are one task, and, in thousandths, how much of what either does both do.
    fn alike(&self, before: usize, after: usize) -> (bool, u64) {
        let (a, b) = (&self.sides[0][before], &self.sides[1][after]);
        let parent = |candidate: &Candidate<'_>| creator(candidate.task);
        let place = |side: usize, id| self.sides[side].iter().position(|candidate| candidate.id == id);
        let parents = match (parent(a), parent(b)) {
            (Some(a), Some(b)) => match (place(0, a), place(1, b)) {
                (Some(a), Some(b)) => self.of_before.get(&a) == Some(&b),
                _ => false,
            },
            (None, None) => true,
            _ => false,
        };
        let empty = BTreeMap::new();
        let (a, b) = (a.counts.unwrap_or(&empty), b.counts.unwrap_or(&empty));
        let (mut both, mut either) = (0_u64, 0_u64);
        for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
            let [a, b] = [a, b].map(|counts| counts.get(name).copied().unwrap_or(0));
            both = both.saturating_add(a.min(b));
            either = either.saturating_add(a.max(b));
        }
        // Two tasks that do nothing are alike.
        (parents, both.saturating_mul(1000).checked_div(either).unwrap_or(1000))
    }

    /// Gives both tasks of a pair one role: the name before, with a number where several have it.
    fn roles(self) -> Alignment {
        let mut taken: BTreeMap<String, usize> = BTreeMap::new();
        let mut role = |name: &str| {
            // A role is one word.
            let word = one_line(&name.replace(char::is_whitespace, "_")).into_owned();
            let number = taken.entry(word.clone()).or_default();
            *number += 1;
            if *number == 1 { word } else { format!("{word}#{number}") }
        };
        let mut alignment = Alignment::default();
        let [olds, news] = &self.sides;
        let mut before = Vec::new();
        let mut after = Vec::new();
        for (at, candidate) in olds.iter().enumerate() {
            let role = role(candidate.name);
            if let Some(other) = self.of_before.get(&at).and_then(|other| news.get(*other)) {
                after.push((role.clone(), other.task.pid));
                let names = match (candidate.saved, other.saved) {
                    (Some(old), Some(new)) if candidate.name == other.name => (old, new),
                    _ => (candidate.name, other.name),
                };
                if names.0 != names.1 {
                    alignment.renamed.push((role.clone(), names.0.to_owned(), names.1.to_owned()));
                }
            }
            before.push((role, candidate.task.pid));
        }
        for (_, candidate) in news.iter().enumerate().filter(|(at, _)| !self.of_after.contains_key(at)) {
            after.push((role(candidate.name), candidate.task.pid));
        }
        alignment.before = RoleMap::from_roles(before);
        alignment.after = RoleMap::from_roles(after);
        alignment
    }
}
