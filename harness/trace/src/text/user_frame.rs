//! A frame of a stack in user space (`seq_print_user_ip()` of `kernel/trace/trace_output.c`, and `trace-cmd report`).

use super::bytes::{hexadecimal, rsplit_once};
use crate::UserFrame;

/// Reads `FILE[+OFFSET] <ADDRESS>`, all parts optional; `trace-cmd` has the address in round brackets, or bare.
pub(super) fn user_frame(text: &[u8]) -> UserFrame {
    let text = text.trim_ascii();
    let (text, address) = with_address(text);
    let (object, offset) = match text.strip_suffix(b"]").and_then(|text| rsplit_once(text, b"[+0x")) {
        Some((object, shown)) => match hexadecimal(shown) {
            Some((offset, b"")) => (object, Some(offset)),
            _ => (text, None),
        },
        None => (text, None),
    };
    let object = Some(object).filter(|object| !object.is_empty() && *object != b"??");
    UserFrame { object: object.map(|object| String::from_utf8_lossy(object).into()), offset, address }
}

fn with_address(text: &[u8]) -> (&[u8], Option<u64>) {
    let whole = |digits: &[u8]| hexadecimal(digits).filter(|(_, rest)| rest.is_empty()).map(|(address, _)| address);
    let behind = |open: &[u8], close: &[u8]| {
        let (before, digits) = rsplit_once(text.strip_suffix(close)?, open)?;
        Some((before.trim_ascii_end(), Some(whole(digits)?)))
    };
    let bare = || Some((&text[..0], Some(whole(text.strip_prefix(b"0x").unwrap_or(text))?)));
    behind(b"<", b">").or_else(|| behind(b"(", b")")).or_else(bare).unwrap_or((text, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_way_to_write_a_place_in_user_space_is_read() {
        for (text, shown, address) in [
            ("/lib/ld-2.30.so[+0x100]", "/lib/ld-2.30.so[+0x100]", None),
            ("/lib/my lib.so[+0x100] <00007f12>", "/lib/my lib.so[+0x100]", Some(0x7f12)),
            (" <00007f12a4b5c6d7>", "0x7f12a4b5c6d7", Some(0x7f12_a4b5_c6d7)),
            ("/usr/bin/a (55d1)", "/usr/bin/a", Some(0x55d1)),
            ("00007f12", "0x7f12", Some(0x7f12)),
            ("??", "?", None),
            ("[vdso][+0xzz]", "[vdso][+0xzz]", None),
            ("", "?", None),
        ] {
            let frame = user_frame(text.as_bytes());
            assert_eq!((frame.to_string().as_str(), frame.address), (shown, address), "{text}");
        }
    }
}
