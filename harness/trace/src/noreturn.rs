//! Functions of the kernel that never return. Behind a call to one of them the compiler puts nothing.

/// Those that the kernel declares `__noreturn`, Linux 4.19 to 7.x on arm, arm64 and x86 (`include/linux/`, `arch/*/include/`,
/// `tools/objtool/noreturns.h`). Sorted.
const NORETURN: [&str; 37] = [
    "__fortify_panic",
    "__ia32_sys_exit",
    "__ia32_sys_exit_group",
    "__module_put_and_exit",
    "__module_put_and_kthread_exit",
    "__stack_chk_fail",
    "__x64_sys_exit",
    "__x64_sys_exit_group",
    "arch_cpu_idle_dead",
    "arm64_serror_panic",
    "complete_and_exit",
    "cpu_bringup_and_idle",
    "cpu_startup_entry",
    "do_exit",
    "do_group_exit",
    "do_task_dead",
    "fortify_panic",
    "hlt_play_dead",
    "kthread_complete_and_exit",
    "kthread_exit",
    "kunit_try_catch_throw",
    "machine_real_restart",
    "make_task_dead",
    "mwait_play_dead",
    "nmi_panic_self_stop",
    "panic",
    "panic_bad_stack",
    "panic_smp_self_stop",
    "rest_init",
    "rewind_stack_and_make_dead",
    "rewind_stack_do_exit",
    "start_kernel",
    "stop_this_cpu",
    "usercopy_abort",
    "vpanic",
    "x86_64_start_kernel",
    "x86_64_start_reservations",
];

/// Where functions return to without having been called there: entry code, which puts the address into the link register
/// itself (`badr lr` in `arch/arm/kernel/entry-common.S`), and the trampolines of return probes. Sorted.
const BY_HAND: [&str; 11] = [
    "__kretprobe_trampoline",
    "__ret_fast_syscall",
    "__sys_trace_return",
    "arch_kretprobe_trampoline",
    "arch_rethook_trampoline",
    "kretprobe_trampoline",
    "ret_fast_syscall",
    "ret_from_fork",
    "ret_slow_syscall",
    "ret_to_user",
    "return_to_handler",
];

/// True if what begins with the function `next` is the end of a caller, to which `function` would return: folded names.
pub(super) fn ends_caller(function: &str, next: &str) -> bool {
    never_returns(function) && BY_HAND.binary_search(&next).is_err()
}

/// True if the function of this folded name never returns. `false` where it is not known.
#[must_use]
pub fn never_returns(name: &str) -> bool {
    NORETURN.binary_search(&name).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_ends_with_a_call_that_never_returns() {
        assert!(NORETURN.is_sorted() && BY_HAND.is_sorted());
        for (function, next, ends) in [
            ("do_exit", "__wake_up_parent", true),
            ("schedule", "__wake_up_parent", false),
            ("do_exit", "ret_fast_syscall", false),
            ("do_exit", "return_to_handler", false),
        ] {
            assert_eq!(ends_caller(function, next), ends, "{function} <- {next}");
        }
    }
}
