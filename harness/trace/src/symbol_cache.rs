//! Remembers what addresses resolved to: a trace names the same few hundred functions a million times, and a look-up in
//! the whole symbol table would be half of the decoder's time.

use super::Symbol;
use super::noreturn::ends_caller;
use super::symbols::Symbols;

/// The low bits of a multiplied address choose the slot; what was there before is forgotten.
const SLOT_BITS: u32 = 11;

/// A symbol table with a small direct-mapped memory in front.
pub(super) struct SymbolCache<'a> {
    symbols: &'a Symbols,
    /// None until the first address comes: a file can name thousands of CPUs that have nothing.
    slots: Vec<Option<Symbol>>,
}

impl<'a> SymbolCache<'a> {
    pub(super) fn new(symbols: &'a Symbols) -> Self {
        Self { symbols, slots: Vec::new() }
    }

    /// The whole table.
    pub(super) fn symbols(&self) -> &'a Symbols {
        self.symbols
    }

    /// The caller of `function`, to whom it would return at `address`. Where it never does, the call is the last instruction
    /// of the caller, which ends there.
    #[inline]
    pub(super) fn caller(&mut self, function: &Symbol, address: u64) -> Symbol {
        let symbol = self.resolve(address);
        let next = symbol.place().filter(|place| place.offset == Some(0)).map(|place| place.function.base());
        match next.zip(function.base()) {
            Some((next, function)) if ends_caller(function, next) => {
                self.symbols.resolve_end(address).unwrap_or(symbol)
            }
            _ => symbol,
        }
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
            None => {
                self.slots = vec![None; 1 << SLOT_BITS];
                self.symbols.resolve(address)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_that_ends_with_its_call_is_not_the_function_behind_it() {
        let map = "1000 t exits\n1100 t behind\n1200 t do_exit\n1300 t wakes\n1400 t ret_fast_syscall\n1500 T _etext\n";
        let (symbols, _) = Symbols::from_system_map(map);
        let mut memo = SymbolCache::new(&symbols);
        for (function, address, expected) in [
            (0x1204, 0x1100, "exits+0x100"),
            (0x1204, 0x1104, "behind+0x4"),
            (0x1304, 0x1100, "behind+0x0"),
            (0x1204, 0x1400, "ret_fast_syscall+0x0"),
            // Nothing is known to be before it.
            (0x1204, 0x1000, "exits+0x0"),
        ] {
            let function = memo.resolve(function);
            let caller = memo.caller(&function, address);
            let place = caller.place().expect("a function");
            assert_eq!(format!("{}+{:#x}", place.function.base(), place.offset.unwrap_or_default()), expected);
            assert_eq!((caller.address(), place.as_printed().offset), (Some(address), Some(address % 0x100)));
        }
    }

    #[test]
    fn a_remembered_symbol_is_the_one_of_the_table() {
        let map: Vec<_> = (1..5000).map(|n| format!("{:x} t f{n}\n", n * 8)).collect();
        let (symbols, _) = Symbols::from_system_map(&map.concat());
        let mut memo = SymbolCache::new(&symbols);
        for address in (0..50_000).chain(0..50_000).chain([u64::MAX, 0]) {
            assert_eq!(memo.resolve(address), symbols.resolve(address));
        }
    }
}
