//! Names that were seen before: a text repeats the same few hundred a million times. The memory is of fixed size and
//! forgets, so that no input can fill it.

use std::sync::Arc;

use super::{layout, symbol};
use crate::trace::Symbol;

/// The low bits of a hash choose the slot; what was there before is forgotten.
const SLOT_BITS: u32 = 12;

/// A direct-mapped memory of what texts mean.
#[derive(Debug)]
struct Slots<T>(Vec<Option<(Box<[u8]>, T)>>);

impl<T: Clone> Slots<T> {
    fn new() -> Self {
        Self(std::iter::repeat_with(|| None).take(1 << SLOT_BITS).collect())
    }

    #[inline]
    fn get(&mut self, text: &[u8], make: impl FnOnce(&[u8]) -> T) -> T {
        let slot = usize::try_from(hash(text) >> (u64::BITS - SLOT_BITS)).ok().and_then(|at| self.0.get_mut(at));
        match slot {
            Some(Some((known, value))) if **known == *text => value.clone(),
            Some(slot) => slot.insert((text.into(), make(text))).1.clone(),
            None => make(text),
        }
    }
}

/// All that is remembered of a text.
#[derive(Debug)]
pub(super) struct Names {
    words: Slots<Arc<str>>,
    symbols: Slots<Symbol>,
    events: Slots<(Arc<str>, Option<usize>)>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { words: Slots::new(), symbols: Slots::new(), events: Slots::new() }
    }

    /// The text, shared; invalid UTF-8 replaced.
    #[inline]
    pub(super) fn word(&mut self, text: &[u8]) -> Arc<str> {
        self.words.get(text, |text| String::from_utf8_lossy(text).into())
    }

    /// An event's name, and the number of its layout.
    #[inline]
    pub(super) fn event(&mut self, text: &[u8]) -> (Arc<str>, Option<usize>) {
        self.events.get(text, |text| {
            let name = String::from_utf8_lossy(text);
            (Arc::from(&*name), layout::find(&name))
        })
    }

    /// The symbol that the text writes.
    #[inline]
    pub(super) fn symbol(&mut self, text: &[u8]) -> Symbol {
        self.symbols.get(text, symbol::read)
    }
}

/// Eight bytes a step, each mixed by a multiplication: names are short, and a collision costs an allocation only.
#[inline]
fn hash(text: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(ODD);
    let (words, tail) = text.as_chunks::<8>();
    let hash = words.iter().fold(0, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    let tail = tail.iter().fold(u64::try_from(text.len()).unwrap_or(0), |word, byte| word << 8 | u64::from(*byte));
    mix(hash, tail)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_what_it_was_whatever_came_between() {
        let mut names = Names::new();
        for round in 0..3 {
            for number in 0..20_000 {
                let name = format!("name-{number}");
                assert_eq!(*names.word(name.as_bytes()), *name, "round {round}");
            }
        }
        assert_eq!(&*names.word(b"\xff"), "\u{fffd}");
    }
}
