//! A symbol as the kernel prints it: `%ps`, `%pS`, and what `sym-addr` and `trace-cmd` add.

use std::sync::Arc;

use super::bytes::{hexadecimal, rsplit_once, split_once};
use crate::{CodeLocation, FunctionName, Symbol};

/// Reads `NAME[+OFFSET/SIZE] [MODULE] <ADDRESS>`, all but the name optional; or a bare address.
///
/// A name that is none (`[unknown/kretprobe'd]`) is kept as the kernel writes it.
pub(super) fn read(text: &[u8]) -> Symbol {
    let text = text.trim_ascii();
    if text.is_empty() || text == b"?" {
        return Symbol::Unknown;
    }
    let (text, address) = with_address(text);
    let (text, module) = with_module(text);
    if let Some((bare, b"")) = text.strip_prefix(b"0x").and_then(hexadecimal) {
        return Symbol::Address(bare);
    }
    let (name, offset) = with_offset(text);
    let function = FunctionName::new(&String::from_utf8_lossy(name));
    let module = module.map(|module| String::from_utf8_lossy(module).into());
    Symbol::Function { place: Arc::new(CodeLocation { function, offset, module, followed_by: None }), address }
}

/// ` <ffff800008000000>` (`sym-addr`) or ` (ffff800008000000)` (`trace-cmd`) behind the symbol.
fn with_address(text: &[u8]) -> (&[u8], Option<u64>) {
    let split = |open: &[u8], close: &[u8]| {
        let (symbol, address) = rsplit_once(text.strip_suffix(close)?, open)?;
        match hexadecimal(address)? {
            (address, []) => Some((symbol.trim_ascii_end(), Some(address))),
            _ => None,
        }
    };
    split(b" <", b">").or_else(|| split(b" (", b")")).unwrap_or((text, None))
}

fn with_module(text: &[u8]) -> (&[u8], Option<&[u8]>) {
    let split = || rsplit_once(text.strip_suffix(b"]")?, b" [");
    split().map_or((text, None), |(symbol, module)| (symbol.trim_ascii_end(), Some(module)))
}

/// `NAME+0x4/0x140c`. A scan may have lost the plus: `copy_process0x14/0x17d8`.
fn with_offset(text: &[u8]) -> (&[u8], Option<u64>) {
    let split = || {
        let plus = rsplit_once(text, b"+0x");
        let (name, rest) = plus.or_else(|| rsplit_once(split_once(text, b"/0x")?.0, b"0x"))?;
        let (offset, rest) = hexadecimal(rest)?;
        (!name.is_empty() && (rest.is_empty() || rest.starts_with(b"/"))).then_some((name, Some(offset)))
    };
    split().unwrap_or((text, None))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(text: &str, expected: &str) {
        let shown = match read(text.as_bytes()) {
            Symbol::Address(_) | Symbol::Unknown => read(text.as_bytes()).to_string(),
            Symbol::Function { place, address } => {
                let CodeLocation { function, offset, module, .. } = &*place;
                format!("{}|{offset:x?}|{module:?}|{address:x?}", function.full())
            }
        };
        assert_eq!(shown, expected, "{text}");
    }

    #[test]
    fn every_way_to_write_a_symbol_is_read() {
        for (text, expected) in [
            ("do_exit", "do_exit|None|None|None"),
            ("do_exit+0x4/0x140c", "do_exit|Some(4)|None|None"),
            ("finish_task_switch.isra.0+0x4/0x170", "finish_task_switch.isra.0|Some(4)|None|None"),
            ("work+0x1c/0x40 [mod]", "work|Some(1c)|Some(\"mod\")|None"),
            ("work [mod]", "work|None|Some(\"mod\")|None"),
            ("do_exit+0x4/0x8 <ffff800008000004>", "do_exit|Some(4)|None|Some(ffff800008000004)"),
            ("do_exit (ffff800008000004)", "do_exit|None|None|Some(ffff800008000004)"),
            ("0x7ef11270", "0x7ef11270"),
            ("0xffffffc000b5a0c4", "0xffffffc000b5a0c4"),
            ("[unknown/kretprobe'd]", "[unknown/kretprobe'd]|None|None|None"),
            ("copy_process0x14/0x17d8", "copy_process|Some(14)|None|None"),
            ("", "?"),
            ("a+0xzz", "a+0xzz|None|None|None"),
        ] {
            check(text, expected);
        }
    }
}
