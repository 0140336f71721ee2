//! The strings of `trace_printk()` that a kernel keeps: its file `printk_formats`.

use std::collections::BTreeMap;

use super::print::unescaped;

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
