//! Which return addresses tell a caller.

use crate::trace::Symbol;

/// What stands where a return address should be, while a probe waits for the return.
const TRAMPOLINES: [&str; 6] = [
    "return_to_handler",
    "kretprobe_trampoline",
    "__kretprobe_trampoline",
    "arch_kretprobe_trampoline",
    "arch_rethook_trampoline",
    "[unknown/kretprobe'd]",
];

/// The folded name of the function that a return address lies in; `None` where it tells nothing.
///
/// Behind a call to a function that never returns the compiler puts nothing, so that the return address is the start of
/// whatever function follows: `do_group_exit() <-__wake_up_parent`. Of raw pages `trace` finds the caller where it can be sure
/// of it; what still is a function's start tells nothing, since a call cannot come before a function's first instruction. A
/// return probe hides the caller behind its trampoline.
#[must_use]
pub(super) fn name(address: &Symbol) -> Option<String> {
    let place = address.place();
    let next_function = place.is_some_and(|place| place.offset == Some(0));
    let trampoline = address.base().is_some_and(|base| TRAMPOLINES.contains(&base));
    (!next_function && !trampoline).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::trace::{FunctionName, Place};

    #[test]
    fn only_addresses_behind_a_call_tell_a_caller() {
        for (function, offset, expected) in [
            ("kernel_clone", 4, Some("kernel_clone")),
            ("finish_task_switch.isra.0", 8, Some("finish_task_switch")),
            ("__wake_up_parent", 0, None),
            ("return_to_handler", 4, None),
        ] {
            let place =
                Place { function: FunctionName::new(function), offset: Some(offset), module: None, followed_by: None };
            let symbol = Symbol::Function { place: place.into(), address: Some(0x1000) };
            assert_eq!(name(&symbol).as_deref(), expected, "{function}+{offset}");
        }
        assert_eq!(name(&Symbol::Address(0x1000)).as_deref(), Some("0x1000"));
    }
}
