//! The strings of `trace_printk()` that a kernel keeps: its file `printk_formats`.

use std::collections::BTreeMap;

use super::print::unescaped;

/// The field of a record of `trace_printk()` that holds its text.
pub(super) const TEXT: &str = "text";

/// The strings that are at addresses of the kernel.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct PrintkFormats {
    by_address: BTreeMap<u64, Box<str>>,
}

impl PrintkFormats {
    /// Reads `printk_formats`: lines `0xADDRESS : "TEXT"`. Lines of another form are passed over.
    pub(super) fn parse(text: &str) -> Self {
        let entry = |line: &str| {
            let (address, text) = line.split_once(':')?;
            let address = address.trim();
            let digits = address.strip_prefix("0x").unwrap_or(address);
            let address = u64::from_str_radix(digits, 16).ok()?;
            let text = text.trim_ascii();
            let text = text.strip_prefix('"').unwrap_or(text);
            let text = text.strip_suffix('"').unwrap_or(text);
            Some((address, unescaped(text).into()))
        };
        Self { by_address: text.lines().filter_map(entry).collect() }
    }

    /// The string at an address.
    pub(super) fn at(&self, address: u64) -> Option<&str> {
        self.by_address.get(&address).map(|text| &**text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_formats_is_read() {
        let formats = PrintkFormats::parse(concat!(
            "0xffffffc000a1b2c3 : \"cpu: %d\\n\"\n",
            "ffff8000 : \"a: \\\"b\\\"\\t\\\\\"\n",
            "0xzz : \"no\"\n",
            "\n",
            "no line\n",
        ));
        assert_eq!(formats.at(0xffff_ffc0_00a1_b2c3), Some("cpu: %d\n"));
        assert_eq!(formats.at(0xffff_8000), Some("a: \"b\"\t\\"));
        assert_eq!(formats.at(0), None);
        assert_eq!(PrintkFormats::parse(""), PrintkFormats::default());
    }
}
