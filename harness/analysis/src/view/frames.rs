//! The parts of a stack: what an interrupt did, what it interrupted, and the program below. Knowledge about the entry code of kernels,
//! as tables.

use serde::{Deserialize, Serialize};

use kernsnap_trace::Symbol;

/// Functions that run only while an interrupt is handled (`kernel/irq/`, `drivers/irqchip/`, `kernel/softirq.c`, `arch/*/kernel/`).
const HANDLERS: [&str; 22] = [
    "__common_interrupt",
    "__handle_domain_irq",
    "__handle_irq_event_percpu",
    "__irq_exit_rcu",
    "arm_irqchip_handle_irq",
    "bcm2835_handle_irq",
    "bcm2836_arm_irqchip_handle_irq",
    "bcm2836_chained_handle_irq",
    "call_on_irq_stack",
    "do_handle_IPI",
    "do_interrupt_handler",
    "generic_handle_arch_irq",
    "generic_handle_domain_irq",
    "generic_handle_irq",
    "gic_handle_irq",
    "handle_IPI",
    "handle_IRQ",
    "handle_domain_irq",
    "handle_irq_desc",
    "handle_irq_event",
    "irq_exit",
    "irq_exit_rcu",
];
/// The beginnings of names of further handlers: those of the vectors of x86.
const HANDLER_PREFIX: &str = "__sysvec_";

/// The code through which an interrupt enters. It also leads to what is done on the way back, to a signal or another task, so it
/// belongs to an interrupt only where a handler follows.
const ENTRIES: [&str; 15] = [
    "__el0_irq_handler_common",
    "__irq_svc",
    "__irq_usr",
    "asm_common_interrupt",
    "common_interrupt",
    "el0_interrupt",
    "el0_irq",
    "el0_irq_naked",
    "el0t_32_irq",
    "el0t_64_irq",
    "el0t_64_irq_handler",
    "el1_interrupt",
    "el1_irq",
    "el1h_64_irq",
    "el1h_64_irq_handler",
];

/// The context of a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// The handling of an interrupt.
    Interrupt,
    /// The kernel, for a task.
    Process,
    /// A program.
    User,
}

/// How a stack, innermost frame first, falls into parts; the rest is a program's.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct FrameParts {
    /// As many frames of an interrupt come first.
    pub interrupt: usize,
    /// As many frames of the kernel follow.
    pub process: usize,
}

impl FrameParts {
    /// The parts of frames with these names; `None` for a frame without one.
    #[must_use]
    pub fn new(names: &[Option<&str>]) -> Self {
        let is = |at: usize, test: &dyn Fn(&str) -> bool| names.get(at).copied().flatten().is_some_and(test);
        let is_handler = |name: &str| HANDLERS.contains(&name) || name.starts_with(HANDLER_PREFIX);
        let outermost = (0..names.len()).rev().find(|at| is(*at, &is_handler));
        let mut interrupt = outermost.map_or(0, |at| at + 1);
        while interrupt > 0 && is(interrupt, &|name| ENTRIES.contains(&name)) {
            interrupt += 1;
        }
        let kernel = names.iter().rposition(Option::is_some).map_or(0, |last| last + 1);
        Self { interrupt, process: kernel.saturating_sub(interrupt) }
    }

    /// The parts of a stack.
    #[must_use]
    pub fn of_stack(stack: &[Symbol]) -> Self {
        Self::new(&stack.iter().map(Symbol::base).collect::<Vec<_>>())
    }

    /// The context of the frame at this place.
    #[must_use]
    pub fn context(self, at: usize) -> Context {
        match at {
            at if at < self.interrupt => Context::Interrupt,
            at if at < self.interrupt + self.process => Context::Process,
            _ => Context::User,
        }
    }

    /// The context that begins at this place, in a stack of this many frames that has more than one.
    #[must_use]
    pub fn begins(self, at: usize, frames: usize) -> Option<Context> {
        let context = self.context(at);
        let is_first = at == 0 || self.context(at - 1) != context;
        (is_first && self.context(0) != self.context(frames.saturating_sub(1))).then_some(context)
    }
}

impl Context {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Interrupt, Self::Process, Self::User];

    /// The sentence that names it.
    #[must_use]
    pub fn sentence(self) -> &'static str {
        match self {
            Context::Interrupt => "frames-interrupt",
            Context::Process => "frames-process",
            Context::User => "frames-user",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(frames: &str) -> (usize, usize) {
        let names: Vec<Option<&str>> =
            frames.split(' ').map(|name| (!name.starts_with("0x")).then_some(name)).collect();
        let FrameParts { interrupt, process } = FrameParts::new(&names);
        (interrupt, process)
    }

    #[test]
    fn an_interrupt_is_apart_from_what_it_interrupted() {
        // Linux 4.19 and 6.1 on a Raspberry Pi 3, 32 and 64 bits.
        assert_eq!(
            parts("ttwu_do_wakeup hrtimer_wakeup handle_IPI bcm2836_arm_irqchip_handle_irq __irq_svc do_idle"),
            (5, 1)
        );
        let on_6_1 = "try_to_wake_up generic_handle_domain_irq call_on_irq_stack do_interrupt_handler el1_interrupt \
                      el1h_64_irq_handler el1h_64_irq cpuidle_enter";
        assert_eq!(parts(on_6_1), (7, 1));
        assert_eq!(parts("tick_sched_timer __irq_usr 0x76f0"), (0, 2), "without a handler, the way back");
        assert_eq!(parts("handle_irq_event __handle_domain_irq __irq_usr 0x76f0"), (3, 0));
    }

    #[test]
    fn what_is_done_on_the_way_back_to_a_program_is_the_tasks_own() {
        // A signal is taken after an interrupt has been handled.
        assert_eq!(parts("do_exit do_group_exit get_signal do_notify_resume el0_interrupt el0t_64_irq 0xffff"), (0, 6));
        assert_eq!(parts("copy_process kernel_clone __arm64_sys_clone el0_svc"), (0, 4));
        assert_eq!(parts("0x1 0x2"), (0, 0));
    }

    #[test]
    fn only_a_stack_with_several_parts_has_borders() {
        let mixed = FrameParts { interrupt: 1, process: 1 };
        let begun: Vec<_> = (0..3).map(|at| mixed.begins(at, 3)).collect();
        assert_eq!(begun, [Some(Context::Interrupt), Some(Context::Process), Some(Context::User)]);
        assert_eq!(FrameParts { interrupt: 0, process: 2 }.begins(0, 2), None);
    }
}
