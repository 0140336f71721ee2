//! The types that a print format names: in casts and in `sizeof()`.

use super::lexer::Token;
use super::number::{Number, NumberType};
use super::parser::Parser;
use super::tree::{Expression, Type};
use crate::format::Storage;

impl Parser<'_> {
    /// The type in brackets that come next, and how many words it takes. `None` where they do not hold a type that something
    /// is cast to.
    pub(super) fn cast(&self) -> Option<(Type, usize)> {
        let (kind, length) = self.type_in_brackets(self.at)?;
        // `(a) - b` is a subtraction, `(u32) - b` a cast.
        let is_known = kind != Type::Other || matches!(self.peek_behind(1), Some(Token::Word(word)) if is_typeof(word));
        let operand = match self.peek_behind(length)? {
            Token::Word(_)
            | Token::Number(..)
            | Token::Text(_)
            | Token::Character(_)
            | Token::Sign("(" | "~" | "!") => true,
            Token::Sign("-" | "+" | "&" | "*") => is_known,
            _ => false,
        };
        operand.then_some((kind, length))
    }

    /// The type in the brackets that begin at `begin`, and their length.
    pub(super) fn type_in_brackets(&self, begin: usize) -> Option<(Type, usize)> {
        let mut at = begin + 1;
        let mut words = Vec::new();
        let mut stars = 0;
        let mut other = false;
        loop {
            match self.tokens.get(at)? {
                Token::Word(word) if is_typeof(word) => {
                    at = self.end_of_brackets(at + 1)?;
                    other = true;
                    continue;
                }
                Token::Word("REC") => return None,
                Token::Word(word) => words.push(*word),
                Token::Sign("*") if !words.is_empty() || other => stars += 1,
                Token::Sign(")") => break,
                _ => return None,
            }
            at += 1;
        }
        if words.is_empty() && !other {
            return None;
        }
        let number = integer(&words, self.long);
        let is_named = other || matches!(words.first(), Some(&"struct" | &"union" | &"enum" | &"const" | &"void"));
        let kind = match (stars, number) {
            (0, Some(number)) => Type::Number(number),
            (0, None) if words.first() == Some(&"enum") => Type::Number(NumberType::INT),
            (0, None) if is_named || words.len() == 1 => Type::Other,
            (1, number) => Type::Address(number),
            (2.., _) => Type::Address(Some(NumberType::unsigned(self.long))),
            _ => return None,
        };
        Some((kind, at + 1 - begin))
    }

    /// The place behind the brackets that begin at `at`.
    pub(super) fn end_of_brackets(&self, mut at: usize) -> Option<usize> {
        let mut open = 0_usize;
        loop {
            match self.tokens.get(at)? {
                Token::Sign("(") => open += 1,
                Token::Sign(")") => open = open.checked_sub(1)?,
                _ => {}
            }
            at += 1;
            if open == 0 {
                return Some(at);
            }
        }
    }

    /// `sizeof(TYPE)` or `sizeof(REC->FIELD)`.
    pub(super) fn size_of(&mut self) -> Result<Expression, String> {
        let number = |bytes: u32| Expression::Number(Number::new(bytes.into(), NumberType::unsigned(self.long)));
        if let Some((kind, length)) = self.type_in_brackets(self.at) {
            let known = match kind {
                Type::Number(kind) => Some(number(kind.bytes)),
                Type::Address(_) => Some(number(self.long)),
                Type::Other => None,
            };
            if let Some(known) = known {
                self.at += length;
                return Ok(known);
            }
        }
        if let (Some(Token::Word("REC")), Some(Token::Sign("->")), Some(Token::Word(name)), Some(Token::Sign(")"))) =
            (self.peek_behind(1), self.peek_behind(2), self.peek_behind(3), self.peek_behind(4))
            && let Some(field) = self.format.field(name)
            && !matches!(field.storage, Storage::DataLoc | Storage::RelLoc)
        {
            let size = number(field.size);
            self.at += 5;
            return Ok(size);
        }
        self.skipped("the size of a type")
    }
}

fn is_typeof(word: &str) -> bool {
    matches!(word, "typeof" | "__typeof__" | "__typeof" | "__unqual_scalar_typeof")
}

/// The integer type of this name, written in words; sizes of `long` are the traced machine's.
fn integer(words: &[&str], long: u32) -> Option<NumberType> {
    let is_qualifier = |word: &str| matches!(word, "const" | "volatile" | "__force" | "__user" | "__attribute_const__");
    let words: Vec<_> = words.iter().copied().filter(|word| !is_qualifier(word)).collect();
    let plain = |bytes, signed| Some(NumberType { bytes, signed });
    if let [word] = *words {
        match word {
            "u8" | "__u8" | "uint8_t" | "bool" | "_Bool" => return plain(1, false),
            "s8" | "__s8" | "int8_t" => return plain(1, true),
            "u16" | "__u16" | "uint16_t" | "__le16" | "__be16" | "umode_t" | "sa_family_t" => return plain(2, false),
            "s16" | "__s16" | "int16_t" => return plain(2, true),
            "u32" | "__u32" | "uint32_t" | "__le32" | "__be32" | "dev_t" | "gfp_t" | "uid_t" | "gid_t" | "fmode_t" => {
                return plain(4, false);
            }
            "s32" | "__s32" | "int32_t" | "pid_t" => return plain(4, true),
            "u64" | "__u64" | "uint64_t" | "__le64" | "__be64" | "sector_t" | "blkcnt_t" => return plain(8, false),
            "s64" | "__s64" | "int64_t" | "loff_t" | "ktime_t" => return plain(8, true),
            "size_t" | "uintptr_t" | "ino_t" | "pgoff_t" => return plain(long, false),
            "ssize_t" | "ptrdiff_t" => return plain(long, true),
            _ => {}
        }
    }
    let count = |wanted: &str| words.iter().filter(|word| **word == wanted).count();
    let known = |word: &&str| matches!(*word, "unsigned" | "signed" | "char" | "short" | "int" | "long");
    if words.is_empty() || !words.iter().all(known) {
        return None;
    }
    let bytes = match (count("char"), count("short"), count("long")) {
        (1, ..) => 1,
        (_, 1, _) => 2,
        (.., 1) => long,
        (.., 2) => 8,
        _ => 4,
    };
    // The machines that are traced differ in the sign of a plain `char`; a format's fields tell theirs.
    plain(bytes, count("unsigned") == 0)
}
