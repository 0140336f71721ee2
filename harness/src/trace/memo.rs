//! Remembers what addresses resolved to: a trace names the same few hundred functions a million times, and a look-up in
//! the whole symbol table would be half of the decoder's time.

use super::Symbol;
use super::symbols::Symbols;

/// The low bits of a multiplied address choose the slot; what was there before is forgotten.
const SLOT_BITS: u32 = 11;

/// A symbol table with a small direct-mapped memory in front.
pub(super) struct Memo<'a> {
    symbols: &'a Symbols,
    slots: Vec<Option<Symbol>>,
}

impl<'a> Memo<'a> {
    pub(super) fn new(symbols: &'a Symbols) -> Self {
        Self { symbols, slots: vec![None; 1 << SLOT_BITS] }
    }

    /// The same as `Symbols::resolve`.
    #[inline]
    pub(super) fn resolve(&mut self, address: u64) -> Symbol {
        // Fibonacci hashing: the high bits of the product depend on all bits of the address.
        let hash = address.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (u64::BITS - SLOT_BITS);
        let slot = usize::try_from(hash).ok().and_then(|at| self.slots.get_mut(at));
        match slot {
            Some(Some(symbol)) if symbol.address() == Some(address) => symbol.clone(),
            Some(slot) => slot.insert(self.symbols.resolve(address)).clone(),
            None => self.symbols.resolve(address),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_remembered_symbol_is_the_one_of_the_table() {
        let map: Vec<_> = (1..5000).map(|n| format!("{:x} t f{n}\n", n * 8)).collect();
        let (symbols, _) = Symbols::from_system_map(&map.concat());
        let mut memo = Memo::new(&symbols);
        for address in (0..50_000).chain(0..50_000).chain([u64::MAX, 0]) {
            assert_eq!(memo.resolve(address), symbols.resolve(address));
        }
    }
}
