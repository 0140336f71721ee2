//! Which return addresses tell a caller.

use kernsnap_trace::{Symbol, never_returns};

/// The address of the trampoline that replaces a return address while a probe waits for the return.
const TRAMPOLINES: [&str; 6] = [
    "return_to_handler",
    "kretprobe_trampoline",
    "__kretprobe_trampoline",
    "arch_kretprobe_trampoline",
    "arch_rethook_trampoline",
    "[unknown/kretprobe'd]",
];

/// The folded name of the function that a return address of `function` lies in; `None` where it tells nothing.
///
/// Behind a call to a function that never returns the compiler puts nothing, so that the return address is the start of
/// whatever function follows: `do_group_exit() <-__wake_up_parent`. Of raw pages `trace` finds the caller where it can be sure
/// of it; what still is a function's start tells nothing, since a call cannot come before a function's first instruction. A
/// text that names functions without offsets (a panic's dump) leaves open which of the two is meant. A return probe hides the
/// caller behind its trampoline.
#[must_use]
pub(super) fn name(function: &Symbol, address: &Symbol) -> Option<String> {
    let place = address.place();
    let next_function = place.is_some_and(|place| match place.offset {
        Some(offset) => offset == 0,
        None => function.base().is_some_and(never_returns),
    });
    let trampoline = address.base().is_some_and(|base| TRAMPOLINES.contains(&base));
    (!next_function && !trampoline).then(|| address.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;
    use kernsnap_trace::{CodeLocation, FunctionName};

    fn symbol(function: &str, offset: Option<u64>) -> Symbol {
        let place = CodeLocation { function: FunctionName::new(function), offset, module: None, followed_by: None };
        Symbol::Function { place: place.into(), address: None }
    }

    #[test]
    fn only_addresses_behind_a_call_tell_a_caller() {
        for (function, caller, offset, expected) in [
            ("copy_process", "kernel_clone", Some(4), Some("kernel_clone")),
            ("copy_process", "kernel_clone", None, Some("kernel_clone")),
            ("schedule_tail", "finish_task_switch.isra.0", Some(8), Some("finish_task_switch")),
            ("do_group_exit", "__wake_up_parent", Some(0), None),
            ("panic", "do_exit", Some(4), Some("do_exit")),
            ("panic", "make_task_dead", None, None),
            ("copy_process", "return_to_handler", Some(4), None),
        ] {
            let found = name(&symbol(function, Some(0)), &symbol(caller, offset));
            assert_eq!(found.as_deref(), expected, "{function} <- {caller}+{offset:?}");
        }
        assert_eq!(name(&symbol("panic", Some(0)), &Symbol::Address(0x1000)).as_deref(), Some("0x1000"));
    }
}
