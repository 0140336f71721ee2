//! Lines of `set_ftrace_filter` that name functions of a module. Pure.
//!
//! For each line with a `:mod:` the kernel looks up the name of every function it has, once when the line is written and again when the
//! module comes (`match_records()` in kernel/trace/ftrace.c). One pattern for several functions saves that.

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

/// Characters of a pattern at most. With `:mod:` and the module's name the kernel takes more than 200 (`FTRACE_BUFF_MAX`, 4.13), and a name
/// of a module has less than 60.
const LONGEST: usize = 100;

/// The fewest patterns found by halving that match all of `names` and none of `others`, in the kernel's form (`glob_match()` in
/// lib/glob.c). A name that is alone is its own pattern.
#[must_use]
pub(super) fn patterns(names: &BTreeSet<&str>, others: &BTreeSet<&str>) -> Vec<String> {
    let names: Vec<&str> = names.iter().copied().collect();
    let mut found = Vec::new();
    add_patterns(&names, others, &mut found);
    found
}

/// Sorted names that begin alike stay together.
fn add_patterns(names: &[&str], others: &BTreeSet<&str>, found: &mut Vec<String>) {
    match names {
        [] => {}
        [name] => found.push((*name).to_owned()),
        _ => match Pattern::of(names) {
            Some(pattern) if !others.iter().any(|other| pattern.matches(other)) => found.push(pattern.to_string()),
            _ => {
                let (front, back) = names.split_at(names.len() / 2);
                add_patterns(front, others, found);
                add_patterns(back, others, found);
            }
        },
    }
}

/// The characters that may stand at each place.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Pattern {
    places: Vec<BTreeSet<char>>,
    /// True if anything may follow.
    is_open: bool,
}

impl Pattern {
    /// The narrowest one that matches all `names`; `None` for names that are not plain symbols.
    fn of(names: &[&str]) -> Option<Self> {
        let is_plain = |character: char| character.is_ascii_alphanumeric() || matches!(character, '_' | '.');
        if !names.iter().all(|name| name.chars().all(is_plain)) {
            return None;
        }
        let shortest = names.iter().map(|name| name.len()).min()?;
        let mut pattern = Self { places: Vec::new(), is_open: names.iter().any(|name| name.len() > shortest) };
        for place in 0..shortest {
            pattern.places.push(names.iter().filter_map(|name| name.chars().nth(place)).collect());
        }
        while pattern.to_string().len() > LONGEST {
            pattern.places.pop();
            pattern.is_open = true;
        }
        Some(pattern)
    }

    fn matches(&self, name: &str) -> bool {
        let length = name.chars().count();
        (length == self.places.len() || (self.is_open && length > self.places.len()))
            && self.places.iter().zip(name.chars()).all(|(place, character)| place.contains(&character))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for place in &self.places {
            let is_class = place.len() > 1;
            if is_class {
                f.write_char('[')?;
            }
            place.iter().try_for_each(|character| f.write_char(*character))?;
            if is_class {
                f.write_char(']')?;
            }
        }
        f.write_str(if self.is_open { "*" } else { "" })
    }
}

#[cfg(test)]
mod tests {
    use globset::{Glob, GlobSetBuilder};
    use proptest::prelude::*;

    use super::*;

    fn of(names: &[&str], others: &[&str]) -> Vec<String> {
        patterns(&names.iter().copied().collect(), &others.iter().copied().collect())
    }

    #[test]
    fn one_pattern_is_for_all_where_no_other_function_looks_like_it() {
        assert_eq!(of(&["worker", "work_exit"], &["wake", "stop"]), ["work[_e][er]*"]);
        assert_eq!(of(&["one", "two"], &["ones"]), ["[ot][nw][eo]"]);
        assert_eq!(of(&["one"], &[]), ["one"]);
        assert_eq!(of(&[], &["one"]), Vec::<String>::new());
    }

    #[test]
    fn another_function_that_looks_like_it_divides_the_names() {
        assert_eq!(of(&["aa", "ab", "bb"], &["ba"]), ["aa", "[ab]b"]);
        assert_eq!(of(&["a", "abc"], &["ab"]), ["a", "abc"]);
    }

    #[test]
    fn names_that_are_not_plain_stand_alone() {
        assert_eq!(of(&["a$b", "a]b"], &[]), ["a$b", "a]b"]);
    }

    #[test]
    fn a_pattern_does_not_become_too_long() {
        let names: Vec<String> = (0..26).map(|at| char::from(b'a' + at).to_string().repeat(40)).collect();
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let found = of(&names, &["_"]);
        assert!(found.len() == 1 && found[0].len() <= LONGEST + 1, "{found:?}");
    }

    proptest! {
        /// A glob of another library says of each pattern what this one was made for.
        #[test]
        fn patterns_match_the_names_and_nothing_else(
            names in proptest::collection::btree_set("[abc_.]{1,5}", 0..6),
            others in proptest::collection::btree_set("[abc_.]{1,6}", 0..6),
        ) {
            let names: BTreeSet<&str> = names.iter().map(String::as_str).collect();
            let others: BTreeSet<&str> = others.iter().map(String::as_str).filter(|other| !names.contains(other)).collect();
            let mut globs = GlobSetBuilder::new();
            for pattern in patterns(&names, &others) {
                globs.add(Glob::new(&pattern)?);
            }
            let globs = globs.build()?;
            let matches = |name: &str| globs.is_match(name);
            prop_assert!(names.iter().all(|name| matches(name)));
            prop_assert!(!others.iter().any(|other| matches(other)));
        }
    }
}
