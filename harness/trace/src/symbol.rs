//! Addresses to names: the kernel's symbol table, and how compiler suffixes fold.

use std::fmt;
use std::sync::Arc;

/// A place in the guest's code, as far as a recording tells it: raw pages have the address, and the symbol table the
/// function; the kernel's text has the function, and mostly no address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Symbol {
    /// An address in no function that is known. `u64` and not `usize`: the trace comes from another machine.
    Address(u64),
    /// A place in a function.
    Function {
        /// Where. A recording names the same few places over and over.
        place: Arc<CodeLocation>,
        /// The same as an address; `None` where the recording is a text without it.
        address: Option<u64>,
    },
    /// The text does not say: `trace-cmd report` leaves callers out.
    Unknown,
}

/// A position inside a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CodeLocation {
    /// The function.
    pub function: FunctionName,
    /// Bytes behind the function's start; `None` where the recording is a text without them (`sym-offset` off).
    pub offset: Option<u64>,
    /// The module it belongs to; `None` for the kernel image.
    pub module: Option<Arc<str>>,
    /// Where the place is the end of `function`, the function that begins there, by which the kernel's text calls it: the
    /// return address of a call that never returns, and behind which the compiler therefore put nothing.
    pub followed_by: Option<FunctionName>,
}

impl CodeLocation {
    /// The place as the kernel prints it.
    #[must_use]
    pub fn as_printed(&self) -> Self {
        match &self.followed_by {
            Some(next) => {
                Self { function: next.clone(), offset: Some(0), module: self.module.clone(), followed_by: None }
            }
            None => self.clone(),
        }
    }
}

impl Symbol {
    /// The address, where it was recorded.
    #[must_use]
    pub fn address(&self) -> Option<u64> {
        match self {
            Self::Address(address) => Some(*address),
            Self::Function { address, .. } => *address,
            Self::Unknown => None,
        }
    }

    /// The place in a function, where it is known.
    #[must_use]
    pub fn place(&self) -> Option<&CodeLocation> {
        match self {
            Self::Address(_) | Self::Unknown => None,
            Self::Function { place, .. } => Some(place),
        }
    }

    /// The function's name without compiler suffixes, where it is known.
    #[must_use]
    pub fn base(&self) -> Option<&str> {
        self.place().map(|place| place.function.base())
    }
}

impl fmt::Display for Symbol {
    /// The folded name, or the address where there is no name, or `?`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Address(address) => write!(f, "{address:#x}"),
            Self::Function { place, .. } => f.write_str(place.function.base()),
            Self::Unknown => f.write_str("?"),
        }
    }
}

/// A function's name as the symbol table spells it, which knows where its compiler suffix begins.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FunctionName {
    full: Arc<str>,
    base: usize,
}

impl FunctionName {
    /// Wraps a symbol's name.
    #[must_use]
    pub fn new(full: &str) -> Self {
        Self { base: fold(full).len(), full: full.into() }
    }

    /// The whole name: `finish_task_switch.isra.0`.
    #[must_use]
    pub fn full(&self) -> &str {
        &self.full
    }

    /// The same number for the same name, as long as a copy of it exists. Two of the same text may have two.
    #[inline]
    #[must_use]
    pub fn identity(&self) -> usize {
        Arc::as_ptr(&self.full).addr()
    }

    /// The name the source gives it: `finish_task_switch`.
    #[must_use]
    pub fn base(&self) -> &str {
        &self.full[..self.base]
    }
}

/// Cuts the suffixes that gcc and clang put on clones of a function: `.isra.0`, `.constprop.1`, `.part.5`, `.cold`,
/// `.llvm.123`, also several in a row. Other dots stay.
#[must_use]
pub fn fold(name: &str) -> &str {
    const SUFFIXES: [&str; 5] = ["isra", "constprop", "part", "cold", "llvm"];
    let mut end = name.len();
    for at in memchr::memchr_iter(b'.', name.as_bytes()) {
        let word = name[at + 1..].split('.').next().unwrap_or_default();
        if SUFFIXES.contains(&word) {
            end = at;
            break;
        }
    }
    &name[..end]
}
