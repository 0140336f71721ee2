//! Integers of the machine that was traced, with C's rules for their types.

/// An integer: its bits as 64 of the same sign, its size, and whether it is signed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Number {
    bits: u64,
    kind: NumberType,
}

/// The type of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NumberType {
    /// 1, 2, 4 or 8.
    pub(crate) bytes: u32,
    pub(crate) signed: bool,
}

impl NumberType {
    pub(crate) const INT: Self = Self { bytes: 4, signed: true };
    pub(crate) const U32: Self = Self { bytes: 4, signed: false };
    pub(crate) const U64: Self = Self { bytes: 8, signed: false };

    pub(crate) const fn unsigned(bytes: u32) -> Self {
        Self { bytes, signed: false }
    }

    /// The type that an operand of this type is computed in: at least an `int`.
    fn promoted(self) -> Self {
        if self.bytes < 4 { Self::INT } else { self }
    }

    /// The type that two operands are computed in.
    fn common(self, other: Self) -> Self {
        let (a, b) = (self.promoted(), other.promoted());
        match a.bytes.cmp(&b.bytes) {
            std::cmp::Ordering::Greater => a,
            std::cmp::Ordering::Less => b,
            std::cmp::Ordering::Equal => Self { bytes: a.bytes, signed: a.signed && b.signed },
        }
    }
}

/// An operator with one operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Unary {
    Minus,
    Plus,
    Not,
    Complement,
}

/// An operator with two operands. `&&` and `||` are not among them: they may leave out the second one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Binary {
    Multiply,
    Divide,
    Remainder,
    Add,
    Subtract,
    ShiftLeft,
    ShiftRight,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Equal,
    NotEqual,
    And,
    ExclusiveOr,
    Or,
}

impl Number {
    /// `bits` cut to the size of `kind`.
    pub(crate) fn new(bits: u64, kind: NumberType) -> Self {
        let unused = 64 - 8 * kind.bytes.clamp(1, 8);
        let bits = if kind.signed {
            ((bits << unused).cast_signed() >> unused).cast_unsigned()
        } else {
            (bits << unused) >> unused
        };
        Self { bits, kind }
    }

    pub(crate) fn int(value: bool) -> Self {
        Self::new(value.into(), NumberType::INT)
    }

    /// As 64 bits of the same sign.
    pub(crate) fn bits(self) -> u64 {
        self.bits
    }

    pub(crate) fn signed(self) -> i64 {
        self.bits.cast_signed()
    }

    pub(crate) fn is_true(self) -> bool {
        self.bits != 0
    }

    pub(crate) fn cast(self, kind: NumberType) -> Self {
        Self::new(self.bits, kind)
    }

    pub(crate) fn unary(self, operator: Unary) -> Self {
        let kind = self.kind.promoted();
        match operator {
            Unary::Minus => Self::new(self.bits.wrapping_neg(), kind),
            Unary::Plus => Self::new(self.bits, kind),
            Unary::Not => Self::int(!self.is_true()),
            Unary::Complement => Self::new(!self.bits, kind),
        }
    }

    /// `None` for a division by zero.
    pub(crate) fn binary(self, operator: Binary, other: Self) -> Option<Self> {
        let kind = match operator {
            Binary::ShiftLeft | Binary::ShiftRight => self.kind.promoted(),
            _ => self.kind.common(other.kind),
        };
        let (a, b) = (Self::new(self.bits, kind), Self::new(other.bits, kind));
        let (x, y) = (a.bits, b.bits);
        let less = if kind.signed { a.signed() < b.signed() } else { x < y };
        let shift = u32::try_from(other.bits).unwrap_or(u32::MAX);
        let bits = match operator {
            Binary::Multiply => x.wrapping_mul(y),
            Binary::Divide if kind.signed => a.signed().checked_div(b.signed())?.cast_unsigned(),
            Binary::Divide => x.checked_div(y)?,
            Binary::Remainder if kind.signed => a.signed().checked_rem(b.signed())?.cast_unsigned(),
            Binary::Remainder => x.checked_rem(y)?,
            Binary::Add => x.wrapping_add(y),
            Binary::Subtract => x.wrapping_sub(y),
            Binary::ShiftLeft => x.checked_shl(shift).unwrap_or(0),
            Binary::ShiftRight if kind.signed => (a.signed() >> shift.min(63)).cast_unsigned(),
            Binary::ShiftRight => x.checked_shr(shift).unwrap_or(0),
            Binary::And => x & y,
            Binary::ExclusiveOr => x ^ y,
            Binary::Or => x | y,
            Binary::Less => return Some(Self::int(less)),
            Binary::GreaterOrEqual => return Some(Self::int(!less)),
            Binary::Greater => return Some(Self::int(!less && x != y)),
            Binary::LessOrEqual => return Some(Self::int(less || x == y)),
            Binary::Equal => return Some(Self::int(x == y)),
            Binary::NotEqual => return Some(Self::int(x != y)),
        };
        Some(Self::new(bits, kind))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_decide_what_operators_give() {
        let int = |value: i64| Number::new(value.cast_unsigned(), NumberType::INT);
        let u32 = |value: u64| Number::new(value, NumberType::U32);
        let u64 = |value: u64| Number::new(value, NumberType::U64);
        let check = |a: Number, operator, b: Number, expected: i64| {
            assert_eq!(a.binary(operator, b).map(Number::signed), Some(expected), "{a:?} {operator:?} {b:?}");
        };
        check(int(-1), Binary::Less, int(0), 1);
        check(int(-1), Binary::Less, u32(0), 0);
        check(int(-1), Binary::Equal, u64(u64::MAX), 1);
        check(u32(0xffff_ffff), Binary::Add, int(1), 0);
        check(u64(0xffff_ffff), Binary::Add, int(1), 1 << 32);
        check(int(-7), Binary::Divide, int(2), -3);
        check(int(-7), Binary::Remainder, int(2), -1);
        check(int(-8), Binary::ShiftRight, int(1), -4);
        check(u32(0x8000_0000), Binary::ShiftLeft, int(1), 0);
        check(u32(1), Binary::ShiftLeft, int(99), 0);
        assert_eq!(int(1).binary(Binary::Divide, int(0)), None);
        assert_eq!(int(1).binary(Binary::Remainder, u64(0)), None);
        assert_eq!(Number::new(0x1ff, NumberType { bytes: 1, signed: true }).signed(), -1);
        assert_eq!(u32(0).unary(Unary::Complement).bits(), 0xffff_ffff);
        assert_eq!(int(5).unary(Unary::Minus).signed(), -5);
    }

    proptest::proptest! {
        #[test]
        fn no_operands_can_break_it(a: u64, b: u64, sizes in (0_usize..4, 0_usize..4), signs: (bool, bool)) {
            use Binary::{Add, And, Divide, Multiply, Remainder, ShiftLeft, ShiftRight, Subtract};
            let kind = |size: usize, signed| NumberType { bytes: [1, 2, 4, 8][size], signed };
            let (a, b) = (Number::new(a, kind(sizes.0, signs.0)), Number::new(b, kind(sizes.1, signs.1)));
            for operator in [Add, And, Divide, Multiply, Remainder, ShiftLeft, ShiftRight, Subtract] {
                let _ = a.binary(operator, b);
            }
        }
    }
}
