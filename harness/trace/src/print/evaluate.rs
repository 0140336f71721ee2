//! The values of expressions for one record.

use std::borrow::Cow;
use std::cell::Cell;

use super::addresses::{push_bit_list, push_bitmap, push_bytes};
use super::number::{Number, NumberType};
use super::tree::{Choice, Common, Expression, Function, Type};
use crate::format::Field;
use crate::printk_formats::PrintkFormats;
use crate::task_states::TaskStates;
use crate::{Event, Point, Value};

/// Why an expression has no value: a part whose value only the kernel knows.
pub(crate) type Unknown<'p> = &'p str;

/// A field, as far as an expression needs to know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Shape {
    /// The type of its value, or of the elements of an array.
    pub(crate) kind: NumberType,
    /// True if it is an array of characters, which is text.
    pub(crate) is_text: bool,
}

impl Shape {
    pub(crate) fn new(field: &Field, long: u32) -> Self {
        let (bytes, is_text) = crate::fields::FieldDecoder::element(field, long);
        Self { kind: NumberType { bytes, signed: field.signed }, is_text }
    }
}

/// One record.
#[derive(Clone, Copy)]
pub(crate) struct Record<'r> {
    pub(crate) event: &'r Event,
    pub(crate) point: &'r Point,
    pub(crate) shapes: &'r [Shape],
    /// Bytes of the machine's `long`.
    pub(crate) long: u32,
    /// The strings that are at addresses of the kernel.
    pub(crate) strings: &'r PrintkFormats,
    /// How the kernel numbers the states of tasks, where that is not as a reader gives them.
    pub(crate) states: Option<&'r TaskStates>,
    /// Set where a number was printed that may have a name, which only the kernel knows.
    pub(crate) nameless: &'r Cell<bool>,
}

const NOT_A_NUMBER: &str = "a text where a number is expected";
const NOT_BYTES: &str = "the bytes at an address that is not in the record";
const NOT_THERE: &str = "an element behind the end of an array";
const BY_ZERO: &str = "a division by zero";

/// The value of an expression that does not depend on a record.
pub(crate) fn constant(expression: &Expression) -> Option<Number> {
    match expression {
        Expression::Number(number) => Some(*number),
        Expression::Unary(operator, operand) => Some(constant(operand)?.unary(*operator)),
        Expression::Binary(operator, both) => constant(&both.0)?.binary(*operator, constant(&both.1)?),
        Expression::Cast(Type::Number(kind), operand) => Some(constant(operand)?.cast(*kind)),
        Expression::Cast(_, operand) => constant(operand),
        Expression::Conditional(three) => constant(if constant(&three.0)?.is_true() { &three.1 } else { &three.2 }),
        _ => None,
    }
}

impl<'r> Record<'r> {
    fn value(&self, field: usize) -> Result<&'r Value, Unknown<'static>> {
        self.point.value(field).ok_or("a field that the record does not have")
    }

    fn kind(&self, field: usize) -> NumberType {
        self.shapes.get(field).map_or(NumberType::U64, |shape| shape.kind)
    }

    /// The text that stands in the place of a number: a reader names the addresses of code.
    pub(crate) fn named<'p>(&self, expression: &'p Expression) -> Option<&'r str> {
        match expression {
            Expression::Cast(_, operand) => self.named(operand),
            Expression::Field(field) => match self.point.value(*field)? {
                Value::Text(text) if !self.shapes.get(*field)?.is_text => Some(text),
                _ => None,
            },
            _ => None,
        }
    }

    /// The value of an expression that is a number.
    pub(crate) fn number<'p>(&self, expression: &'p Expression) -> Result<Number, Unknown<'p>> {
        Ok(match expression {
            Expression::Number(number) => *number,
            Expression::Text(_) | Expression::Choice(_) => return Err(NOT_A_NUMBER),
            Expression::Field(field) => match self.value(*field)? {
                value @ (Value::Signed(_) | Value::Unsigned(_) | Value::Hex(_)) => {
                    let states = self.states.filter(|states| states.field == *field);
                    let bits = states.map_or(value.as_bits(), |states| states.original(value.as_bits()));
                    Number::new(bits, self.kind(*field))
                }
                Value::Array(_) | Value::Text(_) => return Err(NOT_A_NUMBER),
            },
            Expression::Common(common) => {
                let value = match common {
                    Common::Flags => self.event.context.flags.into(),
                    Common::PreemptCount => self.event.context.preempt_count.into(),
                    Common::Pid => self.event.pid.0,
                };
                Number::new(i64::from(value).cast_unsigned(), NumberType::INT)
            }
            Expression::Index(both) => self.element(&both.0, &both.1)?,
            Expression::Unary(super::number::Unary::Not, operand) => Number::int(!self.is_true(operand)?),
            Expression::Unary(operator, operand) => self.number(operand)?.unary(*operator),
            Expression::Binary(operator, both) => {
                self.number(&both.0)?.binary(*operator, self.number(&both.1)?).ok_or(BY_ZERO)?
            }
            Expression::BothTrue(both) => Number::int(self.is_true(&both.0)? && self.is_true(&both.1)?),
            Expression::AnyTrue(both) => Number::int(self.is_true(&both.0)? || self.is_true(&both.1)?),
            Expression::Conditional(three) => self.number(if self.is_true(&three.0)? { &three.1 } else { &three.2 })?,
            Expression::Otherwise(both) => {
                let value = self.number(&both.0)?;
                if value.is_true() { value } else { self.number(&both.1)? }
            }
            Expression::Cast(Type::Number(kind), operand) => self.number(operand)?.cast(*kind),
            Expression::Cast(Type::Address(_), operand) => self.number(operand)?.cast(NumberType::unsigned(self.long)),
            Expression::Cast(Type::Other, operand) | Expression::Structure(_, operand) => self.number(operand)?,
            Expression::Call(function, arguments) => self.call(*function, arguments)?,
            Expression::Unknown(what) => return Err(what),
        })
    }

    fn call<'p>(&self, function: Function, arguments: &'p [Expression]) -> Result<Number, Unknown<'p>> {
        const SECOND: u64 = 1_000_000_000;
        let first = arguments.first().ok_or(NOT_A_NUMBER)?;
        Ok(match function {
            Function::Swap(kind) => {
                let unused = 64 - 8 * kind.bytes.clamp(1, 8);
                let turned = self.number(first)?.bits().swap_bytes() >> unused;
                Number::new(turned, kind)
            }
            Function::Seconds => Number::new(self.number(first)?.bits() / SECOND, NumberType::U64),
            Function::WithinSecond => Number::new(self.number(first)?.bits() % SECOND, NumberType::U32),
            Function::Length => {
                let bytes = self.bytes(first)?.len();
                Number::new(u64::try_from(bytes).unwrap_or(u64::MAX), NumberType::U32)
            }
            Function::Hex { .. } | Function::Array | Function::WholeArray | Function::Bitmask | Function::CpuList => {
                return Err(NOT_A_NUMBER);
            }
        })
    }

    /// True if a number is not zero. The address of something in the record is not.
    fn is_true<'p>(&self, expression: &'p Expression) -> Result<bool, Unknown<'p>> {
        match expression {
            Expression::Text(_) => Ok(true),
            Expression::Field(field) if matches!(self.value(*field)?, Value::Text(_) | Value::Array(_)) => Ok(true),
            Expression::Cast(Type::Address(_) | Type::Other, operand) => self.is_true(operand),
            _ => Ok(self.number(expression)?.is_true()),
        }
    }

    /// An element of an array in the record, of the type that its address was cast to.
    fn element<'p>(&self, of: &'p Expression, place: &'p Expression) -> Result<Number, Unknown<'p>> {
        let place = usize::try_from(self.number(place)?.signed()).map_err(|_| NOT_THERE)?;
        let (mut kind, mut of) = (None, of);
        while let Expression::Cast(cast, operand) = of {
            if let Type::Address(Some(element)) = cast {
                kind = kind.or(Some(*element));
            }
            of = operand;
        }
        if let Expression::Unknown(what) = of {
            return Err(what);
        }
        if let (None, Expression::Field(field)) = (kind, of)
            && let Value::Array(items) = self.value(*field)?
        {
            let item = items.get(place).ok_or(NOT_THERE)?;
            return Ok(Number::new(item.as_bits(), self.kind(*field)));
        }
        let kind = kind.unwrap_or(NumberType { bytes: 1, signed: true });
        let width = usize::try_from(kind.bytes).unwrap_or(1);
        let bytes = self.bytes(of)?;
        let rest = place.checked_mul(width).and_then(|begin| bytes.get(begin..)).ok_or(NOT_THERE)?;
        little_endian(rest.get(..width).ok_or(NOT_THERE)?).map(|bits| Number::new(bits, kind)).ok_or(NOT_THERE)
    }

    /// The bytes in the record that an expression is the address of.
    pub(crate) fn bytes<'p>(&self, expression: &'p Expression) -> Result<Cow<'r, [u8]>, Unknown<'p>> {
        match expression {
            Expression::Cast(_, operand) => self.bytes(operand),
            Expression::Field(field) => Ok(match self.value(*field)? {
                Value::Text(text) => Cow::Owned([text.as_bytes(), &[0]].concat()),
                Value::Array(items) => {
                    let width = usize::try_from(self.kind(*field).bytes).unwrap_or(8);
                    let item = |item: &Value| item.as_bits().to_le_bytes().into_iter().take(width);
                    Cow::Owned(items.iter().flat_map(item).collect())
                }
                value => {
                    let width = usize::try_from(self.kind(*field).bytes).unwrap_or(8);
                    Cow::Owned(value.as_bits().to_le_bytes().into_iter().take(width).collect())
                }
            }),
            Expression::Conditional(three) => self.bytes(if self.is_true(&three.0)? { &three.1 } else { &three.2 }),
            Expression::Unknown(what) => Err(what),
            _ => Err(NOT_BYTES),
        }
    }

    /// Puts the value of an expression that is a text behind `out`.
    pub(crate) fn push_text<'p>(&self, out: &mut String, expression: &'p Expression) -> Result<(), Unknown<'p>> {
        match expression {
            Expression::Text(text) => out.push_str(text),
            Expression::Field(field) => self.push_field(out, *field)?,
            Expression::Conditional(three) => {
                self.push_text(out, if self.is_true(&three.0)? { &three.1 } else { &three.2 })?;
            }
            Expression::Otherwise(both) => {
                self.push_text(out, if self.is_true(&both.0)? { &both.0 } else { &both.1 })?;
            }
            Expression::Cast(Type::Address(_) | Type::Other, operand) => self.push_text(out, operand)?,
            Expression::Choice(choice) => self.push_choice(out, choice)?,
            Expression::Call(function, arguments) => self.push_call(out, *function, arguments)?,
            Expression::Unknown(what) => return Err(what),
            Expression::Number(_)
            | Expression::Common(_)
            | Expression::Index(_)
            | Expression::Unary(..)
            | Expression::Binary(..)
            | Expression::BothTrue(_)
            | Expression::AnyTrue(_)
            | Expression::Structure(..)
            | Expression::Cast(Type::Number(_), _) => {
                let bits = self.number(expression)?.bits();
                self.push_string_at(out, bits);
            }
        }
        Ok(())
    }

    fn push_field(&self, out: &mut String, field: usize) -> Result<(), Unknown<'static>> {
        match self.value(field)? {
            Value::Text(text) => out.push_str(text),
            Value::Array(items) => {
                // A string in an array of numbers.
                let bytes: Option<Vec<u8>> = items.iter().map(|item| u8::try_from(item.as_bits()).ok()).collect();
                let text = crate::fields::text(&bytes.ok_or("a text of characters that are not bytes")?);
                out.push_str(&text);
            }
            number => self.push_string_at(out, number.as_bits()),
        }
        Ok(())
    }

    /// The string at an address of the kernel; without one the address, as trace-cmd writes it.
    fn push_string_at(&self, out: &mut String, address: u64) {
        use std::fmt::Write as _;
        match self.strings.at(address) {
            Some(text) => out.push_str(text),
            None => {
                // Writing to a String cannot fail.
                let _ = write!(out, "{address:x}");
            }
        }
    }

    fn push_choice<'p>(&self, out: &mut String, choice: &'p Choice) -> Result<(), Unknown<'p>> {
        use std::fmt::Write as _;
        let value = self.number(&choice.value)?.cast(NumberType::unsigned(8));
        let mut bits = value.bits();
        let has_unknown = choice.names.iter().any(|(known, _)| known.is_none());
        let Some(delimiter) = &choice.delimiter else {
            if let Some((_, name)) = choice.names.iter().find(|(known, _)| *known == Some(bits)) {
                out.push_str(name);
            } else {
                if has_unknown {
                    self.nameless.set(true);
                }
                let _ = write!(out, "{bits:#x}");
            }
            return Ok(());
        };
        let begin = out.len();
        let mut push = |name: std::fmt::Arguments<'_>| {
            if out.len() > begin {
                out.push_str(delimiter);
            }
            // Writing to a String cannot fail.
            let _ = out.write_fmt(name);
        };
        for (mask, name) in &choice.names {
            if let Some(mask) = mask.filter(|mask| *mask != 0 && bits & mask == *mask) {
                bits &= !mask;
                push(format_args!("{name}"));
            }
        }
        if bits != 0 {
            if has_unknown {
                self.nameless.set(true);
            }
            push(format_args!("{bits:#x}"));
        }
        Ok(())
    }

    fn push_call<'p>(
        &self,
        out: &mut String,
        function: Function,
        arguments: &'p [Expression],
    ) -> Result<(), Unknown<'p>> {
        let data = || -> Result<Cow<'r, [u8]>, Unknown<'p>> { self.bytes(arguments.first().ok_or(NOT_BYTES)?) };
        let count = |nth: usize| -> Result<usize, Unknown<'p>> {
            let number = self.number(arguments.get(nth).ok_or(NOT_A_NUMBER)?)?;
            Ok(usize::try_from(number.signed()).unwrap_or(0))
        };
        match function {
            Function::Hex { blanks } => {
                let (data, count) = (data()?, count(1)?);
                push_bytes(out, data.get(..count).ok_or(NOT_THERE)?, blanks.then_some(' '));
            }
            Function::Array => {
                let (data, items, width) = (data()?, count(1)?, count(2)?);
                let length = items.checked_mul(width).ok_or(NOT_THERE)?;
                push_items(out, data.get(..length).ok_or(NOT_THERE)?, width)?;
            }
            Function::WholeArray => push_items(out, &data()?, count(1)?)?,
            Function::Bitmask => push_bitmap(out, &data()?),
            Function::CpuList => push_bit_list(out, &data()?),
            Function::Length | Function::Seconds | Function::WithinSecond | Function::Swap(_) => {
                let bits = self.call(function, arguments)?.bits();
                self.push_string_at(out, bits);
            }
        }
        Ok(())
    }
}

/// `{0x1,0x2}`, of `__print_array()`.
fn push_items(out: &mut String, data: &[u8], width: usize) -> Result<(), Unknown<'static>> {
    use std::fmt::Write as _;
    if !matches!(width, 1 | 2 | 4 | 8) {
        return Err("an array whose elements have neither 1, 2, 4 nor 8 bytes");
    }
    out.push('{');
    for (number, item) in data.chunks_exact(width).enumerate() {
        let comma = if number > 0 { "," } else { "" };
        // Writing to a String cannot fail.
        let _ = write!(out, "{comma}{:#x}", little_endian(item).unwrap_or(0));
    }
    out.push('}');
    Ok(())
}

/// The integer in at most 8 bytes.
pub(crate) fn little_endian(bytes: &[u8]) -> Option<u64> {
    let mut word = [0; 8];
    word.get_mut(..bytes.len())?.copy_from_slice(bytes);
    Some(u64::from_le_bytes(word))
}
