//! How to take one field's value out of a record, worked out once per event from its format.

use memchr::memchr;
use smol_str::SmolStr;

use super::Value;
use super::format::{Field, Storage};

/// A little-endian integer at a fixed place: 1, 2, 4 or 8 bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    offset: usize,
    width: Width,
    signed: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Width {
    One,
    Two,
    Four,
    Eight,
}

/// How to read a field.
#[derive(Clone, Debug)]
pub(super) struct FieldDecoder {
    source: Source,
}

#[derive(Clone, Copy, Debug)]
enum Source {
    Single(Slot),
    /// The bytes at an offset; all to the record's end without a length.
    Fixed {
        offset: usize,
        length: Option<usize>,
        element: Element,
    },
    /// The bytes a u32 points at, counted from `base`.
    Dynamic {
        location: Slot,
        base: usize,
        element: Element,
    },
}

/// The element of an array.
#[derive(Clone, Copy, Debug)]
enum Element {
    Char,
    Int { width: Width, signed: bool },
}

impl Slot {
    /// The integer in `field`; `None` where it is none.
    #[must_use]
    pub(super) fn from_field(field: &Field) -> Option<Self> {
        if field.storage != Storage::Single {
            return None;
        }
        Some(Self { offset: index(field.offset), width: Width::from_size(field.size)?, signed: field.signed })
    }

    /// An integer of a guest's `long` at `offset`.
    #[must_use]
    pub(super) fn long(offset: usize, size: u32) -> Option<Self> {
        Some(Self { offset, width: Width::from_size(size)?, signed: false })
    }

    /// The integer, as 64 bits of the same sign. `None` where the record is too short.
    #[inline]
    #[must_use]
    pub(super) fn bits(self, record: &[u8]) -> Option<u64> {
        self.width.read(record.get(self.offset..)?, self.signed)
    }

    /// The low 32 bits.
    #[inline]
    #[must_use]
    pub(super) fn low(self, record: &[u8]) -> Option<u32> {
        let [a, b, c, d, ..] = self.bits(record)?.to_le_bytes();
        Some(u32::from_le_bytes([a, b, c, d]))
    }

    /// The lowest byte.
    #[inline]
    #[must_use]
    pub(super) fn byte(self, record: &[u8]) -> Option<u8> {
        let [byte, ..] = self.bits(record)?.to_le_bytes();
        Some(byte)
    }

    /// The bytes it takes.
    #[must_use]
    pub(super) fn size(self) -> usize {
        self.width.bytes()
    }
}

impl Width {
    fn from_size(size: u32) -> Option<Self> {
        match size {
            1 => Some(Self::One),
            2 => Some(Self::Two),
            4 => Some(Self::Four),
            8 => Some(Self::Eight),
            _ => None,
        }
    }

    fn bytes(self) -> usize {
        match self {
            Self::One => 1,
            Self::Two => 2,
            Self::Four => 4,
            Self::Eight => 8,
        }
    }

    #[inline]
    fn read(self, bytes: &[u8], signed: bool) -> Option<u64> {
        let (value, unused) = match self {
            Self::One => (u64::from(*bytes.first()?), 56),
            Self::Two => (u64::from(u16::from_le_bytes(*bytes.first_chunk()?)), 48),
            Self::Four => (u64::from(u32::from_le_bytes(*bytes.first_chunk()?)), 32),
            Self::Eight => (u64::from_le_bytes(*bytes.first_chunk()?), 0),
        };
        Some(if signed { ((value << unused).cast_signed() >> unused).cast_unsigned() } else { value })
    }

    #[inline]
    fn value(self, bytes: &[u8], signed: bool) -> Option<Value> {
        let bits = self.read(bytes, signed)?;
        Some(if signed { Value::Signed(bits.cast_signed()) } else { Value::Unsigned(bits) })
    }

    /// Puts an integer in the place of another value. Over one of its kind, there is nothing to be dropped.
    #[inline]
    fn put(self, bytes: &[u8], signed: bool, value: &mut Value) -> Option<()> {
        match value {
            Value::Signed(old) if signed => *old = self.read(bytes, true)?.cast_signed(),
            Value::Unsigned(old) if !signed => *old = self.read(bytes, false)?,
            _ => *value = self.value(bytes, signed)?,
        }
        Some(())
    }
}

impl FieldDecoder {
    /// The plan for `field`, in a guest whose `long` has `long` bytes.
    #[must_use]
    pub(super) fn from_field(field: &Field, long: u32) -> Self {
        let offset = index(field.offset);
        let size = index(field.size);
        let element = |length| Element::from_field(field, length, long);
        let bytes = Element::Int { width: Width::One, signed: false };
        let source = match field.storage {
            Storage::Single => Slot::from_field(field).map_or(
                // A struct, which the format does not describe.
                Source::Fixed { offset, length: Some(size), element: bytes },
                Source::Single,
            ),
            Storage::Array(length) => Source::Fixed { offset, length: Some(size), element: element(length) },
            Storage::Tail => Source::Fixed { offset, length: (size > 0).then_some(size), element: element(None) },
            Storage::DataLoc | Storage::RelLoc => {
                let location = Slot { offset, width: Width::Four, signed: false };
                let base = if field.storage == Storage::RelLoc { offset.saturating_add(4) } else { 0 };
                Source::Dynamic { location, base, element: element(None) }
            }
        };
        Self { source }
    }

    /// The bytes of a value of `field`, or of each element of an array, and whether it is an array of characters.
    #[must_use]
    pub(super) fn element(field: &Field, long: u32) -> (u32, bool) {
        let source = Self::from_field(field, long).source;
        let width = |width: Width| u32::try_from(width.bytes()).unwrap_or(8);
        match source {
            Source::Single(slot) => (width(slot.width), false),
            Source::Fixed { element, .. } | Source::Dynamic { element, .. } => match element {
                Element::Char => (1, true),
                Element::Int { width: bytes, .. } => (width(bytes), false),
            },
        }
    }

    /// Puts the field's value in `record` in the place of the one of another record; `None` where it lies outside.
    #[inline]
    pub(super) fn read(&self, record: &[u8], value: &mut Value) -> Option<()> {
        match self.source {
            Source::Single(slot) => slot.width.put(record.get(slot.offset..)?, slot.signed, value)?,
            Source::Fixed { offset, length, element } => {
                let rest = record.get(offset..)?;
                element.read(length.map_or(Some(rest), |length| rest.get(..length))?, value)?;
            }
            Source::Dynamic { location, base, element } => {
                let location = location.low(record)?;
                let start = base.checked_add(index(location & 0xffff))?;
                element.read(record.get(start..)?.get(..index(location >> 16))?, value)?;
            }
        }
        Some(())
    }
}

impl Element {
    /// The element type of an array field: by its declared length, else by the name of its type.
    fn from_field(field: &Field, length: Option<u32>, long: u32) -> Self {
        let words: Vec<_> = field.ctype.split_ascii_whitespace().filter(|word| *word != "const").collect();
        if words == ["char"] {
            return Self::Char;
        }
        let divided = length.and_then(|length| field.size.checked_div(length)).and_then(Width::from_size);
        let named = match words.last().copied().unwrap_or_default() {
            "char" | "u8" | "__u8" | "s8" | "__s8" | "uint8_t" | "bool" => 1,
            "short" | "u16" | "__u16" | "s16" | "__s16" | "uint16_t" => 2,
            "int" | "unsigned" | "u32" | "__u32" | "s32" | "__s32" | "uint32_t" | "pid_t" => 4,
            "u64" | "__u64" | "s64" | "__s64" | "uint64_t" => 8,
            "long" if words.iter().filter(|word| **word == "long").count() > 1 => 8,
            "long" | "size_t" | "cpumask_t" => long,
            word if word.ends_with('*') => long,
            _ => 1,
        };
        let width = divided.or(Width::from_size(named)).unwrap_or(Width::One);
        Self::Int { width, signed: field.signed }
    }

    /// Puts the array in `bytes` in the place of another one. What is left over at the end of the last element is not part
    /// of it.
    fn read(self, bytes: &[u8], value: &mut Value) -> Option<()> {
        let Self::Int { width, signed } = self else {
            *value = Value::Text(text(bytes));
            return Some(());
        };
        let chunks = bytes.chunks_exact(width.bytes());
        match value {
            Value::Array(items) if items.len() == chunks.len() => {
                for (item, chunk) in items.iter_mut().zip(chunks) {
                    width.put(chunk, signed, item)?;
                }
            }
            _ => {
                // As many as there are, from the start: a vector that grows would be most of the work.
                let mut items = Vec::with_capacity(chunks.len());
                for chunk in chunks {
                    items.push(width.value(chunk, signed)?);
                }
                *value = Value::Array(items.into());
            }
        }
        Some(())
    }
}

/// The bytes up to the first NUL as text, invalid UTF-8 replaced.
#[must_use]
pub(super) fn text(bytes: &[u8]) -> SmolStr {
    let end = memchr(0, bytes).unwrap_or(bytes.len());
    let bytes = bytes.get(..end).unwrap_or(bytes);
    match std::str::from_utf8(bytes) {
        Ok(text) => SmolStr::new(text),
        Err(_) => SmolStr::new(String::from_utf8_lossy(bytes)),
    }
}

/// A length of the guest's on the host. Where it does not fit, nothing lies there either.
fn index(offset: u32) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::format::parse_format;

    /// One field of a record: what it says in a 64-bit guest.
    #[track_caller]
    fn check(field: &str, record: &[u8], expected: &str) {
        let format = parse_format(&format!("name: n\nID: 1\nfield:{field}")).expect("a format");
        let plan = FieldDecoder::from_field(&format.fields[0], 8);
        let other = || Value::Array([Value::Unsigned(1), Value::Unsigned(1)].into());
        // Whatever stood there before.
        for mut value in [Value::Unsigned(7), Value::Text("text".into()), other()] {
            let read = plan.read(record, &mut value);
            assert_eq!(read.map_or_else(|| "none".to_owned(), |()| value.to_string()), expected, "{field}");
        }
    }

    #[test]
    fn a_value_has_its_declared_size_sign_and_place() {
        let record = [1, 0xff, 0xfe, 0xff, 4, 5, 6, 0x80, b'h', b'i', 0, b'x', 8, 0, 3, 0, 4, 0, 2, 0];
        for (field, expected) in [
            ("u8 a;offset:1;size:1;signed:0;", "255"),
            ("s8 a;offset:1;size:1;signed:1;", "-1"),
            ("short a;offset:2;size:2;signed:1;", "-2"),
            ("int a;offset:4;size:4;signed:1;", "-2147089148"),
            ("unsigned int a;offset:4;size:4;signed:0;", "2147878148"),
            ("u64 a;offset:0;size:8;signed:0;", "9225066405747949313"),
            ("long a;offset:0;size:8;signed:1;", "-9221677667961602303"),
            ("char a[4];offset:8;size:4;signed:0;", "hi"),
            ("const char a[N];offset:8;size:2;signed:0;", "hi"),
            ("unsigned char a[2];offset:8;size:2;signed:0;", "{104,105}"),
            ("u16 a[2];offset:0;size:4;signed:0;", "{65281,65534}"),
            ("__u16 a[N];offset:0;size:4;signed:0;", "{65281,65534}"),
            ("struct s a;offset:0;size:3;signed:0;", "{1,255,254}"),
            ("char a[];offset:8;size:0;signed:0;", "hi"),
            ("u32 a[];offset:12;size:0;signed:0;", "{196616,131076}"),
            ("__data_loc char[] a;offset:12;size:4;signed:0;", "hi"),
            ("__data_loc u8[] a;offset:12;size:4;signed:0;", "{104,105,0}"),
            ("__rel_loc u8[] a;offset:0;size:4;signed:0;", "none"),
            ("u64 a;offset:13;size:8;signed:0;", "none"),
            ("char a[4];offset:18;size:4;signed:0;", "none"),
            ("u8 a;offset:4294967295;size:1;signed:0;", "none"),
        ] {
            check(field, &record, expected);
        }
        check("__rel_loc char[] a;offset:0;size:4;signed:0;", &[1, 0, 2, 0, 9, b'o', b'k'], "ok");
        check("__data_loc unsigned long[] a;offset:0;size:4;signed:0;", &[4, 0, 8, 0, 1, 0, 0, 0, 0, 0, 0, 0], "{1}");
    }

    proptest::proptest! {
        #[test]
        fn no_record_can_break_it(offset: u32, near in 0_u32..64, size in 0_u32..40, signed in 0..2, record: Vec<u8>) {
            for declaration in ["int a", "char a[3]", "u16 a[5]", "long a[]", "__data_loc char[] a", "__rel_loc long[] a"] {
                for offset in [offset, near] {
                    let line = format!("name: n\nID: 1\nfield:{declaration};offset:{offset};size:{size};signed:{signed};");
                    let format = parse_format(&line).expect("a format");
                    let _ = FieldDecoder::from_field(&format.fields[0], 4).read(&record, &mut Value::Unsigned(0));
                }
            }
        }
    }
}
