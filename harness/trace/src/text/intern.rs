//! Names that were seen before: a text repeats the same few hundred a million times. The memory is of fixed size and
//! forgets, so that no input can fill it.

use std::sync::Arc;

use super::known::Known;
use super::symbol;
use crate::Symbol;

/// The high bits of a hash choose the slot; what was there before is forgotten.
const SLOT_BITS: u32 = 12;
const EVENT_BITS: u32 = 10;

/// A direct-mapped memory of what texts mean.
#[derive(Debug)]
struct Slots<T>(Vec<Option<(Box<[u8]>, T)>>);

impl<T> Slots<T> {
    fn new(bits: u32) -> Self {
        Self(std::iter::repeat_with(|| None).take(1 << bits).collect())
    }

    #[inline]
    fn get(&mut self, text: &[u8], make: impl FnOnce(&[u8]) -> T) -> &mut T {
        let bits = self.0.len().trailing_zeros();
        let at = usize::try_from(hash(text) >> (u64::BITS - bits)).unwrap_or(0);
        let slot = &mut self.0[at];
        if slot.as_ref().is_none_or(|(known, _)| **known != *text) {
            *slot = None;
        }
        &mut slot.get_or_insert_with(|| (text.into(), make(text))).1
    }
}

/// All that is remembered of a text.
#[derive(Debug)]
pub(super) struct Names {
    words: Slots<Arc<str>>,
    symbols: Slots<Symbol>,
    events: Slots<Known>,
}

impl Names {
    pub(super) fn new() -> Self {
        Self { words: Slots::new(SLOT_BITS), symbols: Slots::new(SLOT_BITS), events: Slots::new(EVENT_BITS) }
    }

    /// The text, shared; invalid UTF-8 replaced.
    #[inline]
    pub(super) fn word(&mut self, text: &[u8]) -> Arc<str> {
        Arc::clone(self.words.get(text, |text| String::from_utf8_lossy(text).into()))
    }

    /// The knowledge about the events of a name.
    #[inline]
    pub(super) fn event(&mut self, name: &[u8]) -> &mut Known {
        self.events.get(name, Known::new)
    }

    /// The symbol that the text writes.
    #[inline]
    pub(super) fn symbol(&mut self, text: &[u8]) -> Symbol {
        self.symbols.get(text, symbol::read).clone()
    }
}

/// Eight bytes a step, each mixed by a multiplication: names are short, and a collision costs an allocation only.
#[inline]
fn hash(text: &[u8]) -> u64 {
    const ODD: u64 = 0x9e37_79b9_7f4a_7c15;
    let mix = |hash: u64, word: u64| (hash.rotate_left(5) ^ word).wrapping_mul(ODD);
    let (words, tail) = text.as_chunks::<8>();
    let length = u64::try_from(text.len()).unwrap_or(0);
    let hash = words.iter().fold(length, |hash, word| mix(hash, u64::from_le_bytes(*word)));
    // The last eight bytes overlap the others, which is quicker than one byte after the other.
    let tail = match text.last_chunk::<8>() {
        Some(last) => u64::from_le_bytes(*last),
        None => tail.iter().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    };
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
