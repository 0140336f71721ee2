//! The conversions of `printf` as the kernel has them (`lib/vsprintf.c`).

/// The widest that a conversion pads to: a hostile format asks for gigabytes.
const WIDEST: usize = 1024;

/// A piece of a format.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    Text(Box<str>),
    Conversion(Conversion),
}

/// `%`, flags, width, precision, length and kind.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "each is a flag of `printf`")]
pub(crate) struct Conversion {
    left: bool,
    plus: bool,
    blank: bool,
    alternate: bool,
    zero: bool,
    pub(crate) width: Size,
    pub(crate) precision: Size,
    pub(crate) length: Length,
    pub(crate) kind: Kind,
}

/// A width or a precision.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Size {
    #[default]
    None,
    Known(usize),
    /// `*`: the next argument says it.
    Argument,
}

/// The size of an integer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Length {
    Char,
    Short,
    #[default]
    Int,
    Long,
    LongLong,
}

/// What is printed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Kind {
    #[default]
    Signed,
    Unsigned,
    Octal,
    Hex,
    UpperHex,
    Character,
    Text,
    Address(Address),
}

/// What stands behind `%p`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Address {
    /// Nothing, `K` or `x`: the address itself.
    Plain,
    /// `s` or `f`: the function at the address.
    Function,
    /// `S`, `F` or `B`: the place in a function.
    Place,
    /// `M` or `m`: a hardware address, with its separator, maybe from its end.
    Hardware { separator: Option<char>, reverse: bool },
    /// `I4` or `i4`, where `i` writes three digits.
    Ip4 { zeros: bool, little_endian: bool },
    /// `I6`, `I6c` or `i6`.
    Ip6 { colons: bool, short: bool },
    /// `IS`: a socket's address, maybe with its port.
    Socket { port: bool, short: bool },
    /// `U`: the number of a disk, a file system or a device.
    Uuid { little_endian: bool, upper: bool },
    /// `h`: bytes in hexadecimal.
    Bytes { separator: Option<char> },
    /// `b`: a bitmap, and with `l` a list of its bits.
    Bits { list: bool },
    /// `a`: a physical address, which the argument points at.
    Physical,
    /// Something that only the kernel can follow, by its letter.
    Other(char),
}

impl Length {
    /// Bytes of the integer, in a machine whose `long` has `long`.
    pub(crate) fn bytes(self, long: u32) -> u32 {
        match self {
            Self::Char => 1,
            Self::Short => 2,
            Self::Int => 4,
            Self::Long => long,
            Self::LongLong => 8,
        }
    }
}

/// The pieces of a format.
pub(crate) fn pieces(format: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut text = String::new();
    let mut rest = format;
    while let Some(at) = memchr::memchr(b'%', rest.as_bytes()) {
        text.push_str(rest.get(..at).unwrap_or_default());
        let behind = rest.get(at + 1..).unwrap_or_default();
        if let Some(behind) = behind.strip_prefix('%') {
            text.push('%');
            rest = behind;
        } else if let Some((conversion, behind)) = Conversion::parse(behind) {
            if !text.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut text).into()));
            }
            pieces.push(Piece::Conversion(conversion));
            rest = behind;
        } else {
            text.push('%');
            rest = behind;
        }
    }
    text.push_str(rest);
    if !text.is_empty() {
        pieces.push(Piece::Text(text.into()));
    }
    pieces
}

impl Conversion {
    /// A conversion without anything else, for a value that a format does not mention.
    #[cfg(test)]
    pub(crate) fn plain(kind: Kind) -> Self {
        Self { kind, ..Self::default() }
    }

    /// What stands behind `%`, and what follows it.
    fn parse(text: &str) -> Option<(Self, &str)> {
        const LENGTHS: [(&str, Length); 9] = [
            ("hh", Length::Char),
            ("h", Length::Short),
            ("ll", Length::LongLong),
            ("l", Length::Long),
            ("L", Length::LongLong),
            ("q", Length::LongLong),
            ("z", Length::Long),
            ("Z", Length::Long),
            ("t", Length::Long),
        ];
        let mut found = Self::default();
        let mut rest = text;
        while let Some(flag) = rest.chars().next() {
            match flag {
                '-' => found.left = true,
                '+' => found.plus = true,
                ' ' => found.blank = true,
                '#' => found.alternate = true,
                '0' => found.zero = true,
                _ => break,
            }
            rest = rest.get(1..)?;
        }
        (found.width, rest) = size(rest);
        if let Some(behind) = rest.strip_prefix('.') {
            (found.precision, rest) = size(behind);
            if found.precision == Size::None {
                found.precision = Size::Known(0);
            }
        }
        if let Some((behind, length)) =
            LENGTHS.iter().find_map(|(word, length)| Some((rest.strip_prefix(word)?, *length)))
        {
            (rest, found.length) = (behind, length);
        }
        let letter = rest.chars().next()?;
        rest = rest.get(letter.len_utf8()..)?;
        found.kind = match letter {
            'd' | 'i' => Kind::Signed,
            'u' => Kind::Unsigned,
            'o' => Kind::Octal,
            'x' => Kind::Hex,
            'X' => Kind::UpperHex,
            'c' => Kind::Character,
            's' => Kind::Text,
            'p' => {
                // The kernel takes all letters and digits for part of the conversion.
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
                let (letters, behind) = rest.split_at(end);
                rest = behind;
                Kind::Address(Address::parse(letters))
            }
            _ => return None,
        };
        Some((found, rest))
    }

    /// The same with a width and a precision that arguments gave. A negative width is one to the left.
    pub(crate) fn with(mut self, width: Option<i64>, precision: Option<i64>) -> Self {
        let clamped = |value: i64| Size::Known(usize::try_from(value.unsigned_abs()).unwrap_or(usize::MAX));
        if let Some(width) = width {
            self.left |= width < 0;
            self.width = clamped(width);
        }
        if let Some(precision) = precision {
            self.precision = if precision < 0 { Size::None } else { clamped(precision) };
        }
        self
    }

    fn pad(self, out: &mut String, begin: usize) {
        let Size::Known(width) = self.width else { return };
        let there = out.get(begin..).map_or(0, |text| text.chars().count());
        let missing = width.min(WIDEST).saturating_sub(there);
        if self.left {
            out.extend(std::iter::repeat_n(' ', missing));
        } else if missing > 0 {
            out.insert_str(begin, &" ".repeat(missing));
        }
    }

    /// Puts a text behind `out`.
    pub(crate) fn push_text(self, out: &mut String, text: &str) {
        let begin = out.len();
        match self.precision {
            Size::Known(most) => out.extend(text.chars().take(most)),
            _ => out.push_str(text),
        }
        self.pad(out, begin);
    }

    /// Puts an integer behind `out`: its bits, cut to its size and with its sign.
    pub(crate) fn push_number(self, out: &mut String, bits: u64) {
        if self.is_bare() {
            return match self.kind {
                Kind::Signed => out.push_str(itoa::Buffer::new().format(bits.cast_signed())),
                Kind::Unsigned => out.push_str(itoa::Buffer::new().format(bits)),
                Kind::Hex => push_hex(out, bits, b"0123456789abcdef"),
                _ => self.push_padded(out, bits),
            };
        }
        self.push_padded(out, bits);
    }

    /// True if it says nothing about width, precision and form.
    pub(crate) fn is_bare(self) -> bool {
        let flags = self.plus || self.blank || self.alternate || self.zero;
        !flags && self.width == Size::None && self.precision == Size::None
    }

    fn push_padded(self, out: &mut String, bits: u64) {
        let begin = out.len();
        let mut sign = "";
        let magnitude = match self.kind {
            Kind::Signed => {
                let value = bits.cast_signed();
                sign = match value {
                    ..0 => "-",
                    _ if self.plus => "+",
                    _ if self.blank => " ",
                    _ => "",
                };
                value.unsigned_abs()
            }
            _ => bits,
        };
        let mut decimal = itoa::Buffer::new();
        let decimal = decimal.format(magnitude);
        let length = match self.kind {
            Kind::Octal => digits(magnitude, 3),
            Kind::Hex | Kind::UpperHex => digits(magnitude, 4),
            _ => decimal.len(),
        };
        let prefix = match self.kind {
            _ if !self.alternate => "",
            Kind::Octal => "0",
            Kind::Hex if bits != 0 => "0x",
            Kind::UpperHex if bits != 0 => "0X",
            _ => "",
        };
        let least = match (self.precision, self.width) {
            (Size::Known(least), _) => least.min(WIDEST),
            (_, Size::Known(width)) if self.zero && !self.left => {
                width.min(WIDEST).saturating_sub(sign.len() + prefix.len())
            }
            _ => 0,
        };
        out.push_str(sign);
        out.push_str(prefix);
        out.extend(std::iter::repeat_n('0', least.saturating_sub(length)));
        match self.kind {
            Kind::Octal => push_digits(out, magnitude, 3, b"01234567"),
            Kind::Hex => push_hex(out, magnitude, b"0123456789abcdef"),
            Kind::UpperHex => push_hex(out, magnitude, b"0123456789ABCDEF"),
            _ => out.push_str(decimal),
        }
        self.pad(out, begin);
    }

    /// Puts a character behind `out`.
    pub(crate) fn push_character(self, out: &mut String, byte: u8) {
        let begin = out.len();
        out.push(char::from(byte));
        self.pad(out, begin);
    }
}

/// The number of digits of `bits` each.
fn digits(number: u64, bits: u32) -> usize {
    usize::try_from((u64::BITS - (number | 1).leading_zeros()).div_ceil(bits)).unwrap_or(1)
}

/// Puts the digits of a number behind `out`, of `bits` bits each. By hand: `write!` costs more than all else of most events.
#[inline]
fn push_digits(out: &mut String, number: u64, bits: u32, names: &[u8]) {
    let count = u32::try_from(digits(number, bits)).unwrap_or(1);
    for at in (0..count).rev() {
        let digit = number >> (at * bits) & ((1 << bits) - 1);
        let name = usize::try_from(digit).ok().and_then(|digit| names.get(digit));
        out.push(char::from(name.copied().unwrap_or(b'0')));
    }
}

#[inline]
fn push_hex(out: &mut String, number: u64, names: &[u8; 16]) {
    push_digits(out, number, 4, names);
}

fn size(text: &str) -> (Size, &str) {
    if let Some(behind) = text.strip_prefix('*') {
        return (Size::Argument, behind);
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, behind) = text.split_at(end);
    match digits {
        "" => (Size::None, text),
        _ => (Size::Known(digits.parse().unwrap_or(usize::MAX)), behind),
    }
}

impl Address {
    /// The letters behind `%p`.
    fn parse(letters: &str) -> Self {
        let mut rest = letters.chars();
        let Some(first) = rest.next() else { return Self::Plain };
        let has = |letter: char| letters.chars().skip(1).any(|other| other == letter);
        match first {
            'K' | 'x' => Self::Plain,
            // From 5.5 on, `%pfw` is a node of the firmware.
            'f' if has('w') => Self::Other('f'),
            's' | 'f' => Self::Function,
            'S' | 'F' | 'B' => Self::Place,
            'M' | 'm' => {
                let separator = match first {
                    'm' => None,
                    _ if has('F') => Some('-'),
                    _ => Some(':'),
                };
                Self::Hardware { separator, reverse: has('R') }
            }
            'I' | 'i' => match rest.next() {
                Some('4') => Self::Ip4 { zeros: first == 'i', little_endian: has('l') },
                Some('6') => Self::Ip6 { colons: first == 'I', short: has('c') },
                Some('S') => Self::Socket { port: has('p'), short: has('c') },
                _ => Self::Other(first),
            },
            'U' => Self::Uuid { little_endian: has('l') || has('L'), upper: has('L') || has('B') },
            'h' => Self::Bytes {
                separator: match rest.next() {
                    Some('C') => Some(':'),
                    Some('D') => Some('-'),
                    Some('N') => None,
                    _ => Some(' '),
                },
            },
            'b' => Self::Bits { list: has('l') },
            'a' => Self::Physical,
            other => Self::Other(other),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn only(format: &str) -> Conversion {
        match &pieces(format)[..] {
            [Piece::Conversion(conversion)] => *conversion,
            other => panic!("{format}: {other:?}"),
        }
    }

    #[test]
    fn numbers_are_written_as_printf_does() {
        for (format, value, expected) in [
            ("%d", -5, "-5"),
            ("%5d|", -5, ""),
            ("%5d", -5, "   -5"),
            ("%-5d", -5, "-5   "),
            ("%05d", -5, "-0005"),
            ("%+d", 5, "+5"),
            ("% d", 5, " 5"),
            ("%03d", 7, "007"),
            ("%.3d", 7, "007"),
            ("%6.3d", 7, "   007"),
            ("%#x", 255, "0xff"),
            ("%#x", 0, "0"),
            ("%#08lx", 0x1f, "0x00001f"),
            ("%08lx", 0x1234_5678_9abc, "123456789abc"),
            ("%X", 0xab, "AB"),
            ("%#o", 8, "010"),
            ("%o", 0o644, "644"),
            ("%4.4x", 0x1f, "001f"),
            ("%llu", -1, "18446744073709551615"),
            ("%-4u", 7, "7   "),
        ] {
            if format.ends_with('|') {
                continue;
            }
            let mut out = "<".to_owned();
            only(format).push_number(&mut out, i64::cast_unsigned(value));
            assert_eq!(out, format!("<{expected}"), "{format}");
        }
    }

    #[test]
    fn texts_and_characters_are_padded_and_cut() {
        let shown = |format: &str, text: &str| {
            let mut out = String::new();
            only(format).push_text(&mut out, text);
            out
        };
        assert_eq!(shown("%s", "né"), "né");
        assert_eq!(shown("%-4s", "né"), "né  ");
        assert_eq!(shown("%4s", "né"), "  né");
        assert_eq!(shown("%.1s", "née"), "n");
        assert_eq!(shown("%5.2s", "abc"), "   ab");
        assert_eq!(shown("%99999999999999999999s", "a").len(), WIDEST);
        let mut out = String::new();
        only("%3c").push_character(&mut out, b'x');
        assert_eq!(out, "  x");
        let mut out = String::new();
        only("%*.*d").with(Some(-6), Some(3)).push_number(&mut out, 5);
        assert_eq!(out, "005   ");
    }

    #[test]
    fn a_format_is_cut_into_its_pieces() {
        let text = |text: &str| Piece::Text(text.into());
        assert_eq!(pieces("100%% of %k%"), [text("100% of %k%")]);
        let found = pieces("a=%pISpc, %llunmi");
        let socket = Kind::Address(Address::Socket { port: true, short: true });
        let number = Conversion { kind: Kind::Unsigned, length: Length::LongLong, ..Conversion::default() };
        assert_eq!(
            found,
            [
                text("a="),
                Piece::Conversion(Conversion::plain(socket)),
                text(", "),
                Piece::Conversion(number),
                text("nmi"),
            ]
        );
        for (format, expected) in [
            ("%p", Address::Plain),
            ("%px", Address::Plain),
            ("%pS", Address::Place),
            ("%pf", Address::Function),
            ("%pfwP", Address::Other('f')),
            ("%pMR", Address::Hardware { separator: Some(':'), reverse: true }),
            ("%*phN", Address::Bytes { separator: None }),
            ("%*pbl", Address::Bits { list: true }),
            ("%pV", Address::Other('V')),
        ] {
            assert_eq!(only(format).kind, Kind::Address(expected), "{format}");
        }
    }

    proptest::proptest! {
        #[test]
        fn no_format_can_break_it(format in "(%?[-+ #0*.0-9hlLzcdsxpSIMUhb]{0,6}|.)*", value: u64) {
            for piece in pieces(&format) {
                if let Piece::Conversion(conversion) = piece {
                    let mut out = String::new();
                    conversion.push_number(&mut out, value);
                    conversion.push_text(&mut out, &format);
                }
            }
        }
    }
}
