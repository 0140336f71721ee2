//! Recorded stacks: the frames of the kernel, without the tracer's own.

use super::Symbol;
use super::symbol_cache::SymbolCache;

/// The frames that the tracer itself leaves at the inner end of a stack. The kernel skips a fixed number of frames, which is too few
/// where the compiler did not inline what it counted on: on arm64 6.1 a stack begins with `__traceiter_sched_wait` for
/// one tracepoint and with the function that has the tracepoint for another.
const MACHINERY: [&str; 7] = [
    "__traceiter_",
    "trace_event_raw_event_",
    "trace_event_buffer_commit",
    "__ftrace_trace_stack",
    "__trace_stack",
    "function_stack_trace_call",
    "ftrace_call",
];

/// The frames of `bytes`, innermost first, each a word of `long` bytes, up to the first all-ones word, which ended a stack
/// before 5.2.
pub(super) fn frames(bytes: &[u8], long: usize, memo: &mut SymbolCache<'_>) -> Vec<Symbol> {
    let end = if long == 4 { u64::from(u32::MAX) } else { u64::MAX };
    let mut addresses = bytes
        .chunks_exact(long.max(1))
        .map(|frame| frame.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)))
        .take_while(|address| *address != end);
    let innermost = addresses.by_ref().map(|address| memo.resolve(address)).find(|frame| !is_machinery(frame));
    let mut stack = Vec::with_capacity(bytes.len() / long.max(1));
    stack.extend(innermost);
    for address in addresses {
        let caller = stack.last().map(|callee| memo.caller(callee, address));
        stack.extend(caller);
    }
    stack
}

/// True if a frame belongs to the tracer and not to what was traced.
pub(super) fn is_machinery(symbol: &Symbol) -> bool {
    symbol.base().is_some_and(|name| MACHINERY.iter().any(|prefix| name.starts_with(prefix)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Symbols;

    #[track_caller]
    fn check(frames_in: &[u64], long: usize, expected: &str) {
        let map = "10 t __traceiter_x\n20 t wake\n30 t __traceiter_y\n40 t fork\n50 T _etext\n";
        let (symbols, _) = Symbols::from_system_map(map);
        let bytes: Vec<u8> = frames_in.iter().flat_map(|frame| frame.to_le_bytes().into_iter().take(long)).collect();
        let shown: Vec<_> =
            frames(&bytes, long, &mut SymbolCache::new(&symbols)).iter().map(ToString::to_string).collect();
        assert_eq!(shown.join(" "), expected);
    }

    #[test]
    fn a_stack_begins_behind_the_tracer_and_ends_at_the_mark() {
        check(&[0x14, 0x24, 0x44], 8, "wake fork");
        check(&[0x24, 0x34, 0x44], 4, "wake __traceiter_y fork");
        check(&[0x24, u64::MAX, 0x44], 8, "wake");
        check(&[0x24, 0xffff_ffff, 0x44], 4, "wake");
        check(&[0x24, 0xffff_ffff, 0x44], 8, "wake 0xffffffff fork");
        check(&[], 8, "");
    }
}
