//! The expression behind `print fmt:` as a tree, with fields by their places in the record.

use super::number::{Binary, Number, NumberType, Unary};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Expression {
    Number(Number),
    Text(Box<str>),
    /// A field, by its place among those of the event. `__get_str()` and its relatives are fields, too: a reader has
    /// already followed them.
    Field(usize),
    /// A field of every record, by its name.
    Common(Common),
    /// An element of what an address points at.
    Index(Box<(Expression, Expression)>),
    Unary(Unary, Box<Expression>),
    Binary(Binary, Box<(Expression, Expression)>),
    BothTrue(Box<(Expression, Expression)>),
    AnyTrue(Box<(Expression, Expression)>),
    Conditional(Box<(Expression, Expression, Expression)>),
    /// `a ?: b`, which is `a ? a : b`.
    Otherwise(Box<(Expression, Expression)>),
    Cast(Type, Box<Expression>),
    /// A structure with one member, by the name of that.
    Structure(Box<str>, Box<Expression>),
    /// `__print_flags()` or `__print_symbolic()`.
    Choice(Box<Choice>),
    Call(Function, Vec<Expression>),
    /// Something whose value only the kernel knows, with the reason.
    Unknown(Box<str>),
}

impl Expression {
    /// Shows the expression and all its parts to `visit`.
    pub(crate) fn visit(&self, visit: &mut dyn FnMut(&Self)) {
        visit(self);
        match self {
            Self::Index(both)
            | Self::Binary(_, both)
            | Self::BothTrue(both)
            | Self::AnyTrue(both)
            | Self::Otherwise(both) => {
                both.0.visit(visit);
                both.1.visit(visit);
            }
            Self::Conditional(three) => {
                three.0.visit(visit);
                three.1.visit(visit);
                three.2.visit(visit);
            }
            Self::Unary(_, operand) | Self::Cast(_, operand) | Self::Structure(_, operand) => operand.visit(visit),
            Self::Choice(choice) => choice.value.visit(visit),
            Self::Call(_, arguments) => arguments.iter().for_each(|argument| argument.visit(visit)),
            Self::Number(_) | Self::Text(_) | Self::Field(_) | Self::Common(_) | Self::Unknown(_) => {}
        }
    }
}

/// A field of every record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Common {
    Flags,
    PreemptCount,
    Pid,
}

/// A type that something is cast to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Number(NumberType),
    /// The address of integers of this type; `None` of something else.
    Address(Option<NumberType>),
    /// One that only the kernel knows. The value stays as it is.
    Other,
}

/// A number by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) value: Expression,
    /// Stands between the names of flags; `None` where one name is chosen.
    pub(crate) delimiter: Option<Box<str>>,
    /// Values and their names. The value is `None` where only the kernel knows it.
    pub(crate) names: Vec<(Option<u64>, Box<str>)>,
}

/// A function that print formats call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Function {
    /// `__print_hex()`, and without blanks `__print_hex_str()`.
    Hex { blanks: bool },
    /// `__print_array()`: data, count, size of an element.
    Array,
    /// `__print_dynamic_array()`: data, size of an element.
    WholeArray,
    /// `__get_bitmask()`.
    Bitmask,
    /// `__get_cpumask()`.
    CpuList,
    /// `__get_dynamic_array_len()`.
    Length,
    /// `__print_ns_to_secs()`.
    Seconds,
    /// `__print_ns_without_secs()`.
    WithinSecond,
    /// Turns the bytes of an integer around.
    Swap(NumberType),
}

impl Function {
    /// The function of this name, and its number of arguments.
    pub(crate) fn named(name: &str) -> Option<(Self, usize)> {
        let swap = |bytes| (Self::Swap(NumberType::unsigned(bytes)), 1);
        Some(match name {
            "__print_hex" => (Self::Hex { blanks: true }, 2),
            "__print_hex_str" => (Self::Hex { blanks: false }, 2),
            "__print_array" => (Self::Array, 3),
            "__print_dynamic_array" => (Self::WholeArray, 2),
            "__get_bitmask" | "__get_rel_bitmask" => (Self::Bitmask, 1),
            "__get_cpumask" | "__get_rel_cpumask" => (Self::CpuList, 1),
            "__get_dynamic_array_len" | "__get_rel_dynamic_array_len" => (Self::Length, 1),
            "__print_ns_to_secs" => (Self::Seconds, 1),
            "__print_ns_without_secs" => (Self::WithinSecond, 1),
            "__swab16" | "__fswab16" | "__builtin_bswap16" | "__constant_ntohs" | "__constant_htons" | "ntohs"
            | "htons" | "be16_to_cpu" | "cpu_to_be16" | "__be16_to_cpu" => swap(2),
            "__swab32" | "__fswab32" | "__builtin_bswap32" | "__constant_ntohl" | "__constant_htonl" | "ntohl"
            | "htonl" | "be32_to_cpu" | "cpu_to_be32" | "__be32_to_cpu" => swap(4),
            "__swab64" | "__fswab64" | "__builtin_bswap64" | "be64_to_cpu" | "cpu_to_be64" | "__be64_to_cpu" => swap(8),
            _ => return None,
        })
    }
}

/// The values of names that formats leave as they are: `enum` constants that the kernel does not translate in old versions
/// (`TRACE_DEFINE_ENUM()`), of `include/linux/interrupt.h`, `include/linux/hrtimer.h` and `include/uapi/linux/ioprio.h`.
pub(crate) fn constant(name: &str) -> Option<u64> {
    const CONSTANTS: [(&str, u64); 34] = [
        ("HI_SOFTIRQ", 0),
        ("TIMER_SOFTIRQ", 1),
        ("NET_TX_SOFTIRQ", 2),
        ("NET_RX_SOFTIRQ", 3),
        ("BLOCK_SOFTIRQ", 4),
        ("IRQ_POLL_SOFTIRQ", 5),
        ("BLOCK_IOPOLL_SOFTIRQ", 5),
        ("TASKLET_SOFTIRQ", 6),
        ("SCHED_SOFTIRQ", 7),
        ("HRTIMER_SOFTIRQ", 8),
        ("RCU_SOFTIRQ", 9),
        ("HRTIMER_NORESTART", 0),
        ("HRTIMER_RESTART", 1),
        ("HRTIMER_MODE_ABS", 0),
        ("HRTIMER_MODE_REL", 1),
        ("HRTIMER_MODE_ABS_PINNED", 2),
        ("HRTIMER_MODE_REL_PINNED", 3),
        ("HRTIMER_MODE_ABS_SOFT", 4),
        ("HRTIMER_MODE_REL_SOFT", 5),
        ("HRTIMER_MODE_ABS_PINNED_SOFT", 6),
        ("HRTIMER_MODE_REL_PINNED_SOFT", 7),
        ("HRTIMER_MODE_ABS_HARD", 8),
        ("HRTIMER_MODE_REL_HARD", 9),
        ("HRTIMER_MODE_ABS_PINNED_HARD", 10),
        ("HRTIMER_MODE_REL_PINNED_HARD", 11),
        ("IOPRIO_CLASS_NONE", 0),
        ("IOPRIO_CLASS_RT", 1),
        ("IOPRIO_CLASS_BE", 2),
        ("IOPRIO_CLASS_IDLE", 3),
        ("IOPRIO_CLASS_INVALID", 7),
        ("false", 0),
        ("true", 1),
        ("NULL", 0),
        ("PAGE_SHIFT", 12),
    ];
    CONSTANTS.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
}
