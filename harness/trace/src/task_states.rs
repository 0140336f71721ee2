//! The states of tasks in `sched_switch`: kernels before 4.14 number them otherwise than later ones.

use super::value::Value;

/// Where the states stand that kernels from 4.14 on do not have (`W`, `K`, `N`, …): above all others.
const OLD: u32 = 16;

/// How a kernel numbers the states of tasks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TaskStates {
    /// The place of `prev_state` among the fields of the event.
    pub(super) field: usize,
    /// Pairs of a kernel's bit and the bit of kernels from 4.14 on.
    pub(super) bits: Vec<(u64, u64)>,
}

impl TaskStates {
    /// Numbers the state among the values of a record as kernels from 4.14 on do.
    pub(super) fn number_anew(&self, values: &mut [Value]) {
        match values.get_mut(self.field) {
            Some(Value::Signed(state)) => *state = self.today(state.cast_unsigned()).cast_signed(),
            Some(Value::Unsigned(state)) => *state = self.today(*state),
            _ => {}
        }
    }

    /// A state as kernels from 4.14 on number it.
    pub(super) fn today(&self, state: u64) -> u64 {
        let (mut rest, mut today) = (state, 0);
        for (bit, of_today) in &self.bits {
            if rest & bit == *bit {
                rest &= !bit;
                today |= of_today;
            }
        }
        today | rest << OLD
    }

    /// The state as the kernel numbered it.
    pub(super) fn original(&self, today: u64) -> u64 {
        let mut state = today >> OLD;
        let mut rest = today & ((1 << OLD) - 1);
        for (bit, of_today) in &self.bits {
            if rest & of_today == *of_today {
                rest &= !of_today;
                state |= bit;
            }
        }
        state
    }
}
