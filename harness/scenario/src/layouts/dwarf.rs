//! DWARF to layouts: the types of one compilation unit, with typedefs and qualifiers looked through.

use std::borrow::Cow;
use std::collections::BTreeMap;

use gimli::{
    AttributeValue, DebuggingInformationEntry, Dwarf, EndianSlice, LittleEndian, RelocateReader, Unit, UnitOffset,
    constants as dw,
};
use object::read::RelocationMap;
use object::{Object as _, ObjectSection as _};

use super::{Field, Kind, Layouts};

/// Why an object tells no layouts.
#[derive(Debug, thiserror::Error)]
pub enum LayoutError {
    /// It is no ELF object.
    #[error("the object cannot be read")]
    Object(#[from] object::Error),
    /// Its debugging information is damaged.
    #[error("its debugging information cannot be read")]
    Dwarf(#[from] gimli::Error),
    /// It describes no structure.
    #[error("it describes no structure; was it compiled without debugging information?")]
    Empty,
}

/// References into other sections are only filled in when an object is linked. They are filled in while reading.
#[derive(Debug, Default)]
struct Relocations(RelocationMap);

impl gimli::Relocate for &Relocations {
    fn relocate_address(&self, offset: usize, value: u64) -> gimli::Result<u64> {
        Ok(self.0.relocate(offset as u64, value))
    }

    fn relocate_offset(&self, offset: usize, value: usize) -> gimli::Result<usize> {
        usize::try_from(self.0.relocate(offset as u64, value as u64)).map_err(|_| gimli::Error::UnsupportedOffset)
    }
}

type Reader<'a> = RelocateReader<EndianSlice<'a, LittleEndian>, &'a Relocations>;
type Entry<'a, 'e> = DebuggingInformationEntry<'e, 'e, Reader<'a>>;

/// Typedefs and qualifiers that follow one another before a type is called endless.
const LINKS_MAX: usize = 64;

/// Structures without a name in one another before a type is called endless.
const NESTING_MAX: usize = 16;

pub(super) fn read(bytes: &[u8]) -> Result<Layouts, LayoutError> {
    let file = object::File::parse(bytes)?;
    let load = |id: gimli::SectionId| -> Result<(Cow<'_, [u8]>, Relocations), LayoutError> {
        let Some(section) = file.section_by_name(id.name()) else { return Ok(Default::default()) };
        Ok((section.uncompressed_data()?, Relocations(RelocationMap::new(&file, &section)?)))
    };
    let sections = gimli::DwarfSections::load(load)?;
    let dwarf =
        sections.borrow(|(data, relocations)| RelocateReader::new(EndianSlice::new(data, LittleEndian), relocations));
    let mut structs = BTreeMap::new();
    let mut headers = dwarf.units();
    while let Some(header) = headers.next()? {
        let types = Types { unit: &dwarf.unit(header)?, dwarf: &dwarf };
        types.collect(&mut structs)?;
    }
    if structs.is_empty() {
        Err(LayoutError::Empty)
    } else {
        Ok(Layouts { structs, pointer_bits: if file.is_64() { 64 } else { 32 } })
    }
}

struct Types<'a, 'u> {
    dwarf: &'u Dwarf<Reader<'a>>,
    unit: &'u Unit<Reader<'a>>,
}

impl<'a> Types<'a, '_> {
    fn collect(&self, structs: &mut BTreeMap<String, Vec<Field>>) -> Result<(), LayoutError> {
        let mut entries = self.unit.entries();
        while let Some((_, entry)) = entries.next_dfs()? {
            let of = match entry.tag() {
                dw::DW_TAG_structure_type => Some(entry.offset()),
                // A structure without a name goes by its typedef's.
                dw::DW_TAG_typedef => self.unnamed(entry)?,
                _ => None,
            };
            let (Some(of), Some(name)) = (of, self.name(entry)?) else { continue };
            let mut fields = Vec::new();
            self.fields(of, 0, 0, &mut fields)?;
            // A declaration has no fields; the definition may come before it or after it.
            if !fields.is_empty() {
                structs.insert(name, fields);
            }
        }
        Ok(())
    }

    fn unnamed(&self, typedef: &Entry<'a, '_>) -> Result<Option<UnitOffset>, LayoutError> {
        let Some(target) = reference(typedef) else { return Ok(None) };
        let entry = self.unit.entry(target)?;
        let unnamed = entry.tag() == dw::DW_TAG_structure_type && self.name(&entry)?.is_none();
        Ok(unnamed.then_some(target))
    }

    /// The fields of the structure or union at `of`, which stands `base` bytes behind the start of the one around it.
    fn fields(&self, of: UnitOffset, base: u64, nesting: usize, fields: &mut Vec<Field>) -> Result<(), LayoutError> {
        let mut tree = self.unit.entries_tree(Some(of))?;
        let mut children = tree.root()?.children();
        while let Some(child) = children.next()? {
            let member = child.entry();
            if member.tag() != dw::DW_TAG_member {
                continue;
            }
            let offset = base + number(member, dw::DW_AT_data_member_location).unwrap_or(0);
            let Some(target) = reference(member) else { continue };
            match self.name(member)? {
                Some(name) => {
                    let bits = member.attr_value(dw::DW_AT_bit_size)?.is_some();
                    let kind = if bits { Kind::Other } else { self.kind(target)? };
                    fields.push(Field { name, offset, kind });
                }
                None if nesting < NESTING_MAX => self.fields(target, offset, nesting + 1, fields)?,
                None => {}
            }
        }
        Ok(())
    }

    fn kind(&self, target: UnitOffset) -> Result<Kind, LayoutError> {
        let mut at = target;
        let mut typedef = None;
        for _ in 0..LINKS_MAX {
            let entry = self.unit.entry(at)?;
            let bytes = || number(&entry, dw::DW_AT_byte_size).and_then(|bytes| u8::try_from(bytes).ok()).unwrap_or(0);
            match entry.tag() {
                dw::DW_TAG_typedef => typedef = self.name(&entry)?,
                dw::DW_TAG_const_type | dw::DW_TAG_volatile_type | dw::DW_TAG_atomic_type => {}
                dw::DW_TAG_base_type => return Ok(Kind::Integer { bytes: bytes(), signed: is_signed(&entry) }),
                dw::DW_TAG_enumeration_type => return Ok(Kind::Integer { bytes: bytes(), signed: false }),
                dw::DW_TAG_structure_type => {
                    return Ok(self.name(&entry)?.or(typedef).map_or(Kind::Other, Kind::Struct));
                }
                dw::DW_TAG_pointer_type => {
                    let target = reference(&entry).map(|target| self.kind_behind_pointer(target)).transpose()?;
                    return Ok(Kind::Pointer(target.flatten()));
                }
                dw::DW_TAG_array_type => {
                    let element = reference(&entry).map(|element| self.unit.entry(element)).transpose()?;
                    let is_char = element.is_some_and(|element| number(&element, dw::DW_AT_byte_size) == Some(1));
                    return Ok(if is_char { Kind::Text } else { Kind::Other });
                }
                _ => return Ok(Kind::Other),
            }
            match reference(&entry) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(Kind::Other)
    }

    /// The structure that a pointer points to. Not more of it: the structure may hold the pointer.
    fn kind_behind_pointer(&self, target: UnitOffset) -> Result<Option<String>, LayoutError> {
        let mut at = target;
        let mut typedef = None;
        for _ in 0..LINKS_MAX {
            let entry = self.unit.entry(at)?;
            match entry.tag() {
                dw::DW_TAG_structure_type => return Ok(self.name(&entry)?.or(typedef)),
                dw::DW_TAG_typedef => typedef = self.name(&entry)?,
                dw::DW_TAG_const_type | dw::DW_TAG_volatile_type => {}
                _ => break,
            }
            match reference(&entry) {
                Some(next) => at = next,
                None => break,
            }
        }
        Ok(None)
    }

    fn name(&self, entry: &Entry<'a, '_>) -> Result<Option<String>, LayoutError> {
        let Some(value) = entry.attr_value(dw::DW_AT_name)? else { return Ok(None) };
        let name = self.dwarf.attr_string(self.unit, value)?;
        Ok(Some(gimli::Reader::to_string_lossy(&name)?.into_owned()))
    }
}

fn reference(entry: &Entry<'_, '_>) -> Option<UnitOffset> {
    match entry.attr_value(dw::DW_AT_type) {
        Ok(Some(AttributeValue::UnitRef(offset))) => Some(offset),
        _ => None,
    }
}

fn number(entry: &Entry<'_, '_>, name: gimli::DwAt) -> Option<u64> {
    entry.attr_value(name).ok()??.udata_value()
}

fn is_signed(entry: &Entry<'_, '_>) -> bool {
    let encoding = entry.attr_value(dw::DW_AT_encoding);
    matches!(encoding, Ok(Some(AttributeValue::Encoding(dw::DW_ATE_signed | dw::DW_ATE_signed_char))))
}
