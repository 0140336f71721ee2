//! Where the kernel's structures keep their fields, read from the debugging information of an object that was compiled
//! against the image's own kernel. Pure: bytes in, offsets out.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod dwarf;

pub use dwarf::LayoutError;

/// The structures of one kernel, by name: `task_struct`, or a typedef of a structure without one, `refcount_t`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Layouts {
    pub(crate) structs: BTreeMap<String, Vec<Field>>,
    /// Bits of a pointer.
    pub(crate) pointer_bits: u8,
}

/// A field of a structure. Those of structures without a name belong to the one around them, as in C.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Bytes behind the structure's start.
    pub offset: u64,
    /// Its kind.
    pub kind: Kind,
}

/// The kind of a field, as far as a probe can fetch it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Kind {
    /// An integer or an enumeration.
    Integer {
        /// 1, 2, 4 or 8.
        bytes: u8,
        /// True if it has a sign.
        signed: bool,
    },
    /// A pointer, to the structure that is named, or to something else.
    Pointer(Option<String>),
    /// A structure inside of this one.
    Struct(String),
    /// An array of characters.
    Text,
    /// A field that cannot be fetched as one value: an array, a union, a bit field.
    Other,
}

impl Layouts {
    /// Of no kernel.
    pub const EMPTY: Self = Self { structs: BTreeMap::new(), pointer_bits: 64 };

    /// Reads the debugging information of the ELF object in `bytes`.
    ///
    /// # Errors
    /// If it is none, or has none.
    pub fn read(bytes: &[u8]) -> Result<Self, LayoutError> {
        dwarf::read(bytes)
    }

    /// The field `name` of the structure `of`.
    #[must_use]
    pub fn field(&self, of: &str, name: &str) -> Option<&Field> {
        self.structs.get(of)?.iter().find(|field| field.name == name)
    }

    /// The field at the end of `path`, which leads through structures inside of `of`: `thread_info.cpu`. Its offset counts
    /// from the start of `of`.
    #[must_use]
    pub fn embedded(&self, of: &str, path: &str) -> Option<Field> {
        let Some((outer, rest)) = path.split_once('.') else { return self.field(of, path).cloned() };
        let Field { offset, kind: Kind::Struct(inner), .. } = self.field(of, outer)? else { return None };
        let field = self.embedded(inner, rest)?;
        Some(Field { offset: offset + field.offset, ..field })
    }

    /// The fields of a structure; `None` where there is no such structure.
    #[must_use]
    pub fn fields(&self, of: &str) -> Option<&[Field]> {
        self.structs.get(of).map(Vec::as_slice)
    }

    /// The names of the structures.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.structs.keys().map(String::as_str)
    }
}
