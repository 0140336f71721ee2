//! A debugger's view of a kernel that was built without debugging information: its symbols, and where to stop. Pure.

use std::collections::BTreeMap;

use kernsnap_trace::Symbols;
use kernsnap_trace::symbol::fold;

/// The prefix of the functions that record tracepoints (`DECLARE_EVENT_CLASS` in `include/trace/trace_events.h`).
const RECORDER: &str = "trace_event_raw_event_";

/// The kernel's functions by address.
fn functions(symbols: &Symbols) -> BTreeMap<u64, String> {
    let text = symbols.to_kallsyms();
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (address, _, name) = (words.next()?, words.next()?, words.next()?);
        (words.next().is_none() && name != "_etext")
            .then_some((u64::from_str_radix(address, 16).ok()?, name.to_owned()))
    };
    text.lines().filter_map(line).collect()
}

/// Where `what` begins: a function, `do_exit` or `do_exit()`, or the function that records an event, `sched_process_exit`. `is_event`
/// tells the names of events. Compiler suffixes need not be told. `None` where the kernel has neither.
///
/// Events of one class share their function (`DEFINE_EVENT`), which goes by the name of the class: `sched_process_template`. It is
/// the class whose name has most in common with the event's.
#[must_use]
pub fn address(symbols: &Symbols, what: &str, is_event: impl Fn(&str) -> bool) -> Option<(u64, String)> {
    let name = what.strip_suffix("()").unwrap_or(what);
    let recorder = format!("{RECORDER}{name}");
    let functions = functions(symbols);
    let find = |wanted: &str| functions.iter().find(|(_, known)| fold(known) == wanted);
    let in_common = |class: &str| class.bytes().zip(name.bytes()).take_while(|(a, b)| a == b).count();
    let of_class = || {
        let classes = functions
            .iter()
            .filter_map(|(address, known)| Some((fold(known).strip_prefix(RECORDER)?, (address, known))));
        let classes = classes.filter(|(class, _)| !is_event(class) && in_common(class) > 0);
        classes.max_by_key(|(class, _)| in_common(class)).map(|(_, function)| function).filter(|_| is_event(name))
    };
    find(name).or_else(|| find(&recorder)).or_else(of_class).map(|(address, name)| (*address, name.clone()))
}

/// The symbols as an executable for 64-bit Arm that holds nothing else. `None` for a kernel of 32 bits, or without symbols.
///
/// The layout is that of the System V ABI (`elf(5)`): header, symbols, names of symbols, names of sections, sections.
#[must_use]
pub fn symbol_file(symbols: &Symbols) -> Option<Vec<u8>> {
    const HEADER: u64 = 64;
    const SYMBOL: u64 = 24;
    const SECTION_NAMES: &[u8] = b"\0.text\0.symtab\0.strtab\0.shstrtab\0";
    let functions = functions(symbols);
    let (first, last) = (*functions.keys().next()?, *functions.keys().next_back()?);
    if u32::try_from(first).is_ok() {
        return None;
    }
    let mut names = vec![0];
    // The first symbol is none.
    let mut table = vec![0; 24];
    for (address, name) in &functions {
        table.extend(u32::try_from(names.len()).ok()?.to_le_bytes());
        // STB_GLOBAL, STT_FUNC; in section 1.
        table.extend([0x12, 0, 1, 0]);
        table.extend(address.to_le_bytes());
        table.extend(0_u64.to_le_bytes());
        names.extend(name.bytes().chain([0]));
    }
    let names_at = HEADER + table.len() as u64;
    let section_names_at = names_at + names.len() as u64;
    let sections_at = (section_names_at + SECTION_NAMES.len() as u64).next_multiple_of(8);

    let mut file = b"\x7fELF\x02\x01\x01".to_vec();
    file.resize(16, 0);
    // ET_EXEC, EM_AARCH64, version 1.
    for half in [2_u16, 183, 1, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [first, 0, sections_at] {
        file.extend(word.to_le_bytes());
    }
    // No flags; sizes and numbers of headers; the section with names is the fifth.
    for half in [0_u16, 0, 64, 0, 0, 64, 5, 4] {
        file.extend(half.to_le_bytes());
    }
    file.extend(&table);
    file.extend(&names);
    file.extend(SECTION_NAMES);
    file.resize(usize::try_from(sections_at).ok()?, 0);
    // Name, type, flags, address, offset, size, link, info, alignment, size of an entry.
    let sections: [[u64; 10]; 5] = [
        [0; 10],
        // SHT_NOBITS, executable: the memory that the symbols lie in.
        [1, 8, 6, first, HEADER, last - first + 4, 0, 0, 4, 0],
        // SHT_SYMTAB, with names in section 3; the first global symbol is number 1.
        [7, 2, 0, 0, HEADER, table.len() as u64, 3, 1, 8, SYMBOL],
        [15, 3, 0, 0, names_at, names.len() as u64, 0, 0, 1, 0],
        [23, 3, 0, 0, section_names_at, SECTION_NAMES.len() as u64, 0, 0, 1, 0],
    ];
    for [name, kind, flags, at, offset, size, link, info, align, entry] in sections {
        let half = |value: u64| u32::try_from(value).unwrap_or_default().to_le_bytes();
        for value in [name, kind] {
            file.extend(half(value));
        }
        for value in [flags, at, offset, size] {
            file.extend(value.to_le_bytes());
        }
        for value in [link, info] {
            file.extend(half(value));
        }
        for value in [align, entry] {
            file.extend(value.to_le_bytes());
        }
    }
    Some(file)
}

#[cfg(test)]
mod tests {
    use object::{Object as _, ObjectSymbol as _};

    use super::*;

    fn symbols() -> Symbols {
        let text = "ffff800008010000 T _stext\nffff800008010100 T do_exit\nffff800008010200 t copy_process.isra.0\n\
                    ffff800008010300 t trace_event_raw_event_sched_switch\nffff800008010310 t \
                    trace_event_raw_event_sched_process_template\nffff800008010320 t \
                    trace_event_raw_event_sched_wakeup_template\nffff800008010400 T _etext\n";
        Symbols::from_system_map(text).0
    }

    #[test]
    fn functions_and_events_have_a_place_to_stop_at() {
        let check = |what: &str, expected: Option<u64>| {
            let is_event = |name: &str| ["sched_switch", "sched_process_exit", "sched_waking"].contains(&name);
            assert_eq!(address(&symbols(), what, is_event).map(|(address, _)| address), expected, "{what}");
        };
        check("do_exit", Some(0xffff_8000_0801_0100));
        check("do_exit()", Some(0xffff_8000_0801_0100));
        check("copy_process", Some(0xffff_8000_0801_0200));
        check("sched_switch", Some(0xffff_8000_0801_0300));
        check("sched_process_exit", Some(0xffff_8000_0801_0310));
        check("sched_waking", Some(0xffff_8000_0801_0320));
        check("sched_swich", None);
    }

    #[test]
    fn another_reader_finds_the_symbols_in_the_file() -> Result<(), object::Error> {
        let bytes = symbol_file(&symbols()).unwrap_or_default();
        let file = object::File::parse(&*bytes)?;
        assert_eq!(file.architecture(), object::Architecture::Aarch64);
        let found = file.symbols().find(|symbol| symbol.name() == Ok("do_exit")).map(|symbol| symbol.address());
        assert_eq!(found, Some(0xffff_8000_0801_0100));
        Ok(())
    }

    #[test]
    fn a_kernel_of_32_bits_has_no_file() {
        assert_eq!(symbol_file(&Symbols::from_system_map("80008000 T do_exit\n").0), None);
    }
}
