//! A print format that is ready to be evaluated: its pieces, each with what it prints.

use std::collections::BTreeSet;

use super::addresses::{push_bit_list, push_bitmap};
use super::addresses::{push_bytes, push_hardware, push_ip4, push_ip6, push_socket, push_uuid};
use super::conversion::{Address, Conversion, Kind, Piece, Size, pieces};
use super::evaluate::{Record, Unknown, little_endian};
use super::load::Load;
use super::number::{Number, NumberType};
use super::parser::parse;
use super::tree::Expression;
use crate::Symbols;
use crate::format::Format;

/// A print format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Program {
    steps: Vec<Step>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Text(Box<str>),
    Value {
        conversion: Conversion,
        width: Option<Expression>,
        precision: Option<Expression>,
        argument: Expression,
        /// True if `?` may stand in the place of its value: the text has all fields of the event without it.
        may_lack: bool,
    },
    /// An integer of the record as it is, which most values are.
    Integer {
        load: Load,
        conversion: Conversion,
        argument: Expression,
    },
}

impl Program {
    /// Reads the print format of an event; the error says why it cannot be read.
    pub(super) fn new(format: &Format, long: u32) -> Result<Self, String> {
        let parsed = parse(format, long)?;
        let mut arguments = parsed.arguments.into_iter();
        let mut steps = Vec::new();
        for piece in pieces(&parsed.text) {
            let mut next = || arguments.next().ok_or("the print format has more conversions than arguments");
            steps.push(match piece {
                Piece::Text(text) => Step::Text(text),
                Piece::Conversion(conversion) => {
                    let width = if conversion.width == Size::Argument { Some(next()?) } else { None };
                    let precision = if conversion.precision == Size::Argument { Some(next()?) } else { None };
                    let argument = next()?;
                    let is_sized = width.is_none() && precision.is_none();
                    match Load::new(conversion, &argument, format, long).filter(|_| is_sized) {
                        Some(load) => Step::Integer { load, conversion, argument },
                        None => Step::Value { conversion, width, precision, argument, may_lack: false },
                    }
                }
            });
        }
        let printed: BTreeSet<usize> = steps.iter().flat_map(fields).collect();
        let own = format.fields.iter().filter(|field| !field.name.starts_with("common_"));
        let has_all = printed.len() == own.count();
        for step in &mut steps {
            if let Step::Value { argument, may_lack, .. } = step {
                *may_lack = has_all && is_unknown(argument, &mut BTreeSet::new());
            }
        }
        Ok(Self { steps })
    }

    /// Puts the text of a record behind `out`. Gives a part in whose place `?` stands; the error is a part without a value.
    pub(super) fn print<'p>(
        &'p self,
        record: &Record<'_>,
        symbols: &Symbols,
        out: &mut String,
    ) -> Result<Option<Unknown<'p>>, Unknown<'p>> {
        let mut lacking = None;
        for step in &self.steps {
            match step {
                Step::Text(text) => out.push_str(text),
                Step::Integer { load, conversion, argument } => match load.bits(record) {
                    Some(bits) => conversion.push_number(out, bits),
                    None => push(out, *conversion, argument, record, symbols)?,
                },
                Step::Value { conversion, width, precision, argument, may_lack } => {
                    let number = |size: &'p Option<Expression>| {
                        size.as_ref().map(|size| record.number(size).map(int)).transpose()
                    };
                    let conversion = conversion.with(number(width)?, number(precision)?);
                    let begin = out.len();
                    match push(out, conversion, argument, record, symbols) {
                        Err(because) if *may_lack => {
                            out.truncate(begin);
                            out.push('?');
                            lacking = Some(because);
                        }
                        pushed => pushed?,
                    }
                }
            }
        }
        Ok(lacking)
    }
}

/// The fields that a step prints; none where a part of it has no value.
fn fields(step: &Step) -> BTreeSet<usize> {
    let mut fields = BTreeSet::new();
    match step {
        Step::Value { argument, .. } | Step::Integer { argument, .. } if !is_unknown(argument, &mut fields) => fields,
        _ => BTreeSet::new(),
    }
}

/// True if a part of an expression has no value. Puts its fields into `fields`.
fn is_unknown(expression: &Expression, fields: &mut BTreeSet<usize>) -> bool {
    let mut is_unknown = false;
    expression.visit(&mut |part| match part {
        Expression::Unknown(_) => is_unknown = true,
        Expression::Field(field) => {
            fields.insert(*field);
        }
        _ => {}
    });
    is_unknown
}

/// As an `int`, which a width is.
fn int(number: Number) -> i64 {
    number.cast(NumberType::INT).signed()
}

fn push<'p>(
    out: &mut String,
    conversion: Conversion,
    argument: &'p Expression,
    record: &Record<'_>,
    symbols: &Symbols,
) -> Result<(), Unknown<'p>> {
    match conversion.kind {
        Kind::Text => {
            if conversion.is_bare() {
                return record.push_text(out, argument);
            }
            let mut text = String::new();
            record.push_text(&mut text, argument)?;
            conversion.push_text(out, &text);
        }
        Kind::Address(address) => return push_address(out, address, conversion, argument, record, symbols),
        Kind::Character => {
            let [byte, ..] = record.number(argument)?.bits().to_le_bytes();
            conversion.push_character(out, byte);
        }
        Kind::Signed | Kind::Unsigned | Kind::Octal | Kind::Hex | Kind::UpperHex => {
            if let Some(name) = record.named(argument) {
                conversion.push_text(out, name);
                return Ok(());
            }
            let signed = conversion.kind == Kind::Signed;
            let kind = NumberType { bytes: conversion.length.bytes(record.long), signed };
            conversion.push_number(out, record.number(argument)?.cast(kind).bits());
        }
    }
    Ok(())
}

fn push_address<'p>(
    out: &mut String,
    address: Address,
    conversion: Conversion,
    argument: &'p Expression,
    record: &Record<'_>,
    symbols: &Symbols,
) -> Result<(), Unknown<'p>> {
    const TOO_SHORT: &str = "an address that is shorter than one of its kind";
    let bytes = || record.bytes(argument);
    match address {
        Address::Plain | Address::Function | Address::Place => {
            let mut text = String::new();
            if let Some(name) = record.named(argument) {
                text.push_str(name);
            } else {
                let bits = record.number(argument)?.cast(NumberType::unsigned(record.long)).bits();
                push_place(&mut text, address, bits, symbols);
            }
            conversion.push_text(out, &text);
            Ok(())
        }
        Address::Hardware { separator, reverse } => push_hardware(out, &bytes()?, separator, reverse).ok_or(TOO_SHORT),
        Address::Ip4 { zeros, little_endian } => push_ip4(out, &bytes()?, zeros, little_endian).ok_or(TOO_SHORT),
        Address::Ip6 { colons, short } => push_ip6(out, &bytes()?, colons, short).ok_or(TOO_SHORT),
        Address::Socket { port, short } => push_socket(out, &bytes()?, port, short).ok_or(TOO_SHORT),
        Address::Uuid { little_endian, upper } => push_uuid(out, &bytes()?, little_endian, upper).ok_or(TOO_SHORT),
        Address::Bytes { separator } => {
            let bytes = bytes()?;
            let Size::Known(most) = conversion.width else { return Err("the number of bytes of `%ph`") };
            // The kernel writes 64 at most.
            push_bytes(out, bytes.get(..most.min(64)).unwrap_or(&bytes), separator);
            Ok(())
        }
        Address::Bits { list } => {
            let bytes = bytes()?;
            let Size::Known(bits) = conversion.width else { return Err("the number of bits of `%pb`") };
            let bytes = bytes.get(..bits.div_ceil(8)).unwrap_or(&bytes);
            let push = if list { push_bit_list } else { push_bitmap };
            push(out, bytes);
            Ok(())
        }
        Address::Physical => {
            let value = little_endian(&bytes()?).ok_or(TOO_SHORT)?;
            // Writing to a String cannot fail.
            let _ = std::fmt::Write::write_fmt(out, format_args!("{value:#018x}"));
            Ok(())
        }
        Address::Other(letter) => Err(match letter {
            'd' | 'D' => "the name of a file (`%pd`)",
            'V' => "the text at an address (`%pV`)",
            'E' => "the characters at an address (`%pE`)",
            _ => "what stands at an address of the kernel",
        }),
    }
}

/// The function at an address, with the place in it where `%pS` asks for it; the address where it is in no function.
pub(crate) fn push_place(out: &mut String, address: Address, bits: u64, symbols: &Symbols) {
    use std::fmt::Write as _;
    let symbol = if address == Address::Plain { None } else { Some(symbols.resolve(bits)) };
    // Writing to a String cannot fail.
    let _ = match symbol.as_ref().and_then(crate::Symbol::place) {
        Some(place) => {
            out.push_str(place.function.full());
            match place.offset {
                Some(offset) if address == Address::Place => write!(out, "+{offset:#x}"),
                _ => Ok(()),
            }
        }
        None if bits == 0 && address == Address::Plain => write!(out, "(nil)"),
        None => write!(out, "{bits:#x}"),
    };
}
