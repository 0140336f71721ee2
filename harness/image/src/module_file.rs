//! The functions of a module's `.ko`. Pure: bytes in, names out.

use std::collections::BTreeMap;

use std::ops::Range;

use object::elf::{FileHeader32, FileHeader64};
use object::read::elf::FileHeader;
use object::{Endianness, FileKind, Object as _, ObjectSection as _, ObjectSymbol as _, RelocationTarget, SymbolKind};

/// The functions of a module, by the section they are linked into.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ModuleFile {
    depends: Vec<String>,
    sections: BTreeMap<String, Vec<Function>>,
}

/// The names under which the kernel looks for a module's init and exit functions.
const ENTRY_POINTS: [&str; 2] = ["init_module", "cleanup_module"];

/// Bytes in front of a function that may belong to ftrace.
const IN_FRONT: u64 = 8;

/// A function of a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Bytes behind the start of its section.
    pub offset: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its symbol.
    pub name: String,
    /// True if ftrace can trace it: the compiler left it a place to patch. Functions marked `__exit` have none.
    pub traceable: bool,
}

impl ModuleFile {
    /// Reads the ELF file in `bytes`.
    ///
    /// # Errors
    /// If it is no ELF file.
    pub fn read(bytes: &[u8]) -> Result<Self, object::Error> {
        let file = object::File::parse(bytes)?;
        let mut sections: BTreeMap<String, Vec<Function>> = BTreeMap::new();
        for symbol in file.symbols().filter(|symbol| symbol.kind() == SymbolKind::Text && symbol.size() > 0) {
            let Some(section) = symbol.section_index() else { continue };
            let section = file.section_by_index(section)?.name()?.to_owned();
            let (offset, size, name) = (symbol.address(), symbol.size(), symbol.name()?.to_owned());
            sections.entry(section).or_default().push(Function { offset, size, name, traceable: false });
        }
        let traced = traced_sites(&file);
        for (section, functions) in &mut sections {
            // `module_init()` and `module_exit()` give their functions a second name; the source's own says more.
            functions.sort_by_key(|function| (function.offset, ENTRY_POINTS.contains(&function.name.as_str())));
            functions.dedup_by_key(|function| function.offset);
            for function in functions {
                // Kernels whose calls carry operations (CONFIG_DYNAMIC_FTRACE_WITH_CALL_OPS, 6.3 on arm64) list the two words in
                // front of a function.
                let body = function.offset.saturating_sub(IN_FRONT)..function.offset + function.size;
                let mut sites = traced.iter().filter(|(of, _)| of == section);
                function.traceable = sites.any(|(_, site)| body.contains(site));
            }
        }
        Ok(Self { depends: depends(&file), sections })
    }

    /// The modules that must be loaded before it, as it lists them.
    #[must_use]
    pub fn depends(&self) -> &[String] {
        &self.depends
    }

    /// The sections that hold functions.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.sections.keys().map(String::as_str)
    }

    /// The functions in `section`, by offset.
    #[must_use]
    pub fn functions(&self, section: &str) -> &[Function] {
        self.sections.get(section).map_or(&[], Vec::as_slice)
    }

    /// The names of all functions, also those that only the kernel's loader knows.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        let own = self.sections.values().flatten().map(|function| function.name.as_str());
        own.chain(ENTRY_POINTS)
    }

    /// The names of the functions that can be traced.
    pub fn traceable(&self) -> impl Iterator<Item = &str> {
        self.sections.values().flatten().filter(|function| function.traceable).map(|function| function.name.as_str())
    }
}

/// The file of a module with every section at the address 0. The linker gives `__patchable_function_entries` another one, and gdb
/// places the sections of a relocatable file only where none has an address (`default_symfile_offsets()` in gdb/symfile.c): otherwise
/// it takes the debugging information of each function for one in `.text`. Another file than one in ELF stays as it is.
#[must_use]
pub fn without_addresses(mut bytes: Vec<u8>) -> Vec<u8> {
    let headers = match FileKind::parse(&*bytes) {
        Ok(FileKind::Elf64) => section_headers::<FileHeader64<Endianness>>(&bytes).map(|headers| (headers, 16..24)),
        Ok(FileKind::Elf32) => section_headers::<FileHeader32<Endianness>>(&bytes).map(|headers| (headers, 12..16)),
        _ => None,
    };
    if let Some(((table, size), address)) = headers {
        for header in bytes.get_mut(table).into_iter().flat_map(|table| table.chunks_exact_mut(size)) {
            header.get_mut(address.clone()).into_iter().for_each(|address| address.fill(0));
        }
    }
    bytes
}

/// Where the section headers stand, and the size of each.
fn section_headers<E: FileHeader<Endian = Endianness>>(bytes: &[u8]) -> Option<(Range<usize>, usize)> {
    let header = E::parse(bytes).ok()?;
    let endian = header.endian().ok()?;
    let (count, size) = (header.e_shnum(endian), usize::from(header.e_shentsize(endian)));
    let begin = usize::try_from(header.e_shoff(endian).into()).ok()?;
    let end = begin.checked_add(usize::from(count).checked_mul(size)?)?;
    (size > 0).then_some((begin..end, size))
}

/// `depends=` of the section that modpost writes.
fn depends(file: &object::File<'_>) -> Vec<String> {
    let info = file.section_by_name(".modinfo").and_then(|section| section.data().ok()).unwrap_or_default();
    let mut entries = info.split(|byte| *byte == 0).filter_map(|entry| str::from_utf8(entry).ok());
    let list = entries.find_map(|entry| entry.strip_prefix("depends=")).unwrap_or_default();
    list.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect()
}

/// The places that ftrace can patch, as section and offset: what the compiler listed for it
/// (`FTRACE_CALLSITE_SECTION` of `scripts/module.lds.S`, one name or the other by architecture).
fn traced_sites(file: &object::File<'_>) -> Vec<(String, u64)> {
    let lists = ["__patchable_function_entries", "__mcount_loc"];
    let relocations = file.sections().filter(|section| section.name().is_ok_and(|name| lists.contains(&name)));
    relocations
        .flat_map(|list| list.relocations().map(|(at, relocation)| (list.data(), at, relocation)).collect::<Vec<_>>())
        .filter_map(|(list, at, relocation)| {
            let RelocationTarget::Symbol(index) = relocation.target() else { return None };
            let symbol = file.symbol_by_index(index).ok()?;
            let section = file.section_by_index(symbol.section_index()?).ok()?;
            // On 32-bit Arm the place itself holds what is to be added.
            let addend = if relocation.has_implicit_addend() { word(list.ok()?, at)? } else { relocation.addend() };
            Some((section.name().ok()?.to_owned(), symbol.address().checked_add_signed(addend)?))
        })
        .collect()
}

/// The 32 bits at `offset` of a section.
fn word(section: &[u8], offset: u64) -> Option<i64> {
    let bytes = section.get(usize::try_from(offset).ok()?..)?.first_chunk()?;
    Some(i32::from_le_bytes(*bytes).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An ELF file of 64 bits with two sections, the second at 0x90.
    fn module() -> Vec<u8> {
        let mut bytes = vec![0; 64 + 2 * 64];
        bytes[..7].copy_from_slice(b"\x7fELF\x02\x01\x01");
        bytes[16] = 1; // ET_REL
        bytes[18] = 183; // EM_AARCH64
        bytes[20] = 1;
        bytes[0x28] = 64; // e_shoff
        bytes[0x34] = 64; // e_ehsize
        bytes[0x3a] = 64; // e_shentsize
        bytes[0x3c] = 2; // e_shnum
        bytes[64 + 64 + 4] = 1; // SHT_PROGBITS
        bytes[64 + 64 + 16] = 0x90; // sh_addr
        bytes
    }

    #[test]
    fn no_section_keeps_an_address() {
        let mut expected = module();
        expected[64 + 64 + 16] = 0;
        assert_eq!(without_addresses(module()), expected);
        assert_eq!(without_addresses(expected.clone()), expected);
    }

    #[test]
    fn a_file_that_is_damaged_or_none_stays_as_it_is() {
        for cut in 0..module().len() {
            let cut = module()[..cut].to_vec();
            assert_eq!(without_addresses(cut.clone()).len(), cut.len());
        }
        assert_eq!(without_addresses(b"text".to_vec()), b"text");
    }
}
