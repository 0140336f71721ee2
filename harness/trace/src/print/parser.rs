//! Reads a `print fmt:` expression.

use super::lexer::{Token, tokens, unescaped};
use super::number::{Binary, Number, NumberType, Unary};
use super::tree::{Choice, Common, Expression, Function, constant};
use crate::format::Format;

/// How deep an expression may be nested: a hostile one is as deep as it is long.
const DEEPEST: usize = 300;

/// A print format: the text with its conversions, and what is printed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Parsed {
    pub(super) text: String,
    pub(super) arguments: Vec<Expression>,
}

/// Reads the print format of an event of a machine whose `long` has `long` bytes.
pub(super) fn parse(format: &Format, long: u32) -> Result<Parsed, String> {
    let tokens = tokens(&format.print);
    let mut parser = Parser { tokens: &tokens, at: 0, format, long, depth: 0 };
    let text = parser.strings().ok_or("the print format does not begin with a string")?;
    let mut arguments = Vec::new();
    while parser.take(",") {
        arguments.push(parser.expression()?);
    }
    match parser.peek() {
        None => Ok(Parsed { text, arguments }),
        Some(token) => Err(unexpected(Some(token))),
    }
}

fn unexpected(token: Option<&Token<'_>>) -> String {
    match token {
        None => "the print format ends within an expression".into(),
        Some(Token::Word(word)) => format!("`{word}` in the print format is not expected there"),
        Some(Token::Number(number, _)) => format!("`{number}` in the print format is not expected there"),
        Some(Token::Text(text)) => format!("`\"{text}\"` in the print format is not expected there"),
        Some(Token::Sign(sign)) => format!("`{sign}` in the print format is not expected there"),
        Some(Token::Character(_)) => "a character in the print format is not expected there".into(),
        Some(Token::Other(c)) => format!("`{c}` in the print format is not C"),
    }
}

pub(super) struct Parser<'a> {
    pub(super) tokens: &'a [Token<'a>],
    pub(super) at: usize,
    pub(super) format: &'a Format,
    pub(super) long: u32,
    depth: usize,
}

impl<'a> Parser<'a> {
    fn peek(&self) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at)
    }

    pub(super) fn peek_behind(&self, count: usize) -> Option<&'a Token<'a>> {
        self.tokens.get(self.at + count)
    }

    fn is_next(&self, sign: &str) -> bool {
        matches!(self.peek(), Some(Token::Sign(next)) if *next == sign)
    }

    fn take(&mut self, sign: &str) -> bool {
        let found = self.is_next(sign);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, sign: &str) -> Result<(), String> {
        if self.take(sign) { Ok(()) } else { Err(unexpected(self.peek())) }
    }

    fn word(&mut self) -> Result<&'a str, String> {
        match self.peek() {
            Some(Token::Word(word)) => {
                self.at += 1;
                Ok(word)
            }
            other => Err(unexpected(other)),
        }
    }

    /// Strings that follow one another are one.
    fn strings(&mut self) -> Option<String> {
        let mut text = None;
        while let Some(Token::Text(piece)) = self.peek() {
            self.at += 1;
            text.get_or_insert_with(String::new).push_str(&unescaped(piece));
        }
        text
    }

    fn deeper<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, String>) -> Result<T, String> {
        if self.depth >= DEEPEST {
            return Err("the print format is nested too deep".into());
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    fn expression(&mut self) -> Result<Expression, String> {
        self.deeper(|parser| {
            let condition = parser.binary(0)?;
            if !parser.take("?") {
                return Ok(condition);
            }
            if parser.take(":") {
                return Ok(Expression::Otherwise(Box::new((condition, parser.expression()?))));
            }
            let yes = parser.expression()?;
            parser.expect(":")?;
            let no = parser.expression()?;
            Ok(Expression::Conditional(Box::new((condition, yes, no))))
        })
    }

    /// Operators that bind at least as strongly as `least`.
    fn binary(&mut self, least: u8) -> Result<Expression, String> {
        let mut left = self.unary()?;
        let depth = self.depth;
        while let Some(Token::Sign(sign)) = self.peek() {
            let Some((strength, operator)) = operator(sign) else { break };
            if strength < least {
                break;
            }
            self.at += 1;
            // A chain grows to the left, as deep as it is long.
            self.depth += 1;
            let right = self.deeper(|parser| parser.binary(strength + 1))?;
            let both = Box::new((left, right));
            left = match operator {
                Operator::Computes(operator) => Expression::Binary(operator, both),
                Operator::BothTrue => Expression::BothTrue(both),
                Operator::AnyTrue => Expression::AnyTrue(both),
            };
        }
        self.depth = depth;
        Ok(left)
    }

    fn unary(&mut self) -> Result<Expression, String> {
        let operator = match self.peek() {
            Some(Token::Sign("-")) => Some(Unary::Minus),
            Some(Token::Sign("+")) => Some(Unary::Plus),
            Some(Token::Sign("!")) => Some(Unary::Not),
            Some(Token::Sign("~")) => Some(Unary::Complement),
            _ => None,
        };
        if let Some(operator) = operator {
            self.at += 1;
            let operand = self.deeper(Self::unary)?;
            return Ok(Expression::Unary(operator, Box::new(operand)));
        }
        if self.take("&") {
            // The value of an array or a structure is its address here.
            return self.deeper(Self::unary);
        }
        if self.take("*") {
            let address = self.deeper(Self::unary)?;
            return Ok(element(address, Expression::Number(Number::int(false))));
        }
        if self.is_next("(")
            && let Some((_, length)) = self.type_in_brackets(self.at)
            && matches!(self.peek_behind(length), Some(Token::Sign("{")))
        {
            self.at += length;
            return self.structure();
        }
        if self.is_next("(")
            && let Some((cast, length)) = self.cast()
        {
            self.at += length;
            let operand = self.deeper(Self::unary)?;
            return Ok(Expression::Cast(cast, Box::new(operand)));
        }
        let mut value = self.primary()?;
        let depth = self.depth;
        loop {
            if self.take("[") {
                self.depth += 1;
                let place = self.expression()?;
                self.expect("]")?;
                value = element(value, place);
            } else if self.take(".") || self.take("->") {
                let member = self.word()?;
                if let Expression::Structure(name, inside) = value
                    && *name == *member
                {
                    value = *inside;
                    continue;
                }
                value = Expression::Unknown(format!("the place of the member `{member}`").into());
            } else {
                self.depth = depth;
                return Ok(value);
            }
        }
    }

    /// `{ .MEMBER = VALUE }` behind the type of a structure.
    fn structure(&mut self) -> Result<Expression, String> {
        self.expect("{")?;
        self.expect(".")?;
        let member = self.word()?;
        self.expect("=")?;
        let value = self.expression()?;
        self.take(",");
        self.expect("}")?;
        Ok(Expression::Structure(member.into(), Box::new(value)))
    }

    fn primary(&mut self) -> Result<Expression, String> {
        if let Some(text) = self.strings() {
            return Ok(Expression::Text(text.into()));
        }
        if self.is_next("(") && matches!(self.peek_behind(1), Some(Token::Sign("{"))) {
            return self.skipped("the value of a block of statements");
        }
        if self.take("(") {
            let inside = self.expression()?;
            self.expect(")")?;
            return Ok(inside);
        }
        match self.peek() {
            Some(Token::Number(value, letters)) => {
                self.at += 1;
                Ok(Expression::Number(self.literal(*value, letters)))
            }
            Some(Token::Character(character)) => {
                self.at += 1;
                Ok(Expression::Number(Number::new((*character).into(), NumberType::INT)))
            }
            Some(Token::Word("REC")) => {
                self.at += 1;
                self.expect("->")?;
                let name = self.word()?;
                Ok(self.field(name))
            }
            Some(Token::Word(word)) => {
                self.at += 1;
                if self.is_next("(") { self.call(word) } else { Ok(named(word)) }
            }
            other => Err(unexpected(other)),
        }
    }

    /// An integer has the first of the types in which it fits.
    fn literal(&self, value: u64, letters: &str) -> Number {
        let letters = letters.to_ascii_lowercase();
        let longs = letters.matches('l').count();
        let least = if longs == 0 {
            4
        } else if longs == 1 {
            self.long
        } else {
            8
        };
        let bytes = if value > u64::from(u32::MAX) { 8 } else { least };
        let largest = u64::MAX >> (65 - 8 * bytes.min(8));
        Number::new(value, NumberType { bytes, signed: !letters.contains('u') && value <= largest })
    }

    fn field(&self, name: &str) -> Expression {
        let own = |field: &&crate::format::Field| !field.name.starts_with("common_");
        match self.format.fields.iter().filter(own).position(|field| *field.name == *name) {
            Some(at) => Expression::Field(at),
            None => match name {
                "common_flags" => Expression::Common(Common::Flags),
                "common_preempt_count" => Expression::Common(Common::PreemptCount),
                "common_pid" => Expression::Common(Common::Pid),
                _ => Expression::Unknown(format!("the field `{name}`, which the format does not describe").into()),
            },
        }
    }

    /// A function whose name was read, with its arguments.
    fn call(&mut self, name: &str) -> Result<Expression, String> {
        match name {
            "__get_str"
            | "__get_rel_str"
            | "__get_dynamic_array"
            | "__get_rel_dynamic_array"
            | "__get_sockaddr"
            | "__get_rel_sockaddr"
            | "__get_sockaddr_rel" => {
                self.expect("(")?;
                let field = self.field_name()?;
                self.expect(")")?;
                Ok(field)
            }
            "__print_flags" | "__print_flags_u64" => self.choice(true),
            "__print_symbolic" | "__print_symbolic_u64" => self.choice(false),
            "sizeof" => self.size_of(),
            "__builtin_constant_p" => {
                self.skipped("")?;
                Ok(Expression::Number(Number::int(false)))
            }
            "__builtin_expect" => self.nth_of(0, 2),
            "__builtin_choose_expr" => {
                let mut arguments = self.arguments()?.into_iter();
                match (arguments.next(), arguments.next(), arguments.next()) {
                    (Some(condition), Some(yes), Some(no)) => {
                        Ok(Expression::Conditional(Box::new((condition, yes, no))))
                    }
                    _ => Err("`__builtin_choose_expr` needs three arguments".into()),
                }
            }
            _ => match Function::named(name) {
                Some((function, count)) => {
                    let arguments = match function {
                        Function::Bitmask | Function::CpuList | Function::Length | Function::WholeArray => {
                            self.arguments_of_field()?
                        }
                        _ => self.arguments()?,
                    };
                    if arguments.len() != count {
                        return Err(format!("`{name}` needs {count} arguments"));
                    }
                    Ok(Expression::Call(function, arguments))
                }
                None => self.skipped(&format!("the function `{name}`")),
            },
        }
    }

    /// `(a, b, …)`.
    fn arguments(&mut self) -> Result<Vec<Expression>, String> {
        self.expect("(")?;
        let mut arguments = Vec::new();
        while !self.take(")") {
            if !arguments.is_empty() {
                self.expect(",")?;
            }
            arguments.push(self.expression()?);
        }
        Ok(arguments)
    }

    /// The same, where the first one is the name of a field.
    fn arguments_of_field(&mut self) -> Result<Vec<Expression>, String> {
        self.expect("(")?;
        let mut arguments = vec![self.field_name()?];
        while self.take(",") {
            arguments.push(self.expression()?);
        }
        self.expect(")")?;
        Ok(arguments)
    }

    fn field_name(&mut self) -> Result<Expression, String> {
        let name = self.word()?;
        Ok(self.field(name))
    }

    fn nth_of(&mut self, nth: usize, count: usize) -> Result<Expression, String> {
        let mut arguments = self.arguments()?;
        if arguments.len() == count { Ok(arguments.swap_remove(nth)) } else { Err(unexpected(self.peek())) }
    }

    /// Passes over brackets whose content is not understood.
    pub(super) fn skipped(&mut self, what: &str) -> Result<Expression, String> {
        self.at = self.end_of_brackets(self.at).ok_or_else(|| unexpected(None))?;
        Ok(Expression::Unknown(what.into()))
    }

    /// `(VALUE, "|", {1, "A"}, …)`, and without the delimiter the same for `__print_symbolic()`.
    fn choice(&mut self, flags: bool) -> Result<Expression, String> {
        self.expect("(")?;
        let value = self.expression()?;
        let delimiter = if flags {
            self.expect(",")?;
            let text = self.strings();
            Some(text.ok_or_else(|| unexpected(self.peek()))?.into())
        } else {
            None
        };
        let mut names = Vec::new();
        while self.take(",") {
            if self.is_next(")") {
                break;
            }
            self.expect("{")?;
            let of_name = self.expression()?;
            self.expect(",")?;
            let name = self.expression()?;
            self.take(",");
            self.expect("}")?;
            // A list may end with `{-1, NULL}`, as it does in the kernel's memory.
            if let Expression::Text(name) = name {
                names.push((super::evaluate::constant(&of_name).map(Number::bits), name));
            }
        }
        self.expect(")")?;
        Ok(Expression::Choice(Box::new(Choice { value, delimiter, names })))
    }
}

/// A name that is not followed by brackets.
fn named(word: &str) -> Expression {
    match constant(word) {
        Some(value) => Expression::Number(Number::new(value, NumberType::INT)),
        None => Expression::Unknown(format!("the value of `{word}`").into()),
    }
}

fn element(of: Expression, place: Expression) -> Expression {
    Expression::Index(Box::new((of, place)))
}

enum Operator {
    Computes(Binary),
    BothTrue,
    AnyTrue,
}

/// How strongly an operator binds, from the weakest, and what it does.
fn operator(sign: &str) -> Option<(u8, Operator)> {
    use Operator::{AnyTrue, BothTrue, Computes};
    Some(match sign {
        "||" => (1, AnyTrue),
        "&&" => (2, BothTrue),
        "|" => (3, Computes(Binary::Or)),
        "^" => (4, Computes(Binary::ExclusiveOr)),
        "&" => (5, Computes(Binary::And)),
        "==" => (6, Computes(Binary::Equal)),
        "!=" => (6, Computes(Binary::NotEqual)),
        "<" => (7, Computes(Binary::Less)),
        ">" => (7, Computes(Binary::Greater)),
        "<=" => (7, Computes(Binary::LessOrEqual)),
        ">=" => (7, Computes(Binary::GreaterOrEqual)),
        "<<" => (8, Computes(Binary::ShiftLeft)),
        ">>" => (8, Computes(Binary::ShiftRight)),
        "+" => (9, Computes(Binary::Add)),
        "-" => (9, Computes(Binary::Subtract)),
        "*" => (10, Computes(Binary::Multiply)),
        "/" => (10, Computes(Binary::Divide)),
        "%" => (10, Computes(Binary::Remainder)),
        _ => return None,
    })
}
