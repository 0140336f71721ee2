//! `trace_printk()`: the formats that a kernel keeps (`printk_formats`), and the arguments that its records hold
//! (`vbin_printf()` of `lib/vsprintf.c`).

use super::Symbols;
use super::print::{Address, Conversion, Kind, Piece, Size, pieces, push_place};

/// `FUNCTION: `, which stands in front of the text.
pub(super) fn push_caller(out: &mut String, ip: u64, symbols: &Symbols) {
    push_place(out, Address::Function, ip, symbols);
    out.push_str(": ");
}

/// Puts the text of a format with its binary arguments behind `out`, without the line's end. `long` is the size of the
/// machine's `long`. What is missing at the end of damaged arguments is left out.
pub(super) fn push_text(out: &mut String, format: &str, arguments: &[u8], long: u32, symbols: &Symbols) {
    let begin = out.len();
    let mut arguments = Arguments { bytes: arguments, at: 0, long };
    for piece in pieces(format) {
        let printed = match piece {
            Piece::Text(text) => {
                out.push_str(&text);
                Some(())
            }
            Piece::Conversion(conversion) => arguments.push(out, conversion, symbols),
        };
        if printed.is_none() {
            break;
        }
    }
    if out.get(begin..).is_some_and(|text| text.ends_with('\n')) {
        out.pop();
    }
}

/// Arguments behind one another: 8 bytes are aligned to 4, others to their size.
struct Arguments<'a> {
    bytes: &'a [u8],
    at: usize,
    long: u32,
}

impl<'a> Arguments<'a> {
    fn number(&mut self, size: usize) -> Option<u64> {
        self.at = self.at.next_multiple_of(size.clamp(1, 4));
        let bytes = self.bytes.get(self.at..)?.get(..size)?;
        self.at += size;
        let mut word = [0; 8];
        word.get_mut(..size)?.copy_from_slice(bytes);
        Some(u64::from_le_bytes(word))
    }

    fn signed(&mut self, size: usize) -> Option<u64> {
        let bits = self.number(size)?;
        let unused = 64 - 8 * u32::try_from(size).ok()?.clamp(1, 8);
        Some(((bits << unused).cast_signed() >> unused).cast_unsigned())
    }

    fn string(&mut self) -> Option<std::borrow::Cow<'a, str>> {
        let rest = self.bytes.get(self.at..)?;
        let end = memchr::memchr(0, rest).unwrap_or(rest.len());
        self.at += end + 1;
        rest.get(..end).map(String::from_utf8_lossy)
    }

    /// The conversion with the width and the precision that stand among the arguments.
    fn sized(&mut self, conversion: Conversion) -> Option<Conversion> {
        let mut size = [None; 2];
        for (size, of) in size.iter_mut().zip([conversion.width, conversion.precision]) {
            if of == Size::Argument {
                *size = Some(self.signed(4)?.cast_signed());
            }
        }
        let [width, precision] = size;
        Some(conversion.with(width, precision))
    }

    fn push(&mut self, out: &mut String, conversion: Conversion, symbols: &Symbols) -> Option<()> {
        let conversion = self.sized(conversion)?;
        let bytes = usize::try_from(conversion.length.bytes(self.long)).ok()?;
        match conversion.kind {
            Kind::Text => conversion.push_text(out, &self.string()?),
            Kind::Character => conversion.push_character(out, self.number(1)?.to_le_bytes()[0]),
            Kind::Signed => conversion.push_number(out, self.signed(bytes)?),
            Kind::Unsigned | Kind::Octal | Kind::Hex | Kind::UpperHex => {
                conversion.push_number(out, self.number(bytes)?);
            }
            Kind::Address(address @ (Address::Plain | Address::Function | Address::Place)) => {
                let bits = self.number(usize::try_from(self.long).ok()?)?;
                let mut text = String::new();
                push_place(&mut text, address, bits, symbols);
                conversion.push_text(out, &text);
            }
            // The kernel prints what it points at before it goes. Kernels before 4.16 keep the address.
            Kind::Address(_) => {
                let is_text = self.bytes.get(self.at).is_some_and(u8::is_ascii_graphic);
                if is_text {
                    out.push_str(&self.string()?);
                } else {
                    push_place(out, Address::Plain, self.number(usize::try_from(self.long).ok()?)?, symbols);
                }
            }
        }
        Some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(format: &str, long: u32, arguments: &[&[u8]], expected: &str) {
        let (symbols, _) = Symbols::from_system_map("1000 t wake\n1100 t other\n2000 T _etext\n");
        let mut out = "<".to_owned();
        push_text(&mut out, format, &arguments.concat(), long, &symbols);
        assert_eq!(out, format!("<{expected}"));
    }

    #[test]
    fn arguments_stand_as_the_kernel_packs_them() {
        let int = 0xffff_fffe_u32.to_le_bytes();
        let long = 0x1_0000_0002_u64.to_le_bytes();
        check("%d and %u\n", 8, &[&int, &int], "-2 and 4294967294");
        check("%s=%d", 8, &[b"ab\0", b"\0", &int], "ab=-2");
        check("%c%c %hhu %hd", 8, &[b"xy", &[200], &[0], &[0xff, 0xff]], "xy 200 -1");
        check("%s %lx %llu", 8, &[b"abcd\0", &[0; 3], &long, &long], "abcd 100000002 4294967298");
        check("%lx %llx", 4, &[&int, &long], "fffffffe 100000002");
        check(
            "%ps %pS|%p|%px",
            4,
            &[&[4, 0x10, 0, 0], &[4, 0x11, 0, 0], &int, &[0; 4]],
            "wake other+0x4|0xfffffffe|(nil)",
        );
        check("%*d|%.*s", 8, &[&[5, 0, 0, 0], &int, &[1, 0, 0, 0], b"abc\0"], "   -2|a");
        check("%pI4 %d", 8, &[b"10.0.2.15\0", &[0, 0], &int], "10.0.2.15 -2");
        check("100%% %zu", 8, &[&long], "100% 4294967298");
    }

    #[test]
    fn damaged_arguments_are_left_out() {
        check("a %d b %d c", 8, &[&[1, 0, 0, 0], &[2]], "a 1 b ");
        check("%s %s", 8, &[b"open"], "open ");
        check("%d", 8, &[], "");
    }

    proptest::proptest! {
        #[test]
        fn no_record_can_break_it(format in "(%?[-+ #0*.0-9hlLzcdsxpSIMUhb]{0,6}|.)*", arguments: Vec<u8>) {
            push_text(&mut String::new(), &format, &arguments, 4, &Symbols::default());
            push_text(&mut String::new(), &format, &arguments, 8, &Symbols::default());
        }
    }
}
