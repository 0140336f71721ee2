//! Integers of a record that are printed as they are. No walk through an expression is needed to find them.

use super::conversion::{Conversion, Kind};
use super::evaluate::{Record, Shape};
use super::number::{Number, NumberType};
use super::tree::{Expression, Type};
use crate::Value;
use crate::format::Format;

/// A field, or an element of one, and the sizes that it is cut to in turn.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Load {
    field: usize,
    element: Option<usize>,
    casts: Vec<NumberType>,
}

impl Load {
    /// The load that prints `argument`; `None` where it is not an integer of the record.
    pub(super) fn new(conversion: Conversion, argument: &Expression, format: &Format, long: u32) -> Option<Self> {
        if !matches!(conversion.kind, Kind::Signed | Kind::Unsigned | Kind::Octal | Kind::Hex | Kind::UpperHex) {
            return None;
        }
        let signed = conversion.kind == Kind::Signed;
        let mut casts = vec![NumberType { bytes: conversion.length.bytes(long), signed }];
        let mut inner = argument;
        while let Expression::Cast(Type::Number(kind), operand) = inner {
            casts.push(*kind);
            inner = operand;
        }
        let (field, element) = match inner {
            Expression::Field(field) => (*field, None),
            Expression::Index(both) => match &**both {
                (Expression::Field(field), Expression::Number(place)) => {
                    (*field, Some(usize::try_from(place.signed()).ok()?))
                }
                _ => return None,
            },
            _ => return None,
        };
        let mut own = format.fields.iter().filter(|field| !field.name.starts_with("common_"));
        casts.push(Shape::new(own.nth(field)?, long).kind);
        casts.reverse();
        Some(Self { field, element, casts: needed(&casts) })
    }

    /// The bits that are printed; `None` where the value is not an integer, or not the one of the record.
    #[inline]
    pub(super) fn bits(&self, record: &Record<'_>) -> Option<u64> {
        if record.states.is_some_and(|states| states.field == self.field) {
            return None;
        }
        let value = match (self.element, record.point.value(self.field)?) {
            (None, value) => value,
            (Some(place), Value::Array(items)) => items.get(place)?,
            (Some(_), _) => return None,
        };
        if !matches!(value, Value::Signed(_) | Value::Unsigned(_) | Value::Hex(_)) {
            return None;
        }
        Some(self.casts.iter().fold(value.as_bits(), |bits, kind| Number::new(bits, *kind).bits()))
    }
}

/// The casts that change something. One to 64 bits keeps all bits, and one before another that is not longer has no effect.
fn needed(casts: &[NumberType]) -> Vec<NumberType> {
    let is_needed =
        |at: usize, kind: &NumberType| kind.bytes < 8 && casts.get(at + 1).is_none_or(|next| next.bytes > kind.bytes);
    casts.iter().enumerate().filter(|(at, kind)| is_needed(*at, kind)).map(|(_, kind)| *kind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn casts_that_are_left_out_change_nothing(bits: u64, casts in proptest::collection::vec((0_usize..4, proptest::bool::ANY), 0..6)) {
            let casts: Vec<_> = casts.into_iter().map(|(size, signed)| NumberType { bytes: [1, 2, 4, 8][size], signed }).collect();
            let all = |casts: &[NumberType]| casts.iter().fold(bits, |bits, kind| Number::new(bits, *kind).bits());
            proptest::prop_assert_eq!(all(&needed(&casts)), all(&casts));
        }
    }
}
